/* SPDX-License-Identifier: Apache-2.0 */
/* The library as ukvmm uses it: ukvmm_vm_run's threads, and one that lends itself to what may block. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <ukvmm/device.h>
#include <ukvmm/run.h>
#include <ukvmm/sandbox.h>

#include "bench.h"
#include "guest_fork.h"
#include "peer.h"

enum { OUTPUT = 4096, CMDLINE = 512, DEADLINE_S = 60 };

static struct ukvmm_err err = { .size = sizeof err };

static void need(int rc)
{
	if (rc >= 0)
		return;
	printf("FAIL %s(%s): %s\n", err.call, err.object, err.text);
	fflush(stdout);
	_exit(2);
}

static int file(const char *path, int flags)
{
	int fd = open(path, flags | O_CLOEXEC);

	if (fd < 0)
		bench_die("%s: %s", path, strerror(errno));
	return fd;
}

static void add_net(struct ukvmm_vm *vm, const struct guest_job *job)
{
	struct ukvmm_net_config c = { .size = sizeof c, .fd = -1 };

	switch (job->net) {
	case GUEST_NET_NONE:
		return;
	case GUEST_NET_STREAM:
		c.kind = UKVMM_NET_STREAM;
		c.fd = peer_connect(job->net_name);
		break;
	case GUEST_NET_DATAGRAM:
		c.kind = UKVMM_NET_PACKET;
		c.fd = peer_datagram_to(job->net_own, job->net_name);
		break;
	case GUEST_NET_PAIR:
		c.kind = UKVMM_NET_PACKET;
		c.fd = job->net_fd;
		break;
	case GUEST_NET_TAP:
		c.kind = UKVMM_NET_TAP;
		c.tap = job->net_name;
		break;
	}
	need(ukvmm_vm_add_net(vm, "net0", &c, &err));
	if (c.fd >= 0 && job->net != GUEST_NET_PAIR)
		close(c.fd);
}

/* ---- the device of its own ---- */

struct own {
	struct ukvmm_device *dev;
	uint64_t served;
};

static void own_queue(void *ctx, uint32_t q, uint32_t budget)
{
	struct own *own = ctx;
	struct ukvmm_queue *queue = ukvmm_device_queue(own->dev, q);
	struct ukvmm_chain *chain;

	while (budget-- && (chain = ukvmm_queue_pop(queue)) != NULL) {
		own->served++;
		while (ukvmm_chain_write(chain, &own->served, sizeof own->served) > 0)
			;
		ukvmm_queue_push(queue, chain);
	}
	ukvmm_queue_notify(queue);
}

static void own_reset(void *ctx)
{
	(void)ctx;
}

static int own_quiesce(void *ctx)
{
	(void)ctx;
	return 1;
}

static void add_own(struct ukvmm_vm *vm, enum guest_own kind)
{
	const struct ukvmm_device_ops ops = { .size = sizeof ops, .virtio_id = 63, .queues = 1,
		.flags = kind == GUEST_OWN_INLINE ? UKVMM_DEVICE_INLINE : 0, .queue_ready = own_queue,
		.reset = own_reset, .quiesce = own_quiesce, .destroy = free };
	struct own *own = calloc(1, sizeof *own);

	if (!own)
		bench_die("out of memory");
	need(ukvmm_vm_add_device(vm, "own0", &ops, own, &own->dev, &err));
}

static void add_devices(struct ukvmm_vm *vm, const struct guest_job *job)
{
	const struct ukvmm_rng_config rng = { .size = sizeof rng };
	struct ukvmm_blk_config blk = { .size = sizeof blk, .flags = job->blk_flags, .top_fd = -1 };

	if (job->disk) {
		blk.fd = file(job->disk, O_RDWR);
		need(ukvmm_vm_add_blk(vm, "disk0", &blk, &err));
		close(blk.fd);
	}
	add_net(vm, job);
	if (job->own != GUEST_OWN_NONE)
		add_own(vm, job->own);
	if (job->rng)
		need(ukvmm_vm_add_rng(vm, "rng0", &rng, &err));
}

