/* SPDX-License-Identifier: Apache-2.0 */
/* What a guest that has taken over its thread would try, by name: it ends the process. And what goes past filters. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <liburing.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "probe.h"
#include "uring.h"

enum { CONFIGS = 64 };

struct attempt {
	const char *name;
	struct probe_call call;
	uint32_t unless; /* UKVMM_MAY_* that allow, or refuse it without a death */
};

#define NO_FD UINT64_MAX
#define AT(text, number, ...) { text, { number, { __VA_ARGS__ } }, 0 }
#define AT_UNLESS(may, text, number, ...) { text, { number, { __VA_ARGS__ } }, may }
#define IOCTL(request) AT(#request, SYS_ioctl, NO_FD, request, 0)
#define CWD (uint64_t)(int64_t)AT_FDCWD
#define PATH (uintptr_t)"/etc/passwd"

static const struct attempt attempts[] = {
	AT("openat for writing", SYS_openat, CWD, PATH, O_RDWR | O_CLOEXEC),
	AT("openat", SYS_openat, CWD, PATH, O_RDONLY),
	AT("openat in a folder", SYS_openat, 3, PATH, O_RDONLY | O_CLOEXEC),
	AT("openat, O_PATH", SYS_openat, CWD, PATH, O_PATH | O_CLOEXEC),
	AT("openat2", SYS_openat2, CWD, PATH, 0, 24),
	AT("open_by_handle_at", SYS_open_by_handle_at, CWD, 0, 0),
	AT("memfd_create", SYS_memfd_create, PATH, 0),
	AT("execveat", SYS_execveat, CWD, PATH, 0, 0, 0),
	AT("execve", SYS_execve, PATH, 0, 0),
	AT("socket, AF_INET", SYS_socket, AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0),
	AT("socket, AF_INET6", SYS_socket, AF_INET6, SOCK_DGRAM, 0),
	AT("socket, AF_NETLINK", SYS_socket, AF_NETLINK, SOCK_RAW, 0),
	AT("socket, AF_PACKET", SYS_socket, AF_PACKET, SOCK_RAW, 0),
	AT("socket, AF_VSOCK", SYS_socket, AF_VSOCK, SOCK_STREAM, 0),
	AT("socket, AF_ALG", SYS_socket, AF_ALG, SOCK_SEQPACKET, 0),
	AT("socket, AF_UNIX datagrams", SYS_socket, AF_UNIX, SOCK_DGRAM, 0),
	AT_UNLESS(UKVMM_MAY_CONNECT, "socket, AF_UNIX", SYS_socket, AF_UNIX,
		SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0),
	AT_UNLESS(UKVMM_MAY_CONNECT, "connect", SYS_connect, NO_FD, 0, 0),
	AT("bind", SYS_bind, NO_FD, 0, 0),
	AT("listen", SYS_listen, NO_FD, 0),
	AT("ptrace", SYS_ptrace, 16, 1, 0, 0),
	AT("process_vm_readv", SYS_process_vm_readv, 1, 0, 0, 0, 0, 0),
	AT("process_vm_writev", SYS_process_vm_writev, 1, 0, 0, 0, 0, 0),
	AT("pidfd_open", SYS_pidfd_open, 1, 0),
	AT("pidfd_getfd", SYS_pidfd_getfd, NO_FD, 0, 0),
	AT("kill", SYS_kill, 1, 0),
	AT("tgkill of another process", SYS_tgkill, 1, 1, 0),
	AT("tgkill by another signal", SYS_tgkill, PROBE_OWN_PID, 1, SIGKILL),
	AT("tkill", SYS_tkill, 1, 0),
	AT("rt_sigqueueinfo", SYS_rt_sigqueueinfo, 1, 0, 0),
	AT("mount", SYS_mount, 0, PATH, 0, 0, 0),
	AT("umount2", SYS_umount2, PATH, 0),
	AT("pivot_root", SYS_pivot_root, PATH, PATH),
	AT("chroot", SYS_chroot, PATH),
	AT("unshare", SYS_unshare, CLONE_NEWUSER),
	AT("setns", SYS_setns, NO_FD, 0),
	AT("clone of a process", SYS_clone, SIGCHLD, 0, 0, 0, 0),
	AT("clone into a namespace", SYS_clone, CLONE_NEWUSER | SIGCHLD, 0, 0, 0, 0),
	AT_UNLESS(UKVMM_MAY_THREADS, "clone3", SYS_clone3, 0, 0),
	AT("setuid", SYS_setuid, 0),
	AT("capset", SYS_capset, 0, 0),
	AT("prctl", SYS_prctl, 4, 1, 0, 0, 0),
	AT("keyctl", SYS_keyctl, 0, 0, 0, 0, 0),
	AT("add_key", SYS_add_key, 0, 0, 0, 0, 0),
	AT("bpf", SYS_bpf, 0, 0, 0),
	AT("perf_event_open", SYS_perf_event_open, 0, 0, NO_FD, NO_FD, 0),
	AT("userfaultfd", SYS_userfaultfd, 0),
	AT("io_uring_setup", SYS_io_uring_setup, 1, 0),
	AT("io_uring_register of a restriction", SYS_io_uring_register, NO_FD, IORING_REGISTER_RESTRICTIONS, 0, 0),
	AT("io_uring_register of buffers", SYS_io_uring_register, NO_FD, IORING_REGISTER_BUFFERS, 0, 0),
	AT("init_module", SYS_init_module, 0, 0, 0),
	AT("kexec_load", SYS_kexec_load, 0, 0, 0, 0),
	AT("reboot", SYS_reboot, 0, 0, 0, 0),
	AT("mprotect to executable", SYS_mprotect, 0, 4096, PROT_READ | PROT_EXEC),
	AT("pkey_mprotect", SYS_pkey_mprotect, 0, 4096, PROT_READ | PROT_EXEC, NO_FD),
	AT("mmap of executable memory", SYS_mmap, 0, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS,
		NO_FD, 0),
	AT("mmap of a file", SYS_mmap, 0, 4096, PROT_READ, MAP_PRIVATE, NO_FD, 0),
	AT("mmap, shared and anonymous", SYS_mmap, 0, 4096, PROT_READ, MAP_SHARED | MAP_ANONYMOUS, NO_FD, 0),
	AT("shmat", SYS_shmat, NO_FD, 0, 0),
	AT("prlimit64", SYS_prlimit64, 0, 0, 0, 0),
	AT_UNLESS(UKVMM_MAY_CREATE, "seccomp", SYS_seccomp, 1, 0, 0),
	AT("seccomp with a listener", SYS_seccomp, 1, 8, 0),
	AT("personality", SYS_personality, 0),
	AT("futex, priority inheritance", SYS_futex, 0, 6, 0, 0, 0, 0),
	AT("futex, requeue", SYS_futex, 0, 3, 0, 0, 0, 0),
	IOCTL(KVM_CREATE_DEVICE), IOCTL(KVM_SET_GUEST_DEBUG), IOCTL(KVM_REGISTER_COALESCED_MMIO),
		IOCTL(KVM_ASSIGN_PCI_DEVICE),
	IOCTL(KVM_MEMORY_ENCRYPT_OP), IOCTL(KVM_HYPERV_EVENTFD), IOCTL(KVM_IRQFD), IOCTL(KVM_GET_DIRTY_LOG),
	IOCTL(KVM_SMI), IOCTL(KVM_GET_STATS_FD), IOCTL(TIOCSTI), IOCTL(FIOASYNC),
	AT_UNLESS(UKVMM_MAY_CREATE, "KVM_CREATE_VM", SYS_ioctl, NO_FD, KVM_CREATE_VM, 0),
	AT_UNLESS(UKVMM_MAY_CREATE, "KVM_SET_USER_MEMORY_REGION", SYS_ioctl, NO_FD, KVM_SET_USER_MEMORY_REGION, 0),
	AT_UNLESS(UKVMM_MAY_CREATE | UKVMM_MAY_STATE, "KVM_SET_REGS", SYS_ioctl, NO_FD, KVM_SET_REGS, 0),
};

