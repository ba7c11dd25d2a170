/*
 * What Swift sees of libxdp, libbpf and the kernel's headers, with inline shims for what is a macro or variadic in C.
 *
 * Not under _GNU_SOURCE: it changes structures that the module Glibc declares too, and the two must be one. What only
 * that macro would declare (CPU sets, namespaces) is asked of the kernel by number.
 */
#ifndef MARTLET_CXDP_SHIM_H
#define MARTLET_CXDP_SHIM_H

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/genetlink.h>
#include <linux/if_ether.h>
#include <linux/if_link.h>
#include <linux/if_packet.h>
#include <linux/if_xdp.h>
#include <linux/neighbour.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/ethtool.h>
#include <linux/fib_rules.h>
#include <linux/pkt_cls.h>
#include <linux/sockios.h>
#include <linux/veth.h>
#include <net/if.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>
#include <xdp/xsk.h>

#include "../../bpf/shared.h"

/* Newer than the headers of Debian 12; the values are the kernel's interface (linux/bpf.h, linux/if_xdp.h). */
static const __u32 martlet_xdp_device_bound = 1U << 6; /* BPF_F_XDP_DEV_BOUND_ONLY, Linux 6.3 */
static const int martlet_tcx_ingress = 46;	       /* BPF_TCX_INGRESS, Linux 6.6 */
static const int martlet_tcx_egress = 47;	       /* BPF_TCX_EGRESS, Linux 6.6 */
static const int martlet_xdp_max_tx_skb_budget = 9;    /* XDP_MAX_TX_SKB_BUDGET, Linux 6.18 */

/* Attaches an XDP program natively by a link. Returns its descriptor, or -1 with errno set. */
static inline int martlet_link_xdp(int program, int ifindex)
{
	LIBBPF_OPTS(bpf_link_create_opts, options, .flags = XDP_FLAGS_DRV_MODE);
	int fd = bpf_link_create(program, ifindex, BPF_XDP, &options);

	return fd < 0 ? -1 : fd;
}

/* Attaches a program to tc by a tcx link: `direction` is one of the two numbers above. As martlet_link_xdp. */
static inline int martlet_link_tcx(int program, int ifindex, int direction)
{
	int fd = bpf_link_create(program, ifindex, (enum bpf_attach_type)direction, NULL);

	return fd < 0 ? -1 : fd;
}

/* How many programs tcx has on a device in one direction, or -1 where the kernel has no tcx. */
static inline int martlet_count_tcx(int ifindex, int direction)
{
	__u32 count = 0, flags = 0;

	if (bpf_prog_query(ifindex, (enum bpf_attach_type)direction, 0, &flags, NULL, &count))
		return -1;
	return (int)count;
}

/*
 * tc filters, for kernels without tcx. Ours is known by a priority of our own and by its program's name. Direction is
 * BPF_TC_INGRESS or BPF_TC_EGRESS; all return 0 or an errno value.
 */
#define MARTLET_FILTER_PRIORITY 0x4D52

/* Makes the clsact qdisc, which is EEXIST if it is there. */
static inline int martlet_create_clsact(int ifindex)
{
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = ifindex, .attach_point = BPF_TC_INGRESS);

	return -bpf_tc_hook_create(&hook);
}

/* Removes the clsact qdisc with all its filters. */
static inline int martlet_destroy_clsact(int ifindex)
{
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = ifindex,
		    .attach_point = (enum bpf_tc_attach_point)(BPF_TC_INGRESS | BPF_TC_EGRESS));

	return -bpf_tc_hook_destroy(&hook);
}

static inline int martlet_attach_filter(int program, int ifindex, enum bpf_tc_attach_point direction)
{
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = ifindex, .attach_point = direction);
	LIBBPF_OPTS(bpf_tc_opts, options, .prog_fd = program, .handle = 1, .priority = MARTLET_FILTER_PRIORITY);

	return -bpf_tc_attach(&hook, &options);
}

static inline int martlet_detach_filter(int ifindex, enum bpf_tc_attach_point direction)
{
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = ifindex, .attach_point = direction);
	LIBBPF_OPTS(bpf_tc_opts, options, .handle = 1, .priority = MARTLET_FILTER_PRIORITY);

	return -bpf_tc_detach(&hook, &options);
}

/* Number of the program in our filter, or 0. */
static inline __u32 martlet_query_filter(int ifindex, enum bpf_tc_attach_point direction)
{
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = ifindex, .attach_point = direction);
	LIBBPF_OPTS(bpf_tc_opts, options, .handle = 1, .priority = MARTLET_FILTER_PRIORITY);

	return bpf_tc_query(&hook, &options) ? 0 : options.prog_id;
}

/* What XDP program a device has. Returns 0 and sets the number (0 for none) and XDP_ATTACHED_…, or an errno value. */
static inline int martlet_query_xdp(int ifindex, __u32 *program, __u8 *mode)
{
	LIBBPF_OPTS(bpf_xdp_query_opts, options);
	int error = bpf_xdp_query(ifindex, 0, &options);

	if (error)
		return -error;
	*program = options.attach_mode == XDP_ATTACHED_DRV ? options.drv_prog_id : options.prog_id;
	*mode = options.attach_mode;
	return 0;
}

/* Detaches an XDP program that netlink attached, if it is still this one. Returns 0 or an errno value. */
static inline int martlet_detach_xdp(int ifindex, int program)
{
	LIBBPF_OPTS(bpf_xdp_attach_opts, options, .old_prog_fd = program);

	return -bpf_xdp_detach(ifindex, XDP_FLAGS_REPLACE, &options);
}

