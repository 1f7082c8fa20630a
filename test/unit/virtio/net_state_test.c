/* SPDX-License-Identifier: Apache-2.0 */
/* The card's limits, and its state: a clone goes on where the original stood. */
#include "net_rig.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static struct net_rig r, r2;
static uint8_t frame[NET_BUFFER], got[NET_BUFFER];

static const uint64_t ctrl_features = NET_F_CTRL_VQ | NET_F_CTRL_RX | NET_F_CTRL_MAC_ADDR;

static bool link_is(struct net_rig *rig, uint64_t up)
{
	return (drive_reg(&rig->dev, REG_CONFIG + NET_CONFIG_STATUS, 2) & NET_LINK_UP) == up;
}

static bool link_is_down(void *arg)
{
	return link_is(arg, 0);
}

static bool link_is_up(void *arg)
{
	return link_is(arg, 1);
}

/* ---- limits ---- */

static uint32_t peer_count(void)
{
	uint32_t n = 0;

	while (rig_peer_recv(&r, got, sizeof got) >= 0)
		n++;
	return n;
}

static void sending_is_limited_then_goes_on(void **unused)
{
	struct ukvmm_rate limit = { .size = sizeof limit, .ops_per_s = 10, .ops_burst = 4 };
	struct ukvmm_net_config c = { .size = sizeof c, .tx = &limit };

	(void)unused;
	rig_init(&r, SOCK_SEQPACKET, &c, 0);
	for (uint8_t i = 0; i < 9; i++) {
		frame_fill(frame, 60, i);
		rig_send(&r, NULL, frame, 60, 1);
	}
	drive_kick(&r.dev, TX);
	assert_in_range(rig_stats(&r).out_ops, 4, 8); /* the burst, not all */
	for (uint8_t i = 0; i < 9; i++)
		rig_peer_expect(&r, 60, i);
	assert_int_equal(rig_stats(&r).out_dropped, 0);
	rig_fini(&r);
}

static void receiving_is_limited_then_goes_on(void **unused)
{
	struct ukvmm_rate limit = { .size = sizeof limit, .bytes_per_s = 1000, .bytes_burst = 400 };
	struct ukvmm_net_config c = { .size = sizeof c, .rx = &limit };

	(void)unused;
	rig_init(&r, SOCK_SEQPACKET, &c, 0);
	for (int i = 0; i < 9; i++)
		rig_offer(&r, 1526);
	drive_kick(&r.dev, RX);
	rig_settle(&r);
	for (uint8_t i = 0; i < 9; i++)
		rig_peer_send(&r, 100, i);
	drive_poll(&r.d);
	assert_in_range(rig_stats(&r).in_ops, 4, 8);
	for (uint8_t i = 0; i < 9; i++)
		rig_expect(&r, 100, i);
	assert_int_equal(rig_stats(&r).in_dropped, 0);
	rig_fini(&r);
}

/* One operation an hour, then none: what waited goes at once. */
static void a_limit_may_change_while_frames_wait(void **unused)
{
	struct ukvmm_rate hour = { .size = sizeof hour, .bytes_per_s = 1, .bytes_burst = 1 }, bad = { .size = 1 };
	struct ukvmm_err err = { .size = sizeof err };
	struct ukvmm_net_config c = { .size = sizeof c, .tx = &hour, .rx = &hour };

	(void)unused;
	rig_init(&r, SOCK_SEQPACKET, &c, 0);
	for (uint8_t i = 0; i < 10; i++) {
		rig_offer(&r, 1526);
		frame_fill(frame, 6000, i);
		rig_send(&r, NULL, frame, 6000, 1);
		rig_peer_send(&r, 60, i);
	}
	drive_kick(&r.dev, RX);
	drive_kick(&r.dev, TX);
	rig_settle(&r); /* waits without spinning */
	assert_int_equal(rig_stats(&r).out_ops, 1);
	assert_int_equal(rig_stats(&r).in_ops, 1);
	assert_int_equal(peer_count(), 1);

	assert_int_equal(ukvmm_vm_set_rate(r.d.vm, "net0", UKVMM_RATE_ALL, NULL, &err), -EINVAL);
	assert_int_equal(ukvmm_vm_set_rate(r.d.vm, "net0", 3, NULL, &err), -EINVAL);
	assert_int_equal(ukvmm_vm_set_rate(r.d.vm, "net0", UKVMM_RATE_TX, &bad, &err), -EINVAL);
	assert_int_equal(ukvmm_vm_set_rate(r.d.vm, "other", UKVMM_RATE_TX, NULL, &err), -ENODEV);
	assert_string_equal(err.object, "other");
	assert_int_equal(ukvmm_vm_set_rate(r.d.vm, "net0", UKVMM_RATE_TX, NULL, &err), 0);
	for (uint8_t i = 1; i < 10; i++)
		rig_peer_expect(&r, 6000, i);
	assert_int_equal(rig_stats(&r).in_ops, 1);
	assert_int_equal(ukvmm_vm_set_rate(r.d.vm, "net0", UKVMM_RATE_RX, NULL, &err), 0);
	for (uint8_t i = 0; i < 10; i++)
		rig_expect(&r, 60, i);
	rig_fini(&r);
}

