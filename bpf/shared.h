/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Layouts that the BPF programs and the daemon share, written once for both worlds: C includes this file, Swift reads it
 * through the module CXDP. Integers are in host byte order unless their type says __be.
 */
#ifndef MARTLET_SHARED_H
#define MARTLET_SHARED_H

#include <linux/types.h>

/* Value of the map `control`, an array of one entry that the daemon maps into its memory. */
struct martlet_control {
	/* CLOCK_MONOTONIC, in nanoseconds. Past it the daemon counts as dead, and every program gives the box back to the
	 * kernel. 0, the value a map starts with, means that the daemon is not ready yet: the same thing. */
	__u64 deadline;
};

/* Entries of the per-CPU array `counters` of each program, in frames. Not every program uses each of them. */
enum martlet_counter {
	/* Given to the kernel because the deadline had passed. */
	MARTLET_COUNT_LATE,
	/* Given to the kernel because it is not the daemon's business: ARP, IPv6, a DHCP answer, a packet socket's frame. */
	MARTLET_COUNT_PASSED,
	/* Dropped: no socket on the queue it came in on. (What full or empty rings lose, the socket counts.) */
	MARTLET_COUNT_UNBOUND,
	/* Dropped: malformed, of an unknown port, or not the daemon's. */
	MARTLET_COUNT_REFUSED,
	/* Dropped: no memory for the header or the tag to be put in, or too long for mart0. */
	MARTLET_COUNT_NO_ROOM,
	/* Handed over: to the daemon, or to the kernel by the daemon's order. */
	MARTLET_COUNT_HANDED,
	MARTLET_COUNTERS,
};

/* Entries of the map `ports`: as many as PortIndex can count. */
#define MARTLET_PORTS 64

/* The number that stands for the loopback interface, between the host and itself: PortIndex.host. */
#define MARTLET_LOOPBACK 62

/* IEEE Std 802, local experimental ethertype 1: what is between mart0 and mart1 never leaves the machine. */
#define MARTLET_ETHERTYPE 0x88B5

/*
 * In front of each frame that the host sends, from tc egress of a NIC by mart0 and mart1 to the daemon. It begins as an
 * Ethernet header, so that whatever looks at mart0 meets an unknown ethertype and no nonsense. 32 bytes leave the frame
 * behind it aligned as it would be without.
 */
struct martlet_host_header {
	__u8 destination[6];
	__u8 source[6];
	__be16 ethertype;
	/* Number of the port it was to leave by, or MARTLET_LOOPBACK. */
	__u8 port;
	__u8 flags;
	/* skb->mark: SO_MARK, or what a policy of the kernel set. */
	__u32 mark;
	/* File system uid and gid of the sending socket's file, which is what the owner match compares; valid with the flag
	 * MARTLET_HOST_OWNED. */
	__u32 uid;
	__u32 gid;
	__u32 reserved;
};

/* The frame has a socket with a file behind it. The kernel's own (ICMP errors, resets) have none. */
#define MARTLET_HOST_OWNED 1

/*
 * Behind each frame that the daemon gives to the host, from mart1 by tc ingress of mart0 to the NIC it came in on. Behind
 * and not in front, because a tc program can take bytes off the end of any frame (bpf_skb_change_tail), but off the
 * front only of one whose ethertype says IP (bpf_skb_adjust_room). A frame for the host is never a GSO one, which is why
 * this direction may use the end. Not aligned: copy it in and out.
 */
struct martlet_host_trailer {
	__u32 mark;
	/* Number of the port it came in on, or MARTLET_LOOPBACK for what NAT has turned back to the host. */
	__u8 port;
	__u8 reserved;
	/* MARTLET_ETHERTYPE, to tell it from anything else. */
	__be16 ethertype;
};

/* Longest that a frame grows on its way from the host to the daemon: the header and a VLAN tag made visible. */
#define MARTLET_HOST_ROOM (sizeof(struct martlet_host_header) + 4)

#endif
