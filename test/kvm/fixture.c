/* SPDX-License-Identifier: Apache-2.0 */
#include "fixture.h"

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { WAIT_MS = 100000 };

int open_fds(void)
{
	DIR *dir = opendir("/proc/self/fd");
	int n = 0;

	assert_non_null(dir);
	while (readdir(dir))
		n++;
	closedir(dir);
	return n;
}

int fixture_available(void)
{
	int fd = open("/dev/kvm", O_RDWR | O_CLOEXEC);

	if (fd < 0) {
		fprintf(stderr, "SKIPPED: no usable /dev/kvm\n");
		return 0;
	}
	close(fd);
	return 1;
}

static void check(int rc, const struct ukvmm_err *err)
{
	if (rc < 0)
		fail_msg("%s(%s): %s (%d)", err->call, err->object, err->text, rc);
}

int fixture_setup(void **state)
{
	struct ukvmm_err err = { .size = sizeof err };
	struct fixture *f = calloc(1, sizeof *f);

	f->fds = open_fds();
	check(ukvmm_host_open(&f->host, -1, NULL, &err), &err);
	check(ukvmm_poller_new(f->host, &f->poller, &err), &err);
	*state = f;
	return 0;
}

int fixture_teardown(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(ukvmm_poller_free(f->poller), 0);
	assert_int_equal(ukvmm_host_close(f->host), 0);
	assert_int_equal(open_fds(), f->fds);
	free(f);
	return 0;
}

struct ukvmm_vm *make_vm(struct fixture *f, const struct tiny_code *code, const struct ukvmm_vm_config *config)
{
	struct ukvmm_vm_config c = { .size = sizeof c, .memory = 16 << 20, .cookie = 7 };
	struct ukvmm_err err = { .size = sizeof err };
	struct ukvmm_image *image;
	struct ukvmm_vm *vm;
	int fd = tiny_image(code);

	if (config)
		c = *config;
	check(ukvmm_image_open(f->host, fd, -1, NULL, &image, &err), &err);
	close(fd);
	check(ukvmm_vm_new(f->poller, "vm", image, &c, &vm, &err), &err);
	ukvmm_image_unref(image); /* the VM keeps its own reference */
	return vm;
}

struct ukvmm_vm *sealed_vm(struct fixture *f, const struct tiny_code *code, const struct ukvmm_vm_config *config)
{
	struct ukvmm_err err = { .size = sizeof err };
	struct ukvmm_vm *vm = make_vm(f, code, config);

	check(ukvmm_vm_seal(vm, &err), &err);
	return vm;
}

struct ukvmm_vcpu *vcpu_of(struct ukvmm_vm *vm, uint32_t index)
{
	struct ukvmm_vcpu *vcpu;

	assert_int_equal(ukvmm_vm_vcpu(vm, index, &vcpu), 0);
	return vcpu;
}

struct ukvmm_stop run_vcpu(struct ukvmm_vcpu *vcpu, const struct ukvmm_limits *limits)
{
	struct ukvmm_err err = { .size = sizeof err };
	struct ukvmm_stop stop = { .size = sizeof stop };

	check(ukvmm_vcpu_run(vcpu, limits, &stop, &err), &err);
	return stop;
}

static void *runner_thread(void *arg)
{
	struct runner *r = arg;

	do {
		r->stop = (struct ukvmm_stop){ .size = sizeof r->stop };
		r->rc = ukvmm_vcpu_run(r->vcpu, &r->limits, &r->stop, NULL);
	} while (!r->rc && r->stop.reason == UKVMM_STOP_SLICE);
	return NULL;
}

void runner_start_limits(struct runner *r, struct ukvmm_vcpu *vcpu, const struct ukvmm_limits *limits)
{
	*r = (struct runner){ .vcpu = vcpu, .limits = *limits };
	assert_int_equal(pthread_create(&r->thread, NULL, runner_thread, r), 0);
}

void runner_start(struct runner *r, struct ukvmm_vcpu *vcpu)
{
	runner_start_limits(r, vcpu, &(struct ukvmm_limits){ .size = sizeof r->limits, .slice_ns = 20000000 });
}

void runner_join(struct runner *r)
{
	assert_int_equal(pthread_join(r->thread, NULL), 0);
}

uint64_t wait_event(struct fixture *f, uint32_t type)
{
	struct pollfd p = { .fd = ukvmm_poller_fd(f->poller), .events = POLLIN };
	struct ukvmm_event ev;

	for (;;) {
		if (poll(&p, 1, WAIT_MS) != 1)
			fail_msg("event %u did not come within %d ms", type, WAIT_MS);
		if (ukvmm_poller_run(f->poller, &ev, 1, 0) == 1 && ev.type == type)
			return ev.value;
	}
}

int drain_events(struct fixture *f, uint32_t type)
{
	struct pollfd p = { .fd = ukvmm_poller_fd(f->poller), .events = POLLIN };
	struct ukvmm_event ev;
	int n = 0;

	while (poll(&p, 1, 0) == 1)
		if (ukvmm_poller_run(f->poller, &ev, 1, 0) == 1 && ev.type == type)
			n++;
	return n;
}
