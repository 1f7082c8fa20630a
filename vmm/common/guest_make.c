/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <ukvmm/x86.h>

#include "failure.h"
#include "guest.h"
#include "vsock_door.h"

enum {
	/* Output that waits while its reader does: a slow one should not lose a boot log. */
	CONSOLE_BYTES = 1 << 20,
};

static int read_image(struct guest *g, struct ukvmm_err *err)
{
	struct ukvmm_image_config config = {
		.size = sizeof config,
		.flags = g->job.image_flags,
		.boot = g->job.boot,
	};

	return ukvmm_image_open(g->host, g->job.image_fd, g->job.initrd_fd, &config, &g->image, err);
}

static uint32_t vm_flags(const struct message_job *j)
{
	return (j->flags & JOB_PARK ? UKVMM_VM_PARK_IDLE : 0) | (j->flags & JOB_HVT_EXEC_DATA ? UKVMM_VM_HVT_EXEC_DATA : 0);
}

static int make_vm(struct guest *g, struct ukvmm_err *err)
{
	const struct message_job *j = &g->job;
	struct ukvmm_x86_config x86 = { .size = sizeof x86, .irqchip = j->irqchip };
	struct ukvmm_vm_config config = {
		.size = sizeof config,
		.flags = vm_flags(j),
		.memory = j->memory,
		.vcpus = j->vcpus,
		.console_bytes = CONSOLE_BYTES,
		.hugepages = j->hugepages,
		.kicks = j->kicks,
		.x86 = j->irqchip == UKVMM_X86_IRQCHIP_AUTO ? NULL : &x86,
	};

	return ukvmm_vm_new(g->poller, j->name, g->image, &config, &g->vm, err);
}

/* What is between the command line and the words. A Solo5 guest's command line is its program's arguments and nothing
 * else. OSv's is its options and then the program with its arguments; "--" would be an option that it does not know. */
static const char *separator(const struct guest *g)
{
	struct ukvmm_image_info info = { .size = sizeof info };
	bool first = g->job.cmdline_len == 0;

	if (g->job.words_len == 0)
		return "";
	ukvmm_image_info(g->image, &info);
	if (info.boot == UKVMM_BOOT_HVT || strncmp(info.guest, "OSv ", 4) == 0)
		return first ? "" : " ";
	return first ? "-- " : " -- ";
}

static int set_cmdline(struct guest *g, const char *texts, struct ukvmm_err *err)
{
	size_t cmdline = g->job.cmdline_len, words = g->job.words_len;
	const char *middle = separator(g);
	char *text, *at;
	int rc;

	if (cmdline + words == 0)
		return 0;
	text = malloc(cmdline + words + sizeof " -- ");
	if (!text)
		return failure(err, -ENOMEM, "malloc", "command line");
	at = mempcpy(text, texts, cmdline);
	at = stpcpy(at, middle);
	at = mempcpy(at, texts + cmdline, words);
	*at = '\0';
	rc = ukvmm_vm_set_cmdline(g->vm, text, err);
	free(text);
	return rc;
}

static struct ukvmm_rate rate_of(const struct message_rate *r)
{
	return (struct ukvmm_rate){ .size = sizeof(struct ukvmm_rate), .bytes_per_s = r->bytes_per_s,
		.bytes_burst = r->bytes_burst, .ops_per_s = r->ops_per_s, .ops_burst = r->ops_burst };
}

static int add_disk(const struct guest *g, const struct message_disk *d, struct ukvmm_err *err)
{
	struct ukvmm_rate rate = rate_of(&d->rate);
	struct ukvmm_blk_config config = {
		.size = sizeof config,
		.flags = d->flags,
		.fd = d->fd,
		.top_fd = d->top_fd,
		.serial = d->serial[0] ? d->serial : NULL,
		.rate = &rate,
		.block_bytes = d->block_bytes,
	};

	/* the filter would end us for trying */
	if (d->flags & UKVMM_BLK_URING && !(g->birth.flags & BIRTH_URING))
		return failure(err, -ENOTSUP, "io_uring_setup", d->name);
	return ukvmm_vm_add_blk(g->vm, d->name, &config, err);
}

