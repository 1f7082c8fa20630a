/* SPDX-License-Identifier: Apache-2.0 */
/* Every call in a wrong state, with a wrong structure or on half-made objects: a clean error, nothing lost. */
#include "fixture.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include <ukvmm/debug.h>
#include <ukvmm/run.h>

static void structures_are_checked(void **state)
{
	struct fixture *f = *state;
	struct {
		struct ukvmm_vm_config c;
		uint64_t later; /* a field of a newer header */
	} newer = { .c.size = sizeof newer, .c.memory = 16 << 20 };
	struct ukvmm_err err = { .size = sizeof err };
	struct ukvmm_vm *vm = make_vm(f, guest_exit42, NULL), *other;
	struct ukvmm_image *image;
	int fd = tiny_image(guest_exit42);

	assert_int_equal(ukvmm_image_open(f->host, fd, -1, NULL, &image, NULL), 0);
	assert_int_equal(ukvmm_vm_new(f->poller, "a", image, &newer.c, &other, &err), 0);
	ukvmm_vm_destroy(other);
	newer.later = 1;
	assert_int_equal(ukvmm_vm_new(f->poller, "a", image, &newer.c, &other, &err), -E2BIG);
	assert_int_equal(err.code, -E2BIG);
	assert_string_equal(err.call, "ukvmm_vm_new");
	assert_string_equal(err.object, "a");
	newer.c.size = 0;
	assert_int_equal(ukvmm_vm_new(f->poller, "a", image, &newer.c, &other, &err), -EINVAL);
	newer.c.size = sizeof newer.c;
	newer.c.flags = 0x80000000;
	assert_int_equal(ukvmm_vm_new(f->poller, "a", image, &newer.c, &other, &err), -EINVAL);
	newer.c.flags = 0;
	newer.c.memory = 4097;
	assert_int_equal(ukvmm_vm_new(f->poller, "a", image, &newer.c, &other, &err), -EINVAL);
	newer.c.memory = 16 << 20;
	newer.c.vcpus = 100000;
	assert_int_equal(ukvmm_vm_new(f->poller, "a", image, &newer.c, &other, &err), -EINVAL);
	assert_null(other);
	assert_int_equal(ukvmm_vm_destroy(vm), 0);
	ukvmm_image_unref(image);
	close(fd);
}

static void calls_before_seal(void **state)
{
	struct fixture *f = *state;
	struct ukvmm_vm *vm = make_vm(f, guest_exit42, NULL);
	struct ukvmm_stop stop = { .size = sizeof stop };
	struct ukvmm_vcpu *vcpu;
	char c = 0;

	assert_int_equal(ukvmm_vm_vcpu(vm, 0, &vcpu), -EBADFD);
	assert_int_equal(ukvmm_vm_pause(vm), -EBADFD);
	assert_int_equal(ukvmm_vm_resume(vm), -EBADFD);
	assert_int_equal(ukvmm_vm_stop(vm), -EBADFD);
	assert_int_equal(ukvmm_vm_console_write(vm, 0, &c, 1), -EBADFD);
	assert_int_equal(ukvmm_debug_read(vm, 0, &c, 1), -EBADFD);
	assert_int_equal(ukvmm_vm_run(vm, 0, NULL, &stop, NULL), -EBADFD);
	assert_int_equal(ukvmm_vm_fds(vm), 0);
	assert_int_equal(ukvmm_vm_destroy(vm), 0);
}

static void calls_after_seal(void **state)
{
	struct fixture *f = *state;
	struct ukvmm_vm *vm = sealed_vm(f, guest_exit42, NULL);
	struct ukvmm_err err = { .size = sizeof err };
	struct ukvmm_irq *irq;
	struct ukvmm_vcpu *vcpu;

	assert_int_equal(ukvmm_vm_seal(vm, &err), -EBADFD);
	assert_string_equal(err.object, "vm");
	assert_int_equal(ukvmm_vm_set_cmdline(vm, "x", NULL), -EBADFD);
	assert_int_equal(ukvmm_vm_irq(vm, "x", &irq, NULL), -EBADFD);
	assert_int_equal(ukvmm_vm_trap(vm, 0x9900, 1, UKVMM_SPACE_X86_PORT, NULL), -EBADFD);
	assert_int_equal(ukvmm_vm_vcpu(vm, 1, &vcpu), -ERANGE);
	assert_int_equal(ukvmm_debug_regs(vcpu_of(vm, 0), &irq, sizeof irq), -EBADFD);
	assert_int_equal(ukvmm_vm_fds(vm), 2);
	assert_int_equal(ukvmm_vm_destroy(vm), 0);
}

