/* SPDX-License-Identifier: Apache-2.0 */
/* The register file as a driver sees it: identity, features, status, config space, interrupts. */
#include "guest.h"

#include <errno.h>
#include <string.h>

static int setup(void **state)
{
	static struct guest g;

	guest_init(&g, 2, 0x21);
	*state = &g;
	return 0;
}

static int teardown(void **state)
{
	guest_fini(*state);
	return 0;
}

static void identity(void **state)
{
	struct guest *g = *state;

	assert_int_equal(reg_get(g, 0x000), 0x74726976);
	assert_int_equal(reg_get(g, 0x004), 2);
	assert_int_equal(reg_get(g, 0x008), 63);
	assert_memory_equal(&(uint32_t){ reg_get(g, 0x00c) }, "UKVM", 4);
	assert_int_equal(reg_get(g, REG_STATUS), 0);
	assert_int_equal(reg_get(g, REG_INTERRUPT_STATUS), 0);
	assert_int_equal(virtio_dev_violations(g->dev), 0);
}

static void shm_is_absent(void **state)
{
	struct guest *g = *state;

	for (uint32_t sel = 0; sel < 3; sel++) {
		reg_set(g, REG_SHM_SEL, sel);
		for (uint64_t off = 0xb0; off <= 0xbc; off += 4)
			assert_int_equal(reg_get(g, off), UINT32_MAX);
	}
	assert_int_equal(virtio_dev_violations(g->dev), 0);
}

static void feature_words(void **state)
{
	struct guest *g = *state;
	uint64_t all = FEATURES_ALL | 0x21;
	const uint32_t sels[] = { 0, 1, 2, 31, 32, UINT32_MAX };

	for (uint32_t i = 0; i < 6; i++) {
		reg_set(g, REG_DEVICE_FEATURES_SEL, sels[i]);
		assert_int_equal(reg_get(g, REG_DEVICE_FEATURES),
			sels[i] < 2 ? (uint32_t)(all >> (32 * sels[i])) : 0);
	}
}

static void features_only_in_driver(void **state)
{
	struct guest *g = *state;
	const uint32_t wrong[] = { 0, ACK, FOK, DOK, ACK | 128, DRV | 128, DOK | 128 };

	for (uint32_t i = 0; i < 7; i++) {
		uint64_t before = count_of(g, VIRTIO_FEATURES_TIME);

		bring_to(g, wrong[i]);
		reg_set(g, REG_DRIVER_FEATURES, 1);
		assert_int_equal(count_of(g, VIRTIO_FEATURES_TIME), before + 1);
	}
	assert_int_equal(g->brokens, 0);
}

static void refused_features_clear_features_ok(void **state)
{
	struct guest *g = *state;

	bring_to(g, DRV);
	reg_set(g, REG_DRIVER_FEATURES, 0x2); /* not offered */
	reg_set(g, REG_STATUS, FOK);
	assert_int_equal(reg_get(g, REG_STATUS), DRV);
	assert_int_equal(count_of(g, VIRTIO_FEATURES_OFFERED), 1);
	reg_set(g, REG_DRIVER_FEATURES, 0x1);
	reg_set(g, REG_DRIVER_FEATURES_SEL, 2);
	reg_set(g, REG_DRIVER_FEATURES, 0);
	assert_int_equal(count_of(g, VIRTIO_FEATURES_OFFERED), 1);
	reg_set(g, REG_DRIVER_FEATURES, 1);
	assert_int_equal(count_of(g, VIRTIO_FEATURES_OFFERED), 2);
	reg_set(g, REG_STATUS, FOK);
	assert_int_equal(reg_get(g, REG_STATUS), FOK);
}

static void negotiated_features_are_told(void **state)
{
	struct guest *g = *state;

	guest_up(g, 1, 8, FEATURE_VERSION_1 | FEATURE_EVENT_IDX | 0x20);
	assert_int_equal(g->driver_oks, 1);
	assert_true(g->features == (FEATURE_VERSION_1 | FEATURE_EVENT_IDX | 0x20));
	guest_up(g, 1, 8, 0); /* as OSv: a modern driver that does not accept VERSION_1 */
	assert_int_equal(g->driver_oks, 2);
	assert_true(g->features == 0);
	assert_int_equal(virtio_dev_violations(g->dev), 0);
}

/* What virtio 1.2 §3.1.1 lets a driver write, said once more in another way. */
static uint32_t status_after(uint32_t have, uint32_t value)
{
	uint32_t want = value & ~64u;

	if (!value)
		return 0;
	if (want > 255 || (want & have) != have)
		return have;
	if (want == (have | 128))
		return want;
	if (have & 128)
		return have;
	if (have == 0)
		return want == 1 || want == 3 ? want : have;
	if (have == 1)
		return want == 3 ? want : have;
	if (have == 3)
		return want == 11 ? want : have;
	return have == 11 && want == 15 ? want : have;
}

