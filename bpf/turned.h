/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * What NAT has turned back to the host. The host's answers to it would stay on the loopback interface; by what is noted
 * here, when the daemon hands such a packet over, host_out knows which frames of the loopback interface are the daemon's.
 */
#ifndef MARTLET_TURNED_H
#define MARTLET_TURNED_H

#include "common.h"

#include <linux/in.h>
#include <linux/ip.h>

/* linux/icmp.h, which a BPF program cannot include. */
#define ICMP_DEST_UNREACH 3
#define ICMP_SOURCE_QUENCH 4
#define ICMP_TIME_EXCEEDED 11
#define ICMP_PARAMETERPROB 12

struct icmp_header {
	__u8 type;
	__u8 code;
	__be16 checksum;
	/* Of queries. */
	__be16 identifier;
	__be16 sequence;
};

/* The addresses, ports (of ICMP queries the identifier, twice) and protocol of an answer; no port where there are none. */
struct turned_key {
	__be32 source;
	__be32 destination;
	__be16 source_port;
	__be16 destination_port;
	__u32 protocol;
};

/* Written by host_in, read by host_out. An entry goes when it is the longest unused, or when its two ends are seen to talk by
 * the loopback interface without NAT. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 65536);
	__type(key, struct turned_key);
	__type(value, __u8);
} turned SEC(".maps");

static __always_inline int is_icmp_error(__u8 type)
{
	return type == ICMP_DEST_UNREACH || type == ICMP_SOURCE_QUENCH || type == ICMP_TIME_EXCEEDED ||
	       type == ICMP_PARAMETERPROB;
}

/* Reads the key of the IP packet at an offset. Returns the offset of what an ICMP error quotes, 0 for all else, and less
 * than 0 if it cannot be read: a fragment other than the first, or cut short. */
static __always_inline int read_key(struct __sk_buff *frame, __u32 at, struct turned_key *key)
{
	struct iphdr ip;
	struct icmp_header icmp;
	__be16 ports[2];
	__u32 transport;

	if (bpf_skb_load_bytes(frame, at, &ip, sizeof(ip)) < 0 || ip.ihl < 5 || ip.frag_off & bpf_htons(0x1FFF))
		return -1;
	transport = at + ip.ihl * 4;
	key->source = ip.saddr;
	key->destination = ip.daddr;
	key->protocol = ip.protocol;
	key->source_port = key->destination_port = 0;
	switch (ip.protocol) {
	case IPPROTO_TCP:
	case IPPROTO_UDP:
	case IPPROTO_UDPLITE:
	case IPPROTO_SCTP:
		if (bpf_skb_load_bytes(frame, transport, ports, sizeof(ports)) < 0)
			return -1;
		key->source_port = ports[0];
		key->destination_port = ports[1];
		return 0;
	case IPPROTO_ICMP:
		if (bpf_skb_load_bytes(frame, transport, &icmp, sizeof(icmp)) < 0)
			return -1;
		if (is_icmp_error(icmp.type))
			return transport + sizeof(icmp);
		key->source_port = key->destination_port = icmp.identifier;
		return 0;
	default:
		return 0;
	}
}

static __always_inline struct turned_key inverted(const struct turned_key *key)
{
	struct turned_key answer = {
		.source = key->destination,
		.destination = key->source,
		.source_port = key->destination_port,
		.destination_port = key->source_port,
		.protocol = key->protocol,
	};

	return answer;
}

/* Notes what would answer a frame. */
static __always_inline void note_turned(struct __sk_buff *frame)
{
	struct turned_key key = {};
	struct turned_key answer;
	__u8 one = 1;

	if (read_key(frame, ETH_HLEN, &key) != 0)
		return;
	answer = inverted(&key);
	if (!bpf_map_lookup_elem(&turned, &answer))
		bpf_map_update_elem(&turned, &answer, &one, BPF_ANY);
}

/* Whether a frame of the loopback interface answers what was turned, or is an error about it. */
static __always_inline int answers_turned(struct __sk_buff *frame)
{
	struct turned_key key = {};
	int quoted = read_key(frame, ETH_HLEN, &key);

	if (quoted < 0)
		return 0;
	if (quoted == 0) {
		if (bpf_map_lookup_elem(&turned, &key))
			return 1;
		/* What is turned comes in by the loopback interface and never leaves by it: this asks for answers that stay here. */
		key = inverted(&key);
		if (bpf_map_lookup_elem(&turned, &key))
			bpf_map_delete_elem(&turned, &key);
		return 0;
	}
	/* A quoted packet went the other way. */
	if (read_key(frame, quoted, &key) != 0)
		return 0;
	key = inverted(&key);
	return bpf_map_lookup_elem(&turned, &key) != 0;
}

#endif
