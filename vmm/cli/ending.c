/* SPDX-License-Identifier: Apache-2.0 */
#include <cjson/cJSON.h>
#include <stdio.h>
#include <unistd.h>

#include "cli.h"
#include "report.h"
#include "run.h"

static const char call[] = "ukvmm_vcpu_run";

static int powered_off(const struct run *run, const struct ukvmm_stop *stop)
{
	const char *name = run->machine.name;

	if (stop->flags & UKVMM_STOP_PANICKED)
		report(call, name, "the guest says that it panicked");
	if (stop->flags & UKVMM_STOP_HAS_STATUS)
		return (int)(stop->value & 0xff);
	return stop->flags & UKVMM_STOP_PANICKED ? CLI_DEAD_HALT : CLI_OK;
}

int ending_status(const struct run *run, const struct message_stopped *m)
{
	const char *name = run->machine.name;

	if (m->rc < 0 || m->stop.reason == UKVMM_STOP_FAULT) {
		report_err(&m->err, NULL);
		return m->rc >= 0 && m->stop.flags & UKVMM_STOP_GUEST_ERROR ? CLI_DEAD_HALT : CLI_FAILED;
	}
	switch (m->stop.reason) {
	case UKVMM_STOP_POWEROFF:
		return powered_off(run, &m->stop);
	case UKVMM_STOP_RESET:
		if (m->stop.flags & UKVMM_STOP_TRIPLE_FAULT)
			report(call, name, "the guest reset itself by a triple fault");
		return CLI_OK;
	case UKVMM_STOP_DEAD_HALT:
		report(call, name, "the guest halted with interrupts off: nothing can wake it");
		return CLI_DEAD_HALT;
	case UKVMM_STOP_STOPPED:
		return run->cause;
	default:
		report(call, name, "a reason to stop that is unknown here: %u", m->stop.reason);
		return CLI_FAILED;
	}
}

int ending_of_worker(const struct run *run, const struct worker_death *death)
{
	char text[128];

	worker_death_text(death, text, sizeof text);
	report("worker", run->machine.name, "%s", text);
	return run->cause ? run->cause : death->status;
}

void ending_notes(const struct run *run)
{
	const struct ukvmm_vm_stats *s = &run->stats.vm;

	if (!s->pci_probes || !s->unused_devices)
		return;
	report(call, run->machine.name, "the guest looked for devices on a PCI bus, which there is not here, and has not "
		"used %u of its virtio-mmio devices", s->unused_devices);
}

struct moment {
	const char *name;
	uint64_t at;
};

enum { MOMENTS = 5 };

static void timeline_text(const struct moment *m, uint64_t started)
{
	for (int i = 0; i < MOMENTS; i++) {
		if (m[i].at)
			dprintf(STDERR_FILENO, "%-14s %10llu us\n", m[i].name,
				(unsigned long long)(m[i].at - started) / 1000);
		else
			dprintf(STDERR_FILENO, "%-14s %10s\n", m[i].name, "-");
	}
}

static void timeline_json(const struct moment *m, uint64_t started)
{
	static const char *const keys[MOMENTS] = {
		"create_us", "load_us", "first_entry_us", "first_output_us", "exit_us",
	};
	cJSON *o = cJSON_CreateObject();
	char *text;

	for (int i = 0; i < MOMENTS; i++) {
		if (m[i].at)
			cJSON_AddNumberToObject(o, keys[i], (double)((m[i].at - started) / 1000));
		else
			cJSON_AddNullToObject(o, keys[i]);
	}
	text = cJSON_PrintUnformatted(o);
	dprintf(STDERR_FILENO, "%s\n", text ? text : "{}");
	cJSON_free(text);
	cJSON_Delete(o);
}

void ending_timeline(const struct run *run, uint64_t started)
{
	const struct ukvmm_vm_stats *s = &run->stats.vm;

	if (run->options.timeline == TIMELINE_NONE)
		return;
	const struct moment moments[MOMENTS] = {
		{ "create", s->created_at },
		{ "load", s->sealed_at },
		{ "first entry", s->first_entry_at },
		{ "first output", s->first_output_at },
		{ "exit", s->ended_at },
	};
	if (run->options.timeline == TIMELINE_JSON)
		timeline_json(moments, started);
	else
		timeline_text(moments, started);
}
