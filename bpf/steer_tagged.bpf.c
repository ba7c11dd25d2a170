// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * As steer, for a NIC that takes the VLAN tag off and tells it in the frame's metadata (veth always does for a tagged
 * sender). XDP and AF_XDP would lose such a tag without a word, so it is put back into the frame. The call that reads it
 * came with Linux 6.8 and binds the program to one device, which is why there are two programs.
 */

#include "steer.h"

extern int bpf_xdp_metadata_rx_vlan_tag(const struct xdp_md *ctx, __be16 *vlan_proto, __u16 *vlan_tci) __ksym;

/* Makes room behind the two addresses and writes the tag there. Returns 0, or -1 if there is no headroom. */
static __always_inline int write_tag(struct xdp_md *frame, __be16 protocol, __u16 tci)
{
	struct {
		__u8 addresses[2 * ETH_ALEN];
		__be16 protocol;
		__be16 tci;
	} front;
	void *start = (void *)(long)frame->data;

	if (start + sizeof(front.addresses) > (void *)(long)frame->data_end)
		return -1;
	__builtin_memcpy(front.addresses, start, sizeof(front.addresses));
	front.protocol = protocol;
	front.tci = bpf_htons(tci);

	if (bpf_xdp_adjust_head(frame, -(int)sizeof(struct vlan_header)))
		return -1;
	start = (void *)(long)frame->data;
	if (start + sizeof(front) > (void *)(long)frame->data_end)
		return -1;
	__builtin_memcpy(start, &front, sizeof(front));
	return 0;
}

SEC("xdp")
int martlet_steer(struct xdp_md *frame)
{
	__be16 protocol = 0;
	__u16 tci = 0;

	if (!alive()) {
		count(MARTLET_COUNT_LATE);
		return XDP_PASS;
	}
	if (!for_daemon((void *)(long)frame->data, (void *)(long)frame->data_end)) {
		/* The kernel gets frame and metadata as they came. */
		count(MARTLET_COUNT_PASSED);
		return XDP_PASS;
	}
	/* Fails with ENODATA for a frame without a tag and with EOPNOTSUPP where the driver knows none. */
	if (bpf_xdp_metadata_rx_vlan_tag(frame, &protocol, &tci) == 0 && write_tag(frame, protocol, tci)) {
		count(MARTLET_COUNT_NO_ROOM);
		return XDP_DROP;
	}
	return to_daemon(frame);
}

char _license[] SEC("license") = "Dual BSD/GPL";
