/* SPDX-License-Identifier: Apache-2.0 */
/* The state walk: saved at any point of a driver's life, loaded into a fresh device over a copy of the
 * memory, the rest of that life goes the same way. What no driver could have brought about is refused. */
#include "guest.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { QUEUES = 3, SIZE = 8 };

struct life {
	struct guest g;
	struct ukvmm_chain *held[4];
	uint32_t interrupts; /* of this guest and those that it continues */
};

struct saved {
	uint8_t *bytes;
	size_t len;
};

static struct saved save(struct guest *g)
{
	struct ukvmm_state s;
	struct saved out;

	state_save_init(&s);
	assert_int_equal(virtio_dev_walk(g->dev, &s), 0);
	out = (struct saved){ malloc(s.len), s.len };
	assert_non_null(out.bytes);
	memcpy(out.bytes, s.buf, s.len);
	state_fini(&s);
	return out;
}

static int load(struct guest *g, const uint8_t *bytes, size_t len)
{
	struct ukvmm_state s;
	int ret;

	state_load_init(&s, bytes, len);
	ret = virtio_dev_walk(g->dev, &s);
	if (!ret)
		assert_int_equal(s.pos, len);
	state_fini(&s);
	return ret;
}

static void assert_same_state(struct guest *a, struct guest *b)
{
	struct saved x = save(a), y = save(b);

	assert_int_equal(x.len, y.len);
	assert_memory_equal(x.bytes, y.bytes, x.len);
	free(x.bytes);
	free(y.bytes);
}

/* One step each; a life is all of them in order. */

static void nothing(struct life *l)
{
	(void)l;
}

static void reset(struct life *l)
{
	reg_set(&l->g, REG_STATUS, 0);
	virtio_dev_reset_done(l->g.dev);
}

static void acknowledge(struct life *l)
{
	assert_int_equal(virtio_dev_set_config(l->g.dev, 2, "config", 6), 0);
	reg_set(&l->g, REG_STATUS, ACK);
	reg_set(&l->g, REG_DEVICE_FEATURES_SEL, 1);
}

static void driver(struct life *l)
{
	reg_set(&l->g, REG_STATUS, DRV);
	reg_set(&l->g, REG_DRIVER_FEATURES_SEL, 1);
}

static void features_high(struct life *l)
{
	reg_set(&l->g, REG_DRIVER_FEATURES, FEATURES_ALL >> 32);
	reg_set(&l->g, REG_DRIVER_FEATURES_SEL, 0);
}

static void features_low(struct life *l)
{
	reg_set(&l->g, REG_DRIVER_FEATURES, (uint32_t)FEATURES_ALL);
}

static void features_ok(struct life *l)
{
	reg_set(&l->g, REG_STATUS, FOK);
	assert_int_equal(reg_get(&l->g, REG_STATUS), FOK);
}

static void place(struct life *l)
{
	guest_queue_place(&l->g, 1, SIZE);
}

static void ready(struct life *l)
{
	reg_set(&l->g, REG_QUEUE_READY, 1);
	assert_int_equal(reg_get(&l->g, REG_QUEUE_READY), 1);
}

static void second_queue(struct life *l)
{
	guest_queue_up(&l->g, 2, 4 * SIZE); /* queue 0 is never made ready */
}

static void driver_ok(struct life *l)
{
	reg_set(&l->g, REG_STATUS, DOK);
}

static void offer(struct life *l)
{
	for (uint32_t i = 0; i < 2; i++) {
		uint16_t head = (uint16_t)(l->g.q[1].avail_idx % SIZE);

		guest_desc(&l->g, 1, head, BUFFERS + head * 64ull, 64, DESC_WRITE, 0);
		guest_offer(&l->g, 1, head);
	}
}

static void kick(struct life *l)
{
	guest_notify(&l->g, 1);
}

static void take_one(struct life *l)
{
	l->held[0] = pop(&l->g, 1);
	assert_non_null(l->held[0]);
}

static void take_another(struct life *l)
{
	l->held[1] = pop(&l->g, 1);
	assert_non_null(l->held[1]);
	assert_null(pop(&l->g, 1));
}

