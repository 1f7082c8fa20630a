/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of this folder share. */
#ifndef FAAS_DISPATCH_INTERNAL_H
#define FAAS_DISPATCH_INTERNAL_H

#include "dispatch.h"

enum {
	FUNCTIONS_HASH = 1024,
	NAME_BYTES = SPEC_NAME + 24,
	TOKEN_BYTES = 33,
	LAST_WORDS = 256,
	SHARE = 1 << 20,   /* what a start costs a function of weight 1 */
	FAILURES = 3,	   /* starts that fail in a row, before there is a pause before the next */
};

/* Open files of a revision. */
struct revision {
	uint32_t references;
	struct spec *spec;
	int image_fd, initrd_fd, disk_fd[SPEC_DISKS];
};

/* KEPT: it hung, serves nothing any more, and stands still to be looked at; one of a function at most. */
enum replica_state { REPLICA_STARTING, REPLICA_READY, REPLICA_KEPT, REPLICA_ENDING };

struct replica {
	struct dispatcher *d;
	struct function *function; /* NULL: removed meanwhile */
	struct revision *revision;
	struct instance *instance;
	struct replica *next, **link;
	struct ticket *tickets;
	char name[NAME_BYTES], token[TOKEN_BYTES], words[LAST_WORDS];
	size_t words_len;
	enum replica_state state;
	bool retiring;	/* serves what it has, and nothing new */
	bool hung;	/* a request ran into its timeout: it is kept once it has no other */
	bool noted;
	bool first_used; /* a cold start's first byte has been told */
	uint32_t inflight;
	uint64_t born, ready_at, idle_since, wanted_at;
	uint64_t answered_at; /* when it began an answer last */
	/* how long it has had requests and begun no answer: up to the last time that it had none, and since when again */
	uint64_t silent_ns, silent_since;
	struct loop_timer timer; /* start, then idle */
	struct loop_timer probe;
	struct loop_fd probe_first, probe_again;
	uint32_t probes;
	bool probe_heard; /* the guest has answered a connect */
};

struct function {
	struct dispatcher *d;
	struct function *hash_next, *next, **link;
	struct function *want_next; /* while starts are handed out */
	char name[SPEC_NAME + 1];
	struct revision *current, *candidate;
	struct replica *tryout; /* of the candidate */
	struct dispatch_deploy *deploy;
	struct replica *replicas; /* of all revisions */
	struct replica *kept;
	struct ticket *queue, **queue_end;
	uint32_t queued, starting, ready, inflight, n_replicas;
	uint32_t scaled;
	uint32_t failures;
	uint64_t not_before; /* starts, after failures */
	struct loop_timer retry, trial; /* trial: the candidate must be ready by then */
	uint64_t pass;	     /* of the stride scheduler */
	bool starved;	     /* wants a start and gets none for lack of memory */
	bool serving; /* its queue is being served: a request that is over at once does not begin that anew */
	double tokens;	     /* of the rate limit */
	uint64_t tokens_at;
	bool removed;
	struct function_counts counts;
	uint64_t measured_at, measured_cpu_ns; /* when counts.millicores was */
	struct histogram phases[PHASES];
};

struct dispatcher {
	struct loop *loop;
	const struct backend_ops *ops;
	struct backend *backend;
	struct dispatch_config config;
	struct function *hash[FUNCTIONS_HASH], *functions;
	uint64_t committed, ending, pass; /* bytes; ending: of instances that were told to end */
	uint32_t n_functions, n_replicas, n_ready, n_starting, n_queued;
	uint64_t serial; /* of instances */
	char epoch[9];	 /* tells this server's life from others in their names */
	struct loop_task schedule;
	bool stopping, wait_for_more;
	bool starved; /* a function is: one that gets idle may make room */
	void (*empty)(void *arg);
	void *empty_arg;
};

/* revision.c */
/* One reference; it opens the spec's files. 0, -ENOMEM, or errno of opening one. */
int revision_new(struct dispatcher *d, struct spec *spec, struct revision **out);
void revision_unref(struct revision *r); /* NULL is ignored */

/* function.c */
void function_free_if_gone(struct function *f);
void function_deployed(struct function *f, const char *why);

/* replica.c */
/* -EAGAIN: the back end has none now; another errno: it failed, why is in text (LAST_WORDS bytes). */
int replica_start(struct function *f, struct revision *revision, uint64_t wanted_at, struct replica **out, char *text);
void replica_stop(struct replica *r);
void replica_retire(struct replica *r); /* stops when it is idle */
void replica_idle(struct replica *r);	/* its last request is over */
void replica_is_ready(struct replica *r);
void replica_note_phases(struct replica *r);
bool replica_free_slot(const struct replica *r);
uint64_t replica_memory(const struct dispatcher *d, const struct spec *spec);
void replica_event(struct replica *r, const char *what, const char *text); /* for the log */
void replica_account(struct replica *r, bool add); /* among what is committed */
void replica_counted_as(struct replica *r, enum replica_state state);

/* replica_events.c */
uint64_t replica_byte_seconds(const struct replica *r);

/* queue.c */
void queue_serve(struct function *f);
void queue_refuse(struct function *f, uint32_t most, unsigned int status, const char *why);

/* starts.c */
void starts_soon(struct dispatcher *d);
bool starts_yield(const struct function *f);

/* probe.c */
void probe_begin(struct replica *r);
void probe_end(struct replica *r);

#endif
