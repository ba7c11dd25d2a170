// SPDX-License-Identifier: Apache-2.0
/*
 * Sends 64-byte UDP from one network namespace, counts what arrives in another, and prints one line of name=value pairs
 * about a stretch of it: frames sent, received and translated, and what the CPUs did meanwhile.
 *
 * The source is a BPF program that the kernel runs on live frames (BPF_F_TEST_XDP_LIVE_FRAMES): one call lasts until a
 * signal ends it, because each call costs 20 ms of preparation.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <linux/bpf.h>
#include <net/if.h>
#include <netinet/ether.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "traffic.h"

#define MAX_CPUS 256
/* Newer than libbpf 1.1: BPF_TCX_INGRESS, Linux 6.6. */
#define TCX_INGRESS ((enum bpf_attach_type)46)

static struct {
	const char *objects; /* folder of the compiled BPF programs */
	const char *source_namespace, *source_link;
	const char *sink_namespace, *sink_link;
	const char *router; /* Ethernet address that frames go to */
	const char *hosts, *servers, *expected;
	unsigned flows;
	int cpu;
	int watched; /* process whose threads' waiting is reported, or 0 */
	double warmup, seconds;
} options = {.objects = ".", .hosts = "10.0.0.2", .servers = "198.18.0.1", .expected = "0.0.0.0", .warmup = 1, .seconds = 3};

static atomic_bool ended;

static void fail(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	fputs("traffic: ", stderr);
	vfprintf(stderr, format, arguments);
	fputc('\n', stderr);
	exit(1);
}

static void enter(const char *name)
{
	char path[300];
	int fd;

	snprintf(path, sizeof path, "/run/netns/%s", name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || setns(fd, CLONE_NEWNET))
		fail("enter the network namespace %s: %s", name, strerror(errno));
	close(fd);
}

static unsigned find_link(const char *name)
{
	unsigned index = if_nametoindex(name);

	if (!index)
		fail("no interface %s", name);
	return index;
}

static struct bpf_object *load(const char *name, int *program)
{
	char path[4096];
	struct bpf_object *object;

	snprintf(path, sizeof path, "%s/%s.bpf.o", options.objects, name);
	object = bpf_object__open_file(path, NULL);
	if (!object || bpf_object__load(object))
		fail("load %s: %s", path, strerror(errno));
	*program = bpf_program__fd(bpf_object__find_program_by_name(object, name));
	return object;
}

static int map(struct bpf_object *object, const char *name)
{
	return bpf_object__find_map_fd_by_name(object, name);
}

static __u32 address(const char *text)
{
	struct in_addr parsed;

	if (inet_pton(AF_INET, text, &parsed) != 1)
		fail("%s is no IPv4 address", text);
	return ntohl(parsed.s_addr);
}

/* Sends until `ended`. */
static void *run_source(void *program)
{
	__u8 frame[FRAME_BYTES] = {0};
	struct xdp_md context = {.data_end = sizeof frame, .ingress_ifindex = find_link(options.source_link)};
	cpu_set_t cpus;

	CPU_ZERO(&cpus);
	CPU_SET(options.cpu, &cpus);
	if (sched_setaffinity(0, sizeof cpus, &cpus))
		fail("run on CPU %d: %s", options.cpu, strerror(errno));
	while (!ended) {
		LIBBPF_OPTS(bpf_test_run_opts, run, .data_in = frame, .data_size_in = sizeof frame, .ctx_in = &context,
			    .ctx_size_in = sizeof context, .repeat = 1 << 30, .flags = BPF_F_TEST_XDP_LIVE_FRAMES,
			    .batch_size = 64);

		if (bpf_prog_test_run_opts(*(int *)program, &run) && errno != EINTR)
			fail("run the source: %s", strerror(errno));
	}
	return NULL;
}

/* Everything that is read at the beginning and at the end. */
struct reading {
	double time;
	__u64 sent, frames, translated;
	/* Nanoseconds that the source, and the watched process's threads together, were ready to run and had no CPU. */
	__u64 source_waited, watched_waited;
	/* By CPU, in ticks: user and system time, interrupts and softirqs, idle, stolen by the hypervisor. */
	__u64 cpu[MAX_CPUS][5];
	int cpus;
};

