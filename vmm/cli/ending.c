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

int ending_status(const struct run *run, const struct outcome *o)
{
	const char *name = run->machine.name;
	int cause = atomic_load(&run->cause);

	if (o->rc < 0 || o->stop.reason == UKVMM_STOP_FAULT) {
		report_err(&o->err, NULL);
		return o->rc >= 0 && o->stop.flags & UKVMM_STOP_GUEST_ERROR ? CLI_DEAD_HALT : CLI_FAILED;
	}
	switch (o->stop.reason) {
	case UKVMM_STOP_POWEROFF:
		return powered_off(run, &o->stop);
	case UKVMM_STOP_RESET:
		if (o->stop.flags & UKVMM_STOP_TRIPLE_FAULT)
			report(call, name, "the guest reset itself by a triple fault");
		return CLI_OK;
	case UKVMM_STOP_DEAD_HALT:
		report(call, name, "the guest halted with interrupts off: nothing can wake it");
		return CLI_DEAD_HALT;
	case UKVMM_STOP_STOPPED:
		return cause;
	default:
		report(call, name, "a reason to stop that is unknown here: %u", o->stop.reason);
		return CLI_FAILED;
	}
}

void ending_notes(const struct run *run)
{
	struct ukvmm_vm_stats s = { .size = sizeof s };

	if (ukvmm_vm_stats(run->machine.vm, &s) < 0 || !s.pci_probes || !s.unused_devices)
		return;
	report(call, run->machine.name, "the guest looked for devices on a PCI bus, which there is not here, and has not "
		"used %u of its virtio-mmio devices", s.unused_devices);
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
	struct ukvmm_vm_stats s = { .size = sizeof s };

	if (run->options.timeline == TIMELINE_NONE || ukvmm_vm_stats(run->machine.vm, &s) < 0)
		return;
	const struct moment moments[MOMENTS] = {
		{ "create", s.created_at },
		{ "load", s.sealed_at },
		{ "first entry", s.first_entry_at },
		{ "first output", s.first_output_at },
		{ "exit", s.ended_at },
	};
	if (run->options.timeline == TIMELINE_JSON)
		timeline_json(moments, started);
	else
		timeline_text(moments, started);
}
