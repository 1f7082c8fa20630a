/* SPDX-License-Identifier: Apache-2.0 */
/* The card around its frames: what it offers, the control queue and the link. */
#include "net_rig.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static struct net_rig r, r2;
static uint8_t frame[NET_BUFFER];

static uint64_t features_of(struct net_rig *rig)
{
	uint64_t f = 0;

	for (uint32_t i = 0; i < 2; i++) {
		drive_reg_set(&rig->dev, REG_DEVICE_FEATURES_SEL, 4, i);
		f |= drive_reg(&rig->dev, REG_DEVICE_FEATURES, 4) << 32 * i;
	}
	return f;
}

static uint32_t status_of(struct net_rig *rig)
{
	return (uint32_t)drive_reg(&rig->dev, REG_CONFIG + NET_CONFIG_STATUS, 2);
}

/* ---- what is offered ---- */

static void the_config_space_has_mac_status_and_mtu(void **unused)
{
	struct ukvmm_net_config with_mtu = { .size = sizeof with_mtu, .mtu = 9000 };
	const uint64_t offload = NET_F_CSUM | NET_F_GUEST_CSUM | NET_F_HOST_TSO4 | NET_F_GUEST_TSO4 | NET_F_HOST_TSO6 |
		NET_F_GUEST_TSO6;

	(void)unused;
	rig_init(&r, SOCK_SEQPACKET, &with_mtu, 0);
	for (uint32_t i = 0; i < 6; i++)
		assert_int_equal(drive_reg(&r.dev, REG_CONFIG + i, 1), rig_mac[i]);
	assert_int_equal(status_of(&r), 1);
	assert_int_equal(drive_reg(&r.dev, REG_CONFIG + NET_CONFIG_MTU, 2), 9000);
	assert_int_equal(features_of(&r) & (NET_F_MAC | NET_F_STATUS | NET_F_MTU | NET_F_MRG_RXBUF | NET_F_CTRL_VQ),
		NET_F_MAC | NET_F_STATUS | NET_F_MTU | NET_F_MRG_RXBUF | NET_F_CTRL_VQ);
	assert_int_equal(features_of(&r) & offload, 0); /* a socket has none */
	/* written by the driver: ignored */
	drive_reg_set(&r.dev, REG_CONFIG, 4, 0);
	assert_int_equal(drive_reg(&r.dev, REG_CONFIG, 1), rig_mac[0]);
	rig_fini(&r);

	rig_init(&r, SOCK_SEQPACKET, NULL, 0);
	assert_int_equal(features_of(&r) & NET_F_MTU, 0);
	rig_fini(&r);
}

static int add(struct drive *d, const char *name, struct ukvmm_net_config *c)
{
	struct ukvmm_err err = { .size = sizeof err };
	int rc;

	c->size = sizeof *c;
	rc = ukvmm_vm_add_net(d->vm, name, c, &err);
	if (rc) {
		assert_int_equal(err.code, rc);
		assert_true(err.call[0] && err.object[0] && err.text[0]);
	}
	return rc;
}

