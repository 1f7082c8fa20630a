/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A hostile driver, played by the test: one device under test (index 0 of its VM), a second device in the same VM
 * and a second VM on the same poller, whose devices must go on whatever the first one's driver does. Nothing here
 * uses a test framework, so that the fuzzers share it: a check that fails ends the program.
 */
#ifndef TEST_HOSTILE_H
#define TEST_HOSTILE_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "drive.h"
#include "virtio_reg.h"

#define CHECK(what)                                                                              \
	do {                                                                                     \
		if (!(what)) {                                                                   \
			fprintf(stderr, "%s:%d: %s: %s\n", __FILE__, __LINE__, __func__, #what); \
			abort();                                                                 \
		}                                                                                \
	} while (0)

#define COUNT(array) (sizeof(array) / sizeof *(array))

enum {
	RING = 16,	       /* entries of each queue under test */
	PAGE = 4096,
	BUF_BYTES = 256 * 1024 /* hostile.buf */
};

struct hostile;

/*
 * A device that can be put under test.
 * pull    a queue that the device pops as soon as it is kicked, whatever its host side does.
 * add     adds it to h->d.vm, before seal.
 * works   asserts that it answers a request of each kind rightly, after hostile_up.
 * request stores a well-formed request for `pull` at h->buf + 64 KiB (at most 8 segments); how many segments.
 * poke    its host side has something to say. NULL: it never has.
 * inject  gives bytes to its host side as they are. NULL: it has no such side.
 * drain   takes away what reached its host side, so that it can go on. NULL: it never waits for that.
 * kicks   UKVMM_KICKS_* of its VM.
 * close   what add opened. NULL: nothing.
 */
struct subject {
	const char *name;
	uint32_t queues, pull;
	void (*add)(struct hostile *h);
	void (*works)(struct hostile *h);
	uint32_t (*request)(struct hostile *h, struct drive_seg *seg);
	void (*poke)(struct hostile *h);
	void (*inject)(struct hostile *h, const void *bytes, size_t len);
	void (*drain)(struct hostile *h);
	void (*close)(struct hostile *h);
	uint32_t kicks;
};

extern const struct subject *const subjects[];
extern const uint32_t subjects_len;
const struct subject *subject_named(const char *name); /* NULL: none */

struct hostile {
	const struct subject *subject;
	struct drive d, other;
	struct drive_dev dev, near, far; /* under test; the same VM's second device; the other VM's */
	uint64_t mark, buf;		 /* buf: BUF_BYTES of guest memory for the test */
	uint64_t near_mark, near_buf, far_buf;
	uint32_t pings;
	bool ended;			 /* the last hostile_mmio or _port would end the guest or its run */
	int fd; /* the host's end of the device under test, where it has one */
};

void hostile_init(struct hostile *h, const struct subject *subject);
void hostile_init_ram(struct hostile *h, const struct subject *subject, uint64_t bytes);
/* Without neighbours, in a small VM: for the fuzzers. */
void hostile_init_alone(struct hostile *h, const struct subject *subject);
void hostile_fini(struct hostile *h);

/* Resets the device under test and brings it up with all that it offers, or with less; the rings are empty. */
void hostile_up(struct hostile *h);
void hostile_up_with(struct hostile *h, uint64_t features, uint32_t ring);
uint64_t hostile_offered(struct hostile *h);

/* An older state of the VM was loaded: the second device's driver starts anew, for it went on meanwhile. */
void hostile_loaded(struct hostile *h);

/* A second device and a second VM answer a request. */
void assert_neighbours_work(struct hostile *h);
/* The device under test needs a reset, by exactly one violation of this kind more than `before`; the VM's
 * statistics have it; the neighbours work; and so does the device after a reset. */
void assert_broken_by(struct hostile *h, enum virtio_violation why, uint64_t before);
/* Kicks `pull` and waits for that. */
void assert_breaks(struct hostile *h, enum virtio_violation why);
/* After a reset. */
void assert_recovers(struct hostile *h);

uint64_t violations_of(const struct hostile *h, enum virtio_violation why);
uint64_t violations_in_stats(const struct hostile *h);
bool is_broken(struct hostile *h);

/* Descriptor i of queue q, or of a table in the guest's memory; a head into the avail ring; its index alone. */
void hostile_desc(struct hostile *h, uint32_t q, uint32_t i, uint64_t gpa, uint32_t len, uint32_t flags,
	uint32_t next);
void hostile_desc_at(struct hostile *h, uint64_t table, uint32_t i, uint64_t gpa, uint32_t len, uint32_t flags,
	uint32_t next);
void hostile_offer(struct hostile *h, uint32_t q, uint16_t head);
void hostile_avail_idx(struct hostile *h, uint32_t q, uint16_t idx);
uint16_t hostile_used_idx(struct hostile *h, uint32_t q);

/* Stores of the guest's, byte by byte and atomic: another thread may store there too. */
void hostile_store(struct hostile *h, uint64_t gpa, const void *bytes, size_t len);

/* `turns` turns of the poller. */
void hostile_turns(struct hostile *h, uint32_t turns);
void hostile_drain(struct hostile *h);
/* A register access as a vCPU's exit brings it: any width from 1 to 8, any address. */
uint64_t hostile_mmio(struct hostile *h, uint64_t gpa, uint32_t width, bool write, uint64_t value);
uint64_t hostile_port(struct hostile *h, uint32_t port, uint32_t width, bool write, uint64_t value);

/* Memory that the process holds now: what was allocated, and (not under a sanitizer, whose own memory would be in
 * it; 0 there) what is resident but the RAM of both VMs. */
struct held {
	uint64_t heap, resident;
};
extern bool held_without_proc; /* resident is 0: there is no /proc */
struct held held_now(struct hostile *h);
/* Grown by no more than `bytes` since. */
void assert_held(struct hostile *h, struct held before, uint64_t bytes);

/* echo.c: reads up to ECHO_BYTES of the chain and writes them back inverted. */
enum { ECHO_BYTES = 4096 };
void echo_add(struct ukvmm_vm *vm, const char *name, uint32_t flags);
void echo_ping(struct drive_dev *dev, uint64_t buf, uint32_t value);

#endif
