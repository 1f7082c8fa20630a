/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where instances of functions come from. The dispatcher knows this interface only; a back end makes machines (or, in
 * tests, processes) of plans. All calls and events are on the loop's thread; nothing blocks, and no
 * event comes from inside of a call.
 *
 *	start -> STARTED -> (LOG)* -> READY -> (LOG)* -> DIED
 *
 * DIED may come at any time after start has returned, exactly once; it is the last event, and the instance is freed
 * behind it. Its address is free for others only then.
 */
#ifndef FAAS_INSTANCE_H
#define FAAS_INSTANCE_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

#include <ukvmm/error.h>

#include "egress/uplink.h"
#include "loop/loop.h"
#include "loop/work.h"
#include "spec.h"

struct backend;
struct instance;

/*
 * name      unique among all instances there ever were: letters, digits, '-', '_', '.'
 * token     what the guest shows at the callback, 32 hexadecimal digits
 * image_fd  stays the caller's, as all others
 * disk_fd   as many as the spec has disks: images that the guest may read
 * secrets   as a file for the guest; -1: none
 */
struct instance_plan {
	const char *name, *token;
	const struct spec *spec;
	int image_fd, initrd_fd, secrets_fd;
	const int *disk_fd;
};

/* The boot timeline, CLOCK_MONOTONIC, 0 where not known. */
struct instance_times {
	uint64_t taken;	  /* a worker, address and so on were there */
	uint64_t created; /* the machine */
	uint64_t loaded;  /* the image in its memory */
	uint64_t entered; /* its first instruction */
};

struct instance_cost {
	uint64_t cpu_ns, rx_bytes, tx_bytes;
	uint64_t exits; /* of its vCPUs, from the guest to us */
};

enum instance_cause {
	DIED_STOPPED, /* as it was asked to */
	DIED_ENDED,   /* the guest ended by itself */
	DIED_CRASHED, /* the guest, or what ran it */
	DIED_FAILED,  /* it could not be started */
};

/* text: one line in plain words. */
struct instance_end {
	enum instance_cause cause;
	const char *text;
	struct instance_cost cost;
};

struct instance_events {
	void (*ready)(void *user); /* it said so by itself (READY_DOORBELL) */
	void (*log)(void *user, const char *bytes, size_t len);
	void (*died)(void *user, const struct instance_end *end);
};

/*
 * addresses  the block that instances get theirs from, "10.100.0.0/16"
 * ready_port where the callback is served, on each instance's gateway; 0: nowhere
 * pool       how many are made ready ahead, of what does not depend on the function; pool_most: and how many at most,
 *            where so many were wanted at once
 * more, arg  see start
 * no_sandbox instances have no walls around them
 * uplink     the way out of where instances are; NULL: there is none
 * lost       called when no instance can be started any more
 */
struct backend_options {
	const char *addresses;
	uint16_t ready_port;
	uint32_t pool, pool_most;
	void (*more)(void *arg);
	void *arg;
	bool no_sandbox;
	void (*lost)(void *arg);
	void *lost_arg;
	struct uplink *uplink;
};

/*
 * early: first of all, before there are threads, descriptors or secrets: for what has to be forked off. What it makes is
 * `open`'s `*out`; without `open`, `close` takes it. May be NULL, and *out with it.
 * notes: called once serving: a line for each thing about this host that an operator should know. May be NULL.
 * serves: it was found to be ready by others than itself (READY_CALLBACK, READY_TCP), and has requests from now on. NULL: not told.
 * admit: can a function have the egress that it asks for? -ENOTSUP with the reason. NULL: none can. Any thread.
 * overhead: bytes that an instance costs beside its guest's memory.
 */
struct backend_ops {
	const char *name;
	int (*open)(struct loop *loop, struct work *work, const struct instance_events *events,
		const struct backend_options *options, struct backend **out, struct ukvmm_err *err);
	/* Nothing of it lives any more: all instances have died. */
	void (*close)(struct backend *b);
	/* Can it run this? -ENOEXEC with the reason. */
	int (*check)(struct backend *b, int image_fd, struct ukvmm_err *err);
	/* -EAGAIN: not now, an address or worker is missing; `more` is called when it is worth another try. */
	int (*start)(struct backend *b, const struct instance_plan *plan, void *user, struct instance **out,
		struct ukvmm_err *err);
	/* Asks for its end; DIED follows. Repeatable. */
	void (*stop)(struct instance *i);
	void (*address)(const struct instance *i, struct sockaddr_in *out);
	void (*times)(const struct instance *i, struct instance_times *out);
	void (*cost)(const struct instance *i, struct instance_cost *out);
	uint64_t overhead;
	/* Its state to fd (the caller's), as worker_core (vmm/common/worker.h) says; NULL: not to be had. */
	int (*core)(struct instance *i, bool memory, int fd);
	/* It stands still until its end; its state can be had. NULL: cannot be done, it is stopped instead. */
	void (*hold)(struct instance *i);
	int (*early)(const struct backend_options *options, struct backend **out, struct ukvmm_err *err);
	void (*notes)(const struct backend *b, void (*line)(const char *fmt, ...));
	int (*admit)(struct backend *b, const struct spec *spec, struct ukvmm_err *err);
	void (*serves)(struct instance *i);
};

#endif
