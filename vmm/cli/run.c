/* SPDX-License-Identifier: Apache-2.0 */
#include "run.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "cli.h"
#include "report.h"
#include "signals.h"

enum {
	/* How long a guest runs before it is given an io thread: making one costs about as much as
	 * making a VM, and many a unikernel is done by then. */
	ALONE_NS = 1000 * 1000,
	/* The library looks for a guest that halted for good whenever a slice ends. */
	SLICE_NS = 100 * 1000 * 1000,
};

struct job {
	struct run *run;
	struct ukvmm_vcpu *vcpu;
	pthread_t thread;
	struct outcome outcome;
};

void run_end(struct run *run, int status)
{
	int none = 0;

	atomic_compare_exchange_strong(&run->cause, &none, status);
	/* io_finish has the lock for good */
	if (atomic_load(&run->finishing) || pthread_mutex_trylock(&run->io.lock)) {
		terminal_leave();
		_exit(status);
	}
	ukvmm_vm_stop(run->machine.vm);
	pthread_mutex_unlock(&run->io.lock);
}

/* True while the vCPU is to be run again. */
static bool goes_on(const struct outcome *o)
{
	return o->rc >= 0 &&
		(o->stop.reason == UKVMM_STOP_SLICE || o->stop.reason == UKVMM_STOP_KICKED);
}

static void run_for(struct job *job, uint64_t slice_ns)
{
	struct ukvmm_limits limits = { .size = sizeof limits, .slice_ns = slice_ns };
	struct outcome *o = &job->outcome;

	o->stop = (struct ukvmm_stop){ .size = sizeof o->stop };
	o->err = (struct ukvmm_err){ .size = sizeof o->err };
	o->rc = ukvmm_vcpu_run(job->vcpu, &limits, &o->stop, &o->err);
}

static void *run_vcpu(void *arg)
{
	struct job *job = arg;

	do
		run_for(job, SLICE_NS);
	while (goes_on(&job->outcome));
	/* after a failure of ours the other vCPUs would go on */
	ukvmm_vm_stop(job->run->machine.vm);
	return NULL;
}

static int start_failed(struct run *run, const char *what, int rc)
{
	report_errno("pthread_create", what, rc);
	run_end(run, CLI_FAILED);
	return CLI_FAILED;
}

static void run_one(struct job *job)
{
	int rc;

	/* devices want their poller from the first moment */
	if (device_options_len(&job->run->options.devices) == 0) {
		run_for(job, ALONE_NS);
		if (!goes_on(&job->outcome))
			return;
	}
	rc = io_start(job->run);
	if (rc < 0)
		start_failed(job->run, "io thread", rc);
	run_vcpu(job);
}

static void run_several(struct job *jobs, uint32_t len)
{
	uint32_t started = 1;
	int rc = io_start(jobs[0].run);

	if (rc < 0)
		start_failed(jobs[0].run, "io thread", rc);
	while (rc == 0 && started < len) {
		rc = -pthread_create(&jobs[started].thread, NULL, run_vcpu, &jobs[started]);
		if (rc < 0)
			start_failed(jobs[0].run, "vCPU thread", rc);
		else
			started++;
	}
	run_vcpu(&jobs[0]);
	for (uint32_t i = 1; i < started; i++)
		pthread_join(jobs[i].thread, NULL);
}

/* The vCPU that ended the VM; the others only came back because it did. */
static const struct outcome *decisive(const struct job *jobs, uint32_t len)
{
	for (uint32_t i = 0; i < len; i++)
		if (jobs[i].outcome.rc < 0 || jobs[i].outcome.stop.reason != UKVMM_STOP_STOPPED)
			return &jobs[i].outcome;
	return &jobs[0].outcome;
}

static int run_machine(struct run *run)
{
	uint32_t len = run->options.cpus;
	struct job *jobs = calloc(len, sizeof *jobs);
	int rc = jobs ? 0 : -ENOMEM;

	for (uint32_t i = 0; i < len && rc == 0; i++) {
		jobs[i].run = run;
		/* a vCPU without a thread counts as stopped */
		jobs[i].outcome.stop.reason = UKVMM_STOP_STOPPED;
		rc = ukvmm_vm_vcpu(run->machine.vm, i, &jobs[i].vcpu);
	}
	if (rc < 0) {
		report_errno("ukvmm_vm_vcpu", run->machine.name, rc);
		return CLI_FAILED;
	}
	rc = devices_lend(&run->options.devices, run->machine.host);
	if (rc < 0)
		return start_failed(run, "disk thread", rc);
	if (len == 1)
		run_one(&jobs[0]);
	else
		run_several(jobs, len);
	return io_finish(run, ending_status(run, decisive(jobs, len)));
}

/* The kernel tells a start time to 10 ms only; up to here we have been busy, so CPU time is wall
 * time. */
static uint64_t process_start(void)
{
	struct timespec cpu;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &cpu);
	return ukvmm_now() - ((uint64_t)cpu.tv_sec * 1000000000u + (uint64_t)cpu.tv_nsec);
}

int cli_run(int argc, char **argv)
{
	static struct run run;
	uint64_t started;
	int status;

	if (options_parse(&run.options, argc, argv) < 0)
		return CLI_FAILED;
	if (run.options.help) {
		fputs(options_usage, stdout);
		return cli_flush(CLI_OK);
	}
	started = process_start();
	if (run.options.timeout_ns &&
		__builtin_add_overflow(started, run.options.timeout_ns, &run.deadline))
		run.deadline = 0; /* in 500 years */
	signals_block();
	io_init(&run.io, run.options.devices.console);
	status = machine_make(&run.machine, &run.options);
	if (status == CLI_OK)
		status = run_machine(&run);
	if (run.machine.vm) {
		ending_notes(&run);
		ending_timeline(&run, started);
	}
	/* no teardown but of devices: the kernel does it faster, and an io thread may still be
	 * about */
	machine_close(&run.machine, &run.options);
	_exit(status);
}