static void a_bad_configuration_is_refused_with_a_reason(void **unused)
{
	struct ukvmm_rate rate = { .size = sizeof rate, .flags = 1 };
	struct drive d;
	int fd[2];

	(void)unused;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fd), 0);
	drive_init(&d);
	assert_int_equal(add(&d, "a", &(struct ukvmm_net_config){ .kind = 4, .fd = -1 }), -EINVAL);
	assert_int_equal(add(&d, "a", &(struct ukvmm_net_config){ .flags = 2, .fd = -1 }), -EINVAL);
	assert_int_equal(add(&d, "a", &(struct ukvmm_net_config){ .reserved = 1, .fd = -1 }), -EINVAL);
	assert_int_equal(add(&d, "a", &(struct ukvmm_net_config){ .mtu = 67, .fd = -1 }), -EINVAL);
	assert_int_equal(add(&d, "a", &(struct ukvmm_net_config){ .mtu = 65522, .fd = -1 }), -EINVAL);
	assert_int_equal(add(&d, "a", &(struct ukvmm_net_config){ .mac = { 1 }, .fd = -1 }), -EINVAL);
	assert_int_equal(add(&d, "a", &(struct ukvmm_net_config){ .mac = { [7] = 1 }, .fd = -1 }), -EINVAL);
	assert_int_equal(add(&d, "a", &(struct ukvmm_net_config){ .rx = &rate, .fd = -1 }), -EINVAL);
	assert_int_equal(add(&d, "a", &(struct ukvmm_net_config){ .kind = UKVMM_NET_STREAM, .fd = -1 }), -EINVAL);
	assert_int_equal(add(&d, "a", &(struct ukvmm_net_config){ .kind = UKVMM_NET_TAP, .fd = -1 }), -EINVAL);
	assert_int_equal(add(&d, "a", &(struct ukvmm_net_config){ .tap = "t", .fd = -1 }), -EINVAL);
	assert_int_equal(add(&d, "a", &(struct ukvmm_net_config){ .kind = UKVMM_NET_TAP, .tap = "t", .fd = fd[0] }),
		-EINVAL);
	assert_int_equal(add(&d, "a", &(struct ukvmm_net_config){ .kind = UKVMM_NET_PACKET, .fd = fd[0] }), -EPROTOTYPE);
	assert_int_equal(d.vm->devices, 0);
	/* good ones: a random address each, of one station, local */
	assert_int_equal(ukvmm_vm_add_net(d.vm, "none", NULL, NULL), 0);
	assert_int_equal(add(&d, "b", &(struct ukvmm_net_config){ .kind = UKVMM_NET_STREAM, .fd = fd[0] }), 0);
	assert_int_equal(add(&d, "b", &(struct ukvmm_net_config){ .fd = -1 }), -EEXIST);
	for (int i = 0; i < 2; i++) {
		const uint8_t *mac = ((struct virtio_net *)d.vm->device[i]->ctx)->mac;

		assert_int_equal(mac[0] & 3, 2);
		assert_memory_not_equal(mac, ((struct virtio_net *)d.vm->device[!i]->ctx)->mac, 6);
	}
	drive_seal(&d);
	assert_int_equal(add(&d, "c", &(struct ukvmm_net_config){ .fd = -1 }), -EBADFD);
	drive_fini(&d);
	close(fd[0]);
	close(fd[1]);
}

static void a_link_with_nobody_takes_frames(void **unused)
{
	(void)unused;
	memset(&r, 0, sizeof r);
	r.peer = -1;
	drive_init(&r.d);
	assert_int_equal(ukvmm_vm_add_net(r.d.vm, "none", NULL, NULL), 0);
	drive_seal(&r.d);
	rig_drive(&r, 0, RIG_QUEUE);
	frame_fill(frame, 60, 1);
	memcpy(frame + 6, rig_net(&r)->mac, 6);
	rig_send(&r, NULL, frame, 60, 1);
	rig_offer(&r, 1526);
	drive_kick(&r.dev, RX);
	drive_kick(&r.dev, TX);
	assert_true(drive_used(&r.dev, TX, NULL) >= 0);
	rig_settle(&r);
	assert_int_equal(drive_used(&r.dev, RX, NULL), -1);
	assert_int_equal(status_of(&r), 1);
	rig_fini(&r);
}

/* ---- the control queue ---- */

static const uint64_t ctrl_features = NET_F_CTRL_VQ | NET_F_CTRL_RX | NET_F_CTRL_MAC_ADDR;

static void to_address(uint8_t last, uint8_t seed)
{
	uint8_t to[6] = { 2, 0, 0, 0, 0, last };

	frame_fill(frame, 60, seed);
	memcpy(frame, to, 6);
	assert_int_equal(send(r.peer, frame, 60, 0), 60);
}

