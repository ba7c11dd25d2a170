// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * tc egress on a NIC: the IPv4 that the host sends takes the way by mart0 and mart1 to the daemon, with a header in front
 * that says by which port it was to leave and who sent it. What the daemon sends itself does not pass tc. On the loopback
 * interface only answers to what NAT has turned back to the host take it.
 */

#include "common.h"
#include "turned.h"

#include <linux/pkt_cls.h>

#include <bpf/bpf_core_read.h>

/* Number of a port by its ifindex. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, MARTLET_PORTS);
	__type(key, __u32);
	__type(value, __u32);
} links SEC(".maps");

/* ifindex of mart0; the loader writes it. */
const volatile __u32 host_link = 0;
/* Its MTU; the loader writes that as well. */
const volatile __u32 host_mtu = 0;

/* The kernel's structures, of which the loader finds the offsets in the running kernel's BTF. */
struct kuid {
	__u32 val;
} __attribute__((preserve_access_index));

struct cred {
	struct kuid fsuid;
	struct kuid fsgid;
} __attribute__((preserve_access_index));

struct file {
	const struct cred *f_cred;
} __attribute__((preserve_access_index));

struct socket {
	struct file *file;
} __attribute__((preserve_access_index));

struct sock;

struct sock_common {
	volatile unsigned char skc_state;
	/* Of a request socket only. */
	struct sock *skc_listener;
} __attribute__((preserve_access_index));

struct sock {
	struct sock_common __sk_common;
	struct socket *sk_socket;
} __attribute__((preserve_access_index));

struct sk_buff {
	struct sock *sk;
} __attribute__((preserve_access_index));

extern void *bpf_cast_to_kern_ctx(void *ctx) __ksym;
extern void *bpf_rdonly_cast(const void *object, __u32 type) __ksym;

/* linux/socket.h and net/tcp_states.h */
#define AF_PACKET 17
#define TCP_TIME_WAIT 6
#define TCP_NEW_SYN_RECV 12

/* TC_ACT_UNSPEC: the next program, if there is one, and then out. */
static __always_inline int straight_out(enum martlet_counter why)
{
	count(why);
	return TC_ACT_UNSPEC;
}

static __always_inline int lost(enum martlet_counter why)
{
	count(why);
	return TC_ACT_SHOT;
}

/* Whether the frame is IPv4 below its tags; a tag in metadata does not show in skb->protocol. */
static __always_inline int is_ipv4(struct __sk_buff *frame)
{
	__u32 offset = 2 * ETH_ALEN + sizeof(struct vlan_header);
	__be16 type = frame->protocol;

#pragma unroll
	for (int depth = 0; depth < 2; depth++) {
		if (!VLAN_PROTOCOL(type))
			break;
		if (bpf_skb_load_bytes(frame, offset, &type, sizeof(type)) < 0)
			return 0;
		offset += sizeof(struct vlan_header);
	}
	return type == bpf_htons(ETH_P_IP);
}

/*
 * Owner as xt_owner finds it: the file of the full socket. The SYN-ACK of a connection not yet accepted has a request
 * socket, and its listener answers for it (skb_to_full_sk).
 */
static __always_inline void write_owner(struct __sk_buff *frame, struct martlet_host_header *header)
{
	struct sk_buff *skb = bpf_cast_to_kern_ctx(frame);
	struct sock *sk = skb->sk;
	struct socket *socket;
	struct file *file;

	if (!sk)
		return;
	if (sk->__sk_common.skc_state == TCP_NEW_SYN_RECV) {
		/* The verifier does not know the type of what stands in a union. */
		sk = bpf_rdonly_cast(sk->__sk_common.skc_listener, bpf_core_type_id_kernel(struct sock));
		if (!sk)
			return;
	}
	if (sk->__sk_common.skc_state == TCP_TIME_WAIT)
		return;
	socket = sk->sk_socket;
	if (!socket)
		return;
	file = socket->file;
	if (!file)
		return;
	header->uid = file->f_cred->fsuid.val;
	header->gid = file->f_cred->fsgid.val;
	header->flags |= MARTLET_HOST_OWNED;
}

/*
 * Makes a tag that lies in metadata part of the frame, behind the header that the caller writes at the very front. Left
 * in metadata it would be lost when the frame reaches AF_XDP.
 */
static __always_inline int write_tag(struct __sk_buff *frame, __u32 at, __be16 protocol, __be16 tci)
{
	struct {
		__u8 addresses[2 * ETH_ALEN];
		__be16 protocol;
		__be16 tci;
	} front;

	/* The frame's own addresses stand four bytes too far back now. */
	if (bpf_skb_load_bytes(frame, at + sizeof(struct vlan_header), front.addresses, sizeof(front.addresses)) < 0)
		return -1;
	front.protocol = protocol;
	front.tci = tci;
	return bpf_skb_store_bytes(frame, at, &front, sizeof(front), 0);
}

/* Longer than mart0 takes, as only the loopback interface's own MTU allows; of a GSO frame each segment, with the least headers. */
static __always_inline int is_too_long(struct __sk_buff *frame)
{
	__u32 length = frame->gso_size ? frame->gso_size + ETH_HLEN + 40 : frame->len;

	return length + sizeof(struct martlet_host_header) > host_mtu + ETH_HLEN;
}

SEC("tc")
int martlet_host_out(struct __sk_buff *frame)
{
	struct martlet_host_header header = {
		.ethertype = bpf_htons(MARTLET_ETHERTYPE),
		.mark = frame->mark,
	};
	__u32 index = frame->ifindex;
	__u32 tagged = frame->vlan_present;
	__be16 tag_protocol = frame->vlan_proto;
	__u16 tci = frame->vlan_tci;
	struct bpf_sock *sk = frame->sk;
	__u32 *port;

	port = bpf_map_lookup_elem(&links, &index);
	if (port && *port == MARTLET_LOOPBACK) {
		/* Nothing is counted of what stays there. */
		if (!alive() || frame->protocol != bpf_htons(ETH_P_IP) || !answers_turned(frame))
			return TC_ACT_UNSPEC;
		if (is_too_long(frame))
			return lost(MARTLET_COUNT_NO_ROOM);
	} else if (!alive()) {
		return straight_out(MARTLET_COUNT_LATE);
	} else if (!is_ipv4(frame)) {
		return straight_out(MARTLET_COUNT_PASSED);
	}
	/* A packet socket writes its own Ethernet header and knows what it does; the kernel's OUTPUT does not see it either. */
	if (!port || (sk && sk->family == AF_PACKET))
		return straight_out(MARTLET_COUNT_PASSED);

	header.port = *port;
	write_owner(frame, &header);

	/* Popping a tag in metadata moves no byte; without this it would ride in front of the header. */
	if (tagged && bpf_skb_vlan_pop(frame))
		return lost(MARTLET_COUNT_NO_ROOM);
	/* Segments of a GSO frame each get a copy of it, since it counts as link layer header. */
	if (bpf_skb_change_head(frame, sizeof(header) + (tagged ? sizeof(struct vlan_header) : 0), 0))
		return lost(MARTLET_COUNT_NO_ROOM);
	if (bpf_skb_store_bytes(frame, 0, &header, sizeof(header), 0))
		return lost(MARTLET_COUNT_NO_ROOM);
	if (tagged && write_tag(frame, sizeof(header), tag_protocol, bpf_htons(tci)))
		return lost(MARTLET_COUNT_NO_ROOM);

	count(MARTLET_COUNT_HANDED);
	return bpf_redirect(host_link, 0);
}

char _license[] SEC("license") = "Dual BSD/GPL";
