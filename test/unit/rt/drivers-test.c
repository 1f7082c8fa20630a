/* SPDX-License-Identifier: Apache-2.0 */
/* The drivers of examples/guest with devices that lack features, and with devices that lie. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "fake_device.h"
#include "net.h"

enum { FRAME = 1000, FRAMES = 700, EVENT_IDX = 1u << 29, BLK_SIZE_MAX = 2, SECTOR = 512 };

static uint32_t came, went;

static void count_sent(void *arg)
{
	(void)arg;
	went++;
}

static void got(void *arg, const struct rt_piece *piece, uint32_t n, bool checked)
{
	uint32_t len = 0;

	(void)arg, (void)checked;
	for (uint32_t i = 0; i < n; i++) {
		for (uint32_t k = 0; k < piece[i].len; k++)
			if (((const uint8_t *)piece[i].at)[k] != (uint8_t)(came + len + k))
				rt_panic("frame %u differs at %u", came, len + k);
		len += piece[i].len;
	}
	if (len != FRAME)
		rt_panic("frame %u has %u bytes", came, len);
	came++;
}

/* The device takes all that was sent, and checks it. */
static void swallow(void)
{
	struct fake_queue *q = &fake.queue[1];

	for (int head; (head = fake_take(q)) >= 0;) {
		uint32_t len = 0, d = (uint32_t)head;

		for (; q->desc[d].flags & DESC_NEXT; d = q->desc[d].next)
			len += q->desc[d].len;
		len += q->desc[d].len;
		if (q->desc[head].len != rt_net.hdr_bytes || len != FRAME + (uint32_t)rt_net.hdr_bytes)
			rt_panic("a chain of %u bytes", len);
		fake_use(q, (uint32_t)head, 0);
	}
}

/* A frame arrives, in as many buffers as it takes; false: there is no room. */
static bool arrive(uint32_t number)
{
	struct fake_queue *q = &fake.queue[0];
	struct net_hdr h = {.num_buffers = 1};
	int head = fake_take(q);
	uint8_t *to;

	if (head < 0)
		return false;
	to = (uint8_t *)(uintptr_t)q->desc[head].addr;
	memcpy(to, &h, rt_net.hdr_bytes);
	for (uint32_t i = 0; i < FRAME; i++)
		to[rt_net.hdr_bytes + i] = (uint8_t)(number + i);
	fake_use(q, (uint32_t)head, FRAME + rt_net.hdr_bytes);
	return true;
}

static void open_card(void)
{
	struct rt_net_info info;

	if (!rt_net_open(&info))
		rt_panic("no card");
	if (info.mtu < 68 || info.mac[0] & 1)
		rt_panic("mtu %u, mac[0] %x", info.mtu, info.mac[0]);
}

/* FRAMES each way. */
static void traffic(const void *arg)
{
	static uint8_t bytes[FRAME];
	const struct rt_piece piece[] = {{bytes, 100}, {bytes + 100, FRAME - 100}};
	uint32_t sent = 0, arrived = 0;

	memcpy(&fake, arg, sizeof fake);
	fake.idle = swallow;
	open_card();
	while (sent < FRAMES || went < FRAMES || came < FRAMES) {
		while (sent < FRAMES && rt_net_send(piece, 2, NULL, count_sent, NULL))
			sent++;
		while (arrived < FRAMES && arrive(arrived))
			arrived++;
		rt_net_poll(got, NULL, 64);
		rt_wait(0);
	}
}

static struct fake_device card(uint32_t features)
{
	return (struct fake_device){.id = VIRTIO_NET, .version = 2, .features = features, .queue_max = 256,
		.config = {0x33221102, 0x15544, 0x5dc0000}};
}

static void test_features(void **state)
{
	static const uint32_t bits[] = {NET_F_CSUM, NET_F_GUEST_CSUM, NET_F_MTU, NET_F_MAC, NET_F_GUEST_TSO4,
		NET_F_HOST_TSO4, NET_F_MRG_RXBUF, EVENT_IDX};

	(void)state;
	for (uint32_t mask = 0; mask < 1u << 8; mask++) {
		struct fake_device d = card(0);

		for (uint32_t i = 0; i < 8; i++)
			d.features |= mask >> i & 1 ? bits[i] : 0;
		assert_string_equal(fake_run(traffic, &d), "");
	}
}