static void give(struct life *l, uint32_t i)
{
	char text[16] = "answer  ";

	text[7] = (char)('0' + l->g.q[1].avail_idx % 10);
	assert_int_equal(ukvmm_chain_write(l->held[i], text, sizeof text), sizeof text);
	push(&l->g, 1, l->held[i]);
	l->held[i] = NULL;
}

static void give_one(struct life *l)
{
	give(l, 0);
}

static void give_another(struct life *l)
{
	give(l, 1);
}

static void tell(struct life *l)
{
	uint32_t before = l->g.interrupts;

	notify(&l->g, 1);
	l->interrupts += l->g.interrupts - before;
}

static void handle(struct life *l)
{
	uint32_t id, len, status = reg_get(&l->g, REG_INTERRUPT_STATUS);

	reg_set(&l->g, REG_INTERRUPT_ACK, status);
	while (guest_take(&l->g, 1, &id, &len))
		assert_int_equal(len, 16);
	guest_used_event(&l->g, 1, l->g.q[1].used_idx);
}

static void not_soon(struct life *l)
{
	guest_used_event(&l->g, 1, (uint16_t)(l->g.q[1].used_idx + 3));
}

static void change_config(struct life *l)
{
	uint32_t before = l->g.interrupts;

	assert_int_equal(virtio_dev_set_config(l->g.dev, 0, "!", 1), 0);
	l->interrupts += l->g.interrupts - before;
}

static void stop_second(struct life *l)
{
	reg_set(&l->g, REG_QUEUE_SEL, 2);
	reg_set(&l->g, REG_QUEUE_READY, 0);
}

static void misbehave(struct life *l)
{
	l->g.q[1].avail_idx = (uint16_t)(l->g.q[1].avail_idx + SIZE);
	guest_offer(&l->g, 1, 0);
	assert_null(pop(&l->g, 1));
	assert_int_equal(reg_get(&l->g, REG_STATUS), DOK | STATUS_NEEDS_RESET);
}

static void give_up(struct life *l)
{
	reg_set(&l->g, REG_STATUS, DOK | STATUS_FAILED);
}

static void (*const steps[])(struct life *) = {
	nothing, acknowledge, driver, features_high, features_low, features_ok, place, ready, second_queue,
	driver_ok, offer, kick, take_one, take_another, give_another, give_one, tell, handle,
	offer, kick, take_one, give_one, take_another, give_another, tell, change_config, handle,
	not_soon, offer, take_one, take_another, give_one, give_another, tell, offer, take_one, take_another,
	give_one, give_another, tell, handle, stop_second, offer, misbehave, give_up, reset, acknowledge,
};
enum { STEPS = sizeof steps / sizeof *steps };

static void begin(struct life *l)
{
	memset(l, 0, sizeof *l);
	guest_init(&l->g, QUEUES, 0x7);
}

static void live(struct life *l, uint32_t from, uint32_t to)
{
	for (uint32_t i = from; i < to; i++)
		steps[i](l);
}

static bool held(const struct life *l)
{
	return l->held[0] || l->held[1];
}

static void a_life_goes_on(void **state)
{
	struct life whole, before, after;

	(void)state;
	begin(&whole);
	live(&whole, 0, STEPS);
	for (uint32_t at = 0; at <= STEPS; at++) {
		struct saved s;

		begin(&before);
		live(&before, 0, at);
		if (held(&before)) {
			struct ukvmm_state busy;

			state_save_init(&busy);
			assert_int_equal(virtio_dev_walk(before.g.dev, &busy), -EBUSY);
			state_fini(&busy);
			guest_fini(&before.g);
			continue;
		}
		s = save(&before.g);
		memset(&after, 0, sizeof after);
		guest_clone(&after.g, &before.g, QUEUES, 0x7);
		after.interrupts = before.interrupts;
		assert_int_equal(load(&after.g, s.bytes, s.len), 0);
		free(s.bytes);
		assert_same_state(&before.g, &after.g);
		assert_int_equal(after.g.interrupts, 0);
		assert_int_equal(after.g.driver_oks, 0);
		live(&after, at, STEPS);
		assert_same_state(&whole.g, &after.g);
		assert_int_equal(whole.interrupts, after.interrupts);
		assert_same_memory(&whole.g, &after.g);
		guest_fini(&before.g);
		guest_fini(&after.g);
	}
	guest_fini(&whole.g);
}

