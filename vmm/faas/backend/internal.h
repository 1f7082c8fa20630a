/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of this folder share: the back end, its workers and its instances. */
#ifndef FAAS_BACKEND_INTERNAL_H
#define FAAS_BACKEND_INTERNAL_H

#include <stdbool.h>

#include "broker.h"
#include "instance.h"
#include "taps.h"
#include "worker.h"

enum {
	KINDS = 8, /* of VMs for which workers wait */
	END_TEXT = 256,
	FAILURES = 8, /* workers that die before they are ready, in a row, before those that wait are told */
};

/* A worker without a job. */
struct spare {
	struct spare *next, **link;
	struct backend *b;
	struct worker *worker;
	struct loop_fd watch;
	uint64_t memory;
	uint32_t vcpus;
	bool ready;
	uint32_t round; /* the failures before it */
};

/* Of VM. */
struct kind {
	uint64_t memory;
	uint32_t vcpus;
	uint32_t wanted; /* in this second */
	uint32_t most;	 /* in the busiest one of late */
};

struct backend {
	struct loop *loop;
	struct work *work;
	struct work *gates; /* the thread that opens and closes taps; NULL: there is no uplink */
	const struct instance_events *events;
	struct backend_options options;
	struct broker *broker;
	struct loop_fd broker_end;
	bool cgroups;		   /* each worker is in one of its own */
	char without[END_TEXT];	   /* why not, else */
	uint32_t missing;	   /* walls that this host does not have: WALL_* */
	_Atomic uint32_t births;   /* for the names of cgroups */
	struct taps *taps;
	struct spare *spares;
	struct instance *waiting, **waiting_end; /* for a worker */
	struct loop_task serve;
	struct loop_timer fill, second;
	uint64_t fill_by;
	struct kind kind[KINDS]; /* the last ones that were asked for */
	uint32_t n_kinds;
	uint32_t failures;  /* workers that died waiting, in a row */
	uint32_t beginning; /* instances whose guests have a machine and are not up yet */
	uint64_t last_begin;
	struct instance *leaving, **leaving_end; /* to be asked to end */
	struct loop_timer leave;
	struct loop_task leave_now;
};

struct instance {
	struct backend *b;
	void *user;
	struct worker *worker;
	struct tap *tap;
	struct loop_fd watch, console;
	struct loop_timer deadline; /* of its end */
	struct loop_task gone;	    /* it never had a worker */
	struct instance *next;	    /* waiting */
	struct instance *leaving_next, **leaving_link;
	uint64_t leave_by;
	struct instance_times times;
	struct instance_cost cost;
	char name[MESSAGE_VM_NAME], end_text[END_TEXT];
	char *cmdline;
	int image_fd, initrd_fd, secrets_fd, disk_fd[SPEC_DISKS];
	uint32_t n_disks;
	uint64_t memory;
	uint32_t vcpus;
	uint16_t port;
	bool stopping, failed, begins;
	struct gate *gate; /* of its tap, if it has egress */
	bool opening;	   /* the gate is; nothing starts before */
	bool ended;	   /* the guest did, by itself */
	bool heard;   /* the guest did something, or serves */
	uint32_t lost;  /* workers that died before that; */
	uint32_t found; /* how many waited when the first had */
};

/* spares.c */
/* A worker that is ready for this kind, or NULL: one is being made, or it must be waited for. */
struct worker *spares_take(struct backend *b, uint64_t memory, uint32_t vcpus);
uint32_t spares_ready(const struct backend *b);
int spares_add(struct backend *b, uint64_t memory, uint32_t vcpus);
void spares_drop(struct spare *s);
void spares_drop_one(struct backend *b, uint64_t memory, uint32_t vcpus);
void spares_free(struct backend *b);

/* fill.c */
/* An instance of this kind begins. */
void fill_wanted(struct backend *b, uint64_t memory, uint32_t vcpus);
/* Makes what is missing for those that wait; fill_later: for those to come, by and by. */
void fill_now(struct backend *b);
void fill_later(struct backend *b);
void fill_stop(struct backend *b);

/* leaving.c */
/* Is to end; once it is asked to, vm_ask_end. */
void leaving_add(struct instance *i);
void leaving_remove(struct instance *i);
void leaving_look(struct backend *b);
void leaving_stop(struct backend *b);
/* Hardly anybody begins. */
bool backend_quiet(const struct backend *b);
/* It has its machine; it is up, or gone. Both may be said again. */
void instance_begins(struct instance *i);
void instance_begun(struct instance *i);

/* makers.c */
int makers_early(const struct backend_options *options, struct backend **out, struct ukvmm_err *err);
/* From now on the end of the broker is noticed. */
int makers_watch(struct backend *b);
void makers_notes(const struct backend *b, void (*line)(const char *fmt, ...));
/* A worker for a VM of this kind, memory 0: for none; room: what it may use then. Any thread. As broker_worker. */
int makers_worker(struct backend *b, uint64_t memory, uint32_t vcpus, uint64_t room, struct worker **out,
	struct ukvmm_err *err);
void makers_free(struct backend *b); /* b, too */

/* check.c: backend_ops.check; any thread */
int vm_check(struct backend *b, int image_fd, struct ukvmm_err *err);

/* vm_plan.c */
/* Files, tap and command line of a new instance; what there is of them goes with vm_unprepare, and the instance, too. */
int vm_prepare(struct instance *i, const struct instance_plan *plan, struct ukvmm_err *err);
void vm_unprepare(struct instance *i);
/* backend_ops.admit; any thread */
int vm_admit(struct backend *b, const struct spec *spec, struct ukvmm_err *err);

/* vm_job.c */
int vm_give_job(struct instance *i, struct worker *worker, struct ukvmm_err *err);
/* In the queue for a worker, and out of it. */
void vm_wait(struct instance *i);
void vm_leave_queue(struct instance *i);
/* backend.serve: workers that have got ready go to those that wait, in order of their kinds. */
void vm_serve_queue(struct loop_task *task);

/* gate.c */
/* The tap is opened for what its function may reach; then the instance is served, or gone. -ENOMEM. */
int gate_open(struct instance *i, const struct spec *spec);
/* The tap goes back to the others once it is closed. The instance has none then. */
void gate_close(struct instance *i);

/* vm_events.c */
/* Its end is heard of from now on: before it is given its job. */
int vm_watch(struct instance *i, struct worker *worker, int console);
void vm_unwatch(struct instance *i);
void vm_gone(struct instance *i, enum instance_cause cause, const char *text);
void vm_ask_end(struct instance *i);

#endif
