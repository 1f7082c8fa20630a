/* SPDX-License-Identifier: Apache-2.0 */
#include "dispatch.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "internal.h"

enum { STARTS_A_CPU = 4, STARTS_LEAST = 16 };

const char *const phase_name[PHASES] = { "queue", "worker", "create", "load", "entry", "ready", "first_byte", "all" };

static uint64_t most_of_the_machine(void)
{
	long pages = sysconf(_SC_PHYS_PAGES), size = sysconf(_SC_PAGESIZE);

	return pages > 0 && size > 0 ? (uint64_t)pages / 4 * 3 * (uint64_t)size : 1u << 30;
}

static uint32_t starts_by_cpus(void)
{
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);

	return cpus * STARTS_A_CPU > STARTS_LEAST ? (uint32_t)cpus * STARTS_A_CPU : STARTS_LEAST;
}

int dispatch_new(struct loop *loop, const struct backend_ops *ops, const struct dispatch_config *config,
	struct dispatcher **out)
{
	struct dispatcher *d = calloc(1, sizeof *d);

	if (!d)
		return -ENOMEM;
	d->loop = loop;
	d->ops = ops;
	d->config = *config;
	if (!d->config.memory)
		d->config.memory = most_of_the_machine();
	if (!d->config.starting)
		d->config.starting = starts_by_cpus();
	snprintf(d->epoch, sizeof d->epoch, "%08x", (uint32_t)(loop_clock() / 1000000u) ^ ((uint32_t)getpid() << 16));
	*out = d;
	return 0;
}

void dispatch_use(struct dispatcher *d, struct backend *backend)
{
	d->backend = backend;
}

void dispatch_more(void *dispatcher)
{
	struct dispatcher *d = dispatcher;

	d->wait_for_more = false;
	starts_soon(d);
}

void dispatch_stop(struct dispatcher *d, void (*empty)(void *arg), void *arg)
{
	struct function *after;
	struct replica *next;

	d->stopping = true;
	d->empty = empty;
	d->empty_arg = arg;
	for (struct function *f = d->functions; f; f = after) {
		after = f->next;
		if (f->deploy)
			function_deployed(f, "the server ends");
	}
	for (struct function *f = d->functions; f; f = f->next)
		for (struct replica *r = f->replicas; r; r = next) {
			next = r->next;
			r->retiring = true;
			replica_stop(r);
		}
	if (d->n_replicas == 0)
		empty(arg);
}

void dispatch_free(struct dispatcher *d)
{
	struct function *next;

	if (!d)
		return;
	loop_cancel(d->loop, &d->schedule);
	for (struct function *f = d->functions; f; f = next) {
		next = f->next;
		f->removed = true;
		f->deploy = NULL;
		function_free_if_gone(f);
	}
	free(d);
}

bool dispatch_ready(struct dispatcher *d, const char *token)
{
	if (strlen(token) != TOKEN_BYTES - 1)
		return false;
	for (struct function *f = d->functions; f; f = f->next)
		for (struct replica *r = f->replicas; r; r = r->next) {
			if (strcmp(r->token, token) != 0)
				continue;
			if (r->revision->spec->ready == READY_CALLBACK)
				replica_is_ready(r);
			return true;
		}
	return false;
}

void dispatch_view(const struct function *f, struct function_view *view)
{
	*view = (struct function_view){ f->current->spec, f->counts, f->phases };
	view->counts.kept = f->kept ? 1 : 0;
	view->counts.replicas = f->n_replicas - view->counts.kept;
	view->counts.ready = f->ready;
	view->counts.inflight = f->inflight;
	view->counts.queued = f->queued;
}

static void measure(struct function *f, uint64_t cpu_ns)
{
	uint64_t now = loop_clock(), span = now - f->measured_at;

	if (span < 1000000000u)
		return;
	if (cpu_ns > f->measured_cpu_ns)
		f->counts.millicores = (uint32_t)((double)(cpu_ns - f->measured_cpu_ns) / (double)span * 1000 + 0.5);
	else
		f->counts.millicores = 0;
	f->measured_at = now;
	f->measured_cpu_ns = cpu_ns;
}

void dispatch_view_costs(struct function *f, struct function_view *view)
{
	struct function_counts *c = &view->counts;
	struct instance_cost cost;

	dispatch_view(f, view);
	for (const struct replica *r = f->replicas; r; r = r->next) {
		f->d->ops->cost(r->instance, &cost);
		c->cpu_ns += cost.cpu_ns;
		c->network_bytes += cost.rx_bytes + cost.tx_bytes;
		c->byte_seconds += replica_byte_seconds(r);
	}
	measure(f, c->cpu_ns);
	c->millicores = f->counts.millicores;
}

static struct replica *find_replica(struct dispatcher *d, const char *instance)
{
	for (struct function *f = d->functions; f; f = f->next)
		for (struct replica *r = f->replicas; r; r = r->next)
			if (strcmp(r->name, instance) == 0)
				return r;
	return NULL;
}

int dispatch_core(struct dispatcher *d, const char *instance, bool memory, int fd)
{
	struct replica *r = find_replica(d, instance);

	if (!r)
		return -ENOENT;
	return d->ops->core ? d->ops->core(r->instance, memory, fd) : -EOPNOTSUPP;
}

int dispatch_end(struct dispatcher *d, const char *instance)
{
	struct replica *r = find_replica(d, instance);

	if (!r)
		return -ENOENT;
	r->retiring = true;
	replica_stop(r);
	return 0;
}

struct spec *dispatch_instance_spec(struct dispatcher *d, const char *instance)
{
	struct replica *r = find_replica(d, instance);

	return r ? r->revision->spec : NULL;
}

void dispatch_each(struct dispatcher *d, void (*each)(void *arg, const struct function_view *view), void *arg)
{
	struct function_view view;

	for (struct function *f = d->functions; f; f = f->next) {
		if (f->removed || !f->current)
			continue;
		dispatch_view_costs(f, &view);
		each(arg, &view);
	}
}

static const char *state_name(const struct replica *r)
{
	if (r->state == REPLICA_STARTING)
		return "starting";
	if (r->state == REPLICA_ENDING)
		return "ending";
	if (r->state == REPLICA_KEPT)
		return "kept";
	return r->inflight ? "busy" : "idle";
}

void dispatch_each_replica(struct dispatcher *d, void (*each)(void *arg, const struct replica_view *view), void *arg)
{
	for (struct function *f = d->functions; f; f = f->next)
		for (struct replica *r = f->replicas; r; r = r->next) {
			struct replica_view v = { r->name, f->name, state_name(r), r->revision->spec->revision,
				r->inflight, r->born, { 0 }, r->revision->spec->memory, { 0 }, r->tickets };

			d->ops->cost(r->instance, &v.cost);
			d->ops->address(r->instance, &v.address);
			each(arg, &v);
		}
}

const struct spec *dispatch_spec_at(const struct dispatcher *d, struct in_addr address)
{
	struct sockaddr_in at;

	for (const struct function *f = d->functions; f; f = f->next)
		for (const struct replica *r = f->replicas; r; r = r->next) {
			d->ops->address(r->instance, &at);
			if (at.sin_addr.s_addr == address.s_addr)
				return r->revision->spec;
		}
	return NULL;
}

void dispatch_totals(const struct dispatcher *d, struct dispatch_totals *t)
{
	*t = (struct dispatch_totals){ d->config.memory, d->committed, d->n_functions, d->n_replicas, d->n_ready,
		d->n_starting, d->n_queued };
}