/* A kick on its way is not saved: the device looks once more. */
static void live_queues_are_kicked(void **state)
{
	struct life a;
	struct guest b;
	struct saved s;

	(void)state;
	begin(&a);
	live(&a, 0, 12);
	s = save(&a.g);
	guest_clone(&b, &a.g, QUEUES, 0x7);
	assert_int_equal(load(&b, s.bytes, s.len), 0);
	assert_int_equal(b.kicks[0], 0);
	assert_int_equal(b.kicks[1], 1);
	assert_int_equal(b.kicks[2], 1);
	assert_non_null(pop(&b, 1));
	/* over a device that was in use, too; but not while it holds a chain */
	assert_int_equal(load(&b, s.bytes, s.len), -EBUSY);
	reg_set(&b, REG_STATUS, 0);
	assert_int_equal(load(&b, s.bytes, s.len), -EBUSY);
	virtio_dev_reset_done(b.dev);
	assert_int_equal(load(&b, s.bytes, s.len), 0);
	assert_same_state(&a.g, &b);
	assert_non_null(pop(&b, 1));
	free(s.bytes);
	guest_fini(&a.g);
	guest_fini(&b);
}

static void other_devices_are_refused(void **state)
{
	struct life a;
	struct guest b;
	struct saved s;

	(void)state;
	begin(&a);
	live(&a, 0, 12);
	s = save(&a.g);
	guest_clone(&b, &a.g, QUEUES - 1, 0x7);
	assert_int_equal(load(&b, s.bytes, s.len), -EINVAL);
	guest_fini(&b);
	guest_clone(&b, &a.g, QUEUES, 0x3);
	assert_int_equal(load(&b, s.bytes, s.len), -EINVAL);
	guest_fini(&b);
	free(s.bytes);
	guest_fini(&a.g);
}

/* Where the walk puts what: section header, identity, then the fields in order. */
enum {
	AT_VERSION = 32,
	AT_STATUS = 40 + 24,
	AT_FEATURES = AT_STATUS + 4,
	AT_INTERRUPT = AT_FEATURES + 8 + 12,
	AT_QUEUES = AT_INTERRUPT + 8 + CONFIG_BYTES,
	QUEUE_BYTES = 4 + 1 + 1 + 2 + 2 + 4 + 24,
	AT_Q1 = AT_QUEUES + QUEUE_BYTES,
	Q_SIZE = 0,
	Q_READY = 4,
	Q_QUIET = 5,
	Q_AVAIL_IDX = 6,
	Q_DESC = 14,
	Q_AVAIL = 22,
	Q_USED = 30,
};

struct poke {
	uint32_t at, width;
	uint64_t value;
	int want;
};

