/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* What the source and sink programs share with traffic.c, which loads them. Integers are in host byte order unless their
 * type says __be. */
#ifndef BENCH_TRAFFIC_H
#define BENCH_TRAFFIC_H

#include <linux/types.h>

/* Ethernet, IPv4, UDP and 22 zero bytes. */
#define FRAME_BYTES 64

/* The one entry of the map `plan`: what the source sends, and how much it has sent. Only one CPU runs the source. */
struct plan {
	__u8 destination[6];
	__u8 source[6];
	/* A power of two: that many flows in turn. 0: each packet begins a new flow. */
	__u32 flows;
	/* First address of the hosts that send, and of the servers they send to. */
	__u32 hosts;
	__u32 servers;
	__u64 sent;
};

/* Flows of one host in turn; then the next host's. */
#define PORTS_PER_HOST 256
/* New flows go to so many servers in turn, so that NAT always has a port left for each. */
#define SERVERS 131072

/* The one entry of the per-CPU map `seen`. */
struct seen {
	/* IPv4 frames that arrived. */
	__u64 frames;
	/* Those of them from the address that the map `expected` holds. */
	__u64 translated;
};

#endif
