/* SPDX-License-Identifier: Apache-2.0 */
#include "io.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "cli.h"
#include "input.h"
#include "report.h"
#include "run.h"
#include "signals.h"
#include "vsock_door.h"

enum tag { TAG_WORKER, TAG_SIGNALS, TAG_INPUT, TAG_CONSOLE, TAG_OUTPUT, TAG_DOOR, TAG_PASST /* + the card's index */ };

enum { EVENTS = 16 };

void io_init(struct io *io)
{
	io->epoll = io->signals = -1;
	sink_init(&io->sink);
}

static int watch(struct io *io, int fd, uint32_t events, uint64_t tag)
{
	struct epoll_event e = { .events = events, .data = { .u64 = tag } };

	if (epoll_ctl(io->epoll, EPOLL_CTL_ADD, fd, &e) == 0)
		return 0;
	if (errno == EEXIST && epoll_ctl(io->epoll, EPOLL_CTL_MOD, fd, &e) == 0)
		return 0;
	return -errno;
}

/* The status for output that could not be written. */
static int output_failed(struct run *run, int rc)
{
	run->io.output_broken = true;
	if (rc == -EPIPE)
		return CLI_SIGNAL + SIGPIPE;
	report_errno("write", "stdout", rc);
	return CLI_FAILED;
}

/* After each change of what we wait for. A console that nobody is at any more is not watched: its hang-up would wake us
 * without end. */
static void watch_console(struct run *run)
{
	struct io *io = &run->io;
	uint32_t events = 0;

	if (!io->waits)
		events |= EPOLLIN;
	if (input_waits(&io->input))
		events |= EPOLLOUT;
	if (io->sink.ended || events == io->console_events)
		return;
	watch(io, run->machine.console, events, TAG_CONSOLE);
	io->console_events = events;
}

/* The guest's output, as far as stdout takes it. */
static void pump(struct run *run)
{
	struct io *io = &run->io;
	int rc = io->output_broken ? sink_drop(&io->sink, run->machine.console)
				   : sink_pump(&io->sink, run->machine.console);

	io->waits = rc > 0;
	if (rc > 0)
		watch(io, sink_fd(&io->sink), EPOLLOUT | EPOLLONESHOT, TAG_OUTPUT);
	if (io->sink.ended)
		epoll_ctl(io->epoll, EPOLL_CTL_DEL, run->machine.console, NULL);
	if (rc < 0)
		run_end(run, output_failed(run, rc));
}

/* Its socket says so; the library only sees a peer that is gone. */
static void passt_ended(struct run *run, uint64_t card)
{
	const struct passt *passt = &run->machine.devices.net[card].passt;

	epoll_ctl(run->io.epoll, EPOLL_CTL_DEL, passt->fd, NULL);
	report("passt", passt->name, "it has ended: this card leads nowhere any more");
}

static void serve_input(struct run *run)
{
	bool quit = false;

	input_step(&run->io, run->machine.console, TAG_INPUT, &quit);
	if (quit)
		run_end(run, CLI_QUIT);
}

static void serve_door(struct run *run)
{
	struct vsock *v = &run->machine.devices.vsock;

	if (vsock_door_answer(v->door, v->path) == 0)
		return;
	close(v->door);
	v->door = -1;
}

static void serve_console(struct run *run, uint32_t events)
{
	if (events & EPOLLOUT)
		serve_input(run);
	if (events & (EPOLLIN | EPOLLHUP | EPOLLERR))
		pump(run);
}

static void serve(struct run *run, const struct epoll_event *e)
{
	switch (e->data.u64) {
	case TAG_WORKER:
		run_serve_worker(run);
		break;
	case TAG_SIGNALS:
		signals_serve(run);
		break;
	case TAG_INPUT:
		serve_input(run);
		break;
	case TAG_CONSOLE:
		serve_console(run, e->events);
		break;
	case TAG_OUTPUT:
		pump(run);
		break;
	case TAG_DOOR:
		serve_door(run);
		break;
	default:
		passt_ended(run, e->data.u64 - TAG_PASST);
	}
}

/* Milliseconds from now until `at`, rounded up; 0: for ever. */
static int wait_ms(uint64_t at)
{
	uint64_t now;

	if (at == 0)
		return -1;
	now = ukvmm_now();
	if (at <= now)
		return 0;
	at = (at - now + 999999u) / 1000000u;
	return at < INT_MAX ? (int)at : INT_MAX;
}

static uint64_t sooner(uint64_t a, uint64_t b)
{
	if (a == 0 || b == 0)
		return a + b;
	return a < b ? a : b;
}

static bool due(uint64_t at)
{
	return at && at <= ukvmm_now();
}

static void serve_time(struct run *run)
{
	if (run->started && due(input_due(&run->io.input)))
		serve_input(run);
	if (due(run->deadline)) {
		run->deadline = 0;
		run_end(run, CLI_TIMEOUT);
	}
	if (due(run->patience)) {
		run->patience = 0;
		worker_kill(run->machine.worker);
	}
}

static uint64_t next_time(const struct run *run)
{
	uint64_t at = sooner(run->deadline, run->patience);

	return run->started ? sooner(at, input_due(&run->io.input)) : at;
}

/* The guest is over, and the console has all that it said. */
static void serve_end(struct run *run)
{
	if (!run->started || run->finished) {
		run->finished = true;
		return;
	}
	pump(run);
	if (!run->io.waits)
		run->finished = true;
}

void io_step(struct run *run)
{
	struct epoll_event events[EVENTS];
	int n = epoll_wait(run->io.epoll, events, EVENTS, wait_ms(next_time(run)));

	for (int i = 0; i < n && !run->finished; i++)
		serve(run, &events[i]);
	serve_time(run);
	if (run->ended)
		serve_end(run);
	else if (run->started)
		watch_console(run);
}

int io_open(struct run *run)
{
	struct io *io = &run->io;
	int rc;

	io->epoll = epoll_create1(EPOLL_CLOEXEC);
	io->signals = signals_open();
	if (io->epoll < 0 || io->signals < 0)
		return -errno;
	rc = watch(io, io->signals, EPOLLIN, TAG_SIGNALS);
	return rc < 0 ? rc : watch(io, worker_fd(run->machine.worker), EPOLLIN, TAG_WORKER);
}

static int watch_passts(struct run *run)
{
	int rc = 0, fd;

	for (uint32_t i = 0; i < run->options.devices.nets_len && rc == 0; i++) {
		fd = run->machine.devices.net[i].passt.fd;
		/* no events: what is left is a hang-up */
		if (fd >= 0)
			rc = watch(&run->io, fd, 0, TAG_PASST + i);
	}
	return rc;
}

int io_start(struct run *run)
{
	struct io *io = &run->io;
	int rc = watch_passts(run), door = run->machine.devices.vsock.door;

	if (rc == 0 && door >= 0)
		rc = watch(io, door, EPOLLIN, TAG_DOOR);
	if (rc < 0) {
		report_errno("epoll_ctl", run->machine.name, rc);
		return rc;
	}
	terminal_enter();
	input_init(io, TAG_INPUT);
	return 0;
}

void io_close(struct run *run)
{
	terminal_leave();
	if (run->io.sink.lost)
		report("write", "stdout", "%llu bytes of the guest's output were lost: its reader "
					  "was too slow", (unsigned long long)run->io.sink.lost);
}
