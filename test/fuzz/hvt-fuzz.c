/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The input is what a Solo5 guest, the other end of its network, its clock and a damaged saved state do: hypercalls with
 * any number, structure and buffers, frames, limits, time that passes, saves and loads. Whatever it was: nothing is
 * written to what is read-only, and the next call works.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <ukvmm/devices.h>

#include "cursor.h"
#include "hvt.h"

enum { MEMORY = 2 << 20, LOW_END = 1 << 20, TEXT = 0x110000, TEXT_BYTES = 0x2000, ARGS = 0x180000, DATA = 0x190000,
       DISK = 64 << 10, STORAGE = 1, SERVICE = 2, STEPS = 200, PIECE = 64, PUTS = 2, FRAME = 1500 };

#define CHECK(x) ((x) ? (void)0 : abort())

struct fuzz {
	struct reader in;
	struct mem mem;
	struct hvt *hvt;
	int peer;
	uint64_t now;
	bool over;
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void output(void *ctx, const void *bytes, size_t len)
{
	const uint8_t *p = bytes;
	uint8_t sum = 0;

	(void)ctx;
	for (size_t i = 0; i < len; i += 4096) /* it can be read */
		sum ^= p[i];
	(void)*(volatile uint8_t *)&sum;
}

static uint64_t now(void *ctx)
{
	return ((struct fuzz *)ctx)->now;
}

static void begin(struct fuzz *f)
{
	static const uint8_t mac[HVT_MAC] = { 2, 0, 0, 0, 0, 1 };
	const struct hvt_host host = { output, now };
	struct block_backend *disk;
	struct net_backend *net;
	int pair[2];

	CHECK(!mem_map(&f->mem, MEMORY, 3u << 30, 1ull << 32, MEM_HUGE_OFF) && !hvt_new(&f->hvt, &f->mem, &host, f));
	CHECK(!block_memory(&disk, DISK, "disk", NULL));
	CHECK(!socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair));
	CHECK(!net_packet(&net, pair[0], "net", NULL));
	close(pair[0]);
	f->peer = pair[1];
	f->now = 1000;
	f->over = false;
	CHECK(!hvt_add_block(f->hvt, STORAGE, disk, 0, BLOCK_SECTOR) && !hvt_add_net(f->hvt, SERVICE, net, mac, false));
	CHECK(!hvt_protect(f->hvt, TEXT, TEXT_BYTES));
	/* who writes there is found out at once */
	CHECK(!mem_protect(&f->mem, 0, LOW_END) && !mem_protect(&f->mem, TEXT, TEXT_BYTES));
}

static uint64_t any_gpa(struct fuzz *f)
{
	static const uint64_t bases[] = { 0, LOW_END, TEXT, TEXT + TEXT_BYTES, ARGS, DATA, MEMORY, UINT32_MAX, UINT64_MAX };
	uint8_t how = reader_u8(&f->in);
	int16_t by = (int16_t)reader_u16(&f->in);

	return how & 128 ? reader_u64(&f->in) : bases[how % (sizeof bases / sizeof bases[0])] + (uint64_t)(int64_t)by;
}

static uint64_t any_len(struct fuzz *f)
{
	static const uint64_t lens[] = { 0, 1, BLOCK_SECTOR, DISK, HVT_BLOCK_STEP, NET_FRAME_MAX, MEMORY, UINT64_MAX };
	uint8_t how = reader_u8(&f->in);

	return how & 128 ? reader_u16(&f->in) : lens[how % 8] + (how & 64 ? 1 : 0) - (how & 32 ? 1 : 0);
}

/* As a guest's own code writes: not where its host holds it off. */
static void store(struct fuzz *f)
{
	uint8_t bytes[PIECE];
	uint64_t len = 1 + reader_u8(&f->in) % PIECE, gpa = any_gpa(f);

	if (gpa >= TEXT + TEXT_BYTES && reader_bytes(&f->in, bytes, len))
		mem_write(&f->mem, gpa, bytes, len);
}

static void arguments(struct fuzz *f, uint64_t at, uint32_t call)
{
	/* of a disk: handle, offset, data, length; of the network: handle, data, length; of puts: data, length */
	uint64_t words[4] = { reader_u8(&f->in) % 4, reader_u8(&f->in) * 256ull, any_gpa(f), any_len(f) };

	if (call != 4 && call != 5)
		memmove(words + 1, words + 2, 2 * sizeof words[0]);
	if (call == PUTS)
		memmove(words, words + 1, 2 * sizeof words[0]);
	mem_write(&f->mem, at, words, sizeof words);
}

