/* What Swift sees of libxdp, libbpf and the kernel's headers, with inline shims for what is a macro or variadic in C. */
#ifndef MARTLET_CXDP_SHIM_H
#define MARTLET_CXDP_SHIM_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

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
#include <linux/fib_rules.h>
#include <linux/veth.h>
#include <net/if.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#include <xdp/xsk.h>

#include "../../bpf/shared.h"

/* Pins the calling thread to one CPU. Returns 0 or an errno value. */
static inline int martlet_pin_thread(int cpu)
{
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(cpu, &set);
    return pthread_setaffinity_np(pthread_self(), sizeof set, &set);
}

/* Moves the calling thread into a new, anonymous network namespace. Returns 0 or -1 with errno set. */
static inline int martlet_unshare_network(void)
{
    return unshare(CLONE_NEWNET);
}

/* Moves the calling thread into the network namespace named by an open descriptor. Returns 0 or -1 with errno set. */
static inline int martlet_enter_network(int fd)
{
    return setns(fd, CLONE_NEWNET);
}

#endif
