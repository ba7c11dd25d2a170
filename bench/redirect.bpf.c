// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/* The other yardstick: XDP sends every frame out of the interface with the number EGRESS, untouched. */
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

SEC("xdp")
int redirect(struct xdp_md *context)
{
	(void)context;
	return bpf_redirect(EGRESS, 0);
}

char _license[] SEC("license") = "Dual BSD/GPL";
