// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * tc ingress on mart0: a frame that the daemon gives to the host goes on as if it had just come in on its NIC. It has no
 * deadline to heed: a frame is here only because the daemon sent it.
 */

#include "common.h"
#include "turned.h"

#include <linux/pkt_cls.h>

/* ifindex of each port, 0 where there is none. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, MARTLET_PORTS);
	__type(key, __u32);
	__type(value, __u32);
} ports SEC(".maps");

static __always_inline int refuse(void)
{
	count(MARTLET_COUNT_REFUSED);
	return TC_ACT_SHOT;
}

SEC("tc")
int martlet_host_in(struct __sk_buff *frame)
{
	struct martlet_host_trailer trailer;
	__u32 length = frame->len;
	__u32 port;
	__u32 *link;

	if (length < ETH_HLEN + sizeof(trailer))
		return refuse();
	length -= sizeof(trailer);
	if (bpf_skb_load_bytes(frame, length, &trailer, sizeof(trailer)) < 0)
		return refuse();
	if (trailer.ethertype != bpf_htons(MARTLET_ETHERTYPE))
		return refuse();

	port = trailer.port;
	link = bpf_map_lookup_elem(&ports, &port);
	if (!link || !*link)
		return refuse();
	if (bpf_skb_change_tail(frame, length, 0) < 0)
		return refuse();

	if (port == MARTLET_LOOPBACK) {
		/* The tag was its way out by a NIC; the loopback interface would take it for another's. */
		if (frame->vlan_present && bpf_skb_vlan_pop(frame))
			return refuse();
		note_turned(frame);
	}
	frame->mark = trailer.mark;
	count(MARTLET_COUNT_HANDED);
	/* The redirect sets packet type and protocol anew, by the NIC's own address. */
	return bpf_redirect(*link, BPF_F_INGRESS);
}

char _license[] SEC("license") = "Dual BSD/GPL";
