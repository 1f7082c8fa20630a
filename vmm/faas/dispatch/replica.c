/* SPDX-License-Identifier: Apache-2.0 */
/* An instance as the dispatcher sees it, from its start to its end. */
#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "internal.h"

uint64_t replica_memory(const struct dispatcher *d, const struct spec *spec)
{
	return spec->memory + d->ops->overhead;
}

bool replica_free_slot(const struct replica *r)
{
	return r->state == REPLICA_READY && !r->retiring && r->inflight < r->revision->spec->concurrency;
}

void replica_event(struct replica *r, const char *what, const char *text)
{
	struct dispatcher *d = r->d;

	if (d->config.event)
		d->config.event(d->config.arg, r->function->name, r->name, what, text);
}

static uint32_t warm(const struct function *f)
{
	uint32_t least = f->current ? f->current->spec->min_warm : 0;

	return f->removed ? 0 : f->scaled > least ? f->scaled : least;
}

/* Not ready in time; later: not used for a while. */
static void on_timer(struct loop_timer *timer)
{
	struct replica *r = (struct replica *)((char *)timer - offsetof(struct replica, timer));

	if (r->state == REPLICA_STARTING) {
		replica_event(r, "late", "it was not ready in time and is stopped");
		snprintf(r->words, sizeof r->words, "it was not ready in time");
		replica_stop(r);
		return;
	}
	if (r->inflight == 0 && r->function->ready > warm(r->function)) {
		replica_event(r, "idle", "it was not used and is stopped");
		replica_stop(r);
	}
}

static void name_it(struct replica *r)
{
	uint8_t random[16] = { 0 };

	snprintf(r->name, sizeof r->name, "%s-%s%llx", r->function->name, r->d->epoch,
		(unsigned long long)++r->d->serial);
	if (getrandom(random, sizeof random, 0) != sizeof random)
		return; /* no token: no callback will fit */
	for (int i = 0; i < 16; i++)
		snprintf(r->token + i * 2, 3, "%02x", random[i]);
}

void replica_account(struct replica *r, bool add)
{
	struct dispatcher *d = r->d;
	uint64_t bytes = replica_memory(d, r->revision->spec);

	d->committed = add ? d->committed + bytes : d->committed - bytes;
	d->n_replicas = add ? d->n_replicas + 1 : d->n_replicas - 1;
	r->function->n_replicas += add ? 1u : -1u;
}

static int start(struct replica *r, char *text)
{
	struct dispatcher *d = r->d;
	struct spec *spec = r->revision->spec;
	struct ukvmm_err err = { .size = sizeof err };
	struct instance_plan plan = { r->name, r->token, spec, r->revision->image_fd, r->revision->initrd_fd, -1,
		r->revision->disk_fd };
	int rc = 0;

	if (spec->secrets.n > 0)
		plan.secrets_fd = rc = d->config.open_secrets(d->config.arg, spec);
	if (rc < 0) {
		snprintf(text, LAST_WORDS, "its secrets could not be read: %s", strerror(-rc));
		return rc;
	}
	rc = d->ops->start(d->backend, &plan, r, &r->instance, &err);
	if (plan.secrets_fd >= 0)
		close(plan.secrets_fd);
	if (rc < 0)
		snprintf(text, LAST_WORDS, "%s(%s): %s", err.call, err.object, err.text);
	return rc;
}

void replica_counted_as(struct replica *r, enum replica_state state)
{
	struct function *f = r->function;
	struct dispatcher *d = r->d;

	if (r->state == REPLICA_STARTING)
		f->starting--, d->n_starting--;
	if (r->state == REPLICA_READY)
		f->ready--, d->n_ready--;
	if (r->state == REPLICA_KEPT)
		f->kept = NULL;
	if (state == REPLICA_STARTING)
		f->starting++, d->n_starting++;
	if (state == REPLICA_READY)
		f->ready++, d->n_ready++;
	if (state == REPLICA_KEPT)
		f->kept = r;
	r->state = state;
}

