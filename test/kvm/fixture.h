/* SPDX-License-Identifier: Apache-2.0 */
/* Host, poller and small guests for tests of the public API; cmocka assertions inside. */
#ifndef FIXTURE_H
#define FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>

#include <cmocka.h>

#include <pthread.h>

#include <ukvmm/ukvmm.h>
#include <ukvmm/x86.h>

#include "guests.h"

struct fixture {
	struct ukvmm_host *host;
	struct ukvmm_poller *poller;
	int fds; /* open before */
};

/* cmocka setup and teardown; teardown asserts that everything could be closed and no fd is left. */
int fixture_setup(void **state);
int fixture_teardown(void **state);

/* Runs the group, or returns 77 with a message when there is no usable /dev/kvm. */
#define FIXTURE_RUN(tests) (fixture_available() ? cmocka_run_group_tests(tests, NULL, NULL) : 77)
#define fixture_test(f) cmocka_unit_test_setup_teardown(f, fixture_setup, fixture_teardown)
int fixture_available(void);

int open_fds(void);

/* A new VM of `code` (16 MiB, one vCPU, cookie 7); edit the config, or NULL. Not sealed. */
struct ukvmm_vm *make_vm(struct fixture *f, const struct tiny_code *code, const struct ukvmm_vm_config *config);
/* The same, sealed. */
struct ukvmm_vm *sealed_vm(struct fixture *f, const struct tiny_code *code, const struct ukvmm_vm_config *config);
struct ukvmm_vcpu *vcpu_of(struct ukvmm_vm *vm, uint32_t index);

/* One run; asserts that it did not fail. */
struct ukvmm_stop run_vcpu(struct ukvmm_vcpu *vcpu, const struct ukvmm_limits *limits);

/* A run on another thread, in a loop until it returns something other than SLICE. */
struct runner {
	struct ukvmm_vcpu *vcpu;
	struct ukvmm_limits limits;
	struct ukvmm_stop stop;
	int rc;
	pthread_t thread;
};
void runner_start(struct runner *r, struct ukvmm_vcpu *vcpu);
void runner_start_limits(struct runner *r, struct ukvmm_vcpu *vcpu, const struct ukvmm_limits *limits);
void runner_join(struct runner *r);

/* Serves the poller until this event comes (others are dropped) and returns its value; fails the test after 100 s. */
uint64_t wait_event(struct fixture *f, uint32_t type);
/* Serves the poller until nothing is left; returns how many events of the type came. */
int drain_events(struct fixture *f, uint32_t type);

#endif