static void nothing_is_freed_under_users(void **state)
{
	struct fixture *f = *state;
	struct ukvmm_vm *vm = sealed_vm(f, guest_exit42, NULL);

	assert_int_equal(ukvmm_poller_free(f->poller), -EBUSY);
	assert_int_equal(ukvmm_host_close(f->host), -EBUSY);
	assert_int_equal(ukvmm_vm_destroy(vm), 0);
	assert_int_equal(ukvmm_vm_destroy(NULL), 0);
	assert_int_equal(ukvmm_poller_free(NULL), 0);
	assert_int_equal(ukvmm_host_close(NULL), 0);
	ukvmm_image_unref(NULL);
	ukvmm_kicker_unref(NULL);
}

static void a_vm_lives_and_ends(void **state)
{
	struct fixture *f = *state;
	struct ukvmm_vm *vm = sealed_vm(f, guest_exit42, NULL);
	struct ukvmm_stop stop = run_vcpu(vcpu_of(vm, 0), NULL);
	struct ukvmm_vm_stats s = { .size = sizeof s };

	assert_int_equal(stop.reason, UKVMM_STOP_POWEROFF);
	assert_int_equal(stop.flags, UKVMM_STOP_HAS_STATUS);
	assert_int_equal(stop.value, 42);
	assert_int_equal(ukvmm_vcpu_run(vcpu_of(vm, 0), NULL, &stop, NULL), -EBADFD);
	wait_event(f, UKVMM_EV_STOPPED);
	assert_int_equal(ukvmm_vm_stats(vm, &s), 0);
	assert_true(s.created_at && s.created_at <= s.sealed_at && s.sealed_at <= s.first_entry_at &&
		    s.first_entry_at <= s.ended_at);
	assert_true(s.resident_bytes > 0 && s.resident_bytes < 1 << 20);
	ukvmm_vm_destroy(vm);
}

static void the_host_counts(void **state)
{
	struct fixture *f = *state;
	struct ukvmm_host_info info = { .size = sizeof info };
	const struct ukvmm_host_config one = { .size = sizeof one, .max_vms = 1 };
	struct ukvmm_vm *vm = sealed_vm(f, guest_exit42, NULL), *other;
	struct fixture g;
	struct ukvmm_image *image;
	int fd = tiny_image(guest_exit42);

	assert_int_equal(ukvmm_host_info(f->host, &info), 0);
	assert_int_equal(info.api_version, 12);
	assert_int_equal(info.live_vms, 1);
	assert_memory_equal(info.vendor_name, "kvm", 3);
	ukvmm_vm_destroy(vm);
	ukvmm_host_info(f->host, &info);
	assert_int_equal(info.live_vms, 0);
	assert_int_equal(info.queued_jobs, 1); /* its fds */
	assert_int_equal(ukvmm_host_work(f->host, 1), 1);

	assert_int_equal(ukvmm_host_open(&g.host, -1, &one, NULL), 0);
	assert_int_equal(ukvmm_poller_new(g.host, &g.poller, NULL), 0);
	assert_int_equal(ukvmm_image_open(g.host, fd, -1, NULL, &image, NULL), 0);
	assert_int_equal(ukvmm_vm_new(g.poller, "a", image, NULL, &vm, NULL), 0);
	assert_int_equal(ukvmm_vm_new(g.poller, "b", image, NULL, &other, NULL), -EAGAIN);
	ukvmm_vm_destroy(vm);
	assert_int_equal(ukvmm_vm_new(g.poller, "b", image, NULL, &other, NULL), 0);
	ukvmm_vm_destroy(other);
	ukvmm_image_unref(image);
	ukvmm_poller_free(g.poller);
	assert_int_equal(ukvmm_host_close(g.host), 0);
	close(fd);
}

/* The caller's fds stay the caller's, and a /dev/kvm that was opened elsewhere will do. */
static void fds_are_dupped(void **state)
{
	struct fixture *f = *state;
	struct ukvmm_host *host;
	int kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);

	assert_int_equal(ukvmm_host_open(&host, kvm, NULL, NULL), 0);
	assert_int_equal(close(kvm), 0);
	assert_int_equal(ukvmm_host_close(host), 0);
	(void)f;
}