static void impossible_values_are_refused(void **state)
{
	const struct poke pokes[] = {
		{ AT_VERSION, 4, 2, -ENOTSUP },
		{ AT_VERSION, 4, 0, -ENOTSUP },
		{ AT_STATUS, 4, 0, -EINVAL },
		{ AT_STATUS, 4, ACK, -EINVAL },
		{ AT_STATUS, 4, DRV, -EINVAL }, /* with queues ready */
		{ AT_STATUS, 4, 4, -EINVAL },
		{ AT_STATUS, 4, DOK | 16, -EINVAL },
		{ AT_STATUS, 4, DOK | 32, -EINVAL },
		{ AT_STATUS, 4, DOK | 256, -EINVAL },
		{ AT_STATUS, 4, 0x80000000 | DOK, -EINVAL },
		{ AT_STATUS, 4, DOK | 64, 0 },
		{ AT_STATUS, 4, DOK | 128, 0 },
		{ AT_FEATURES, 8, 8, -EINVAL },
		{ AT_FEATURES, 8, UINT64_MAX, -EINVAL },
		{ AT_FEATURES, 8, 7, 0 },
		{ AT_INTERRUPT, 4, 3, 0 },
		{ AT_INTERRUPT, 4, 4, -EINVAL },
		{ AT_INTERRUPT, 4, UINT32_MAX, -EINVAL },
		{ AT_Q1 + Q_SIZE, 4, 0, -EINVAL },
		{ AT_Q1 + Q_SIZE, 4, 3, -EINVAL },
		{ AT_Q1 + Q_SIZE, 4, 2048, -EINVAL },
		{ AT_Q1 + Q_SIZE, 4, 0x80000000, -EINVAL },
		{ AT_Q1 + Q_SIZE, 4, 1024, 0 },
		{ AT_QUEUES + Q_SIZE, 4, 0, 0 }, /* queue 0 is not ready: as a refused QueueNum leaves it */
		{ AT_QUEUES + Q_SIZE, 4, 7, -EINVAL },
		{ AT_QUEUES + Q_READY, 1, 1, 0 }, /* rings at 0 are odd, not impossible */
		{ AT_Q1 + Q_READY, 1, 2, -EINVAL },
		{ AT_Q1 + Q_QUIET, 1, 0xff, -EINVAL },
		{ AT_Q1 + Q_AVAIL_IDX, 2, 1, -EINVAL },
		{ AT_Q1 + Q_AVAIL_IDX, 4, 0x50005, 0 },
		{ AT_Q1 + Q_DESC, 8, 8, -EINVAL },
		{ AT_Q1 + Q_DESC, 8, LOW_BYTES, -EINVAL },
		{ AT_Q1 + Q_DESC, 8, LOW_BYTES - 16 * SIZE, 0 },
		{ AT_Q1 + Q_DESC, 8, LOW_BYTES - 16 * SIZE + 16, -EINVAL },
		{ AT_Q1 + Q_AVAIL, 8, 1, -EINVAL },
		{ AT_Q1 + Q_AVAIL, 8, UINT64_MAX - 1, -EINVAL },
		{ AT_Q1 + Q_USED, 8, 2, -EINVAL },
		{ AT_Q1 + Q_USED, 8, HIGH_BASE + HIGH_BYTES - 4, -EINVAL },
	};
	struct life a, b;
	struct saved s;

	(void)state;
	begin(&a);
	live(&a, 0, 12);
	s = save(&a.g);
	begin(&b); /* a device in another state, which a refusal must leave alone */
	live(&b, 0, 3);
	for (uint32_t i = 0; i < sizeof pokes / sizeof *pokes; i++) {
		uint8_t *copy = malloc(s.len);
		struct life c;

		assert_non_null(copy);
		memcpy(copy, s.bytes, s.len);
		memcpy(copy + pokes[i].at, &pokes[i].value, pokes[i].width);
		begin(&c);
		live(&c, 0, 3);
		assert_int_equal(load(&c.g, copy, s.len), pokes[i].want);
		if (pokes[i].want)
			assert_same_state(&b.g, &c.g);
		guest_fini(&c.g);
		free(copy);
	}
	free(s.bytes);
	guest_fini(&a.g);
	guest_fini(&b.g);
}

/* Every bit flipped, every length: refused without a trace, or a device that can be used and reset. */
static void damaged_states(void **state)
{
	struct life a, b, c;
	struct saved s;
	uint32_t refused = 0;

	(void)state;
	begin(&a);
	live(&a, 0, 12);
	s = save(&a.g);
	begin(&b);
	guest_clone(&c.g, &a.g, QUEUES, 0x7);
	for (size_t len = 0; len < s.len; len++)
		assert_int_equal(load(&c.g, s.bytes, len), -EINVAL);
	for (size_t bit = 0; bit < 8 * s.len; bit++) {
		struct ukvmm_chain *chain;

		s.bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
		if (load(&c.g, s.bytes, s.len)) {
			refused++;
			assert_same_state(&b.g, &c.g);
		} else {
			chain = pop(&c.g, 1);
			if (chain)
				push(&c.g, 1, chain);
			notify(&c.g, 1);
			guest_fini(&c.g);
			guest_clone(&c.g, &a.g, QUEUES, 0x7);
		}
		s.bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
	assert_true(refused > 4 * s.len);
	free(s.bytes);
	guest_fini(&a.g);
	guest_fini(&b.g);
	guest_fini(&c.g);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_life_goes_on),
		cmocka_unit_test(live_queues_are_kicked),
		cmocka_unit_test(other_devices_are_refused),
		cmocka_unit_test(impossible_values_are_refused),
		cmocka_unit_test(damaged_states),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
