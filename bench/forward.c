// SPDX-License-Identifier: Apache-2.0
/*
 * The yardstick: as little as it takes to carry frames between two ports through AF_XDP. It takes up to 64 frames from a
 * ring, writes new Ethernet addresses, and sends them out of the other port; it looks at nothing. What a router adds to
 * this is the price of routing.
 *
 *	forward busy|poll LINK PEER-MAC LINK PEER-MAC
 *
 * Copy mode, queue 0, one memory for both ports, need_wakeup, rings and limits as Martlet has them. Prints "ready", and
 * at the end what the rings lost.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <linux/if_link.h>
#include <net/if.h>
#include <netinet/ether.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <xdp/xsk.h>

#define BURST 64
#define RING 2048
#define FRAMES (8 * RING)
#define FRAME_BYTES 4096
#define SOCKET_TX_BUDGET 9 /* XDP_MAX_TX_SKB_BUDGET, Linux 6.18 */

struct port {
	const char *name;
	__u8 addresses[12]; /* that frames leave with: the peer's and its own */
	struct xsk_socket *socket;
	struct xsk_ring_prod fill, transmit;
	struct xsk_ring_cons completion, receive;
};

static __u8 *memory;
static __u64 unused[FRAMES];
static unsigned unused_count;
static volatile sig_atomic_t ended;

static void interrupted(int signal)
{
	(void)signal;
	ended = 1;
}

static void check(int failed, const char *what, const char *name)
{
	if (failed) {
		fprintf(stderr, "forward: %s %s: %s\n", what, name, strerror(failed < -1 ? -failed : errno));
		exit(1);
	}
}

/* return bpf_redirect_map(sockets, context->rx_queue_index, XDP_PASS); by hand, for want of a second file */
static int load_program(int sockets)
{
	struct bpf_insn code[] = {
		{.code = BPF_LDX | BPF_MEM | BPF_W, .dst_reg = 2, .src_reg = 1, .off = offsetof(struct xdp_md, rx_queue_index)},
		{.code = BPF_LD | BPF_IMM | BPF_DW, .dst_reg = 1, .src_reg = BPF_PSEUDO_MAP_FD, .imm = sockets},
		{0},
		{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = 3, .imm = XDP_PASS},
		{.code = BPF_JMP | BPF_CALL, .imm = BPF_FUNC_redirect_map},
		{.code = BPF_JMP | BPF_EXIT},
	};

	return bpf_prog_load(BPF_PROG_TYPE_XDP, "forward", "Apache-2.0", code, sizeof code / sizeof *code, NULL);
}

static void open_port(struct port *port, struct xsk_umem *umem)
{
	struct xsk_socket_config config = {
		.rx_size = RING, .tx_size = RING, .libxdp_flags = XSK_LIBXDP_FLAGS__INHIBIT_PROG_LOAD,
		.bind_flags = XDP_COPY | XDP_USE_NEED_WAKEUP,
	};
	LIBBPF_OPTS(bpf_link_create_opts, native, .flags = XDP_FLAGS_DRV_MODE);
	int link = if_nametoindex(port->name), descriptor, sockets, program, budget = 512, room = RING * (FRAME_BYTES + 1024);
	__u32 queue = 0;
	struct ifreq request = {0};

	check(xsk_socket__create_shared(&port->socket, port->name, queue, umem, &port->receive, &port->transmit, &port->fill,
					&port->completion, &config), "open a socket on", port->name);
	descriptor = xsk_socket__fd(port->socket);
	/* Unknown before Linux 6.18, which sends 32 frames a call without it. */
	setsockopt(descriptor, SOL_XDP, SOCKET_TX_BUDGET, &budget, sizeof budget);
	setsockopt(descriptor, SOL_SOCKET, SO_SNDBUFFORCE, &room, sizeof room);
	strncpy(request.ifr_name, port->name, IFNAMSIZ - 1);
	check(ioctl(socket(AF_INET, SOCK_DGRAM, 0), SIOCGIFHWADDR, &request), "read the address of", port->name);
	memcpy(port->addresses + 6, request.ifr_hwaddr.sa_data, 6);

	sockets = bpf_map_create(BPF_MAP_TYPE_XSKMAP, "sockets", sizeof queue, sizeof descriptor, 1, NULL);
	check(sockets < 0 || bpf_map_update_elem(sockets, &queue, &descriptor, 0), "make a map for", port->name);
	program = load_program(sockets);
	check(program < 0, "load a program for", port->name);
	check(bpf_link_create(program, link, BPF_XDP, &native) < 0, "attach to", port->name);
}

