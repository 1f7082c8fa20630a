/* SPDX-License-Identifier: Apache-2.0 */
/* Functions and their revisions: what is deployed, tried, live and removed. */
#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "internal.h"

static uint32_t hash_of(const char *name)
{
	uint32_t h = 2166136261u; /* FNV-1a */

	for (; *name; name++)
		h = (h ^ (unsigned char)*name) * 16777619u;
	return h % FUNCTIONS_HASH;
}

static struct function *find(struct dispatcher *d, const char *name)
{
	struct function *f = d->hash[hash_of(name)];

	while (f && strcmp(f->name, name) != 0)
		f = f->hash_next;
	return f;
}

struct function *dispatch_find(struct dispatcher *d, const char *name)
{
	struct function *f = find(d, name);

	return f && f->current ? f : NULL;
}

static void on_retry(struct loop_timer *timer)
{
	starts_soon(((struct function *)((char *)timer - offsetof(struct function, retry)))->d);
}

static void on_trial_late(struct loop_timer *timer)
{
	struct function *f = (struct function *)((char *)timer - offsetof(struct function, trial));

	if (f->tryout)
		replica_retire(f->tryout);
	function_deployed(f, "no instance of it was ready in time");
}

static struct function *function_new(struct dispatcher *d, const char *name)
{
	struct function *f = calloc(1, sizeof *f);
	uint32_t h = hash_of(name);

	if (!f)
		return NULL;
	f->d = d;
	snprintf(f->name, sizeof f->name, "%s", name);
	f->queue_end = &f->queue;
	f->retry.due = on_retry;
	f->trial.due = on_trial_late;
	f->pass = d->pass;
	f->measured_at = loop_clock();
	f->hash_next = d->hash[h];
	d->hash[h] = f;
	f->next = d->functions;
	if (f->next)
		f->next->link = &f->next;
	f->link = &d->functions;
	d->functions = f;
	d->n_functions++;
	return f;
}

static void unhash(struct function *f)
{
	struct function **at = &f->d->hash[hash_of(f->name)];

	while (*at != f)
		at = &(*at)->hash_next;
	*at = f->hash_next;
	f->removed = true;
	f->d->n_functions--;
}

void function_free_if_gone(struct function *f)
{
	if (!f->removed || f->replicas || f->deploy)
		return;
	loop_timer_stop(f->d->loop, &f->retry);
	loop_timer_stop(f->d->loop, &f->trial);
	*f->link = f->next;
	if (f->next)
		f->next->link = f->link;
	revision_unref(f->current);
	revision_unref(f->candidate);
	free(f);
}

int dispatch_restore(struct dispatcher *d, struct spec *spec)
{
	struct revision *r;
	struct function *f;
	int rc;

	if (find(d, spec->name))
		return -EEXIST;
	rc = revision_new(d, spec, &r);
	if (rc < 0)
		return rc;
	f = function_new(d, spec->name);
	if (!f) {
		revision_unref(r);
		return -ENOMEM;
	}
	f->current = r;
	starts_soon(d);
	return 0;
}

int dispatch_deploy(struct dispatcher *d, struct spec *spec, struct dispatch_deploy *deploy)
{
	struct function *f = find(d, spec->name);
	struct revision *r;
	int rc;

	if (f && f->deploy)
		return -EBUSY;
	rc = revision_new(d, spec, &r);
	if (rc < 0)
		return rc;
	if (!f && !(f = function_new(d, spec->name))) {
		revision_unref(r);
		return -ENOMEM;
	}
	f->candidate = r;
	f->deploy = deploy;
	f->failures = 0;
	loop_timer_in(d->loop, &f->trial, spec->start_ns + spec->queue_ns);
	starts_soon(d);
	return 0;
}

static void retire_old(struct function *f)
{
	struct replica *next;

	for (struct replica *r = f->replicas; r; r = next) {
		next = r->next;
		if (r->revision != f->current && r->state != REPLICA_KEPT)
			replica_retire(r);
	}
}

void function_deployed(struct function *f, const char *why)
{
	struct dispatch_deploy *deploy = f->deploy;

	loop_timer_stop(f->d->loop, &f->trial);
	f->deploy = NULL;
	f->tryout = NULL;
	if (why) {
		revision_unref(f->candidate);
	} else {
		revision_unref(f->current);
		f->current = f->candidate;
		f->failures = 0;
		f->scaled = 0;
	}
	f->candidate = NULL;
	if (!f->current && !f->removed)
		unhash(f); /* the first one, and it does not run */
	else if (!why)
		retire_old(f);
	if (deploy)
		deploy->told(deploy, why);
	starts_soon(f->d);
	function_free_if_gone(f);
}

static void retire_all(struct function *f)
{
	struct replica *next;

	for (struct replica *r = f->replicas; r; r = next) {
		next = r->next;
		replica_retire(r);
	}
}

int dispatch_remove(struct dispatcher *d, const char *name)
{
	struct function *f = dispatch_find(d, name);

	if (!f)
		return -ENOENT;
	unhash(f);
	queue_refuse(f, UINT32_MAX, 404, "the function was removed");
	retire_all(f);
	if (f->deploy) {
		function_deployed(f, "the function was removed");
		return 0;
	}
	function_free_if_gone(f);
	return 0;
}

int dispatch_revert(struct dispatcher *d, const struct spec *failed, struct spec *before)
{
	struct function *f = dispatch_find(d, failed->name);
	struct revision *r;
	int rc;

	if (!f || f->current->spec != failed)
		return 0;
	if (!before)
		return dispatch_remove(d, failed->name);
	rc = revision_new(d, before, &r);
	if (rc < 0)
		return rc;
	revision_unref(f->current);
	f->current = r;
	f->failures = 0;
	retire_old(f);
	starts_soon(d);
	return 0;
}

void dispatch_scale(struct function *f, uint32_t replicas)
{
	uint32_t live = 0;
	struct replica *next;

	f->scaled = replicas;
	if (f->kept)
		replica_stop(f->kept);
	for (struct replica *r = f->replicas; r; r = r->next)
		live += r->state != REPLICA_ENDING && !r->retiring && r != f->tryout;
	for (int busy = 0; busy < 2; busy++) /* idle ones first */
		for (struct replica *r = f->replicas; r && live > replicas; r = next) {
			next = r->next;
			if (r->state == REPLICA_ENDING || r->retiring || r == f->tryout || (!busy && r->inflight > 0))
				continue;
			if (busy && f->queued > 0)
				continue; /* it is needed */
			live--;
			replica_retire(r);
		}
	starts_soon(f->d);
}