static void the_driver_chooses_what_it_receives(void **unused)
{
	/* class 1 command 0: one address, one group */
	uint8_t table[22] = { 1, 0, 1, 0, 0, 0, 2, 0, 0, 0, 0, 9, 1, 0, 0, 0, 1, 0, 0x5e, 0, 0, 7 };
	uint8_t group[6] = { 1, 0, 0x5e, 0, 0, 7 };

	(void)unused;
	rig_init(&r, SOCK_SEQPACKET, NULL, ctrl_features);
	for (int i = 0; i < 32; i++)
		rig_offer(&r, 1526);
	drive_kick(&r.dev, RX);
	to_address(77, 1); /* promiscuous until told */
	rig_expect(&r, 60, 1);
	assert_int_equal(rig_ctrl(&r, "\0\0\0", 3, true), 0);
	to_address(77, 2);
	to_address(1, 3); /* its own */
	rig_expect(&r, 60, 3);
	rig_peer_send(&r, 60, 4); /* everybody */
	rig_expect(&r, 60, 4);
	assert_int_equal(rig_ctrl(&r, table, sizeof table, true), 0);
	to_address(77, 5);
	to_address(9, 6);
	rig_expect(&r, 60, 6);
	memcpy(frame, group, 6);
	assert_int_equal(send(r.peer, frame, 60, 0), 60);
	rig_expect(&r, 60, 6);
	group[5]++;
	memcpy(frame, group, 6);
	assert_int_equal(send(r.peer, frame, 60, 0), 60);
	to_address(1, 7);
	rig_expect(&r, 60, 7);
	assert_int_equal(rig_ctrl(&r, "\0\1\1", 3, true), 0); /* ALLMULTI */
	memcpy(frame, group, 6);
	assert_int_equal(send(r.peer, frame, 60, 0), 60);
	rig_expect(&r, 60, 7);
	assert_int_equal(rig_ctrl(&r, "\0\0\1", 3, true), 0);
	to_address(77, 8);
	rig_expect(&r, 60, 8);
	assert_int_equal(rig_stats(&r).in_dropped, 0); /* not wanted is not lost */
	rig_fini(&r);
}

static void more_addresses_than_fit_mean_all(void **unused)
{
	uint8_t table[2 + 4 + 6 * (NET_FILTER_MACS + 1) + 4] = { 1, 0, NET_FILTER_MACS + 1 };

	(void)unused;
	rig_init(&r, SOCK_SEQPACKET, NULL, ctrl_features);
	assert_int_equal(rig_ctrl(&r, "\0\0\0", 3, true), 0);
	assert_int_equal(rig_ctrl(&r, table, sizeof table, true), 0);
	rig_offer(&r, 1526);
	drive_kick(&r.dev, RX);
	to_address(200, 1);
	rig_expect(&r, 60, 1);
	rig_fini(&r);
}

static void commands_that_make_no_sense_are_answered_so(void **unused)
{
	static uint8_t large[5000] = { 1, 0, 0xff, 0xff, 0xff, 0xff };
	static const struct {
		const char *bytes;
		uint32_t len;
	} bad[] = {
		{ "\0", 1 },				  /* no command */
		{ "\0\0", 2 },				  /* no argument */
		{ "\0\2\1", 3 },			  /* RX_EXTRA was not offered */
		{ "\1\0", 2 },				  /* no table */
		{ "\1\0\0\0\0\0", 6 },			  /* one table */
		{ "\1\0\1\0\0\0\2\0\0\0\0", 11 },	  /* half an address */
		{ "\1\0\377\377\377\377\2\0\0\0\0\1", 12 }, /* far more than there are */
		{ "\1\1\2\0\0\0\0", 7 },		  /* half an address */
		{ "\1\1\3\0\0\0\0\1", 8 },		  /* a group's address */
		{ "\1\1\2\0\0\0\0\2", 8 },		  /* somebody else's */
		{ "\1\2\0\0\0\0\0\0", 8 },
		{ "\2\0\1\0", 4 },			  /* VLAN */
		{ "\3\0", 2 },				  /* announced: not negotiated */
		{ "\4\0\1\0", 4 },			  /* multiqueue */
		{ "\377\377\377\377", 4 },
	};

	(void)unused;
	rig_init(&r, SOCK_SEQPACKET, NULL, ctrl_features);
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		assert_int_equal(rig_ctrl(&r, bad[i].bytes, bad[i].len, true), 1);
	assert_int_equal(rig_ctrl(&r, large, sizeof large, true), 1);
	assert_int_equal(rig_ctrl(&r, "\0\0\1", 3, false), -1);
	/* its own address is no change */
	assert_int_equal(rig_ctrl(&r, "\1\1\2\0\0\0\0\1", 8, true), 0);
	assert_int_equal(r.d.broken, 0);
	rig_fini(&r);

	/* without the features there are no commands */
	rig_init(&r, SOCK_SEQPACKET, NULL, NET_F_CTRL_VQ);
	assert_int_equal(rig_ctrl(&r, "\0\0\1", 3, true), 1);
	assert_int_equal(rig_ctrl(&r, "\1\1\2\0\0\0\0\1", 8, true), 1);
	rig_fini(&r);
}

