/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sandbox-create GUESTS: acquires, drops with UKVMM_MAY_CREATE, and then makes pollers, images and VMs with every kind
 * of device from the fds that it has, on a thread that polls and on one that works; narrows itself, and runs what it
 * made.
 * Exit status 0, 1, or 77 without /dev/kvm.
 */
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <ukvmm/device.h>
#include <ukvmm/sandbox.h>
#include <ukvmm/x86.h>

#include "peer.h"

enum { RAM = 16 << 20, DISK = 1 << 20, SHELLS = 2, WAIT_S = 100 };

static struct ukvmm_host *host;
static struct ukvmm_err err = { .size = sizeof err };
static int hello, solo5, disk, top, stream[2], packet[2], tap = -1;
/* The vCPU threads are made before the drop, and given a VM later. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t given = PTHREAD_COND_INITIALIZER;
static struct ukvmm_vcpu *vcpu;
static struct ukvmm_stop stop = { .size = sizeof stop };

static void check(bool right, const char *what)
{
	if (right)
		return;
	fprintf(stderr, "%s: %s(%s): %s\n", what, err.call, err.object, err.text);
	_exit(1);
}

static void enter(uint32_t role, uint32_t may)
{
	const struct ukvmm_sandbox_config config = { .size = sizeof config, .role = role, .may = may };

	check(!ukvmm_sandbox_enter(host, &config, &err), "enter");
}

static void *work(void *arg)
{
	(void)arg;
	enter(UKVMM_ROLE_WORK, UKVMM_MAY_CREATE);
	ukvmm_host_work(host, 0);
	return NULL;
}

/* Whoever comes first runs for a moment, the other one to the end: a vCPU that moves. */
static void *run(void *arg)
{
	struct ukvmm_limits limits = { .size = sizeof limits, .deadline = ukvmm_now() + WAIT_S * 1000000000ull };
	static bool moved;

	(void)arg;
	enter(UKVMM_ROLE_VCPU, 0);

	pthread_mutex_lock(&lock);
	while (!vcpu)
		pthread_cond_wait(&given, &lock);
	limits.slice_ns = !moved;
	moved = true;
	ukvmm_vcpu_run(vcpu, &limits, &stop, NULL);
	pthread_mutex_unlock(&lock);
	return NULL;
}

static int open_guest(const char *folder, const char *name)
{
	char path[512];

	snprintf(path, sizeof path, "%s/%s", folder, name);
	return open(path, O_RDONLY | O_CLOEXEC);
}

static void acquire(const char *guests)
{
	hello = open_guest(guests, "hello.elf");
	solo5 = open_guest(guests, "hvt.elf");
	disk = memfd_create("disk", MFD_CLOEXEC);
	top = memfd_create("top", MFD_CLOEXEC);
	check(hello >= 0 && solo5 >= 0 && disk >= 0 && top >= 0 && !ftruncate(disk, DISK), "files");
	check(!socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, stream) &&
		!socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, packet), "sockets");
	if (!access("/dev/net/tun", F_OK) && peer_namespace()) {
		peer_tap("sandboxed", 1500);
		tap = peer_tap_open("sandboxed");
	}
}

static void add_nets(struct ukvmm_vm *vm)
{
	struct ukvmm_net_config c = { .size = sizeof c, .kind = UKVMM_NET_STREAM, .fd = stream[0] };

	check(!ukvmm_vm_add_net(vm, "stream", &c, &err), "stream");
	c.kind = UKVMM_NET_PACKET;
	c.fd = packet[0];
	check(!ukvmm_vm_add_net(vm, "packet", &c, &err), "packet");
	c.kind = UKVMM_NET_TAP;
	c.fd = tap;
	check(tap < 0 || !ukvmm_vm_add_net(vm, "tap", &c, &err), "tap");
}

static void add_disks(struct ukvmm_vm *vm)
{
	struct ukvmm_blk_config c = { .size = sizeof c, .fd = disk, .top_fd = top, .flags = UKVMM_BLK_OVERLAY_FILE };

	check(!ukvmm_vm_add_blk(vm, "top", &c, &err), "overlay");
	c.flags = UKVMM_BLK_URING;
	check(!ukvmm_vm_add_blk(vm, "ring", &c, &err), "ring");
}

