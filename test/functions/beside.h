/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Functions as guests of this process, and beside them the same functions compiled into it: for the tests and the
 * benchmark of them. One network namespace with one tap, made by net_enter; guests take turns on it. What cannot go on
 * ends the program: status 77 where the machine lacks something, 2 otherwise. Times are microseconds.
 */
#ifndef BESIDE_H
#define BESIDE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

_Noreturn void beside_die(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
_Noreturn void beside_skip(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
double beside_us(void);

/* ---- beside_net.c ---- */

#define NET_TAP	  "tap0"
#define NET_IP	  "10.9.0.2"
#define NET_WORDS "ip=" NET_IP "/24"
enum { NET_PORT = 8080, NET_MTU = 65520 };

extern const uint8_t net_mac[8]; /* of every guest: the host knows it, and need not ask */

/* Before any thread: a namespace with the tap in it, up, and the host's address on it. */
void net_enter(unsigned mtu);
/* The tap, up from here on: what the host sends waits in it. One at a time has it. */
int net_tap(void);
/* A connection to a guest that may not be there yet; it waits `timeout_ms` for it. */
int net_connect(int timeout_ms);

/* ---- beside_vm.c ---- */

struct beside_job {
	const char *image, *words, *disk; /* words: added to NET_WORDS, or NULL; disk: NULL for none */
	uint64_t memory;		  /* 0: the default */
	uint32_t hugepages, mtu;
};

/* From ukvmm_vm_new on. */
struct beside_times {
	double sealed, entered, ready, created_at; /* created_at: of beside_us */
	uint64_t resident, exits;
	uint64_t io_cpu_us;
	double cpu_us; /* of the vCPU's thread, in the guest and for it */
};

/* Makes ahead, for guests of that kind, what does not depend on the image (ukvmm_host_prepare); 0: no longer. */
void beside_prepare(const struct beside_job *job, unsigned shells);

struct beside_vm; /* a guest that runs on another thread; one at a time */
struct beside_vm *beside_start(const struct beside_job *job);
void beside_look(struct beside_vm *vm, struct beside_times *times);
void beside_end(struct beside_vm *vm);
/* A process in place of it (QEMU, ukvmm run), which has the tap as this fd; killed by beside_kill. */
enum { BESIDE_TAP_FD = 9 };
int beside_spawn(const char *const *argv, int tap);
void beside_kill(int pid);

/* ---- beside_http.c ---- */

struct answer {
	int status;
	size_t len;
	double first, all; /* since the request was begun */
	uint8_t *body;	   /* of http_ask's caller, room bytes */
	size_t room;
};

/* One request on a connection that stays; bounded by two minutes. */
void http_ask(int fd, const char *method, const char *path, const void *body, size_t len, struct answer *answer);

/* ---- beside_host.c: the function compiled into this process ---- */

struct fn_request;
struct fn_response;
struct host_function {
	const char *name;
	void (*handle)(const struct fn_request *request, struct fn_response *response);
};
extern const struct host_function host_functions[]; /* ends with a name that is NULL */
const struct host_function *host_find(const char *name);
/* Calls it; *us: how long that took, *cpu_us: of this thread's CPU. The body is copied to answer->body. */
void host_ask(const struct host_function *f, const char *method, const char *path, const void *body, size_t len,
	struct answer *answer, double *us, double *cpu_us);
void host_disk(const char *path);

#endif