/* Name of a program by its number, which needs 16 bytes of room. Returns a descriptor of it, or -1 with errno set. */
static inline int martlet_open_program(__u32 number, char name[16])
{
	struct bpf_prog_info info = {};
	__u32 size = sizeof info;
	int fd = bpf_prog_get_fd_by_id(number);

	if (fd < 0)
		return -1;
	if (bpf_obj_get_info_by_fd(fd, &info, &size)) {
		close(fd);
		return -1;
	}
	__builtin_memcpy(name, info.name, 16);
	return fd;
}

/* Numbers of a device's receive and transmit queues, by ETHTOOL_GCHANNELS. Returns 0 or -1 with errno set. */
static inline int martlet_count_queues(int socket, const char *name, __u32 *receive, __u32 *transmit)
{
	struct ethtool_channels channels = {.cmd = ETHTOOL_GCHANNELS};
	struct ifreq request = {};

	__builtin_strncpy(request.ifr_name, name, IFNAMSIZ - 1);
	request.ifr_data = (char *)&channels;
	if (ioctl(socket, SIOCETHTOOL, &request))
		return -1;
	*receive = channels.rx_count + channels.combined_count;
	*transmit = channels.tx_count + channels.combined_count;
	return 0;
}

/* Name of a device's driver, which needs 32 bytes of room, by ETHTOOL_GDRVINFO. Returns 0 or -1 with errno set. */
static inline int martlet_driver_name(int socket, const char *name, char driver[32])
{
	struct ethtool_drvinfo info = {.cmd = ETHTOOL_GDRVINFO};
	struct ifreq request = {};

	__builtin_strncpy(request.ifr_name, name, IFNAMSIZ - 1);
	request.ifr_data = (char *)&info;
	if (ioctl(socket, SIOCETHTOOL, &request))
		return -1;
	__builtin_memcpy(driver, info.driver, 32);
	return 0;
}

/* Brings a device up without ARP. Returns 0 or -1 with errno set. */
static inline int martlet_raise_link(int socket, const char *name)
{
	struct ifreq request = {};

	__builtin_strncpy(request.ifr_name, name, IFNAMSIZ - 1);
	if (ioctl(socket, SIOCGIFFLAGS, &request))
		return -1;
	request.ifr_flags |= IFF_UP | IFF_NOARP;
	return ioctl(socket, SIOCSIFFLAGS, &request);
}

/* MTU of a device in bytes, or -1 with errno set. */
static inline int martlet_read_mtu(int socket, const char *name)
{
	struct ifreq request = {};

	__builtin_strncpy(request.ifr_name, name, IFNAMSIZ - 1);
	return ioctl(socket, SIOCGIFMTU, &request) ? -1 : request.ifr_mtu;
}

/* A control block that the daemon maps into its memory. Returns the map's descriptor, or -1 with errno set. */
static inline int martlet_create_control(void)
{
	LIBBPF_OPTS(bpf_map_create_opts, options, .map_flags = BPF_F_MMAPABLE);
	int fd = bpf_map_create(BPF_MAP_TYPE_ARRAY, "martlet_control", sizeof(__u32), sizeof(struct martlet_control), 1, &options);

	return fd < 0 ? -1 : fd;
}

/* Cursors of rings, which the kernel moves on its side. */
static inline __u32 martlet_load_cursor(const __u32 *cursor)
{
	return __atomic_load_n(cursor, __ATOMIC_ACQUIRE);
}

/* Numbers that one thread writes and others read now and then. */
static inline __u64 martlet_load_number(const __u64 *number)
{
	return __atomic_load_n(number, __ATOMIC_RELAXED);
}

static inline void martlet_store_number(__u64 *number, __u64 value)
{
	__atomic_store_n(number, value, __ATOMIC_RELAXED);
}

/* Pins the calling thread to one CPU, 0 to 1023. Returns 0 or an errno value. */
static inline int martlet_pin_thread(int cpu)
{
	unsigned long set[1024 / (8 * sizeof(long))] = {};

	if (cpu < 0 || cpu >= 1024)
		return EINVAL;
	set[cpu / (8 * sizeof(long))] |= 1UL << cpu % (8 * sizeof(long));
	return syscall(SYS_sched_setaffinity, 0, sizeof set, set) < 0 ? errno : 0;
}

/*
 * Minutes west of UTC, as the kernel's own time zone has it (sys_tz). The C library's gettimeofday has not told it since 2.31.
 */
static inline int martlet_minutes_west(void)
{
	struct { int minutes_west, dst; } zone = {};

	return syscall(SYS_gettimeofday, NULL, &zone) < 0 ? 0 : zone.minutes_west;
}

#define MARTLET_CLONE_NEWNET 0x40000000 /* CLONE_NEWNET, linux/sched.h */

/* Moves the calling thread into a new, anonymous network namespace. Returns 0 or -1 with errno set. */
static inline int martlet_unshare_network(void)
{
	return (int)syscall(SYS_unshare, MARTLET_CLONE_NEWNET);
}

/* Moves the calling thread into the network namespace named by an open descriptor. Returns 0 or -1 with errno set. */
static inline int martlet_enter_network(int fd)
{
	return (int)syscall(SYS_setns, fd, MARTLET_CLONE_NEWNET);
}

/* A file without a name, closed on exec. Returns its descriptor, or -1 with errno set. */
static inline int martlet_memory_file(const char *name)
{
    return (int)syscall(SYS_memfd_create, name, 1 /* MFD_CLOEXEC */);
}

#endif