static void hypercall(struct fuzz *f)
{
	uint8_t call = reader_u8(&f->in), how = reader_u8(&f->in);
	uint64_t at = how & 1 ? any_gpa(f) & UINT32_MAX : ARGS;
	const char *why = NULL;
	int32_t status = 0;

	if (at >= TEXT + TEXT_BYTES && how & 2)
		arguments(f, at, call % 9);
	switch (hvt_call(f->hvt, how & 4 ? call : call % 9, at, &status, &why)) {
	case HVT_DONE:
	case HVT_WAITS:
		break;
	case HVT_BROKEN:
		CHECK(why);
		break;
	case HVT_HALTED:
		f->over = true;
	}
}

static void go_on(struct fuzz *f)
{
	struct pollfd fds[HVT_HANDLES];
	const char *why;
	uint64_t deadline;

	CHECK(hvt_wait_for(f->hvt, fds, &deadline) <= HVT_HANDLES);
	if (hvt_open(f->hvt))
		(void)hvt_continue(f->hvt, &why);
}

static void send_frame(struct fuzz *f)
{
	uint8_t frame[FRAME] = { 0 };
	uint32_t len = reader_u16(&f->in) % FRAME;

	reader_bytes(&f->in, frame, len < PIECE ? len : PIECE);
	(void)!send(f->peer, frame, len, MSG_DONTWAIT | MSG_NOSIGNAL);
}

static void hear_frames(struct fuzz *f)
{
	uint8_t frame[PIECE];

	while (recv(f->peer, frame, sizeof frame, MSG_DONTWAIT) > 0)
		;
}

static void limit(struct fuzz *f)
{
	uint8_t how = reader_u8(&f->in);
	const struct ukvmm_rate r = { sizeof r, 0, any_len(f), any_len(f), reader_u8(&f->in), reader_u8(&f->in) };

	(void)hvt_set_rate(f->hvt, how % 4, how / 4 % 4, &r);
}

/* What is refused changes nothing, what is taken is saved alike. */
static void reload(struct fuzz *f)
{
	struct ukvmm_state before, changed, in, after;
	uint8_t hits = reader_u8(&f->in) & 7;
	bool taken;

	state_save_init(&before);
	state_save_init(&changed);
	CHECK(!hvt_walk(f->hvt, &before) && !hvt_walk(f->hvt, &changed));
	while (hits--) {
		uint8_t at = reader_u8(&f->in);

		changed.buf[at % changed.len] ^= reader_u8(&f->in);
	}
	state_load_init(&in, changed.buf, changed.len);
	taken = !hvt_walk(f->hvt, &in);
	state_save_init(&after);
	CHECK(!hvt_walk(f->hvt, &after) && after.len == before.len);
	CHECK(taken || !memcmp(after.buf, before.buf, after.len));
	state_fini(&before);
	state_fini(&changed);
	state_fini(&after);
}

static void step(struct fuzz *f)
{
	switch (reader_u8(&f->in) % 8) {
	case 0:
		store(f);
		break;
	case 1:
		go_on(f);
		break;
	case 2:
		send_frame(f);
		break;
	case 3:
		limit(f);
		break;
	case 4:
		reload(f);
		break;
	case 5:
		f->now += reader_u32(&f->in);
		hear_frames(f);
		break;
	default:
		hypercall(f);
	}
}

/* No limit holds it back any more: a sector is written and read. */
static void works(struct fuzz *f)
{
	const struct ukvmm_rate none = { .size = sizeof none };
	const uint64_t words[2][5] = { { STORAGE, 0, DATA, BLOCK_SECTOR, 77 }, { STORAGE, 0, DATA + 4096, BLOCK_SECTOR, 77 } };
	const char *why;
	int32_t status, ret;

	CHECK(!hvt_set_rate(f->hvt, STORAGE, UKVMM_RATE_ALL, &none));
	CHECK(!mem_zero(&f->mem, DATA, BLOCK_SECTOR) && !mem_write(&f->mem, DATA, "sector", 6));
	for (int i = 0; i < 2; i++) {
		CHECK(!mem_write(&f->mem, ARGS, words[i], sizeof words[i]));
		CHECK(hvt_call(f->hvt, 4u + (unsigned)i, ARGS, &status, &why) == HVT_DONE);
		CHECK(!mem_read(&f->mem, ARGS + 32, &ret, sizeof ret) && !ret);
	}
	CHECK(!memcmp(mem_ptr(&f->mem, DATA, BLOCK_SECTOR), mem_ptr(&f->mem, DATA + 4096, BLOCK_SECTOR), BLOCK_SECTOR));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct fuzz f;

	reader_init(&f.in, data, size);
	begin(&f);
	for (uint32_t i = 0; i < STEPS && !f.over && !f.in.bad && f.in.pos < size; i++)
		step(&f);
	works(&f);
	hvt_free(f.hvt);
	mem_fini(&f.mem);
	close(f.peer);
	return 0;
}