static int add_net(struct ukvmm_vm *vm, const struct message_net *n, struct ukvmm_err *err)
{
	struct ukvmm_rate rx = rate_of(&n->rx), tx = rate_of(&n->tx);
	struct ukvmm_net_config config = {
		.size = sizeof config,
		.flags = n->flags,
		.kind = n->kind,
		.fd = n->fd,
		.mtu = n->mtu,
		.rx = &rx,
		.tx = &tx,
	};

	memcpy(config.mac, n->mac, sizeof config.mac);
	return ukvmm_vm_add_net(vm, n->name, &config, err);
}

static int add_vsock(struct guest *g, struct ukvmm_err *err)
{
	struct ukvmm_vsock_config config = {
		.size = sizeof config,
		.cid = g->job.vsock_cid,
		.flags = g->job.vsock_fd >= 0 ? UKVMM_VSOCK_LISTENER : 0,
		.listener = g->job.vsock_fd,
		.connect = g->door >= 0 ? vsock_door_ask : NULL,
		.cookie = g->door >= 0 ? (uint64_t)g->door : 0,
	};

	/* the filter would end us at the first stream */
	if (!(g->birth.flags & BIRTH_VSOCK))
		return failure(err, -ENOTSUP, "vsock", g->job.name);
	return ukvmm_vm_add_vsock(g->vm, "vsock0", &config, err);
}

static int add_others(struct guest *g, struct ukvmm_err *err)
{
	const struct message_job *j = &g->job;
	struct ukvmm_console_config console = {
		.size = sizeof console, .cols = j->cols, .rows = j->rows, .ring_bytes = CONSOLE_BYTES,
	};
	struct ukvmm_rng_config rng = { .size = sizeof rng };
	int rc = 0;

	if (j->flags & JOB_CONSOLE)
		rc = ukvmm_vm_add_console(g->vm, "console0", &console, err);
	if (rc == 0 && j->flags & JOB_RNG)
		rc = ukvmm_vm_add_rng(g->vm, "rng0", &rng, err);
	if (rc == 0 && j->flags & JOB_VSOCK)
		rc = add_vsock(g, err);
	return rc;
}

/* The library has its own of them; a lock on a disk is that of the one who opened it. */
static void close_given(struct message_job *j)
{
	for (uint32_t i = 0; i < j->disks_len; i++) {
		close(j->disk[i].fd);
		if (j->disk[i].top_fd >= 0)
			close(j->disk[i].top_fd);
	}
	for (uint32_t i = 0; i < j->nets_len; i++)
		if (j->net[i].fd >= 0)
			close(j->net[i].fd);
	close(j->image_fd);
	if (j->initrd_fd >= 0)
		close(j->initrd_fd);
	if (j->vsock_fd >= 0)
		close(j->vsock_fd);
}

void guest_check(struct guest *g)
{
	struct message_stopped m = { .err = { .size = sizeof m.err } };
	struct ukvmm_err err = { .size = sizeof err };

	if (read_image(g, &err) < 0)
		guest_failed(g, PHASE_IMAGE, 0, &err);
	message_send(g->sock, MESSAGE_STOPPED, &m);
	_exit(0);
}

enum message_phase guest_make(struct guest *g, const char *texts, uint32_t *index, struct ukvmm_err *err)
{
	struct message_job *j = &g->job;

	*index = 0;
	if (read_image(g, err) < 0)
		return strncmp(err->object, "module", strlen("module")) == 0 ? PHASE_INITRD : PHASE_IMAGE;
	if (make_vm(g, err) < 0)
		return PHASE_VM;
	if (set_cmdline(g, texts, err) < 0)
		return PHASE_CMDLINE;
	for (*index = 0; *index < j->disks_len; ++*index)
		if (add_disk(g, &j->disk[*index], err) < 0)
			return PHASE_DISK;
	for (*index = 0; *index < j->nets_len; ++*index)
		if (add_net(g->vm, &j->net[*index], err) < 0)
			return PHASE_NET;
	*index = 0;
	if (add_others(g, err) < 0)
		return PHASE_OTHER_DEVICE;
	close_given(j);
	return ukvmm_vm_seal(g->vm, err) < 0 ? PHASE_SEAL : PHASE_BIRTH;
}
