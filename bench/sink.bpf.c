// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * The sink: counts IPv4 frames on the CPU they arrive on, and drops them. The rest is the kernel's.
 *
 * By tcx and not by XDP, because what AF_XDP sends over veth arrives as a socket buffer: the kernel would copy each into an
 * XDP buffer first, on the core of the router that is measured, and half of its time would be the sink's.
 */
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/ip.h>
#include <linux/pkt_cls.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "traffic.h"

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct seen);
} seen SEC(".maps");

/* The source address, in network byte order, that frames should have been given. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __be32);
} expected SEC(".maps");

SEC("tc")
int sink(struct __sk_buff *context)
{
	struct ethhdr *ethernet = (void *)(long)context->data;
	struct iphdr *ip = (void *)(ethernet + 1);
	__u32 key = 0;
	struct seen *s = bpf_map_lookup_elem(&seen, &key);
	__be32 *address = bpf_map_lookup_elem(&expected, &key);

	if (!s || !address || (void *)(ip + 1) > (void *)(long)context->data_end)
		return TC_ACT_OK;
	if (ethernet->h_proto != bpf_htons(ETH_P_IP))
		return TC_ACT_OK;
	s->frames++;
	s->translated += ip->saddr == *address;
	return TC_ACT_SHOT;
}

char _license[] SEC("license") = "Dual BSD/GPL";