/* Sum over a process's threads of the second field of schedstat. */
static __u64 read_waited(int process, int but)
{
	char path[64];
	__u64 all = 0;
	struct dirent *thread;
	DIR *threads;

	snprintf(path, sizeof path, "/proc/%d/task", process);
	threads = opendir(path);
	while (threads && (thread = readdir(threads))) {
		unsigned long long ran, waited;
		FILE *file;

		if (atoi(thread->d_name) <= 0 || atoi(thread->d_name) == but)
			continue;
		snprintf(path, sizeof path, "/proc/%d/task/%d/schedstat", process, atoi(thread->d_name));
		file = fopen(path, "r");
		if (file && fscanf(file, "%llu %llu", &ran, &waited) == 2)
			all += waited;
		if (file)
			fclose(file);
	}
	if (threads)
		closedir(threads);
	return all;
}

static void read_cpus(struct reading *reading)
{
	FILE *file = fopen("/proc/stat", "r");
	char line[512];

	reading->cpus = 0;
	while (file && fgets(line, sizeof line, file)) {
		unsigned number;
		unsigned long long user, nice, system, idle, wait, interrupt, soft, stolen;

		if (sscanf(line, "cpu%u %llu %llu %llu %llu %llu %llu %llu %llu", &number, &user, &nice, &system, &idle, &wait,
			   &interrupt, &soft, &stolen) != 9 || number >= MAX_CPUS)
			continue;
		memcpy(reading->cpu[number], (__u64[]){user + nice, system, interrupt + soft, idle + wait, stolen},
		       sizeof reading->cpu[0]);
		reading->cpus = (int)number + 1;
	}
	if (file)
		fclose(file);
}

static void take_reading(struct reading *reading, int plan_map, int seen_map)
{
	struct seen seen[MAX_CPUS] = {0};
	struct plan plan;
	struct timespec now;
	__u32 key = 0;
	int cpus = libbpf_num_possible_cpus();

	if (cpus > MAX_CPUS || bpf_map_lookup_elem(plan_map, &key, &plan) || bpf_map_lookup_elem(seen_map, &key, seen))
		fail("read the counters: %s", strerror(errno));
	clock_gettime(CLOCK_MONOTONIC, &now);
	*reading = (struct reading){.time = now.tv_sec + now.tv_nsec / 1e9, .sent = plan.sent};
	for (int cpu = 0; cpu < cpus; cpu++) {
		reading->frames += seen[cpu].frames;
		reading->translated += seen[cpu].translated;
	}
	reading->source_waited = read_waited(getpid(), gettid());
	reading->watched_waited = options.watched ? read_waited(options.watched, 0) : 0;
	read_cpus(reading);
}

/* What happened between the first two readings, and in the whole until the third. Shares are in percent. */
static void report(const struct reading *first, const struct reading *last, const struct reading *end)
{
	static const char *const names[] = {"user", "system", "softirq", "idle", "stolen"};

	double seconds = last->time - first->time;

	printf("seconds=%.3f sent=%llu received=%llu translated=%llu sent_ever=%llu received_ever=%llu", seconds,
	       last->sent - first->sent, last->frames - first->frames, last->translated - first->translated, end->sent,
	       end->frames);
	printf(" source_waited=%.1f watched_waited=%.1f", (last->source_waited - first->source_waited) / seconds / 1e7,
	       (last->watched_waited - first->watched_waited) / seconds / 1e7);
	for (int cpu = 0; cpu < last->cpus; cpu++) {
		double all = 0;

		for (int i = 0; i < 5; i++)
			all += last->cpu[cpu][i] - first->cpu[cpu][i];
		for (int i = 0; i < 5 && all > 0; i++)
			printf(" cpu%d_%s=%.0f", cpu, names[i], 100 * (last->cpu[cpu][i] - first->cpu[cpu][i]) / all);
	}
	printf("\n");
}

static void wait_for(double seconds)
{
	struct timespec time = {.tv_sec = (time_t)seconds, .tv_nsec = (long)((seconds - (time_t)seconds) * 1e9)};

	while (!ended && nanosleep(&time, &time) && errno == EINTR)
		;
}

static void interrupted(int signal)
{
	(void)signal;
	ended = true;
}

