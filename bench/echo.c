// SPDX-License-Identifier: Apache-2.0
/*
 * Round trips of small UDP packets, one at a time.
 *
 *	echo serve PORT                    answers until it is ended
 *	echo ask ADDRESS PORT COUNT        prints median and 99th percentile in microseconds, and how many stayed unanswered
 */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>

/* Of each measurement, not counted: first packets of the flow, cold caches. */
#define WARMUP 1000
/* A path that answers nothing is given up after so many. */
#define PATIENCE 5

static double now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec * 1e6 + time.tv_nsec / 1e3;
}

static int compare(const void *left, const void *right)
{
	double difference = *(const double *)left - *(const double *)right;

	return (difference > 0) - (difference < 0);
}

static int serve(int descriptor, struct sockaddr_in address)
{
	char buffer[64];
	socklen_t size = sizeof address;

	if (bind(descriptor, (struct sockaddr *)&address, sizeof address)) {
		perror("echo: bind");
		return 1;
	}
	for (;;) {
		ssize_t length = recvfrom(descriptor, buffer, sizeof buffer, 0, (struct sockaddr *)&address, &size);

		if (length >= 0)
			sendto(descriptor, buffer, length, 0, (struct sockaddr *)&address, size);
	}
}

static int ask(int descriptor, struct sockaddr_in address, unsigned count)
{
	double *times = calloc(count, sizeof *times);
	unsigned answered = 0, lost = 0;
	struct timeval patience = {.tv_sec = 1};

	setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
	if (!times || connect(descriptor, (struct sockaddr *)&address, sizeof address)) {
		perror("echo: connect");
		return 1;
	}
	for (unsigned number = 0; number < count + WARMUP && lost < PATIENCE; number++) {
		unsigned answer = ~number;
		double start = now();

		if (send(descriptor, &number, sizeof number, 0) != sizeof number)
			lost++;
		/* An answer that was given up for lost may still come. */
		else {
			do {
				if (recv(descriptor, &answer, sizeof answer, 0) != sizeof answer) {
					lost++;
					break;
				}
			} while (answer != number);
			if (answer == number && number >= WARMUP)
				times[answered++] = now() - start;
		}
	}
	qsort(times, answered, sizeof *times, compare);
	if (!answered) {
		fprintf(stderr, "echo: nothing was answered\n");
		return 1;
	}
	printf("median=%.1f p99=%.1f lost=%u\n", times[answered / 2], times[answered - 1 - answered / 100], lost);
	return 0;
}

int main(int count, char **arguments)
{
	struct sockaddr_in address = {.sin_family = AF_INET};
	int descriptor = socket(AF_INET, SOCK_DGRAM, 0);

	if (count == 3 && !strcmp(arguments[1], "serve")) {
		address.sin_port = htons(atoi(arguments[2]));
		return serve(descriptor, address);
	}
	if (count == 5 && !strcmp(arguments[1], "ask") && inet_pton(AF_INET, arguments[2], &address.sin_addr) == 1) {
		address.sin_port = htons(atoi(arguments[3]));
		return ask(descriptor, address, strtoul(arguments[4], NULL, 10));
	}
	fprintf(stderr, "usage: echo serve PORT, or echo ask ADDRESS PORT COUNT\n");
	return 2;
}
