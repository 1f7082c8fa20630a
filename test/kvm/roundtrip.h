/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A guest that travels: paused wherever it happens to be, saved (the state walk and a copy of RAM), loaded into a fresh
 * VM of the same kind, and run on there. Needs the library's internals: the walk has no public call yet.
 */
#ifndef ROUNDTRIP_H
#define ROUNDTRIP_H

#include "fixture.h"

#include <semaphore.h>

#include "peer.h"
#include "vm.h"

enum { ROUNDTRIP_VCPUS = 4, ROUNDTRIP_OUTPUT = 8192, ROUNDTRIP_INPUT = 4096 };

/* The io guest's. */
enum trip_device { TRIP_NOTHING, TRIP_DISK, TRIP_DISK_RING, TRIP_RNG, TRIP_NET };

struct trip_kind {
	const char *name, *image, *cmdline;
	uint32_t vcpus, irqchip; /* UKVMM_X86_IRQCHIP_* */
	uint32_t input;		 /* bytes to type when the guest says "ready", the last one a newline */
	uint32_t flags;		 /* UKVMM_VM_PARK_IDLE */
	uint64_t memory;	 /* 0: 16 MiB */
	enum trip_device device;
};

/* One vCPU on a thread of its own, until it is paused or done. */
struct driver {
	struct ukvmm_vcpu *vcpu;
	pthread_t thread;
	sem_t runnable;
	atomic_bool leave;
	struct ukvmm_stop stop;
	struct ukvmm_err err;
	int rc;
};

/* roundtrip_devices.c: a disk with a thread lent for it, a network with a peer. */
struct trip_ground {
	struct ukvmm_host *host;
	enum trip_device device;
	int fd;
	pthread_t worker;
	atomic_bool end;
	struct peer *peer;
};
void trip_ground_init(struct trip_ground *g, struct ukvmm_host *host, enum trip_device device);
void trip_ground_fini(struct trip_ground *g);
int trip_ground_add(const struct trip_ground *g, struct ukvmm_vm *vm, struct ukvmm_err *err);

struct traveller {
	struct fixture *f;
	const struct trip_kind *kind;
	struct ukvmm_image *image;
	struct trip_ground ground;
	struct ukvmm_vm *vm;
	struct driver driver[ROUNDTRIP_VCPUS];
	bool driven;
	char output[ROUNDTRIP_OUTPUT];
	size_t used;
	bool typed, paused, ended;
	struct ukvmm_stop stop; /* what ended it */
};

void traveller_init(struct traveller *t, struct fixture *f, const struct trip_kind *kind);
void traveller_fini(struct traveller *t);

/* A sealed and paused VM of a kind, which never ran. */
struct ukvmm_vm *traveller_fresh(struct traveller *t);
/* Starts the vCPUs of t->vm. */
void traveller_drive(struct traveller *t);
/* Serves events until `until`, or the end: true. */
bool traveller_serve(struct traveller *t, uint64_t until);
/* Pauses it; false: it ended first. */
bool traveller_pause(struct traveller *t);
/* Pause, save, load elsewhere, destroy, resume there. False: it ended first. */
bool traveller_hop(struct traveller *t);
/* To the end, with the vCPUs back. */
void traveller_finish(struct traveller *t);

/* Of a paused VM. The state is to be freed by state_fini. */
void save_state(struct ukvmm_vm *vm, struct ukvmm_state *s);
int load_state(struct ukvmm_vm *vm, const void *state, size_t len, struct ukvmm_err *err);
void copy_ram(struct ukvmm_vm *to, const struct ukvmm_vm *from);

/* A fixed sequence, so that a failure can be had again. */
uint64_t roundtrip_random(uint64_t *seed);

#endif
