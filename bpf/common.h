/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* What all programs have in common: the deadline and the counters. */
#ifndef MARTLET_COMMON_H
#define MARTLET_COMMON_H

#include <linux/bpf.h>
#include <linux/if_ether.h>

#include <bpf/bpf_helpers.h>
#include <bpf/bpf_endian.h>

#include "shared.h"

/* One for all programs of a daemon: the loader puts its own in place of this one. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct martlet_control);
} control SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, MARTLET_COUNTERS);
	__type(key, __u32);
	__type(value, __u64);
} counters SEC(".maps");

static __always_inline void count(enum martlet_counter which)
{
	__u32 key = which;
	__u64 *value = bpf_map_lookup_elem(&counters, &key);

	if (value)
		*value += 1;
}

/* Whether the daemon lives. The coarse clock costs a load; it lags by a tick, which is nothing to a deadline of tenths of
 * a second. */
static __always_inline int alive(void)
{
	__u32 key = 0;
	struct martlet_control *block = bpf_map_lookup_elem(&control, &key);

	return block && bpf_ktime_get_coarse_ns() < *(volatile __u64 *)&block->deadline;
}

#define VLAN_PROTOCOL(type) ((type) == bpf_htons(ETH_P_8021Q) || (type) == bpf_htons(ETH_P_8021AD))

struct vlan_header {
	__be16 tci;
	__be16 protocol;
};

#endif
