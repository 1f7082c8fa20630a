/* SPDX-License-Identifier: Apache-2.0 */
/* What the devices of a travelling guest stand on. It stays where it is while VMs come and go, as disks and networks do. */
#include "roundtrip.h"

#include <errno.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "io_proto.h"

enum { DISK_BYTES = 4 << 20, TURN_NS = 5000000 };

/* In turns: ukvmm_host_stop would be for good. */
static void *work(void *arg)
{
	struct trip_ground *g = arg;

	while (!atomic_load(&g->end))
		ukvmm_host_work(g->host, ukvmm_now() + TURN_NS);
	return NULL;
}

static void disk_make(struct trip_ground *g)
{
	uint64_t *at;

	g->fd = memfd_create("disk", MFD_CLOEXEC);
	assert_true(g->fd >= 0);
	assert_int_equal(ftruncate(g->fd, DISK_BYTES), 0);
	at = mmap(NULL, DISK_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, g->fd, 0);
	assert_ptr_not_equal(at, MAP_FAILED);
	for (uint64_t i = 0; i < DISK_BYTES / sizeof *at; i++)
		at[i] = i * IO_PATTERN;
	munmap(at, DISK_BYTES);
	assert_int_equal(pthread_create(&g->worker, NULL, work, g), 0);
}

void trip_ground_init(struct trip_ground *g, struct ukvmm_host *host, enum trip_device device)
{
	int pair[2];

	*g = (struct trip_ground){ .host = host, .device = device, .fd = -1 };
	if (device == TRIP_DISK || device == TRIP_DISK_RING)
		disk_make(g);
	if (device != TRIP_NET)
		return;
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
	g->fd = pair[0];
	g->peer = peer_start(PEER_PACKET, pair[1]);
}

void trip_ground_fini(struct trip_ground *g)
{
	if (g->peer) {
		peer_stop(g->peer, NULL);
	} else if (g->fd >= 0) {
		atomic_store(&g->end, true);
		pthread_join(g->worker, NULL);
	}
	if (g->fd >= 0)
		close(g->fd);
}

int trip_ground_add(const struct trip_ground *g, struct ukvmm_vm *vm, struct ukvmm_err *err)
{
	const struct ukvmm_rng_config rng = { .size = sizeof rng };
	const struct ukvmm_net_config net = { .size = sizeof net, .kind = UKVMM_NET_PACKET, .fd = g->fd };
	const struct ukvmm_blk_config blk = { .size = sizeof blk, .fd = g->fd, .top_fd = -1,
		.flags = g->device == TRIP_DISK_RING ? UKVMM_BLK_URING : 0 };

	switch (g->device) {
	case TRIP_DISK:
	case TRIP_DISK_RING:
		return ukvmm_vm_add_blk(vm, "disk0", &blk, err);
	case TRIP_RNG:
		return ukvmm_vm_add_rng(vm, "rng0", &rng, err);
	case TRIP_NET:
		return ukvmm_vm_add_net(vm, "net0", &net, err);
	case TRIP_NOTHING:
		break;
	}
	return 0;
}
