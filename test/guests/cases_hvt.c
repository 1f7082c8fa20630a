/* SPDX-License-Identifier: Apache-2.0 */
/* Solo5 hvt guests: another machine, another device interface. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <ukvmm/devices.h>

#include "guest/hvt_io.h"
#include "harness.h"

/* A disk, and a thread that sends each frame back, of a locally administered station. */
struct hvt_io {
	pthread_t thread;
	int disk, net[2];
};

static void *echo(void *arg)
{
	const struct hvt_io *io = arg;
	char frame[2048];
	ssize_t len;

	while ((len = recv(io->net[1], frame, sizeof frame, 0)) > 0)
		if (send(io->net[1], frame, (size_t)len, MSG_NOSIGNAL) != len)
			break;
	return NULL;
}

static int add_disk(struct drive *d, const char *name)
{
	struct hvt_io *io = d->io;
	struct ukvmm_blk_config config = {.size = sizeof config, .fd = io->disk, .top_fd = -1};

	return ukvmm_vm_add_blk(d->vm, name, &config, &d->err);
}

static int add_net(struct drive *d)
{
	struct hvt_io *io = d->io;
	struct ukvmm_net_config config = {
		.size = sizeof config, .kind = UKVMM_NET_PACKET, .fd = io->net[0], .mac = {2, 0, 0, 0, 0, 1}};

	return ukvmm_vm_add_net(d->vm, "service", &config, &d->err);
}

static int io_prepare(struct drive *d)
{
	struct hvt_io *io = calloc(1, sizeof *io);
	int rc;

	d->io = io;
	if (!io || (io->disk = memfd_pattern(HVT_DISK)) < 0 ||
		socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, io->net))
		return -ENOMEM;
	rc = add_disk(d, "storage");
	if (!rc)
		rc = add_net(d);
	if (!rc)
		rc = -pthread_create(&io->thread, NULL, echo, io);
	return rc;
}

static const char *io_judge(struct drive *d)
{
	struct hvt_io *io = d->io;

	shutdown(io->net[1], SHUT_RDWR);
	pthread_join(io->thread, NULL);
	close(io->net[0]);
	close(io->net[1]);
	close(io->disk);
	free(io);
	return NULL;
}

/* Devices that the manifest does not have; each is the whole preparation, and fails. */
static int with_disk(struct drive *d, const char *name)
{
	struct hvt_io io = {.disk = memfd_pattern(HVT_DISK)};
	int rc;

	d->io = &io;
	rc = add_disk(d, name);
	close(io.disk);
	return rc;
}

static int unasked(struct drive *d)
{
	return with_disk(d, "other");
}

static int wrong_type(struct drive *d)
{
	return with_disk(d, "service");
}

static int only_disk(struct drive *d)
{
	return with_disk(d, "storage");
}

static int twice(struct drive *d)
{
	int rc = with_disk(d, "storage");

	return rc ? rc : with_disk(d, "storage");
}

static int rng(struct drive *d)
{
	const struct ukvmm_rng_config config = {.size = sizeof config};

	return ukvmm_vm_add_rng(d->vm, "rng0", &config, &d->err);
}

static const struct script script_io = {.prepare = io_prepare, .judge = io_judge}, script_unasked = {.prepare = unasked},
			   script_wrong_type = {.prepare = wrong_type}, script_only_disk = {.prepare = only_disk},
			   script_twice = {.prepare = twice}, script_virtio = {.prepare = rng};

#define EXIT(n, ...) { .reason = UKVMM_STOP_POWEROFF, .flags = UKVMM_STOP_HAS_STATUS, .status = (n), \
	.says = { __VA_ARGS__ } }
#define HELLO(args) EXIT(0, "hello from hvt [" args "]\n")
#define GUEST_ERROR .reason = UKVMM_STOP_FAULT, .flags = UKVMM_STOP_GUEST_ERROR
#define FAULTS { .reason = UKVMM_STOP_FAULT, .flags = UKVMM_STOP_GUEST_ERROR | UKVMM_STOP_TRIPLE_FAULT, \
	.says = { "falling\n" }, .error = { "triple fault" } }
#define READ_ONLY { GUEST_ERROR, .says = { "falling\n" }, \
	.error = { "host/guest translation fault", "read-only: code or constants" } }
#define EXEC_DATA .vm_flags = UKVMM_VM_HVT_EXEC_DATA
#define RAN(what) EXIT(0, "falling\n", "it was executed\n", "hello from hvt [" what "]\n")
#define BROKEN(why) { .code = 0, GUEST_ERROR, .error = { "hypercall", why } }
#define REFUSED(rc, ...) { .code = (rc), .error = { __VA_ARGS__ } }
#define HVT(what, text) .name = what, .image = "hvt.elf", .cmdline = text
#define IO(what, with) .name = what, .image = "hvt-io.elf", .script = &(with)