static void status_matrix(void **state)
{
	struct guest *g = *state;
	const uint32_t from[] = { 0, ACK, DRV, FOK, DOK, 128, ACK | 128, DRV | 128, FOK | 128, DOK | 128 };

	for (uint32_t i = 0; i < 10; i++) {
		for (uint32_t value = 0; value < 0x300; value++) {
			uint32_t want = status_after(from[i], value);
			uint64_t before;

			bring_to(g, from[i]);
			before = count_of(g, VIRTIO_STATUS_ORDER);
			reg_set(g, REG_STATUS, value);
			assert_int_equal(reg_get(g, REG_STATUS), want);
			assert_int_equal(count_of(g, VIRTIO_STATUS_ORDER) - before,
				want == from[i] && (value & ~64u) != from[i]);
		}
	}
	assert_int_equal(g->brokens, 0);
}

static void register_widths(void **state)
{
	struct guest *g = *state;
	const uint32_t widths[] = { 1, 2, 8 };
	uint64_t expected = 0;

	for (uint64_t off = 0; off < 0x100; off++) {
		for (uint32_t i = 0; i < 3; i++) {
			uint32_t w = widths[i];

			assert_true(virtio_mmio_read(g->dev, off, w) == UINT64_MAX >> (64 - 8 * w));
			virtio_mmio_write(g->dev, off, w, ACK);
			expected += 2;
		}
		if (off & 3) {
			assert_int_equal(virtio_mmio_read(g->dev, off, 4), UINT32_MAX);
			virtio_mmio_write(g->dev, off, 4, ACK);
			expected += 2;
		}
	}
	assert_int_equal(count_of(g, VIRTIO_REGISTER_ACCESS), expected);
	assert_int_equal(reg_get(g, REG_STATUS), 0);
	for (uint32_t w = 0; w < 70; w++)
		if (w != 1 && w != 2 && w != 4 && w != 8) {
			assert_true(virtio_mmio_read(g->dev, 0, w) == UINT64_MAX);
			assert_true(virtio_mmio_read(g->dev, 0x100, w) == UINT64_MAX);
			virtio_mmio_write(g->dev, REG_STATUS, w, ACK);
		}
	assert_true(virtio_mmio_read(g->dev, 0, UINT32_MAX) == UINT64_MAX);
	assert_int_equal(reg_get(g, REG_STATUS), 0);
}

static void unwritable_registers(void **state)
{
	struct guest *g = *state;
	const uint64_t writable[] = { 0x14, 0x20, 0x24, 0x30, 0x38, 0x44, 0x50, 0x64, 0x70, 0x80, 0x84,
		0x90, 0x94, 0xa0, 0xa4, 0xac };
	uint64_t expected = 0;

	for (uint64_t off = 0; off < 0x100; off += 4) {
		bool skip = false;
		uint32_t was = reg_get(g, off);

		for (uint32_t i = 0; i < 16; i++)
			skip |= writable[i] == off;
		if (skip)
			continue;
		reg_set(g, off, ~was);
		assert_int_equal(reg_get(g, off), was);
		assert_int_equal(count_of(g, VIRTIO_REGISTER_WRITE), ++expected);
	}
	assert_int_equal(reg_get(g, REG_QUEUE_RESET), 0);
}

static void config_space(void **state)
{
	struct guest *g = *state;
	uint8_t bytes[CONFIG_BYTES];
	const uint32_t widths[] = { 1, 2, 4, 8 };

	for (uint32_t i = 0; i < CONFIG_BYTES; i++)
		bytes[i] = (uint8_t)(i + 1);
	assert_int_equal(virtio_dev_set_config(g->dev, 0, bytes, CONFIG_BYTES), 0);
	for (uint32_t w = 0; w < 4; w++)
		for (uint64_t off = 0; off < CONFIG_BYTES + 16; off++) {
			uint64_t want = 0;

			for (uint32_t i = 0; i < widths[w]; i++)
				want |= (off + i < CONFIG_BYTES ? off + i + 1 : 0xff) << (8 * i);
			assert_true(virtio_mmio_read(g->dev, 0x100 + off, widths[w]) == want);
			virtio_mmio_write(g->dev, 0x100 + off, widths[w], 0);
			assert_true(virtio_mmio_read(g->dev, 0x100 + off, widths[w]) == want);
		}
	assert_true(virtio_mmio_read(g->dev, UINT64_MAX, 8) == UINT64_MAX);
	assert_true(virtio_mmio_read(g->dev, UINT64_MAX - 7, 8) == UINT64_MAX);
	virtio_mmio_write(g->dev, UINT64_MAX, 8, 0);
	assert_int_equal(virtio_dev_violations(g->dev), 0);
}