static void images_are_read_whole(void **state)
{
	struct fixture *f = *state;
	struct ukvmm_err err = { .size = sizeof err };
	struct ukvmm_image *image;
	struct ukvmm_vm *vm;
	struct ukvmm_stop stop;
	int fd = tiny_image(guest_exit42);

	assert_int_equal(ukvmm_image_open(f->host, fd, -1, NULL, &image, &err), 0);
	assert_int_equal(ftruncate(fd, 0), 0); /* no SIGBUS, no change */
	assert_int_equal(ukvmm_vm_new(f->poller, "vm", image, NULL, &vm, &err), 0);
	assert_int_equal(ukvmm_vm_seal(vm, &err), 0);
	stop = run_vcpu(vcpu_of(vm, 0), NULL);
	assert_int_equal(stop.value, 42);
	ukvmm_vm_destroy(vm);
	ukvmm_image_unref(image);
	assert_int_equal(ukvmm_image_open(f->host, fd, -1, NULL, &image, &err), -ENOEXEC);
	assert_non_null(strstr(err.text, "empty"));
	close(fd);
	fd = open("/dev/zero", O_RDONLY | O_CLOEXEC);
	assert_int_equal(ukvmm_image_open(f->host, fd, -1, NULL, &image, &err), -ENOEXEC);
	assert_non_null(strstr(err.text, "regular file"));
	assert_int_equal(ukvmm_image_open(f->host, -1, -1, NULL, &image, &err), -EBADF);
	assert_string_equal(err.call, "fstat");
	close(fd);
}

/* Out of file descriptors at every point of a VM's making: an error that names the call, nothing left. */
static void running_out_of_fds(void **state)
{
	struct fixture *f = *state;
	struct ukvmm_err err = { .size = sizeof err };
	struct rlimit was, tight;
	struct ukvmm_vm *vm = make_vm(f, guest_exit42, NULL);
	int used = open_fds() - 3, failures = 0; /* ".", ".." and the folder itself */

	getrlimit(RLIMIT_NOFILE, &was);
	for (rlim_t most = 3;; most++) {
		int rc;

		tight = was;
		tight.rlim_cur = most;
		setrlimit(RLIMIT_NOFILE, &tight);
		rc = ukvmm_vm_seal(vm, &err);
		setrlimit(RLIMIT_NOFILE, &was);
		if (!rc)
			break;
		assert_int_equal(rc, -EMFILE);
		assert_memory_equal(err.call, "KVM_CREATE_", 11);
		ukvmm_host_work(f->host, 1);
		assert_int_equal(open_fds() - 3, used);
		failures++;
	}
	assert_true(failures >= 2);
	ukvmm_vm_destroy(vm);
}

static void shells_are_taken(void **state)
{
	struct fixture *f = *state;
	const struct ukvmm_vm_config kind = { .size = sizeof kind, .memory = 16 << 20 };
	struct ukvmm_host_info info = { .size = sizeof info };
	struct ukvmm_vm *vm;

	assert_int_equal(ukvmm_host_prepare(f->host, &kind, 3, NULL), 0);
	ukvmm_host_info(f->host, &info);
	assert_int_equal(info.pooled_shells, 3);
	vm = sealed_vm(f, guest_exit42, &kind);
	ukvmm_host_info(f->host, &info);
	assert_int_equal(info.pooled_shells, 2);
	assert_int_equal(run_vcpu(vcpu_of(vm, 0), NULL).value, 42);
	ukvmm_vm_destroy(vm);
	assert_int_equal(ukvmm_host_prepare(f->host, &kind, 1, NULL), 0);
	ukvmm_host_info(f->host, &info);
	assert_int_equal(info.pooled_shells, 1);
	/* what is left goes with the host */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		fixture_test(structures_are_checked), fixture_test(calls_before_seal), fixture_test(calls_after_seal),
		fixture_test(nothing_is_freed_under_users), fixture_test(a_vm_lives_and_ends), fixture_test(the_host_counts),
		fixture_test(fds_are_dupped), fixture_test(images_are_read_whole), fixture_test(running_out_of_fds),
		fixture_test(shells_are_taken),
	};

	return FIXTURE_RUN(tests);
}
