/* SPDX-License-Identifier: Apache-2.0 */
#include "io.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "cli.h"
#include "input.h"
#include "report.h"
#include "run.h"
#include "signals.h"

enum tag { TAG_POLLER, TAG_SIGNALS, TAG_INPUT, TAG_OUTPUT, TAG_PASST /* + the card's index */ };

enum { EVENTS = 16 };

void io_init(struct io *io, bool console)
{
	io->epoll = io->signals = -1;
	pthread_mutex_init(&io->lock, NULL);
	io->input.port = console ? 1 : 0;
	sink_init(&io->sink, console ? 2 : 1);
}

static int io_signals(struct io *io)
{
	if (io->signals < 0)
		io->signals = signals_open();
	return io->signals;
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
static int output_failed(struct io *io, int rc)
{
	io->output_broken = true;
	if (rc == -EPIPE)
		return CLI_SIGNAL + SIGPIPE;
	report_errno("write", "stdout", rc);
	return CLI_FAILED;
}

static void pump(struct run *run)
{
	struct io *io = &run->io;
	int rc = 0, status = 0;

	if (pthread_mutex_trylock(&io->lock))
		return;
	if (!io->output_broken)
		rc = sink_pump(&io->sink, run->machine.vm);
	if (rc < 0)
		status = output_failed(io, rc);
	pthread_mutex_unlock(&io->lock);
	if (rc > 0)
		watch(io, sink_fd(&io->sink), EPOLLOUT | EPOLLONESHOT, TAG_OUTPUT);
	if (status)
		run_end(run, status);
}

/* Once a device: a guest may break and reset it as often as it likes. */
static void device_broken(struct run *run, uint64_t index)
{
	uint64_t bit = 1ull << (index % DEVICES_MAX);

	if (!(run->io.broken & bit))
		report("virtio", devices_name(&run->machine.devices, &run->options.devices, index),
			"the guest's driver broke the rules; the device waits for its reset");
	run->io.broken |= bit;
}

static void serve_poller(struct run *run)
{
	struct ukvmm_event events[EVENTS];
	int n = ukvmm_poller_run(run->machine.poller, events, EVENTS, 0);

	if (n < 0) {
		report_errno("ukvmm_poller_run", run->machine.name, n);
		run_end(run, CLI_FAILED);
	}
	for (int i = 0; i < n; i++) {
		if (events[i].type == UKVMM_EV_CONSOLE)
			pump(run);
		else if (events[i].type == UKVMM_EV_DEVICE_BROKEN)
			device_broken(run, events[i].value);
	}
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

	input_step(&run->io, run->machine.vm, TAG_INPUT, &quit);
	if (quit)
		run_end(run, CLI_QUIT);
}

static void serve(struct run *run, uint64_t tag)
{
	switch (tag) {
	case TAG_POLLER:
		serve_poller(run);
		break;
	case TAG_SIGNALS:
		signals_serve(run);
		break;
	case TAG_INPUT:
		serve_input(run);
		break;
	case TAG_OUTPUT:
		pump(run);
		break;
	default:
		passt_ended(run, tag - TAG_PASST);
	}
}

/* Milliseconds from now until `at`, rounded up, for poll and epoll; 0: for ever. */
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

static void *io_thread(void *arg)
{
	struct run *run = arg;
	struct epoll_event events[EVENTS];
	uint64_t deadline = run->deadline;
	int n;

	/* it dies with the process */
	for (;;) {
		n = epoll_wait(run->io.epoll, events, EVENTS,
			wait_ms(sooner(deadline, input_due(&run->io.input))));
		for (int i = 0; i < n; i++)
			serve(run, events[i].data.u64);
		if (due(input_due(&run->io.input)))
			serve_input(run);
		if (due(deadline)) {
			run_end(run, CLI_TIMEOUT);
			deadline = 0;
		}
	}
	return NULL;
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
	pthread_t thread;
	int rc;

	io->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (io->epoll < 0 || io_signals(io) < 0)
		return -errno;
	rc = watch(io, io->signals, EPOLLIN, TAG_SIGNALS);
	if (rc == 0)
		rc = watch(io, ukvmm_poller_fd(run->machine.poller), EPOLLIN, TAG_POLLER);
	if (rc == 0)
		rc = watch_passts(run);
	if (rc < 0)
		return rc;
	terminal_enter();
	input_init(io, TAG_INPUT);
	io->started = true;
	return -pthread_create(&thread, NULL, io_thread, run);
}

/* stdout is full. 0 once it has room, else the status to give up with. Signals and the deadline are
 * the io thread's where there is one: run_end then ends the program. */
static int await_room(struct run *run)
{
	struct io *io = &run->io;
	struct pollfd fds[2] = {
		{ .fd = sink_fd(&io->sink), .events = POLLOUT },
		{ .fd = io->started ? -1 : io_signals(io), .events = POLLIN },
	};
	int sig;

	if (atomic_load(&run->cause))
		return atomic_load(&run->cause);
	while (!due(run->deadline)) {
		poll(fds, 2, wait_ms(run->deadline));
		sig = fds[1].revents ? signals_take(io->signals) : 0;
		if (sig)
			return CLI_SIGNAL + sig;
		if (fds[0].revents)
			return 0;
	}
	return CLI_TIMEOUT;
}

int io_finish(struct run *run, int status)
{
	struct io *io = &run->io;
	int rc = 0, replaced = 0;

	atomic_store(&run->finishing, true);
	pthread_mutex_lock(&io->lock);
	while (!io->output_broken && replaced == 0) {
		rc = sink_pump(&io->sink, run->machine.vm);
		if (rc == 0)
			break;
		replaced = rc < 0 ? output_failed(io, rc) : await_room(run);
	}
	terminal_leave();
	if (io->sink.lost)
		report("write", "stdout", "%llu bytes of the guest's output were lost: its reader "
					  "was too slow", (unsigned long long)io->sink.lost);
	return replaced ? replaced : status;
}
