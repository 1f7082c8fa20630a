/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which instance serves which request, and how many there are. A request asks with a ticket: it is granted an instance
 * with a free slot at once, or waits for one in its function's queue, or is refused. All on the loop's thread.
 *
 * Where memory or starts are short, functions get theirs by weight: who has had less goes first; an idle instance of
 * one function makes room for another, and one that becomes free does not take its function's next request while a
 * function with a smaller share waits.
 */
#ifndef FAAS_DISPATCH_H
#define FAAS_DISPATCH_H

#include "histogram.h"
#include "instance.h"

struct dispatcher;
struct function;
struct replica;

enum { PHASES = 8 };
/* Of a cold start, each from the end of the one before. */
enum phase { PHASE_QUEUE, PHASE_WORKER, PHASE_CREATE, PHASE_LOAD, PHASE_ENTRY, PHASE_READY, PHASE_FIRST_BYTE, PHASE_ALL };
extern const char *const phase_name[PHASES];

/*
 * memory    what all instances may have together; 0: 3/4 of the machine's
 * starting  how many may start at the same time; 0: by the number of CPUs
 * log       a function's instance wrote this; ended: what an instance died of
 */
struct dispatch_config {
	uint64_t memory;
	uint32_t starting;
	void *arg;
	void (*log)(void *arg, const char *function, const char *instance, const char *bytes, size_t len);
	void (*event)(void *arg, const char *function, const char *instance, const char *what, const char *text);
	/* Opens an image of the store, or the secrets of a function. An fd, or negative errno. */
	int (*open_image)(void *arg, const char *hash);
	int (*open_secrets)(void *arg, const struct spec *spec);
};

int dispatch_new(struct loop *loop, const struct backend_ops *ops, const struct dispatch_config *config,
	struct dispatcher **out);
/* The back end is opened between the two, as it needs dispatch_events and dispatch_more. */
void dispatch_use(struct dispatcher *d, struct backend *backend);
extern const struct instance_events dispatch_events;
void dispatch_more(void *dispatcher);
/* Stops all instances; `empty` is called when the last one is gone. No request may ask any more. */
void dispatch_stop(struct dispatcher *d, void (*empty)(void *arg), void *arg);
void dispatch_free(struct dispatcher *d);

/* ---- functions ---- */

/* told: once; why NULL: it runs. Otherwise nothing has changed. */
struct dispatch_deploy {
	void (*told)(struct dispatch_deploy *deploy, const char *why);
};
/*
 * A function as it was when the server ended: no instance is tried. -EEXIST, or errno of opening its image.
 */
int dispatch_restore(struct dispatcher *d, struct spec *spec);
/*
 * A new function or a new revision of one. It is live once an instance of it is ready; until then the old one serves.
 * 0: `told` follows. -EBUSY: another deploy of it is under way. -errno: the image could not be opened.
 */
int dispatch_deploy(struct dispatcher *d, struct spec *spec, struct dispatch_deploy *deploy);
/*
 * Takes a live revision back, as it could not be kept: `before` serves again, or where that is NULL the function is
 * removed. Nothing happens where `failed` is not live. 0, or errno of opening the image.
 */
int dispatch_revert(struct dispatcher *d, const struct spec *failed, struct spec *before);
/* Requests that wait are refused, those under way end. -ENOENT. */
int dispatch_remove(struct dispatcher *d, const char *name);
/* At least this many instances, until the next scale or deploy; 0: as many as are needed. One that is kept ends. */
void dispatch_scale(struct function *f, uint32_t replicas);
/* Ends an instance; requests that it has are lost. -ENOENT. */
int dispatch_end(struct dispatcher *d, const char *instance);
struct function *dispatch_find(struct dispatcher *d, const char *name);

/* ---- requests ---- */

/*
 * Zeroed, then granted, refused and lost are set, and again, where it had an instance before: it goes first, and the limits
 * of the function do not count for it once more. After `granted` the ticket has a replica until ticket_done;
 * `lost` tells that it died meanwhile, `why` its last words (ticket_done is still to be called).
 */
struct ticket {
	void (*granted)(struct ticket *t);
	void (*refused)(struct ticket *t, unsigned int status, const char *why);
	void (*lost)(struct ticket *t, const char *why);
	struct function *function;
	struct replica *replica;
	struct ticket *next, **link; /* in the queue, or among those of its replica */
	struct loop_timer deadline;
	uint64_t asked, granted_at;
	bool cold; /* an instance was started for it */
	bool again;
	const char *id; /* of the call, for those who look */
};

/* Answers now or later. */
void ticket_ask(struct function *f, struct ticket *t);
/* The answer begins: its instance does something; ends the timeline of a cold start. */
void ticket_first_byte(struct ticket *t);
/*
 * How a request was served: as it should be; not, and its instance is not to be trusted (one that serves several may go
 * on with the others); not in time, which may be worth a look (spec.keep); its client left before its instance began to answer; or its instance is no more.
 */
enum ticket_end { TICKET_FINE, TICKET_SUSPECT, TICKET_LATE, TICKET_LEFT, TICKET_DEAD };
/* Out of the queue, or the slot back. Ignores one that is neither. */
void ticket_done(struct ticket *t, enum ticket_end end);
const struct spec *ticket_spec(const struct ticket *t);
const char *ticket_instance(const struct ticket *t);
void ticket_address(const struct ticket *t, struct sockaddr_in *out);

/* The callback of a guest. False: nobody's token. */
bool dispatch_ready(struct dispatcher *d, const char *token);

/* ---- what there is ---- */

struct function_counts {
	uint64_t invocations, cold_starts, failed_starts, refused, instances_died;
	uint64_t cpu_ns, byte_seconds, network_bytes;
	uint32_t replicas, ready, inflight, queued, kept;
	uint32_t millicores; /* thousandths of a CPU, lately: over a second or more */
};
struct function_view {
	struct spec *spec;
	struct function_counts counts;
	const struct histogram *phases; /* PHASES of them */
};
struct replica_view {
	const char *name, *function, *state;
	uint32_t revision, inflight;
	uint64_t born;
	struct instance_cost cost;
	uint64_t memory;
	struct sockaddr_in address;
	const struct ticket *tickets; /* that it has */
};
/* With what live instances have cost so far, as they told last. */
void dispatch_view_costs(struct function *f, struct function_view *view);
/* The state of an instance to fd (the caller's). -ENOENT; -EOPNOTSUPP; -EAGAIN: it does not run yet; -errno. */
int dispatch_core(struct dispatcher *d, const char *instance, bool memory, int fd);
/* What an instance is of; NULL: there is none of this name. */
struct spec *dispatch_instance_spec(struct dispatcher *d, const char *instance);
/* What the instance that has this address is of; NULL: none has it. */
const struct spec *dispatch_spec_at(const struct dispatcher *d, struct in_addr address);
struct dispatch_totals {
	uint64_t memory_limit, memory_used;
	uint32_t functions, replicas, ready, starting, queued;
};

void dispatch_each(struct dispatcher *d, void (*each)(void *arg, const struct function_view *view), void *arg);
void dispatch_view(const struct function *f, struct function_view *view);
void dispatch_each_replica(struct dispatcher *d, void (*each)(void *arg, const struct replica_view *view), void *arg);
void dispatch_totals(const struct dispatcher *d, struct dispatch_totals *totals);

#endif