static void config_changes(void **state)
{
	struct guest *g = *state;
	uint32_t generation = reg_get(g, REG_CONFIG_GENERATION);

	assert_int_equal(virtio_dev_set_config(g->dev, CONFIG_BYTES, "x", 1), -EINVAL);
	assert_int_equal(virtio_dev_set_config(g->dev, CONFIG_BYTES - 1, "xy", 2), -EINVAL);
	assert_int_equal(virtio_dev_set_config(g->dev, UINT32_MAX, "xy", 2), -EINVAL);
	assert_int_equal(reg_get(g, REG_CONFIG_GENERATION), generation);

	assert_int_equal(virtio_dev_set_config(g->dev, 3, "xy", 2), 0);
	assert_int_not_equal(reg_get(g, REG_CONFIG_GENERATION), generation);
	assert_int_equal(g->interrupts, 0); /* nobody to tell yet */

	guest_up(g, 1, 8, 0);
	generation = reg_get(g, REG_CONFIG_GENERATION);
	assert_int_equal(virtio_dev_set_config(g->dev, 3, "zz", 2), 0);
	assert_int_not_equal(reg_get(g, REG_CONFIG_GENERATION), generation);
	assert_int_equal(g->interrupts, 1);
	assert_int_equal(reg_get(g, REG_INTERRUPT_STATUS), 2);
	reg_set(g, REG_INTERRUPT_ACK, 2);
	assert_int_equal(reg_get(g, REG_INTERRUPT_STATUS), 0);
}

static void used_once(struct guest *g)
{
	struct ukvmm_chain *chain;

	guest_desc(g, 0, 0, BUFFERS, 4, DESC_WRITE, 0);
	guest_offer(g, 0, 0);
	chain = pop(g, 0);
	assert_non_null(chain);
	push(g, 0, chain);
	notify(g, 0);
}

/* The line is edge-triggered but must act as a level: no edge for a driver that has yet to look, one for
 * whatever came between its look and its acknowledge. */
static void interrupt_edges(void **state)
{
	struct guest *g = *state;

	guest_up(g, 1, 8, 0);
	used_once(g);
	assert_int_equal(g->interrupts, 1);
	assert_int_equal(reg_get(g, REG_INTERRUPT_STATUS), 1);
	used_once(g);
	assert_int_equal(g->interrupts, 1);
	assert_int_equal(virtio_dev_set_config(g->dev, 0, "a", 1), 0);
	assert_int_equal(g->interrupts, 1);
	assert_int_equal(reg_get(g, REG_INTERRUPT_STATUS), 3);
	reg_set(g, REG_INTERRUPT_ACK, 1);
	assert_int_equal(g->interrupts, 2);
	assert_int_equal(reg_get(g, REG_INTERRUPT_STATUS), 2);
	reg_set(g, REG_INTERRUPT_ACK, UINT32_MAX);
	assert_int_equal(g->interrupts, 2);
	assert_int_equal(reg_get(g, REG_INTERRUPT_STATUS), 0);
	used_once(g);
	assert_int_equal(g->interrupts, 3);
	reg_set(g, REG_INTERRUPT_ACK, 0);
	assert_int_equal(g->interrupts, 4);
	reg_set(g, REG_STATUS, 0);
	assert_int_equal(reg_get(g, REG_INTERRUPT_STATUS), 0);
}

static void bad_configurations(void **state)
{
	static const struct virtio_host none;
	struct guest *g = *state;
	struct virtio_dev *dev = NULL;
	struct virtio_config good = { .virtio_id = 1, .queues = 1, .mem = &g->mem, .host = &none };
	struct virtio_config c;

#define REFUSED(change)                                                                            \
	do {                                                                                       \
		c = good;                                                                          \
		change;                                                                            \
		assert_int_equal(virtio_dev_new(&dev, &c), -EINVAL);                               \
		assert_null(dev);                                                                  \
	} while (0)
	REFUSED(c.queues = 0);
	REFUSED(c.queues = 9);
	REFUSED(c.config_bytes = 257);
	REFUSED(c.mem = NULL);
	REFUSED(c.host = NULL);
	for (uint32_t bit = 24; bit < 50; bit++)
		REFUSED(c.features = 1ull << bit);
	assert_int_equal(virtio_dev_new(&dev, &good), 0);
	assert_null(virtio_dev_queue(dev, 1));
	virtio_dev_free(dev);
	virtio_dev_free(NULL);
}

static void every_violation_has_a_name(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < VIRTIO_VIOLATIONS; i++)
		for (uint32_t j = 0; j < i; j++)
			assert_string_not_equal(virtio_violation_name(i), virtio_violation_name(j));
	assert_string_equal(virtio_violation_name(VIRTIO_VIOLATIONS), "unknown");
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(identity),
		T(shm_is_absent),
		T(feature_words),
		T(features_only_in_driver),
		T(refused_features_clear_features_ok),
		T(negotiated_features_are_told),
		T(status_matrix),
		T(register_widths),
		T(unwritable_registers),
		T(config_space),
		T(config_changes),
		T(interrupt_edges),
		T(bad_configurations),
		T(every_violation_has_a_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