/* A reset does not fill the bucket: else a guest would reset for speed. */
static void a_reset_does_not_renew_a_limit(void **unused)
{
	struct ukvmm_rate hour = { .size = sizeof hour, .bytes_per_s = 1, .bytes_burst = 1 };
	struct ukvmm_net_config c = { .size = sizeof c, .tx = &hour };

	(void)unused;
	rig_init(&r, SOCK_SEQPACKET, &c, 0);
	for (int i = 0; i < 4; i++) {
		frame_fill(frame, 60, 1);
		rig_send(&r, NULL, frame, 60, 1);
		drive_kick(&r.dev, TX);
		rig_drive(&r, 0, RIG_QUEUE);
	}
	rig_settle(&r);
	assert_int_equal(peer_count(), 1);
	rig_fini(&r);
}

/* ---- state ---- */

static void clone_it(void)
{
	for (uint32_t i = 0; i < 1024; i++) {
		r2.rx_gpa[i] = r.rx_gpa[i];
		r2.rx_bytes[i] = r.rx_bytes[i];
	}
	r2.queue_size = r.queue_size;
	drive_pause(&r.d);
	drive_clone(&r2.d, &r.d);
	r2.dev = r.dev;
	drive_dev_moved(&r2.dev, &r2.d, 0);
}

/* At each phase the clone goes on where the original stood, and so does the original. */
static void check_both(struct net_rig *rig, uint8_t first)
{
	for (uint8_t i = first; i < first + 3; i++)
		rig_peer_expect(rig, 9000, i);
	while (drive_used(&rig->dev, TX, NULL) >= 0)
		;
	frame_fill(frame, 60, 99);
	rig_send(rig, NULL, frame, 60, 1);
	drive_kick(&rig->dev, TX);
	rig_peer_expect(rig, 60, 99);
	assert_int_equal(drive_used(&rig->dev, TX, NULL) >= 0, 1);
	rig_peer_send(rig, 500, 42);
	rig_expect(rig, 500, 42);
}

static void sent_but_held_up_frames_go_out_of_the_clone(void **unused)
{
	static const uint64_t features[] = { 0, FEATURE_EVENT_IDX | NET_F_MRG_RXBUF };

	(void)unused;
	for (int t = 0; t < 2; t++) {
		struct ukvmm_rate hour = { .size = sizeof hour, .bytes_per_s = 1, .bytes_burst = 1 };
		struct ukvmm_net_config c = { .size = sizeof c, .tx = &hour };

		rig_init(&r, SOCK_SEQPACKET, &c, features[t]);
		rig_make(&r2, SOCK_SEQPACKET, &c);
		drive_seal(&r2.d);
		rig_offer(&r, 1526);
		drive_kick(&r.dev, RX);
		for (uint8_t i = 0; i < 4; i++) {
			frame_fill(frame, 9000, i);
			rig_send(&r, NULL, frame, 9000, 1);
		}
		drive_kick(&r.dev, TX);
		rig_peer_expect(&r, 9000, 0);
		rig_settle(&r);
		clone_it(); /* one sent, three in the ring, its completion unseen */
		assert_int_equal(ukvmm_vm_set_rate(r.d.vm, "net0", UKVMM_RATE_TX, NULL, NULL), 0);
		assert_int_equal(ukvmm_vm_set_rate(r2.d.vm, "net0", UKVMM_RATE_TX, NULL, NULL), 0);
		assert_int_equal(ukvmm_vm_resume(r2.d.vm), 0);
		check_both(&r2, 1);
		assert_int_equal(ukvmm_vm_resume(r.d.vm), 0);
		check_both(&r, 1);
		rig_fini(&r);
		rig_fini(&r2);
	}
}