const struct guest_case cases_hvt[] = {
	{ HVT("hvt-hello", ""), .want = HELLO("") },
	{ HVT("hvt-hello-2m", "--ipv4=10.0.0.2/24 --x"), .memory_mib = 2,
		.want = HELLO("--ipv4=10.0.0.2/24 --x") },
	{ HVT("hvt-hello-3g", ""), .memory_mib = 3072, .want = HELLO("") },
	{ .name = "hvt-abi1", .image = "hvt-abi1.elf", .cmdline = "of before", .want = HELLO("of before") },
	{ HVT("hvt-status", "halt 41"), .want = EXIT(41) },
	{ HVT("hvt-sleep", "sleep"), .want = HELLO("sleep") },
	{ HVT("hvt-write-null", "write-null"), .want = FAULTS },
	{ HVT("hvt-write-low", "write-low"), .want = FAULTS },
	{ HVT("hvt-write-info", "write-info"), .want = FAULTS },
	{ HVT("hvt-write-text", "write-text"), .want = READ_ONLY },
	{ HVT("hvt-write-constant", "write-constant"), .want = READ_ONLY },
	{ HVT("hvt-answer-in-text", "answer-in-text"), .want = BROKEN("not in writable memory") },
	{ HVT("hvt-say-constant", "say-constant"), .want = EXIT(0, "constant\n") },
	{ HVT("hvt-run-data", "run-data"), .want = FAULTS },
	{ HVT("hvt-run-constant", "run-constant"), .want = FAULTS },
	{ HVT("hvt-run-heap", "run-heap"), .want = FAULTS },
	{ HVT("hvt-run-stack", "run-stack"), .want = FAULTS },
	{ HVT("hvt-exec-data", "run-data"), EXEC_DATA, .want = RAN("run-data") },
	{ HVT("hvt-exec-constant", "run-constant"), EXEC_DATA, .want = RAN("run-constant") },
	{ HVT("hvt-exec-heap", "run-heap"), EXEC_DATA, .want = RAN("run-heap") },
	{ HVT("hvt-exec-stack", "run-stack"), EXEC_DATA, .want = RAN("run-stack") },
	{ HVT("hvt-exec-write-text", "write-text"), EXEC_DATA, .want = READ_ONLY },
	{ HVT("hvt-exec-write-low", "write-low"), EXEC_DATA, .want = FAULTS },
	{ HVT("hvt-exec-run-low", "run-low"), EXEC_DATA, .want = FAULTS },
	{ .name = "hvt-exec-others", .image = "hello.elf", EXEC_DATA, .want = REFUSED(-EINVAL, "Solo5 hvt") },
	{ HVT("hvt-no-call", "no-call"), .want = BROKEN("no such call") },
	{ HVT("hvt-outside", "outside"), .want = BROKEN("not in writable memory") },
	{ HVT("hvt-low-answer", "low-answer"), .want = BROKEN("not in writable memory") },
	{ HVT("hvt-paused-polling", "ticks"), .script = &script_pause, .want = HELLO("ticks") },
	{ HVT("hvt-stopped-polling", "idle"), .again = 10, .script = &script_stop,
		.want = { .reason = UKVMM_STOP_STOPPED, .says = { "idle\n" } } },
	{ HVT("hvt-4g", ""), .memory_mib = 4096, .want = REFUSED(-EINVAL, "3 GiB") },
	{ HVT("hvt-2vcpus", ""), .vcpus = 2, .want = REFUSED(-EINVAL, "one vCPU") },
	{ HVT("hvt-initrd", ""), .initrd_bytes = 100, .want = REFUSED(-EINVAL, "no initrd") },
	{ HVT("hvt-virtio", ""), .script = &script_virtio, .want = REFUSED(-ENOTSUP, "manifest") },
	{ IO("hvt-io", script_io), .want = EXIT(0, "OK\n") },
	{ .name = "hvt-nothing-attached", .image = "hvt-io.elf", .want = REFUSED(-ENODEV, "disk named storage") },
	{ IO("hvt-one-attached", script_only_disk), .want = REFUSED(-ENODEV, "network card named service") },
	{ IO("hvt-unasked", script_unasked), .want = REFUSED(-ENODEV, "a disk storage, a network card service") },
	{ IO("hvt-wrong-type", script_wrong_type), .want = REFUSED(-ENODEV, "no disk of this name") },
	{ IO("hvt-twice", script_twice), .want = REFUSED(-EEXIST) },
	{ 0 },
};
