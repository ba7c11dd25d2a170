// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * XDP on mart1: all that comes is what host_out sent, and all of it is the daemon's. There is no kernel behind mart1 that
 * could use it, so what the daemon cannot take is dropped; when the daemon is dead, host_out sends nothing here.
 */

#include "common.h"

struct {
	__uint(type, BPF_MAP_TYPE_XSKMAP);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} sockets SEC(".maps");

SEC("xdp")
int martlet_host_rx(struct xdp_md *frame)
{
	int action;

	if (!alive()) {
		count(MARTLET_COUNT_LATE);
		return XDP_DROP;
	}
	action = bpf_redirect_map(&sockets, frame->rx_queue_index, XDP_DROP);
	if (action == XDP_DROP)
		count(MARTLET_COUNT_UNBOUND);
	return action;
}

char _license[] SEC("license") = "Dual BSD/GPL";
