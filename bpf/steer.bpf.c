// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/* XDP on a NIC: gives the daemon's frames to the AF_XDP socket of their queue and leaves the rest to the kernel. */

#include "steer.h"

SEC("xdp")
int martlet_steer(struct xdp_md *frame)
{
	if (!alive()) {
		count(MARTLET_COUNT_LATE);
		return XDP_PASS;
	}
	if (!for_daemon((void *)(long)frame->data, (void *)(long)frame->data_end)) {
		count(MARTLET_COUNT_PASSED);
		return XDP_PASS;
	}
	return to_daemon(frame);
}

char _license[] SEC("license") = "Dual BSD/GPL";