/* Where any address is allowed the driver may take another, until it resets. */
static void a_bridge_may_change_its_address(void **unused)
{
	struct ukvmm_net_config any = { .size = sizeof any, .flags = UKVMM_NET_ANY_MAC };

	(void)unused;
	rig_init(&r, SOCK_SEQPACKET, &any, ctrl_features);
	assert_int_equal(rig_ctrl(&r, "\1\1\2\0\0\0\0\42", 8, true), 0);
	assert_int_equal(drive_reg(&r.dev, REG_CONFIG + 5, 1), 042);
	rig_drive(&r, ctrl_features, RIG_QUEUE);
	assert_int_equal(drive_reg(&r.dev, REG_CONFIG + 5, 1), 1);
	rig_fini(&r);
}

/* ---- the link ---- */

static bool link_is_down(void *arg)
{
	return !(status_of(arg) & NET_LINK_UP);
}

static bool link_is_up(void *arg)
{
	return status_of(arg) & NET_LINK_UP;
}

static void a_peer_that_leaves_takes_the_link_down_until_rebind(void **unused)
{
	static const int types[] = { SOCK_SEQPACKET, SOCK_STREAM };

	(void)unused;
	for (int t = 0; t < 2; t++) {
		struct ukvmm_err err = { .size = sizeof err };
		int fd[2];

		rig_init(&r, types[t], NULL, 0);
		rig_offer(&r, 1526);
		drive_kick(&r.dev, RX);
		rig_settle(&r);
		drive_reg_set(&r.dev, REG_INTERRUPT_ACK, 4, 3);
		close(r.peer);
		drive_until(&r.d, link_is_down, &r);
		assert_int_equal(drive_reg(&r.dev, REG_INTERRUPT_STATUS, 4), INTERRUPT_CONFIG);
		rig_settle(&r); /* a hang-up that stays is no work */
		/* what is sent meanwhile is gone, as from a cable that was pulled */
		frame_fill(frame, 60, 1);
		rig_send(&r, NULL, frame, 60, 1);
		drive_kick(&r.dev, TX);
		drive_wait_used(&r.dev, TX, NULL);
		assert_int_equal(rig_stats(&r).out_dropped, 1);

		assert_int_equal(socketpair(AF_UNIX, types[t] | SOCK_NONBLOCK, 0, fd), 0);
		assert_int_equal(ukvmm_vm_rebind(r.d.vm, "net0", fd[0], &err), -EBADFD);
		drive_pause(&r.d);
		assert_int_equal(ukvmm_vm_rebind(r.d.vm, "net1", fd[0], &err), -ENODEV);
		assert_int_equal(ukvmm_vm_rebind(r.d.vm, "net0", -1, &err), -EBADF);
		assert_int_equal(ukvmm_vm_rebind(r.d.vm, "net0", fd[0], &err), 0);
		close(fd[0]);
		r.peer = fd[1];
		assert_int_equal(ukvmm_vm_resume(r.d.vm), 0);
		drive_until(&r.d, link_is_up, &r);
		rig_peer_send(&r, 60, 5);
		rig_expect(&r, 60, 5);
		frame_fill(frame, 60, 6);
		rig_send(&r, NULL, frame, 60, 1);
		drive_kick(&r.dev, TX);
		rig_peer_expect(&r, 60, 6);
		rig_fini(&r);
	}
}

static bool is_asked(void *arg)
{
	return status_of(arg) & NET_ANNOUNCE;
}

static void rebind_elsewhere(struct net_rig *to)
{
	struct ukvmm_err err = { .size = sizeof err };
	int fd[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, fd), 0);
	drive_pause(&to->d);
	assert_int_equal(ukvmm_vm_rebind(to->d.vm, "net0", fd[0], &err), 0);
	close(fd[0]);
	close(to->peer);
	to->peer = fd[1];
	assert_int_equal(ukvmm_vm_resume(to->d.vm), 0);
	rig_settle(to);
}