static void parse(int count, char **arguments)
{
	static const struct option known[] = {
		{"objects", required_argument, NULL, 'b'}, {"source", required_argument, NULL, 's'},
		{"sink", required_argument, NULL, 'k'},	   {"router", required_argument, NULL, 'r'},
		{"hosts", required_argument, NULL, 'h'},   {"servers", required_argument, NULL, 'v'},
		{"expect", required_argument, NULL, 'e'},  {"flows", required_argument, NULL, 'f'},
		{"cpu", required_argument, NULL, 'c'},	   {"watch", required_argument, NULL, 'p'},
		{"warmup", required_argument, NULL, 'w'},  {"seconds", required_argument, NULL, 't'},
		{0},
	};
	int letter;

	while ((letter = getopt_long(count, arguments, "", known, NULL)) != -1) {
		switch (letter) {
		case 'b': options.objects = optarg; break;
		case 's': options.source_namespace = strsep(&optarg, "/"), options.source_link = optarg; break;
		case 'k': options.sink_namespace = strsep(&optarg, "/"), options.sink_link = optarg; break;
		case 'r': options.router = optarg; break;
		case 'h': options.hosts = optarg; break;
		case 'v': options.servers = optarg; break;
		case 'e': options.expected = optarg; break;
		case 'f': options.flows = strtoul(optarg, NULL, 10); break;
		case 'c': options.cpu = atoi(optarg); break;
		case 'p': options.watched = atoi(optarg); break;
		case 'w': options.warmup = atof(optarg); break;
		case 't': options.seconds = atof(optarg); break;
		default: exit(2);
		}
	}
	if (!options.source_link || !options.sink_link || !options.router)
		fail("usage: traffic --source NAMESPACE/LINK --sink NAMESPACE/LINK --router MAC [--flows N, 0: each packet a new one] "
		     "[--hosts ADDRESS] [--servers ADDRESS] [--expect ADDRESS] [--cpu N] [--watch PROCESS] [--warmup SECONDS] [--seconds SECONDS] "
		     "[--objects FOLDER]");
	if (options.flows & (options.flows - 1))
		fail("the number of flows must be a power of two, or 0");
}

int main(int count, char **arguments)
{
	struct plan plan = {0};
	struct sigaction action = {.sa_handler = interrupted}; /* without SA_RESTART: it has to end the call */
	struct reading first, last, end;
	struct ether_addr *router;
	struct bpf_object *object;
	int program, plan_map, seen_map;
	pthread_t source;
	__be32 expected;
	__u32 key = 0;

	parse(count, arguments);
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGUSR1, &action, NULL);

	enter(options.sink_namespace);
	object = load("sink", &program);
	seen_map = map(object, "seen");
	expected = htonl(address(options.expected));
	bpf_map_update_elem(map(object, "expected"), &key, &expected, 0);
	/* By a link, which ends with this process. */
	if (bpf_link_create(program, find_link(options.sink_link), TCX_INGRESS, NULL) < 0)
		fail("attach the sink to %s: %s", options.sink_link, strerror(errno));

	enter(options.source_namespace);
	object = load("source", &program);
	plan_map = map(object, "plan");
	router = ether_aton(options.router);
	if (!router)
		fail("%s is no Ethernet address", options.router);
	memcpy(plan.destination, router, 6);
	memcpy(plan.source, (__u8[]){2, 0, 0, 0, 0, 0x10}, 6);
	plan.flows = options.flows;
	plan.hosts = address(options.hosts);
	plan.servers = address(options.servers);
	bpf_map_update_elem(plan_map, &key, &plan, 0);

	if (pthread_create(&source, NULL, run_source, &program))
		fail("start the source");
	wait_for(options.warmup);
	take_reading(&first, plan_map, seen_map);
	wait_for(options.seconds);
	take_reading(&last, plan_map, seen_map);
	bool cut_short = ended;
	ended = true;
	/* Again and again, because a signal between two calls ends neither. */
	while (pthread_kill(source, SIGUSR1), usleep(10000), pthread_tryjoin_np(source, NULL) == EBUSY)
		;
	if (cut_short)
		return 130;
	/* What is still under way arrives or is lost. */
	usleep(50000);
	take_reading(&end, plan_map, seen_map);
	report(&first, &last, &end);
	return 0;
}