static void a_clone_receives_with_the_buffers_of_the_original(void **unused)
{
	(void)unused;
	rig_init(&r, SOCK_STREAM, NULL, ctrl_features | NET_F_MRG_RXBUF);
	rig_make(&r2, SOCK_STREAM, NULL);
	drive_seal(&r2.d);
	assert_int_equal(rig_ctrl(&r, "\0\0\0", 3, true), 0);
	for (int i = 0; i < 3; i++)
		rig_offer(&r, 1500);
	drive_kick(&r.dev, RX);
	rig_peer_send(&r, 8000, 1); /* waits for more of them in the original */
	drive_poll(&r.d);
	assert_true(rig_net(&r)->rx_give_up);
	rig_net(&r)->rx_give_up = UINT64_MAX; /* however long this test takes */
	clone_it();
	assert_int_equal(ukvmm_vm_resume(r2.d.vm), 0);
	rig_peer_send(&r2, 4000, 2);
	rig_expect(&r2, 4000, 2);
	assert_int_equal(rig_net(&r2)->filter.promisc, 0); /* what the driver chose is its own to undo */
	assert_int_equal(ukvmm_vm_resume(r.d.vm), 0);
	for (int i = 0; i < 4; i++)
		rig_offer(&r, 1500);
	drive_kick(&r.dev, RX);
	rig_expect(&r, 8000, 1);
	rig_fini(&r);
	rig_fini(&r2);
}

/* The peer of the original had gone; the clone has one. */
static void a_clone_has_its_own_link(void **unused)
{
	(void)unused;
	rig_init(&r, SOCK_STREAM, NULL, 0);
	rig_make(&r2, SOCK_STREAM, NULL);
	drive_seal(&r2.d);
	rig_offer(&r, 1526);
	drive_kick(&r.dev, RX);
	close(r.peer);
	r.peer = -1;
	drive_until(&r.d, link_is_down, &r);
	clone_it();
	assert_int_equal(ukvmm_vm_resume(r2.d.vm), 0);
	drive_until(&r2.d, link_is_up, &r2);
	rig_peer_send(&r2, 60, 1);
	rig_expect(&r2, 60, 1);
	rig_fini(&r);
	rig_fini(&r2);
}

static int load_with(struct virtio_net *n, const uint8_t *bytes, size_t len, size_t at, uint8_t value)
{
	uint8_t copy[2048];
	struct ukvmm_state s;
	int rc;

	memcpy(copy, bytes, len);
	if (at < len)
		copy[at] = value;
	state_load_init(&s, copy, len);
	rc = state_begin(&s, "net0", &(uint32_t){ 0 });
	if (!rc)
		rc = net_load(n, &s, 1);
	return rc;
}

/* Every byte of the state, with every bit flipped: refused or harmless, and never a foreign address. */
static void a_forged_state_is_refused_or_harmless(void **unused)
{
	struct ukvmm_state s;
	uint32_t version = 1, refused = 0;
	uint8_t saved[2048];
	size_t len;

	(void)unused;
	rig_init(&r, SOCK_SEQPACKET, NULL, ctrl_features);
	drive_pause(&r.d);
	state_save_init(&s);
	assert_int_equal(state_begin(&s, "net0", &version), 0);
	assert_int_equal(net_save(rig_net(&r), &s), 0);
	assert_int_equal(state_end(&s), 0);
	len = s.len;
	assert_true(len < sizeof saved);
	memcpy(saved, s.buf, len);
	state_fini(&s);
	for (size_t at = 0; at < len; at++)
		for (int bit = 0; bit < 8; bit++) {
			int rc = load_with(rig_net(&r), saved, len, at, saved[at] ^ (uint8_t)(1 << bit));

			assert_true(rc == 0 || rc == -EINVAL);
			refused += rc != 0;
			assert_memory_equal(rig_net(&r)->mac, rig_mac, 6);
			assert_true(rig_net(&r)->filter.uni_n <= NET_FILTER_MACS);
			assert_true(rig_net(&r)->filter.multi_n <= NET_FILTER_MACS);
		}
	assert_true(refused > 100);
	for (size_t cut = 0; cut < len; cut++)
		assert_true(load_with(rig_net(&r), saved, cut, len, 0) < 0);
	assert_int_equal(load_with(rig_net(&r), saved, len, len, 0), 0);
	assert_int_equal(net_load(rig_net(&r), &s, 2), -ENOTSUP);
	assert_int_equal(ukvmm_vm_resume(r.d.vm), 0);
	rig_fini(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sending_is_limited_then_goes_on),
		cmocka_unit_test(receiving_is_limited_then_goes_on),
		cmocka_unit_test(a_limit_may_change_while_frames_wait),
		cmocka_unit_test(a_reset_does_not_renew_a_limit),
		cmocka_unit_test(sent_but_held_up_frames_go_out_of_the_clone),
		cmocka_unit_test(a_clone_receives_with_the_buffers_of_the_original),
		cmocka_unit_test(a_clone_has_its_own_link),
		cmocka_unit_test(a_forged_state_is_refused_or_harmless),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
