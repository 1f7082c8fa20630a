/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The input is a program for the driver and the host side of one device of ours, in a real VM of the library on the
 * fake KVM: register accesses of any width, stores to guest memory, descriptors, chains, notifications, well-formed
 * requests with a byte changed, bytes from the host's side, resets, and saves and loads of damaged states. Whatever
 * it was, at the end a reset brings the device back: its request is answered rightly.
 */
#include <stdint.h>
#include <string.h>

#include "cursor.h"
#include "hostile.h"
#include "subjects.h"

enum { STEPS = 256, SEGMENTS = 8, INJECT = 1500 };

struct fuzz {
	struct hostile h;
	struct reader in;
};

static uint64_t any_gpa(struct fuzz *f)
{
	uint16_t v = reader_u16(&f->in);
	struct drive_queue *q = &f->h.dev.q[v % f->h.subject->queues];
	const uint64_t bases[] = { f->h.buf, f->h.buf + 0x10000, f->h.buf + 0x20000, q->desc, q->avail, q->used,
		mem_bytes(&f->h.d.vm->ram) - 0x1000, UINT64_MAX - 0xfff };

	return bases[reader_u8(&f->in) % COUNT(bases)] + (v & 0xfff);
}

static uint32_t any_len(struct fuzz *f)
{
	uint8_t how = reader_u8(&f->in);

	return how < 200 ? reader_u8(&f->in) : how < 250 ? reader_u16(&f->in) : reader_u32(&f->in);
}

static uint32_t any_queue(struct fuzz *f)
{
	return reader_u8(&f->in) % f->h.subject->queues;
}

static void access_register(struct fuzz *f)
{
	uint8_t how = reader_u8(&f->in);
	uint64_t off = how & 64 ? reader_u16(&f->in) % X86_VIRTIO_STRIDE : 4ull * reader_u8(&f->in);
	uint32_t width = how & 8 ? 1u + (how & 7) : 4;

	hostile_mmio(&f->h, X86_VIRTIO_BASE + off, width, how & 16, how & 32 ? reader_u32(&f->in) : reader_u8(&f->in));
}

static void up(struct fuzz *f)
{
	uint64_t features = hostile_offered(&f->h) & ~(uint64_t)reader_u32(&f->in);

	hostile_up_with(&f->h, features, 1u << reader_u8(&f->in) % 5);
}

static void store(struct fuzz *f)
{
	uint8_t bytes[64];
	uint32_t len = reader_u8(&f->in) % sizeof bytes;
	uint64_t gpa = any_gpa(f);

	if (len && reader_bytes(&f->in, bytes, len))
		mem_write(&f->h.d.vm->ram, gpa, bytes, len);
}

static void descriptor(struct fuzz *f)
{
	uint32_t q = any_queue(f), i = reader_u8(&f->in), flags = reader_u8(&f->in) & 7;
	uint64_t gpa = any_gpa(f);
	uint32_t len = any_len(f);

	hostile_desc_at(&f->h, i & 128 ? f->h.buf : f->h.dev.q[q].desc, i & 15, gpa,
		flags & DESC_INDIRECT ? 16 * (len & 15) : len, flags, reader_u8(&f->in) % 17);
}

static void offer(struct fuzz *f)
{
	uint32_t q = any_queue(f);

	if (f->h.dev.q[q].size)
		hostile_offer(&f->h, q, reader_u8(&f->in) % 17);
	drive_kick(&f->h.dev, q);
}

/* A chain with what it carries: its first bytes from the input. */
static void chain(struct fuzz *f)
{
	uint32_t q = any_queue(f), n = 1 + reader_u8(&f->in) % SEGMENTS;
	struct drive_seg seg[SEGMENTS];
	bool write = false;

	if (!f->h.dev.q[q].size)
		return;
	for (uint32_t i = 0; i < n; i++) {
		uint8_t bytes[64], how = reader_u8(&f->in);
		uint32_t len = how & 2 ? how >> 2 : any_len(f);

		write = write || how & 1;
		seg[i] = (struct drive_seg){ f->h.buf + 0x8000 + 0x4000ull * i, len, write };
		if (how & 2 && len && !write && reader_bytes(&f->in, bytes, len))
			mem_write(&f->h.d.vm->ram, seg[i].gpa, bytes, len);
	}
	drive_put(&f->h.dev, q, seg, n);
	drive_kick(&f->h.dev, q);
}

static void request(struct fuzz *f)
{
	uint32_t q = f->h.subject->pull, n, changes = reader_u8(&f->in) % 4;
	struct drive_seg seg[8];

	if (!f->h.dev.q[q].size)
		return;
	n = f->h.subject->request(&f->h, seg);
	while (changes--) {
		uint8_t at = reader_u8(&f->in), *bytes = drive_at(&f->h.d, seg[0].gpa, seg[0].len);

		bytes[at % seg[0].len] = reader_u8(&f->in);
	}
	drive_put(&f->h.dev, q, seg, n);
	drive_kick(&f->h.dev, q);
}

static void inject(struct fuzz *f)
{
	uint8_t bytes[INJECT] = { 0 };
	uint32_t len = reader_u16(&f->in) % INJECT, given = len < 32 ? len : 32;

	reader_bytes(&f->in, bytes, given);
	if (f->h.subject->inject)
		f->h.subject->inject(&f->h, bytes, len);
}

/* Saves, damages some bytes at the end, where the device is, and loads. */
static void reload(struct fuzz *f)
{
	struct ukvmm_state s, in;
	uint8_t hits = reader_u8(&f->in) & 7;

	drive_pause(&f->h.d);
	state_save_init(&s);
	CHECK(!vm_walk(f->h.d.vm, &s, NULL));
	while (hits--) {
		uint32_t back = 1u + reader_u16(&f->in) % 1024;

		if (back <= s.len)
			s.buf[s.len - back] ^= reader_u8(&f->in);
	}
	state_load_init(&in, s.buf, s.len);
	(void)vm_walk(f->h.d.vm, &in, NULL);
	state_fini(&s);
	CHECK(!ukvmm_vm_resume(f->h.d.vm));
}

static void step(struct fuzz *f)
{
	switch (reader_u8(&f->in) % 16) {
	case 0:
		access_register(f);
		break;
	case 1:
		up(f);
		break;
	case 2:
		store(f);
		break;
	case 3:
		descriptor(f);
		break;
	case 4:
		offer(f);
		break;
	case 5:
	case 6:
	case 7:
		chain(f);
		break;
	case 8:
	case 9:
		request(f);
		break;
	case 10:
		inject(f);
		break;
	case 11:
		hostile_drain(&f->h);
		break;
	case 12:
		if (f->h.subject->poke)
			f->h.subject->poke(&f->h);
		break;
	case 13:
		reload(f);
		break;
	default:
		hostile_turns(&f->h, 1 + reader_u8(&f->in) % 4);
		break;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static struct fuzz f;

	hostile_init_alone(&f.h, &SUBJECT);
	reader_init(&f.in, data, len);
	for (uint32_t i = 0; i < STEPS && !f.in.bad && f.in.pos < f.in.len; i++)
		step(&f);
	hostile_turns(&f.h, 4);
	assert_recovers(&f.h);
	hostile_fini(&f.h);
	return 0;
}