static void *lend(void *host)
{
	ukvmm_host_work(host, 0);
	return NULL;
}

static struct ukvmm_vm *make(struct ukvmm_host *host, struct ukvmm_poller *poller, const struct guest_job *job)
{
	/* huge pages as QEMU has them always */
	const struct ukvmm_vm_config config = { .size = sizeof config, .kicks = job->kicks,
		.hugepages = UKVMM_HUGEPAGES_ON };
	struct ukvmm_image *image;
	char cmdline[CMDLINE];
	struct ukvmm_vm *vm;
	int fd = file(IO_IMAGE, O_RDONLY);

	need(ukvmm_image_open(host, fd, -1, NULL, &image, &err));
	close(fd);
	need(ukvmm_vm_new(poller, "io", image, &config, &vm, &err));
	ukvmm_image_unref(image);
	snprintf(cmdline, sizeof cmdline, "%s tsc_khz=%u", job->cmdline, guest_tsc_khz());
	need(ukvmm_vm_set_cmdline(vm, cmdline, &err));
	add_devices(vm, job);
	need(ukvmm_vm_seal(vm, &err));
	return vm;
}

static void account(struct ukvmm_vm *vm)
{
	struct ukvmm_vcpu_stats cpu = { .size = sizeof cpu };
	struct ukvmm_vm_stats stats = { .size = sizeof stats };
	struct ukvmm_vcpu *vcpu;

	need(ukvmm_vm_vcpu(vm, 0, &vcpu));
	ukvmm_vcpu_stats(vcpu, &cpu);
	ukvmm_vm_stats(vm, &stats);
	printf("exits=%llu io_cpu_ms=%.3f\n", (unsigned long long)cpu.exits, (double)stats.io_cpu_ns / 1e6);
}

/* What says that vCPU threads serve nothing: an embedder that loads this filter itself. */
static void leave_devices_to_the_poller(struct ukvmm_host *host)
{
	const struct ukvmm_sandbox_config vcpu = { .size = sizeof vcpu, .role = UKVMM_ROLE_VCPU };
	static char filter[8192];

	need((int)ukvmm_sandbox_bpf(host, &vcpu, filter, sizeof filter));
}

static void seal(struct ukvmm_host *host)
{
	const struct ukvmm_sandbox_config any = { .size = sizeof any, .role = UKVMM_ROLE_IO, .may = UKVMM_MAY_THREADS };

	need(ukvmm_sandbox_enter(host, &any, &err));
}

static void child(const struct guest_job *job)
{
	struct ukvmm_stop stop = { .size = sizeof stop };
	static char output[OUTPUT];
	struct ukvmm_capture capture = { .size = sizeof capture, .buf = output, .len = sizeof output - 1 };
	struct ukvmm_poller *poller;
	struct ukvmm_host *host;
	struct ukvmm_vm *vm;
	pthread_t worker;

	need(ukvmm_host_open(&host, -1, NULL, &err));
	need(ukvmm_poller_new(host, &poller, &err));
	if (pthread_create(&worker, NULL, lend, host))
		bench_die("pthread_create");
	if (job->sealed == GUEST_SEALED_STRICT)
		leave_devices_to_the_poller(host);
	vm = make(host, poller, job);
	if (job->sealed)
		seal(host);
	need(ukvmm_vm_run(vm, ukvmm_now() + DEADLINE_S * 1000000000ull, &capture, &stop, &err));
	fputs(output, stdout);
	account(vm);
	fflush(stdout);
	_exit(stop.reason == UKVMM_STOP_POWEROFF ? (int)stop.value : 100 + (int)stop.reason);
}

void guest_ukvmm(const struct guest_job *job, struct guest_result *result)
{
	guest_fork("ukvmm", child, job, 0, result);
}