static void complete(struct port *port)
{
	__u32 start, count = xsk_ring_cons__peek(&port->completion, RING, &start);

	for (__u32 i = 0; i < count; i++)
		unused[unused_count++] = *xsk_ring_cons__comp_addr(&port->completion, start + i) & ~(__u64)(FRAME_BYTES - 1);
	xsk_ring_cons__release(&port->completion, count);
}

static void refill(struct port *port)
{
	__u32 start, count = xsk_prod_nb_free(&port->fill, BURST);

	if (count > unused_count)
		count = unused_count;
	if (!count || !xsk_ring_prod__reserve(&port->fill, count, &start))
		return;
	for (__u32 i = 0; i < count; i++)
		*xsk_ring_prod__fill_addr(&port->fill, start + i) = unused[--unused_count];
	xsk_ring_prod__submit(&port->fill, count);
}

/* One burst. Returns how many frames it took. */
static unsigned carry(struct port *from, struct port *to)
{
	__u32 in, out = 0, count, room;

	complete(to);
	refill(from);
	count = xsk_ring_cons__peek(&from->receive, BURST, &in);
	if (!count)
		return 0;
	room = xsk_prod_nb_free(&to->transmit, count);
	if (room > count)
		room = count;
	if (room)
		xsk_ring_prod__reserve(&to->transmit, room, &out);
	for (__u32 i = 0; i < count; i++) {
		const struct xdp_desc *frame = xsk_ring_cons__rx_desc(&from->receive, in + i);

		if (i < room) {
			memcpy(memory + frame->addr, to->addresses, sizeof to->addresses);
			*xsk_ring_prod__tx_desc(&to->transmit, out + i) = (struct xdp_desc){.addr = frame->addr, .len = frame->len};
		} else {
			unused[unused_count++] = frame->addr & ~(__u64)(FRAME_BYTES - 1);
		}
	}
	xsk_ring_cons__release(&from->receive, count);
	xsk_ring_prod__submit(&to->transmit, room);
	while (sendto(xsk_socket__fd(to->socket), NULL, 0, MSG_DONTWAIT, NULL, 0) < 0 && errno == EAGAIN && !ended)
		;
	return count;
}

int main(int count, char **arguments)
{
	struct xsk_umem_config config = {.fill_size = RING, .comp_size = RING, .frame_size = FRAME_BYTES};
	struct port ports[2] = {0};
	struct xsk_umem *umem;
	struct sigaction action = {.sa_handler = interrupted};

	if (count != 6 || (strcmp(arguments[1], "busy") && strcmp(arguments[1], "poll"))) {
		fprintf(stderr, "usage: forward busy|poll LINK PEER-MAC LINK PEER-MAC\n");
		return 2;
	}
	int busy = !strcmp(arguments[1], "busy");

	prctl(PR_SET_PDEATHSIG, SIGTERM); /* a busy loop must not outlive who started it */
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	memory = mmap(NULL, (size_t)FRAMES * FRAME_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	check(memory == MAP_FAILED, "get memory", "");
	for (__u64 i = 0; i < FRAMES; i++)
		unused[unused_count++] = i * FRAME_BYTES;
	check(xsk_umem__create(&umem, memory, (__u64)FRAMES * FRAME_BYTES, &ports[0].fill, &ports[0].completion, &config),
	      "register memory", "");
	for (int i = 0; i < 2; i++) {
		struct ether_addr *peer = ether_aton(arguments[3 + 2 * i]);

		ports[i].name = arguments[2 + 2 * i];
		check(!peer, "no Ethernet address:", arguments[3 + 2 * i]);
		memcpy(ports[i].addresses, peer, 6);
		open_port(&ports[i], umem);
		for (int j = 0; j < RING / BURST; j++)
			refill(&ports[i]);
	}
	puts("ready");
	fflush(stdout);

	struct pollfd waiting[2] = {
		{.fd = xsk_socket__fd(ports[0].socket), .events = POLLIN}, {.fd = xsk_socket__fd(ports[1].socket), .events = POLLIN}};

	while (!ended)
		if (carry(&ports[0], &ports[1]) + carry(&ports[1], &ports[0]) == 0 && !busy)
			poll(waiting, 2, 100);

	for (int i = 0; i < 2; i++) {
		struct xdp_statistics lost = {0};
		socklen_t size = sizeof lost;

		getsockopt(xsk_socket__fd(ports[i].socket), SOL_XDP, XDP_STATISTICS, &lost, &size);
		printf("%s_ring_full=%llu %s_fill_empty=%llu%s", ports[i].name, lost.rx_ring_full, ports[i].name,
		       lost.rx_fill_ring_empty_descs, i ? "\n" : " ");
	}
	return 0;
}
