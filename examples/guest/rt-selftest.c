/* SPDX-License-Identifier: Apache-2.0 */
/* Checks the platform. mode=: all (default), net, disk, console, waits, or a fault: null, text, data, stack, low. */
#include <stdlib.h>
#include <string.h>

#include <ukvmm_rt.h>

static void fail(const char *what)
{
	rt_log("FAIL %s", what);
	rt_exit(1);
}

static void check_time(void)
{
	uint64_t t = rt_now(), until = t + 1000000;

	while (rt_now() < until)
		rt_wait(until);
	if (rt_now() < until)
		fail("time");
}

/* Three times of idling, nothing else: for who counts instructions. */
static void waits(void)
{
	for (int i = 0; i < 3; i++)
		rt_wait(rt_now() + 5000000);
	rt_log("OK");
	rt_exit(0);
}

static void check_memory(void)
{
	void *a = malloc(1000), *b = calloc(1, 5 << 20);

	if (!a || !b || a == b || malloc(1ull << 45))
		fail("malloc");
	free(a);
	if (malloc(1000) != a)
		fail("free");
}

static void check_random(void)
{
	uint8_t a[64] = {0}, b[64] = {0};

	rt_random(a, sizeof a);
	rt_random(b, sizeof b);
	if (!memcmp(a, b, sizeof a))
		fail("random");
}

static void check_disk(void)
{
	uint64_t bytes = rt_disk_bytes(), *at = malloc(bytes);

	if (!bytes || !at || rt_disk_read(0, at, bytes))
		fail("disk");
	for (uint64_t i = 1; i < bytes / 8; i++)
		if (at[i] != i * at[1])
			fail("what the disk holds");
	rt_log("result disk %lu bytes", bytes);
}

/* The frames of the harness's peer (test/guests/guest/io_proto.h) come back as they went. */
enum { FRAMES = 200, FRAME = 64, HELLO = 1, ECHO = 3, ECHOED = 4 };

static uint32_t came, went;
static uint8_t mac[6];

static void count_sent(void *arg)
{
	(void)arg;
	went++;
}

static void got(void *arg, const struct rt_piece *piece, uint32_t n, bool checked)
{
	static uint8_t bytes[FRAME];
	uint32_t len = 0;

	(void)checked;
	for (uint32_t i = 0; i < n && len + piece[i].len <= FRAME; i++) {
		memcpy(bytes + len, piece[i].at, piece[i].len);
		len += piece[i].len;
	}
	if (bytes[14] == ECHOED && (len < FRAME || memcmp(bytes + 16, (uint8_t *)arg + 16, FRAME - 16)))
		fail("a frame came back otherwise");
	came++;
}

static void check_net(void)
{
	static uint8_t frame[FRAME] = {2, 2, 2, 2, 2, 2, [12] = 0x88, 0xb5};
	const struct rt_piece piece[] = {{frame, 14}, {frame + 14, FRAME - 14}};
	struct rt_net_info info;

	if (!rt_net_open(&info))
		fail("no network card");
	memcpy(mac, info.mac, sizeof mac);
	memcpy(frame + 6, mac, sizeof mac);
	rt_log("mtu %u features %u", info.mtu, info.features);
	for (uint32_t i = 0; i < FRAMES; i++) {
		frame[14] = i ? ECHO : HELLO;
		if (!rt_net_send(piece, 2, NULL, count_sent, NULL))
			fail("the ring is full");
		while (came <= i) {
			rt_wait(0);
			rt_net_poll(got, frame, 64);
		}
	}
	rt_log("result net %u frames, %u sent", came, went);
}

/* Gives back two lines that were typed. */
static void check_console(void)
{
	char typed[64];
	uint32_t lines = 0;
	size_t n;

	if (!rt_hvc_open() || !rt_hvc_write("hello from a virtio console\n", 28))
		fail("no console");
	rt_log("ready");
	while (lines < 2) {
		n = rt_hvc_read(typed, sizeof typed);
		if (!n) {
			rt_wait(0);
			continue;
		}
		for (size_t i = 0; i < n; i++)
			lines += typed[i] == '\n';
		rt_hvc_write(typed, n);
	}
}

static __attribute__((noinline)) int deep(int n)
{
	volatile char here[4096];

	here[0] = (char)n;
	return n ? deep(n - 1) + here[0] : 0;
}

static void divide(void)
{
	volatile int zero = 0, one = 1;

	one /= zero;
}

/* Nobody may do these; the rest is an access to an address. */
static void instruction(const char *mode)
{
	static uint8_t code[] = {0xc3};
	void (*volatile nowhere)(void) = NULL;

	if (!strcmp(mode, "data"))
		((void (*)(void))(uintptr_t)code)();
	else if (!strcmp(mode, "stack"))
		deep(1 << 20);
	else if (!strcmp(mode, "jump"))
		nowhere();
	else if (!strcmp(mode, "divide"))
		divide();
	else if (!strcmp(mode, "invalid"))
		__asm__ volatile("ud2");
	else if (!strcmp(mode, "privileged"))
		__asm__ volatile("mov %%cr0, %%rax" : : : "rax");
	else if (!strcmp(mode, "panic"))
		rt_panic("on purpose");
}

static void fault(const char *mode)
{
	static const char constant[] = "constant";
	volatile uint8_t *at = NULL;

	instruction(mode);
	if (!strcmp(mode, "text"))
		at = (volatile uint8_t *)(uintptr_t)rt_main;
	else if (!strcmp(mode, "low"))
		at = (volatile uint8_t *)0x7000;
	else if (!strcmp(mode, "rodata"))
		at = (volatile uint8_t *)(uintptr_t)constant;
	else if (!strcmp(mode, "wild"))
		at = (volatile uint8_t *)0x8000000000000000;
	else if (!strcmp(mode, "ring0"))
		rt_log("%u", *(volatile uint8_t *)0x110000);
	*at = 1;
	fail("nothing stopped that");
}

int rt_main(void)
{
	const char *mode = rt_arg("mode");

	if (mode && !strcmp(mode, "waits"))
		waits();
	check_time();
	check_memory();
	check_random();
	if (mode && !strcmp(mode, "disk"))
		check_disk();
	else if (mode && !strcmp(mode, "net"))
		check_net();
	else if (mode && !strcmp(mode, "console"))
		check_console();
	else if (mode)
		fault(mode);
	rt_ready(1);
	rt_log("OK");
	return 0;
}
