/* SPDX-License-Identifier: Apache-2.0 */
/* What the io guest's devices stand on: a disk with the guest's pattern and a thread lent for it, a network with a
 * peer, something typed. */
#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "harness.h"
#include "io_proto.h"
#include "peer.h"

enum { DISK_BYTES = 4 << 20, TURN_NS = 20000000 };

static int rng_prepare(struct drive *d)
{
	const struct ukvmm_rng_config config = {.size = sizeof config};

	return ukvmm_vm_add_rng(d->vm, "rng0", &config, &d->err);
}

const struct script script_rng = {.prepare = rng_prepare};

/* ---- disk ---- */

struct disk {
	const struct drive *d;
	pthread_t worker;
	atomic_bool end;
	int fd;
};

/* In turns, since ukvmm_host_stop would be for good and the host is every case's. */
static void *work(void *arg)
{
	struct disk *disk = arg;

	drive_enter(disk->d, UKVMM_ROLE_WORK);
	while (!atomic_load(&disk->end))
		ukvmm_host_work(disk->d->host, ukvmm_now() + TURN_NS);
	return NULL;
}

static int make_disk(void)
{
	int fd = memfd_create("disk", MFD_CLOEXEC);
	uint64_t *at;

	if (fd < 0 || ftruncate(fd, DISK_BYTES) < 0)
		return -1;
	at = mmap(NULL, DISK_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (at == MAP_FAILED)
		return -1;
	for (uint64_t i = 0; i < DISK_BYTES / sizeof *at; i++)
		at[i] = i * IO_PATTERN;
	munmap(at, DISK_BYTES);
	return fd;
}

static int disk_prepare(struct drive *d)
{
	struct ukvmm_blk_config config = {.size = sizeof config, .top_fd = -1};
	struct disk *disk = calloc(1, sizeof *disk);

	d->io = disk;
	if (!disk)
		return -ENOMEM;
	disk->d = d;
	config.fd = disk->fd = make_disk();
	if (config.fd < 0 || pthread_create(&disk->worker, NULL, work, disk))
		return -ENOMEM;
	return ukvmm_vm_add_blk(d->vm, "disk0", &config, &d->err);
}

static const char *disk_judge(struct drive *d)
{
	struct disk *disk = d->io;

	atomic_store(&disk->end, true);
	pthread_join(disk->worker, NULL);
	close(disk->fd);
	free(disk);
	return strstr(d->output, "result ") ? NULL : "no result";
}

const struct script script_disk = {.prepare = disk_prepare, .judge = disk_judge};

/* ---- network ---- */

static int net_prepare(struct drive *d)
{
	struct ukvmm_net_config config = {.size = sizeof config, .kind = UKVMM_NET_PACKET};
	int pair[2], rc;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return -errno;
	config.fd = pair[0];
	d->io = peer_start(PEER_PACKET, pair[1]);
	rc = ukvmm_vm_add_net(d->vm, "net0", &config, &d->err);
	close(pair[0]);
	return rc;
}

static const char *net_judge(struct drive *d)
{
	struct peer_stats stats;

	peer_stop(d->io, &stats);
	return stats.frames_in && stats.frames_out ? NULL : "the peer saw nothing";
}

const struct script script_net = {.prepare = net_prepare, .judge = net_judge};

/* ---- console ---- */

static const char typed[] = "abc\nanother line\n";

static int console_prepare(struct drive *d)
{
	const struct ukvmm_console_config config = {.size = sizeof config};

	return ukvmm_vm_add_console(d->vm, "console0", &config, &d->err);
}

static void console_output(struct drive *d)
{
	if (d->step || !strstr(d->output, "ready\n"))
		return;
	if (ukvmm_vm_console_write(d->vm, 1, typed, sizeof typed - 1) == sizeof typed - 1)
		d->step = 1;
}

static const char *console_judge(struct drive *d)
{
	char said[256] = "", want[256];

	snprintf(want, sizeof want, "hello from a virtio console\n%s", typed);
	ukvmm_vm_console_read(d->vm, 1, said, sizeof said - 1, NULL);
	return strcmp(said, want) ? "the console says something else" : NULL;
}

const struct script script_console = {
	.prepare = console_prepare, .output = console_output, .judge = console_judge};