/* virtio 1.2 §5.1.6.5.4; without a control queue the driver could not answer, and is not asked. */
static void a_driver_elsewhere_is_asked_to_announce_itself(void **unused)
{
	(void)unused;
	rig_init(&r, SOCK_SEQPACKET, NULL, NET_F_STATUS | NET_F_CTRL_VQ | NET_F_GUEST_ANNOUNCE);
	assert_int_equal(rig_ctrl(&r, "\3\0", 2, true), 0);
	drive_reg_set(&r.dev, REG_INTERRUPT_ACK, 4, 3);
	rebind_elsewhere(&r);
	drive_until(&r.d, is_asked, &r);
	assert_int_equal(drive_reg(&r.dev, REG_INTERRUPT_STATUS, 4), INTERRUPT_CONFIG);
	assert_int_equal(rig_ctrl(&r, "\3\1", 2, true), 1);
	assert_int_equal(status_of(&r), NET_LINK_UP | NET_ANNOUNCE);
	assert_int_equal(rig_ctrl(&r, "\3\0", 2, true), 0);
	assert_int_equal(status_of(&r), NET_LINK_UP);
	rig_fini(&r);

	rig_init(&r, SOCK_SEQPACKET, NULL, NET_F_STATUS | NET_F_GUEST_ANNOUNCE);
	rebind_elsewhere(&r);
	assert_int_equal(status_of(&r), NET_LINK_UP);
	rig_fini(&r);
}

/* Nothing reaches the guest's memory, nor leaves it, while the VM is paused. */
static void a_pause_holds_frames_back(void **unused)
{
	(void)unused;
	rig_init(&r, SOCK_SEQPACKET, NULL, 0);
	rig_offer(&r, 1526);
	drive_kick(&r.dev, RX);
	rig_settle(&r);
	drive_pause(&r.d);
	rig_peer_send(&r, 60, 1);
	rig_settle(&r);
	assert_int_equal(drive_used(&r.dev, RX, NULL), -1);
	assert_int_equal(ukvmm_vm_resume(r.d.vm), 0);
	rig_expect(&r, 60, 1);
	rig_fini(&r);
}

/* Two guests back to back. */
static void two_guests_talk(void **unused)
{
	struct ukvmm_err err = { .size = sizeof err };

	(void)unused;
	rig_init(&r, SOCK_SEQPACKET, NULL, 0);
	rig_make(&r2, SOCK_SEQPACKET, NULL);
	assert_int_equal(ukvmm_vm_rebind(r2.d.vm, "net0", r.peer, &err), 0); /* before seal */
	drive_seal(&r2.d);
	rig_drive(&r2, NET_F_MRG_RXBUF, RIG_QUEUE);
	close(r.peer);
	r.peer = -1;
	rig_offer(&r2, 1526);
	drive_kick(&r2.dev, RX);
	rig_offer(&r, 1526);
	drive_kick(&r.dev, RX);
	for (uint8_t i = 0; i < 20; i++) {
		frame_fill(frame, 1000, i);
		rig_send(&r, NULL, frame, 1000, 1);
		drive_kick(&r.dev, TX);
		rig_expect(&r2, 1000, i);
		rig_send(&r2, NULL, frame, 1000, 1);
		drive_kick(&r2.dev, TX);
		rig_expect(&r, 1000, i);
		rig_offer(&r, 1526);
		rig_offer(&r2, 1526);
		drive_kick(&r.dev, RX);
		drive_kick(&r2.dev, RX);
	}
	rig_fini(&r);
	rig_fini(&r2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_config_space_has_mac_status_and_mtu),
		cmocka_unit_test(a_bad_configuration_is_refused_with_a_reason),
		cmocka_unit_test(a_link_with_nobody_takes_frames),
		cmocka_unit_test(the_driver_chooses_what_it_receives),
		cmocka_unit_test(more_addresses_than_fit_mean_all),
		cmocka_unit_test(commands_that_make_no_sense_are_answered_so),
		cmocka_unit_test(a_bridge_may_change_its_address),
		cmocka_unit_test(a_peer_that_leaves_takes_the_link_down_until_rebind),
		cmocka_unit_test(a_driver_elsewhere_is_asked_to_announce_itself),
		cmocka_unit_test(a_pause_holds_frames_back),
		cmocka_unit_test(two_guests_talk),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
