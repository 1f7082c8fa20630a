/* SPDX-License-Identifier: Apache-2.0 */
/* The text that Prometheus reads, put together at once. */
#include "metrics.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "http/call.h"
#include "meters.h"

static void head(FILE *f, const char *name, const char *type, const char *help)
{
	fprintf(f, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

/* labels: "a=\"b\"", without the brackets. */
static void histogram(FILE *f, const char *name, const char *labels, const struct histogram *h)
{
	uint64_t sum = 0;

	for (int i = 0; i < BUCKETS; i++) {
		sum += h->bucket[i];
		fprintf(f, "%s_bucket{%s,le=\"%g\"} %" PRIu64 "\n", name, labels, (double)histogram_bound[i] / 1e9, sum);
	}
	fprintf(f, "%s_bucket{%s,le=\"+Inf\"} %" PRIu64 "\n", name, labels, h->count);
	fprintf(f, "%s_sum{%s} %.9f\n%s_count{%s} %" PRIu64 "\n", name, labels, (double)h->sum_ns / 1e9, name, labels,
		h->count);
}

static void each_code(struct meters *m, void (*each)(FILE *f, const struct meter *one, const struct code_meter *c),
	FILE *f)
{
	for (uint32_t i = 0; i < METER_HASH; i++)
		for (const struct meter *one = m->hash[i]; one; one = one->next)
			for (int c = 0; c < CODES; c++)
				if (one->codes[c].time.count)
					each(f, one, &one->codes[c]);
}

static void total(FILE *f, const struct meter *one, const struct code_meter *c)
{
	fprintf(f, "gateway_function_invocation_total{function_name=\"%s\",code=\"%u\"} %" PRIu64 "\n", one->function,
		c->code, c->time.count);
}

static void seconds(FILE *f, const struct meter *one, const struct code_meter *c)
{
	char labels[128];

	snprintf(labels, sizeof labels, "function_name=\"%s\",code=\"%u\"", one->function, c->code);
	histogram(f, "gateway_functions_seconds", labels, &c->time);
}

static void gateway(FILE *f, struct meters *m)
{
	head(f, "gateway_function_invocation_total", "counter", "Requests to functions that are over");
	each_code(m, total, f);
	head(f, "gateway_function_invocation_started", "counter", "Requests to functions");
	for (uint32_t i = 0; i < METER_HASH; i++)
		for (const struct meter *one = m->hash[i]; one; one = one->next)
			fprintf(f, "gateway_function_invocation_started{function_name=\"%s\"} %" PRIu64 "\n", one->function,
				one->started);
	head(f, "gateway_functions_seconds", "histogram", "Their duration");
	each_code(m, seconds, f);
}

/* Histograms of so many lists of codes, each with what `labels` says of it beside the code. */
static void codes(FILE *f, const char *prefix, const char *duration, const struct code_meter *list, int lists,
	void (*labels)(char *to, size_t len, int at))
{
	char name[64], text[160];
	size_t n;

	snprintf(name, sizeof name, "%s_total", prefix);
	for (int pass = 0; pass < 2; pass++) {
		head(f, pass ? duration : name, pass ? "histogram" : "counter", pass ? "Their duration" : "Requests to this server");
		for (int i = 0; i < lists * CODES; i++) {
			if (!list[i].time.count)
				continue;
			n = (size_t)snprintf(text, sizeof text, "code=\"%u\",", list[i].code);
			labels(text + n, sizeof text - n, i / CODES);
			if (pass)
				histogram(f, duration, text, &list[i].time);
			else
				fprintf(f, "%s{%s} %" PRIu64 "\n", name, text, list[i].time.count);
		}
	}
}

static void method_label(char *to, size_t len, int at)
{
	snprintf(to, len, "method=\"%s\"", meter_methods[at]);
}

static void provider_labels(char *to, size_t len, int at)
{
	snprintf(to, len, "method=\"%s\",path=\"%s\"", meter_methods[at / PATHS], meter_paths[at % PATHS]);
}

static const struct {
	const char *name, *type, *help;
	size_t at;
	uint32_t bytes;
	double scale;
} columns[] = {
#define COLUMN(name, type, field, scale, help) { name, type, help, offsetof(struct function_counts, field), \
	sizeof((struct function_counts){ 0 }.field), scale }
	COLUMN("gateway_service_count", "gauge", replicas, 1, "Instances"),
	COLUMN("ukvmm_function_ready", "gauge", ready, 1, "Instances that serve"),
	COLUMN("ukvmm_function_kept", "gauge", kept, 1, "Instances that hung, and stand still to be looked at"),
	COLUMN("ukvmm_function_inflight", "gauge", inflight, 1, "Requests that have an instance"),
	COLUMN("ukvmm_function_queued", "gauge", queued, 1, "Requests that wait for one"),
	COLUMN("ukvmm_function_cold_starts_total", "counter", cold_starts, 1, "Instances that were started"),
	COLUMN("ukvmm_function_failed_starts_total", "counter", failed_starts, 1, "Of these, never ready"),
	COLUMN("ukvmm_function_refused_total", "counter", refused, 1, "Requests that got no instance"),
	COLUMN("ukvmm_function_died_total", "counter", instances_died, 1, "Instances that ended by themselves"),
	COLUMN("ukvmm_function_cpu_seconds_total", "counter", cpu_ns, 1e-9, "CPU of instances, live ones as they told last"),
	COLUMN("ukvmm_function_memory_byte_seconds_total", "counter", byte_seconds, 1, "Memory times lifetime of instances"),
	COLUMN("ukvmm_function_network_bytes_total", "counter", network_bytes, 1, "Traffic of instances"),
};

struct table {
	FILE *f;
	size_t column;
};

static void cell(void *arg, const struct function_view *view)
{
	struct table *t = arg;
	const char *at = (const char *)&view->counts + columns[t->column].at;
	uint64_t value = columns[t->column].bytes == 4 ? *(const uint32_t *)at : *(const uint64_t *)at;

	fprintf(t->f, "%s{function_name=\"%s\"} %.15g\n", columns[t->column].name, view->spec->name,
		(double)value * columns[t->column].scale);
}

static void phases(void *arg, const struct function_view *view)
{
	char labels[128];

	for (int i = 0; i < PHASES; i++) {
		if (!view->phases[i].count)
			continue;
		snprintf(labels, sizeof labels, "function_name=\"%s\",phase=\"%s\"", view->spec->name, phase_name[i]);
		histogram(arg, "ukvmm_cold_start_seconds", labels, &view->phases[i]);
	}
}

static void functions(FILE *f, struct dispatcher *d)
{
	struct table t = { f, 0 };

	for (; t.column < sizeof columns / sizeof columns[0]; t.column++) {
		head(f, columns[t.column].name, columns[t.column].type, columns[t.column].help);
		dispatch_each(d, cell, &t);
	}
	head(f, "ukvmm_cold_start_seconds", "histogram", "Phases of cold starts, each from the end of the one before");
	dispatch_each(d, phases, f);
}

static void server(FILE *f, const struct app *app)
{
	struct dispatch_totals d;
	struct http_counts c;

	dispatch_totals(app->dispatcher, &d);
	http_counts(app->front, &c);
	head(f, "http_requests_in_flight", "gauge", "Requests that are not over");
	fprintf(f, "http_requests_in_flight %u\n", c.in_flight);
	head(f, "ukvmm_requests_total", "counter", "Requests by how they ended; accepted is the sum of the others and those in flight");
	fprintf(f, "ukvmm_requests_total{end=\"accepted\"} %" PRIu64 "\nukvmm_requests_total{end=\"answered\"} %" PRIu64
		   "\nukvmm_requests_total{end=\"refused\"} %" PRIu64 "\nukvmm_requests_total{end=\"aborted\"} %" PRIu64
		   "\n", c.accepted, c.answered, c.refused, c.aborted);
	head(f, "ukvmm_connections", "gauge", "Connections of clients");
	fprintf(f, "ukvmm_connections %u\n", c.connections);
	head(f, "ukvmm_memory_limit_bytes", "gauge", "What all instances may have together");
	fprintf(f, "ukvmm_memory_limit_bytes %" PRIu64 "\n", d.memory_limit);
	head(f, "ukvmm_memory_committed_bytes", "gauge", "What they may have grown to");
	fprintf(f, "ukvmm_memory_committed_bytes %" PRIu64 "\n", d.memory_used);
	head(f, "ukvmm_instances", "gauge", "Instances");
	fprintf(f, "ukvmm_instances{state=\"ready\"} %u\nukvmm_instances{state=\"starting\"} %u\n", d.ready, d.starting);
}

void metrics_answer(struct app *app, struct call *call)
{
	char *text = NULL;
	size_t len = 0;
	FILE *f = open_memstream(&text, &len);

	if (!f) {
		call_error(call, 503, "out of memory");
		return;
	}
	gateway(f, app->meters);
	codes(f, "http_requests", "http_request_duration_seconds", app->meters->requests[0], METHODS, method_label);
	codes(f, "provider_http_requests", "provider_http_request_duration_seconds", app->meters->provider[0][0],
		METHODS * PATHS, provider_labels);
	functions(f, app->dispatcher);
	server(f, app);
	fclose(f);
	call_reply(call, 200, "text/plain; version=0.0.4; charset=utf-8", text, len);
	free(text);
}