static void test_queue_sizes(void **state)
{
	static const uint32_t sizes[] = {4, 5, 64, 1000, 1024, 32768};

	(void)state;
	for (uint32_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
		struct fake_device d = card(EVENT_IDX | NET_F_MRG_RXBUF);

		d.queue_max = sizes[i];
		assert_string_equal(fake_run(traffic, &d), "");
	}
}

/* ---- lies ---- */

static void lie_id(void)
{
	fake_use(&fake.queue[0], 5000, FRAME);
}
static void lie_not_given(void)
{
	fake_use(&fake.queue[0], 255, FRAME);
}
static void lie_long(void)
{
	fake_use(&fake.queue[0], 0, 1 << 20);
}
static void lie_short(void)
{
	fake_use(&fake.queue[0], 0, 3);
}
static void lie_pieces(void)
{
	struct net_hdr h = {.num_buffers = 9};

	memcpy((void *)(uintptr_t)fake.queue[0].desc[0].addr, &h, sizeof h);
	fake_use(&fake.queue[0], 0, FRAME);
}
static void lie_index(void)
{
	fake.queue[0].used[1] = 30000;
}
static void lie_sent(void)
{
	fake_use(&fake.queue[1], 7, 0);
}
static void lie_sent_twice(void)
{
	static uint8_t bytes[FRAME];
	const struct rt_piece piece = {bytes, FRAME};
	int head;

	rt_net_send(&piece, 1, NULL, count_sent, NULL);
	rt_net_send(&piece, 1, NULL, count_sent, NULL);
	head = fake_take(&fake.queue[1]);
	fake_use(&fake.queue[1], (uint32_t)head, 0);
	fake_use(&fake.queue[1], (uint32_t)head, 0);
}

struct lie {
	void (*tell)(void);
	const char *answer;
};

static void lie(const void *arg)
{
	const struct lie *l = arg;

	fake = card(NET_F_MRG_RXBUF | EVENT_IDX);
	open_card();
	l->tell();
	rt_net_poll(got, NULL, 64);
}

static void test_lies(void **state)
{
	static const struct lie lies[] = {
		{lie_id, "network card: the device used descriptor 5000"},
		{lie_not_given, "network card: the device gave 1000 bytes in buffer 255"},
		{lie_long, "network card: the device gave 1048576 bytes in buffer 0"},
		{lie_short, "network card: the device gave 3 bytes"},
		{lie_pieces, "network card: the device gave fewer buffers than it said"},
		{lie_index, "network card: the device used more than it was given"},
		{lie_sent, "network card: the device used more than it was given"},
		{lie_sent_twice, "network card: the device used what it was not given"},
	};

	(void)state;
	for (uint32_t i = 0; i < sizeof lies / sizeof *lies; i++)
		assert_string_equal(fake_run(lie, &lies[i]), lies[i].answer);
}

static void test_no_card(void **state)
{
	struct fake_device d = card(0);

	(void)state;
	d.version = 3;
	assert_string_equal(fake_run(traffic, &d), "network card: a virtio device of version 3");
	d = card(0);
	d.refuses = true;
	assert_string_equal(fake_run(traffic, &d), "network card: the device refuses features that it offered");
	d = card(0);
	d.queue_max = 0;
	assert_string_equal(fake_run(traffic, &d), "network card: the device has no queue 0");
	d = card(0);
	d.id = VIRTIO_BLK;
	assert_string_equal(fake_run(traffic, &d), "no card");
}

/* ---- disk ---- */

static uint32_t largest, answer;

