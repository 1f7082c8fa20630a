/* SPDX-License-Identifier: Apache-2.0 */
/* A function as a guest answers what the same code answers in this process. Usage: compare NAME IMAGE */
#include "beside.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <ukvmm/ukvmm.h>

enum { ROOM = 64 << 20, BODY = 100000, DISK = 5 << 20, CONNECT_MS = 100000 };

struct request {
	const char *function, *method, *path;
	size_t body;
};

static const struct request requests[] = {
	{ "noop", "GET", "/", 0 },
	{ "noop", "POST", "/any?thing", 10 },
	{ "echo", "POST", "/", 1 },
	{ "echo", "POST", "/", BODY },
	{ "echo", "GET", "/", 0 },
	{ "fib", "GET", "/", 0 },
	{ "matmul", "GET", "/", 0 },
	{ "alloc", "GET", "/", 0 },
	{ "alloc", "GET", "/", 0 },
	{ "serve", "GET", "/", 0 },
	{ "readfile", "GET", "/", 0 },
	{ "todos", "GET", "/todos", 0 },
	{ "todos", "GET", "/todos/2", 0 },
	{ "todos", "GET", "/todos/4", 0 },
	{ "todos", "POST", "/todos", 2 },
	{ "bubble", "GET", "/", 0 },
};
static uint8_t sent[BODY];

static void some_bytes(uint8_t *to, size_t len)
{
	uint64_t v = 88172645463325252u;

	for (size_t i = 0; i < len; i++) {
		v ^= v << 13;
		v ^= v >> 7;
		v ^= v << 17;
		to[i] = (uint8_t)v;
	}
}

static const char *make_disk(void)
{
	static char path[] = "/tmp/ukvmm-functions-XXXXXX";
	uint8_t *bytes = malloc(DISK);
	int fd = mkstemp(path);

	if (fd < 0 || !bytes)
		beside_die("%s cannot be made", path);
	some_bytes(bytes, DISK);
	if (write(fd, bytes, DISK) != DISK)
		beside_die("%s cannot be written", path);
	free(bytes);
	close(fd);
	return path;
}

static void compare(int fd, const struct request *r)
{
	struct answer guest = { .body = malloc(ROOM), .room = ROOM }, here = { .body = malloc(ROOM), .room = ROOM };
	double us, cpu;

	if (!guest.body || !here.body)
		beside_die("out of memory");
	http_ask(fd, r->method, r->path, sent, r->body, &guest);
	host_ask(host_find(r->function), r->method, r->path, sent, r->body, &here, &us, &cpu);
	if (guest.status != here.status || guest.len != here.len || memcmp(guest.body, here.body, here.len))
		beside_die("%s %s %s, body of %zu bytes: the guest says %d and %zu bytes (%.40s), the host %d and %zu (%.40s)",
			r->function, r->method, r->path, r->body, guest.status, guest.len, (char *)guest.body, here.status, here.len,
			(char *)here.body);
	printf("%s %s %s: status %d, %zu bytes\n", r->function, r->method, r->path, guest.status, guest.len);
	free(guest.body);
	free(here.body);
}

int main(int argc, char **argv)
{
	struct beside_job job = { .memory = 192u << 20 };
	struct beside_vm *vm;
	int fd, n = 0;

	if (argc != 3)
		beside_die("usage: compare NAME IMAGE");
	job.image = argv[2];
	net_enter(1500);
	if (!strcmp(argv[1], "readfile")) {
		job.disk = make_disk();
		host_disk(job.disk);
	}
	some_bytes(sent, sizeof sent);
	vm = beside_start(&job);
	if (job.disk)
		unlink(job.disk);
	fd = net_connect(CONNECT_MS);
	for (size_t i = 0; i < sizeof requests / sizeof *requests; i++) {
		if (strcmp(requests[i].function, argv[1]))
			continue;
		compare(fd, &requests[i]);
		n++;
	}
	close(fd);
	beside_end(vm);
	if (!n)
		beside_die("nothing is asked of %s", argv[1]);
	return 0;
}
