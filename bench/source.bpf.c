// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * The source: run by BPF_PROG_RUN on live frames, it writes one UDP packet and sends it out of the device it was given.
 * The frames come from a pool and return to it as routers left them, so every header byte is written anew.
 */
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/udp.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "traffic.h"

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct plan);
} plan SEC(".maps");

struct frame {
	struct ethhdr ethernet;
	struct iphdr ip;
	struct udphdr udp;
	__u8 payload[FRAME_BYTES - 42];
} __attribute__((packed));

/* One's complement sum of a 32-bit number's two halves. */
static __always_inline __u32 halves(__u32 number)
{
	return (number >> 16) + (number & 0xffff);
}

static __always_inline __be16 checksum(__u32 sum)
{
	sum = halves(halves(sum));
	return bpf_htons(~sum & 0xffff);
}

SEC("xdp")
int source(struct xdp_md *context)
{
	struct frame *frame = (void *)(long)context->data;
	__u32 key = 0;
	struct plan *p = bpf_map_lookup_elem(&plan, &key);

	if (!p || (void *)(frame + 1) > (void *)(long)context->data_end)
		return XDP_ABORTED;

	__u64 number = p->sent++;
	__u32 host, server;
	__u16 port;

	if (p->flows) {
		__u32 flow = number & (p->flows - 1);

		host = p->hosts + flow / PORTS_PER_HOST;
		port = 10000 + flow % PORTS_PER_HOST;
		server = p->servers;
	} else {
		host = p->hosts;
		port = 1024 + number / SERVERS % 60000;
		server = p->servers + number % SERVERS;
	}

	const __u16 ip_bytes = FRAME_BYTES - sizeof frame->ethernet;
	const __u16 udp_bytes = ip_bytes - sizeof frame->ip;
	__u32 addresses = halves(host) + halves(server);

	__builtin_memcpy(frame->ethernet.h_dest, p->destination, ETH_ALEN);
	__builtin_memcpy(frame->ethernet.h_source, p->source, ETH_ALEN);
	frame->ethernet.h_proto = bpf_htons(ETH_P_IP);

	frame->ip.version = 4;
	frame->ip.ihl = 5;
	frame->ip.tos = 0;
	frame->ip.tot_len = bpf_htons(ip_bytes);
	frame->ip.id = 0;
	frame->ip.frag_off = bpf_htons(0x4000); /* do not fragment, RFC 791 */
	frame->ip.ttl = 64;
	frame->ip.protocol = IPPROTO_UDP;
	frame->ip.check = checksum(0x4500 + ip_bytes + 0x4000 + (64 << 8 | IPPROTO_UDP) + addresses);
	frame->ip.saddr = bpf_htonl(host);
	frame->ip.daddr = bpf_htonl(server);

	frame->udp.source = bpf_htons(port);
	frame->udp.dest = bpf_htons(9); /* discard, RFC 863 */
	frame->udp.len = bpf_htons(udp_bytes);
	frame->udp.check = checksum(addresses + IPPROTO_UDP + udp_bytes + port + 9 + udp_bytes);
	__builtin_memset(frame->payload, 0, sizeof frame->payload);
	return XDP_TX;
}

char _license[] SEC("license") = "Dual BSD/GPL";