static void what_a_taken_over_thread_would_try_ends_it(void **state)
{
	struct ukvmm_sandbox_config config[CONFIGS];
	uint32_t n = probe_configs(config, CONFIGS), wrong = 0;

	(void)state;
	for (uint32_t i = 0; i < n; i++)
		for (size_t a = 0; a < sizeof attempts / sizeof *attempts; a++) {
			if (config[i].may & attempts[a].unless || probe_run(&config[i],
				&attempts[a].call) == PROBE_DIED)
				continue;
			print_error("role %u, may %#x: %s lives\n", config[i].role, config[i].may, attempts[a].name);
			wrong++;
		}
	assert_int_equal(wrong, 0);
}

/* ---- a ring makes its requests without a system call ---- */

static struct uring library;
static struct io_uring plain;
static bool have_ring;

static int setup_rings(void **state)
{
	(void)state;
	have_ring = !uring_setup(&library, NULL) && !io_uring_queue_init(8, &plain, 0);
	return 0;
}

enum { ASKED_FILE, ASKED_SOCKET, ASKED_UNREGISTERED, ASKED_CONNECT, ASKED };

static void ask(struct io_uring_sqe *sqe, int what)
{
	switch (what) {
	case ASKED_FILE:
		io_uring_prep_openat(sqe, AT_FDCWD, "/etc/passwd", O_RDONLY, 0);
		break;
	case ASKED_SOCKET:
		io_uring_prep_rw(45 /* IORING_OP_SOCKET, which this liburing does not name */, sqe, AF_UNIX,
			NULL, 0, SOCK_STREAM);
		break;
	case ASKED_UNREGISTERED: /* standard output's number, not one of the ring's own table */
		io_uring_prep_write(sqe, 1, "", 0, 0);
		break;
	default:
		io_uring_prep_connect(sqe, 1, NULL, 0);
		break;
	}
}

