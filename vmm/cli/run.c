/* SPDX-License-Identifier: Apache-2.0 */
#include "run.h"

#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cli.h"
#include "report.h"
#include "signals.h"

/* A worker that was asked to end has this long; its disks may have to be written. */
#define PATIENCE_NS (10u * 1000 * 1000 * 1000ull)

static void finish(struct run *run, int status)
{
	run->ended = run->finished = true;
	run->status = status;
}

void run_end(struct run *run, int status)
{
	bool again = run->cause != 0;

	if (!again)
		run->cause = status;
	/* nothing to wait for: output that nobody reads, a guest that does not run yet; who asks twice wants the terminal
	 * back now */
	if (run->ended || again || !run->started) {
		finish(run, status);
		return;
	}
	run->patience = ukvmm_now() + PATIENCE_NS;
	if (worker_stop(run->machine.worker) < 0)
		worker_kill(run->machine.worker);
}

/* Once, and only what is expected of this host: an ordinary user's worker cannot become another user. */
static void tell_walls(const struct run *run, const struct message_ready *r)
{
	char text[512] = "";
	size_t len = 0;

	if (!r->missing || run->options.no_sandbox)
		return;
	for (uint32_t wall = 1; wall & WALL_ALL; wall <<= 1)
		if (r->missing & wall && len < sizeof text)
			len += (size_t)snprintf(text + len, sizeof text - len, "%s%s", len ? ", " : "",
				worker_wall_name(wall));
	report("sandbox", run->machine.name, "not possible here: %s (%s)", text, strerror(-r->error));
}

static void start(struct run *run, const struct message_ready *ready)
{
	int status;

	tell_walls(run, ready);
	status = machine_start(&run->machine, &run->options);
	if (status == CLI_OK && io_start(run) < 0)
		status = CLI_FAILED;
	if (status != CLI_OK)
		finish(run, status);
	run->started = true;
}

static void ended(struct run *run, int status)
{
	run->ended = true;
	/* a guest whose output could not be written has not ended well */
	run->status = run->io.output_broken && run->cause ? run->cause : status;
}

static void failed(struct run *run, const struct message_failed *m)
{
	ended(run, machine_failed(&run->machine, &run->options, m));
}

static void serve(struct run *run, const struct worker_event *event)
{
	const struct message *m = &event->message;

	switch (event->type) {
	case WORKER_READY:
		start(run, &m->ready);
		break;
	case WORKER_BROKEN:
		report("virtio", devices_name(&run->machine.devices, &run->options.devices, m->broken.index),
			"the guest's driver broke the rules; the device waits for its reset");
		break;
	case WORKER_FAILED:
		failed(run, &m->failed);
		break;
	case WORKER_STOPPED:
		run->stats = m->stopped.stats;
		run->io.sink.lost += m->stopped.lost;
		ended(run, ending_status(run, &m->stopped));
		break;
	case WORKER_DEAD:
		if (!run->ended)
			ended(run, ending_of_worker(run, &event->death));
		break;
	default:
		break;
	}
}

void run_serve_worker(struct run *run)
{
	static struct worker_event event;
	/* bounded: a worker that floods must not keep us from signals */
	int turn = 64;

	while (turn-- && !run->ended && worker_next(run->machine.worker, &event))
		serve(run, &event);
}

static int run_machine(struct run *run)
{
	int rc;

	/* a passt says what is wrong with it before any guest runs */
	if (devices_await(&run->machine.devices, &run->options.devices) < 0)
		return CLI_FAILED;
	rc = io_open(run);
	if (rc < 0) {
		report_errno("epoll_ctl", run->machine.name, rc);
		return CLI_FAILED;
	}
	while (!run->finished)
		io_step(run);
	io_close(run);
	return run->status;
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
	if (run.options.no_sandbox)
		report("run", "--no-sandbox", "the guest's process has all rights of yours: for debugging only");
	signals_block();
	io_init(&run.io);
	status = machine_open(&run.machine, &run.options);
	if (status == CLI_OK)
		status = run_machine(&run);
	machine_close(&run.machine, &run.options);
	if (run.stats.vm.created_at) {
		ending_notes(&run);
		ending_timeline(&run, started);
	}
	/* what is left the kernel frees faster */
	_exit(status);
}