int replica_start(struct function *f, struct revision *revision, uint64_t wanted_at, struct replica **out, char *text)
{
	struct replica *r = calloc(1, sizeof *r);
	int rc;

	if (!r) {
		snprintf(text, LAST_WORDS, "out of memory");
		return -ENOMEM;
	}
	r->d = f->d;
	r->function = f;
	r->revision = revision;
	r->wanted_at = wanted_at;
	r->born = loop_clock();
	r->timer.due = on_timer;
	name_it(r);
	rc = start(r, text);
	if (rc < 0) {
		free(r);
		return rc;
	}
	revision->references++;
	r->link = &f->replicas;
	r->next = f->replicas;
	if (r->next)
		r->next->link = &r->next;
	f->replicas = r;
	f->starting++;
	f->d->n_starting++;
	replica_account(r, true);
	f->counts.cold_starts++;
	loop_timer_set(f->d->loop, &r->timer, r->born + revision->spec->start_ns);
	if (revision->spec->ready == READY_TCP)
		probe_begin(r);
	*out = r;
	return 0;
}

/* In place of the one that was kept before. */
static void keep(struct replica *r)
{
	if (r->function->kept)
		replica_stop(r->function->kept);
	loop_timer_stop(r->d->loop, &r->timer);
	r->idle_since = loop_now(r->d->loop);
	replica_counted_as(r, REPLICA_KEPT);
	r->d->ops->hold(r->instance);
	replica_event(r, "kept", "a request ran into its timeout; it stands still to be looked at, until it is ended");
	starts_soon(r->d);
}

void replica_stop(struct replica *r)
{
	if (r->state == REPLICA_ENDING)
		return;
	if (r->state == REPLICA_STARTING)
		probe_end(r);
	replica_counted_as(r, REPLICA_ENDING);
	loop_timer_stop(r->d->loop, &r->timer);
	r->d->ending += replica_memory(r->d, r->revision->spec);
	r->d->ops->stop(r->instance);
}

void replica_retire(struct replica *r)
{
	r->retiring = true;
	if (r->inflight == 0 || r->state == REPLICA_STARTING)
		replica_stop(r);
}

void replica_idle(struct replica *r)
{
	if (r->state != REPLICA_READY || r->inflight > 0)
		return;
	if (r->hung && !r->function->removed && r->d->ops->hold) {
		keep(r);
		return;
	}
	if (r->retiring) {
		replica_stop(r);
		return;
	}
	r->idle_since = loop_now(r->d->loop);
	loop_timer_in(r->d->loop, &r->timer, r->revision->spec->idle_ns);
}

/* Each phase from the end of the last one that is known. Not at once: some are told later. */
void replica_note_phases(struct replica *r)
{
	struct instance_times t = { 0 };
	uint64_t last = r->wanted_at;

	if (r->noted || !r->ready_at)
		return;
	r->noted = true;
	r->d->ops->times(r->instance, &t);
	const uint64_t at[] = { r->born, t.taken, t.created, t.loaded, t.entered, r->ready_at };

	for (unsigned int i = 0; i < sizeof at / sizeof at[0]; i++) {
		if (!at[i] || at[i] < last)
			continue;
		histogram_add(&r->function->phases[i], at[i] - last);
		last = at[i];
	}
}

void replica_is_ready(struct replica *r)
{
	struct function *f = r->function;

	if (r->state != REPLICA_STARTING)
		return;
	probe_end(r);
	loop_timer_stop(r->d->loop, &r->timer);
	r->ready_at = loop_clock();
	replica_counted_as(r, REPLICA_READY);
	f->failures = 0;
	replica_event(r, "ready", "");
	if (r->d->ops->serves)
		r->d->ops->serves(r->instance);
	if (r == f->tryout)
		function_deployed(f, NULL);
	replica_idle(r);
	queue_serve(f);
	starts_soon(r->d);
}
