/* SPDX-License-Identifier: Apache-2.0 */
/* A Solo5 hvt guest with a disk "storage" and a network card "service", which the other side answers. */
#include "hvt.h"
#include "hvt_io.h"

enum { STORAGE = 1, SERVICE, SECTOR = 512, OK = 0, AGAIN = 1, EINVAL = 2, S = 1000000000 };

static uint8_t buffer[2 * SECTOR], frame_buffer[2048];

static int32_t block(uint16_t n, uint64_t handle, uint64_t offset, void *data, uint64_t len)
{
	volatile struct transfer t = {handle, offset, data, len, 77};

	call(n, &t);
	return t.ret;
}

static void block_test(const struct entry *e)
{
	check(e->attached && e->u.block.capacity == HVT_DISK && e->u.block.block_size == SECTOR, "storage in the manifest");
	check(block(BLOCK_READ, STORAGE, HVT_DISK - SECTOR, buffer, SECTOR) == OK, "read");
	check(buffer[0] == HVT_PATTERN(HVT_DISK - SECTOR) && buffer[511] == HVT_PATTERN(HVT_DISK - 1), "bytes read");
	for (uint32_t i = 0; i < sizeof buffer; i++)
		buffer[i] = (uint8_t)~i;
	check(block(BLOCK_WRITE, STORAGE, SECTOR, buffer, sizeof buffer) == OK, "write");
	check(block(BLOCK_READ, STORAGE, SECTOR, buffer, sizeof buffer) == OK && buffer[1000] == (uint8_t)~1000u,
		"what was written");
	check(block(BLOCK_READ, STORAGE, HVT_DISK, buffer, SECTOR) == EINVAL, "behind the end");
	check(block(BLOCK_READ, STORAGE, HVT_DISK - SECTOR, buffer, 2 * SECTOR) == EINVAL, "across the end");
	check(block(BLOCK_READ, STORAGE, ~0ull - SECTOR + 1, buffer, SECTOR) == EINVAL, "an offset that wraps");
	check(block(BLOCK_READ, STORAGE, 1, buffer, SECTOR) == EINVAL, "not a sector");
	check(block(BLOCK_READ, SERVICE, 0, buffer, SECTOR) == EINVAL, "a network card as a disk");
	check(block(BLOCK_READ, 1ull << 32, 0, buffer, SECTOR) == EINVAL, "a handle that is none");
}

static void send(const struct entry *e, uint32_t len, uint8_t with)
{
	volatile struct frame f = {SERVICE, frame_buffer, len, 77};

	for (uint32_t i = 0; i < len; i++)
		frame_buffer[i] = with;
	for (uint32_t i = 0; i < 6; i++)
		frame_buffer[6 + i] = e->u.net.mac[i];
	call(NET_WRITE, &f);
	check(f.ret == OK, "net write");
}

static void echo(const struct entry *e, uint32_t len, uint8_t with)
{
	volatile struct frame f = {SERVICE, frame_buffer, sizeof frame_buffer, 77};
	volatile struct poll p = {60ull * S, 0, 0};

	call(NET_READ, &f);
	check(f.ret == AGAIN, "a frame that nobody sent");
	send(e, len, with);
	call(POLL, &p);
	check(p.ret == 1 && p.ready == 1ull << SERVICE, "poll for a frame");
	call(POLL, &p);
	check(p.ret == 1 && p.ready == 1ull << SERVICE, "poll for the same frame again");
	call(NET_READ, &f);
	check(f.ret == OK && f.len == len && frame_buffer[len - 1] == with, "the frame that came back");
}

void guest_main(const struct boot_info *info)
{
	const struct manifest *m = info->manifest;

	check(m->entries == 3 && same(m->e[STORAGE].name, "storage") && same(m->e[SERVICE].name, "service"), "manifest");
	if (same(info->cmdline, "mtu=9000"))
		halt(m->e[SERVICE].u.net.mtu == 9000 ? 90 : 1);
	check(m->e[SERVICE].attached && m->e[SERVICE].u.net.mtu == 1500 && m->e[SERVICE].u.net.mac[0] == 2, "service");
	block_test(&m->e[STORAGE]);
	for (uint32_t len = 60; len <= 1514; len += 727)
		echo(&m->e[SERVICE], len, (uint8_t)len);
	say("OK\n");
	halt(0);
}