/* Answers what it was asked, the newest first. */
static void serve(void)
{
	struct fake_queue *q = &fake.queue[0];
	int heads[64], n = 0;

	while (n < 64 && (heads[n] = fake_take(q)) >= 0)
		n++;
	while (n-- > 0) {
		volatile struct virtq_desc *data = &q->desc[q->desc[heads[n]].next], *status = &q->desc[data->next];
		uint64_t sector = ((const uint64_t *)(uintptr_t)q->desc[heads[n]].addr)[1];
		uint8_t *to = (uint8_t *)(uintptr_t)data->addr;

		for (uint32_t i = 0; i < data->len; i++)
			to[i] = (uint8_t)(sector + i / SECTOR);
		if (data->len > largest)
			largest = data->len;
		*(uint8_t *)(uintptr_t)status->addr = (uint8_t)answer;
		fake_use(q, (uint32_t)heads[n], data->len + 1);
	}
}

static void read_disk(const void *arg)
{
	static uint8_t bytes[9 << 20];

	memcpy(&fake, arg, sizeof fake);
	fake.idle = serve;
	answer = fake.config[3];
	if (rt_disk_bytes() != (uint64_t)fake.config[0] * SECTOR)
		rt_panic("%lu bytes", (unsigned long)rt_disk_bytes());
	if (rt_disk_read(SECTOR, bytes, sizeof bytes) != (answer ? -1 : 0))
		rt_panic("the read says otherwise");
	for (uint32_t i = 0; !answer && i < sizeof bytes; i++)
		if (bytes[i] != (uint8_t)(1 + i / SECTOR))
			rt_panic("byte %u is %u", i, bytes[i]);
	if (fake.features & BLK_SIZE_MAX && largest > fake.config[2])
		rt_panic("a segment of %u bytes", largest);
}

static void test_disk(void **state)
{
	struct fake_device d = {.id = VIRTIO_BLK, .version = 2, .queue_max = 256, .config = {20 << 11, 0, 0, 0}};

	(void)state;
	assert_string_equal(fake_run(read_disk, &d), "");
	d.features = BLK_SIZE_MAX | EVENT_IDX;
	d.config[2] = 5000;
	assert_string_equal(fake_run(read_disk, &d), "");
	d.queue_max = 4;
	assert_string_equal(fake_run(read_disk, &d), "");
	d.config[3] = 1; /* IOERR */
	assert_string_equal(fake_run(read_disk, &d), "");
	d.config[2] = 100;
	assert_string_equal(fake_run(read_disk, &d), "disk: segments of 100 bytes, a queue of 4");
	d.config[2] = 5000;
	d.queue_max = 2;
	assert_string_equal(fake_run(read_disk, &d), "disk: segments of 5000 bytes, a queue of 2");
}

/* ---- random ---- */

static void give_random(void)
{
	struct fake_queue *q = &fake.queue[0];
	int head = fake_take(q);
	uint32_t len;

	if (head < 0)
		return;
	len = answer ? answer : (q->desc[head].len + 1) / 2;
	memset((void *)(uintptr_t)q->desc[head].addr, 0x5a, len < q->desc[head].len ? len : q->desc[head].len);
	fake_use(q, (uint32_t)head, len);
}

static void read_random(const void *arg)
{
	uint8_t bytes[1000] = {0};

	answer = *(const uint32_t *)arg;
	fake = (struct fake_device){.id = VIRTIO_RNG, .version = 2, .queue_max = 64, .idle = give_random};
	rt_random(bytes, sizeof bytes);
	for (uint32_t i = 0; i < sizeof bytes; i++)
		if (bytes[i] != 0x5a)
			rt_panic("byte %u was not given", i);
}

static void test_random(void **state)
{
	uint32_t in_pieces = 0, too_much = 1001;

	(void)state;
	assert_string_equal(fake_run(read_random, &in_pieces), "");
	assert_string_equal(fake_run(read_random, &too_much),
		"random device: the device gave more than was asked for");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_features),
		cmocka_unit_test(test_queue_sizes),
		cmocka_unit_test(test_lies),
		cmocka_unit_test(test_no_card),
		cmocka_unit_test(test_disk),
		cmocka_unit_test(test_random),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