static struct ukvmm_vm *make(struct ukvmm_poller *poller, struct ukvmm_image *image, uint32_t chip, uint64_t ram)
{
	const struct ukvmm_x86_config x86 = { .size = sizeof x86, .irqchip = chip };
	const struct ukvmm_vm_config c = { .size = sizeof c, .memory = ram, .x86 = &x86,
		.kicks = UKVMM_KICKS_EVENTFD };
	const struct ukvmm_rng_config rng = { .size = sizeof rng };
	struct ukvmm_vm *vm;

	check(!ukvmm_vm_new(poller, "made", image, &c, &vm, &err), "vm");
	add_nets(vm);
	add_disks(vm);
	check(!ukvmm_vm_add_rng(vm, "rng", &rng, &err) && !ukvmm_vm_seal(vm, &err), "seal");
	return vm;
}

static void make_solo5(struct ukvmm_poller *poller)
{
	const struct ukvmm_vm_config c = { .size = sizeof c, .memory = RAM };
	struct ukvmm_image *image;
	struct ukvmm_vm *vm;

	check(!ukvmm_image_open(host, solo5, -1, NULL, &image, &err), "Solo5 image");
	check(!ukvmm_vm_new(poller, "solo5", image, &c, &vm, &err) && !ukvmm_vm_seal(vm, &err), "Solo5 VM");
	check(!ukvmm_vm_destroy(vm), "destroy");
}

/* The host's ring cannot be made after the drop. */
static void make_ring(struct ukvmm_poller *poller, struct ukvmm_image *image)
{
	const struct ukvmm_blk_config c = { .size = sizeof c, .fd = disk, .flags = UKVMM_BLK_URING };
	struct ukvmm_vm *vm;

	check(!ukvmm_vm_new(poller, "ring", image, NULL, &vm, &err), "vm");
	check(!ukvmm_vm_add_blk(vm, "ring", &c, &err), "io_uring");
	ukvmm_vm_destroy(vm);
}

static void serve(struct ukvmm_poller *poller)
{
	struct pollfd p = { .fd = ukvmm_poller_fd(poller), .events = POLLIN };
	struct ukvmm_event ev[8];

	for (;;) {
		int n;

		check(poll(&p, 1, WAIT_S * 1000) == 1, "no event came");
		n = ukvmm_poller_run(poller, ev, 8, 0);
		for (int i = 0; i < n; i++)
			if (ev[i].type == UKVMM_EV_STOPPED)
				return;
	}
}

int main(int argc, char **argv)
{
	const struct ukvmm_vm_config ahead = { .size = sizeof ahead, .memory = RAM };
	struct ukvmm_poller *first, *poller;
	struct ukvmm_image *image;
	pthread_t worker, runner[2];
	struct ukvmm_vm *vm;

	if (argc < 2)
		return 2;
	if (ukvmm_host_open(&host, -1, NULL, &err))
		return 77;
	acquire(argv[1]);
	check(!ukvmm_poller_new(host, &first, &err), "poller");
	check(!ukvmm_image_open(host, hello, -1, NULL, &image, &err), "image");
	make_ring(first, image);
	ukvmm_image_unref(image);
	check(!pthread_create(&worker, NULL, work, NULL) && !pthread_create(&runner[0], NULL, run, NULL) &&
		!pthread_create(&runner[1], NULL, run, NULL), "threads");

	enter(UKVMM_ROLE_IO, UKVMM_MAY_CREATE);
	check(!ukvmm_poller_new(host, &poller, &err), "poller");
	check(!ukvmm_image_open(host, hello, -1, NULL, &image, &err), "image");
	check(!ukvmm_host_prepare(host, &ahead, SHELLS, &err), "prepare");
	make_solo5(poller);
	check(!ukvmm_vm_destroy(make(poller, image, UKVMM_X86_IRQCHIP_FULL, RAM)), "destroy");
	check(!ukvmm_vm_destroy(make(poller, image, UKVMM_X86_IRQCHIP_SPLIT, 2048ull << 20)), "destroy");
	vm = make(poller, image, UKVMM_X86_IRQCHIP_SPLIT, RAM);

	enter(UKVMM_ROLE_IO, 0);
	pthread_mutex_lock(&lock);
	check(!ukvmm_vm_vcpu(vm, 0, &vcpu), "vcpu");
	pthread_cond_broadcast(&given);
	pthread_mutex_unlock(&lock);
	serve(poller);
	pthread_join(runner[0], NULL);
	pthread_join(runner[1], NULL);
	ukvmm_host_stop(host);
	pthread_join(worker, NULL);
	check(stop.reason == UKVMM_STOP_POWEROFF, "the guest's end");
	_exit(0);
}
