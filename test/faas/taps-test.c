/* SPDX-License-Identifier: Apache-2.0 */
/* Taps that go from one instance to the next, in a network namespace of the test's own; skipped where none can be made. */
#include <arpa/inet.h>
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "backend/taps.h"

enum { SKIPPED = 77, FRAMES = 100, SENT = 100 };

static int failures;

static void check(bool good, const char *name)
{
	printf("%s - %s\n", good ? "ok" : "not ok", name);
	failures += !good;
}

/* Datagrams for the instance that has it. */
static void send_some(const struct tap *tap, int n)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_addr = tap->guest, .sin_port = htons(9) };
	char bytes[SENT] = "for the one before";
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	for (int i = 0; i < n; i++)
		if (sendto(fd, bytes, sizeof bytes, 0, (struct sockaddr *)&to, sizeof to) != sizeof bytes)
			check(false, "a datagram is sent");
	close(fd);
}

/* Of ours only: a kernel says things of its own to a new interface. */
static int waiting(const struct tap *tap)
{
	uint8_t frame[2048];
	ssize_t len;
	int n = 0;

	while ((len = read(tap->fd, frame, sizeof frame)) > 0)
		n += memmem(frame, (size_t)len, "for the one before", 18) != NULL;
	check(len < 0 && errno == EAGAIN, "a tap is never waited for");
	return n;
}

static void handed_on(struct taps *t, struct ukvmm_err *err)
{
	struct tap *first, *again;

	check(taps_take(t, &first, err) == 0, "a tap");
	send_some(first, 3);
	check(waiting(first) == 3, "what is sent to its guest waits in it, without a question who that is");
	send_some(first, FRAMES);
	taps_give(t, first);
	send_some(first, FRAMES);
	check(taps_take(t, &again, err) == 0 && again == first, "it is used again");
	check(waiting(again) == 0, "and the next guest gets nothing that was for the one before");
	send_some(again, 1);
	check(waiting(again) == 1, "but what is for itself");
	taps_give(t, again);
}

static void addresses(struct taps *t, struct ukvmm_err *err)
{
	struct tap *a, *b;

	check(taps_take(t, &a, err) == 0 && taps_take(t, &b, err) == 0, "two");
	check(a->guest.s_addr != b->guest.s_addr && memcmp(a->mac, b->mac, 6) != 0, "with addresses of their own");
	check(memcmp(a->host_mac, b->host_mac, 6) != 0 && memcmp(a->host_mac, "\0\0\0\0\0", 6) != 0,
		"and the gateway's is known");
	taps_give(t, a);
	taps_give(t, b);
}

int main(void)
{
	struct ukvmm_err err = { .size = sizeof err };
	struct taps *t;
	int rc;

	if (unshare(CLONE_NEWNET) < 0) {
		puts("SKIPPED: no right to make a network namespace");
		return SKIPPED;
	}
	if (taps_new("10.9.0.0/24", 0, &t, &err) < 0)
		return 1;
	rc = taps_prepare(t, 1, &err);
	if (rc < 0) {
		printf("SKIPPED: %s(%s): %s\n", err.call, err.object, err.text);
		taps_free(t);
		return SKIPPED;
	}
	handed_on(t, &err);
	addresses(t, &err);
	taps_free(t);
	return failures > 0;
}