/* Its answer: an fd, or negative errno. */
static int answer(struct io_uring *ring, int what)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(ring);
	struct io_uring_cqe *cqe;
	int res;

	ask(sqe, what);
	if (io_uring_submit_and_wait(ring, 1) != 1 || io_uring_peek_cqe(ring, &cqe))
		return -EIO;
	res = cqe->res;
	io_uring_cqe_seen(ring, cqe);
	return res;
}

/* Dies on purpose where it is not as wanted. */
static void through_the_librarys_ring(void *arg)
{
	(void)arg;
	for (int what = 0; what < ASKED; what++)
		if (answer(&library.ring, what) != -EACCES)
			__builtin_trap();
}

static void through_a_plain_ring(void *arg)
{
	(void)arg;
	if (answer(&plain, ASKED_FILE) < 0 || answer(&plain, ASKED_SOCKET) < 0)
		__builtin_trap();
}

static void the_ring_opens_nothing(void **state)
{
	const struct ukvmm_sandbox_config config = { .role = UKVMM_ROLE_IO };

	(void)state;
	if (!have_ring)
		skip();
	assert_int_equal(probe_body(&config, through_the_librarys_ring, NULL), PROBE_LIVED);
	assert_int_equal(probe_status(), 0);
	/* and that is the restriction's doing: a ring without one passes the filter by */
	assert_int_equal(probe_body(&config, through_a_plain_ring, NULL), PROBE_LIVED);
	assert_int_equal(probe_status(), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_a_taken_over_thread_would_try_ends_it),
		cmocka_unit_test_setup(the_ring_opens_nothing, setup_rings),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
