/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Which frames of a NIC are the daemon's: all IPv4, tagged or not, but for the DHCP client's. Everything else is the
 * kernel's. Two programs use it, with and without the NIC's help for VLAN tags.
 */
#ifndef MARTLET_STEER_H
#define MARTLET_STEER_H

#include <linux/in.h>
#include <linux/ip.h>
#include <linux/udp.h>

#include "common.h"

/* The sockets of this NIC by receive queue; the loader sets the size. */
struct {
	__uint(type, BPF_MAP_TYPE_XSKMAP);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} sockets SEC(".maps");

#define DHCP_CLIENT_PORT 68

/*
 * UDP to a DHCP client. Its OFFER comes to an address that the NIC does not have yet, which a router would send on or
 * drop; the kernel gives it to the client's packet socket. A later fragment has no port and is not one.
 */
static __always_inline int for_dhcp_client(const struct iphdr *ip, const void *end)
{
	const struct udphdr *udp = (const void *)ip + ip->ihl * 4;

	if (ip->protocol != IPPROTO_UDP || ip->ihl < 5 || ip->frag_off & bpf_htons(0x1FFF))
		return 0;
	return (const void *)(udp + 1) <= end && udp->dest == bpf_htons(DHCP_CLIENT_PORT);
}

/* Whether the daemon is to have the frame. Malformed IPv4 is the daemon's too: it drops it by name. */
static __always_inline int for_daemon(const void *frame, const void *end)
{
	const struct ethhdr *ethernet = frame;
	const void *next = ethernet + 1;
	__be16 type;

	if (next > end)
		return 0;
	type = ethernet->h_proto;

	/* 802.1ad allows two tags. */
#pragma unroll
	for (int depth = 0; depth < 2; depth++) {
		const struct vlan_header *tag = next;

		if (!VLAN_PROTOCOL(type))
			break;
		if ((const void *)(tag + 1) > end)
			return 0;
		type = tag->protocol;
		next = tag + 1;
	}

	if (type != bpf_htons(ETH_P_IP))
		return 0;
	if (next + sizeof(struct iphdr) > end)
		return 1;
	return !for_dhcp_client(next, end);
}

/*
 * Redirects to the socket of the queue. A queue without a socket drops while the daemon lives: passing would hand transit
 * to the kernel, past the rules, and frames for the host past INPUT.
 */
static __always_inline int to_daemon(struct xdp_md *frame)
{
	int action = bpf_redirect_map(&sockets, frame->rx_queue_index, XDP_DROP);

	if (action == XDP_DROP)
		count(MARTLET_COUNT_UNBOUND);
	return action;
}

#endif
