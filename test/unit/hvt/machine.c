/* SPDX-License-Identifier: Apache-2.0 */
#include "machine.h"

#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

void machine_output(void *ctx, const void *bytes, size_t len)
{
	(void)bytes;
	((struct machine *)ctx)->said += len;
}

uint64_t machine_now(void *ctx)
{
	return ((struct machine *)ctx)->now;
}

static const uint8_t mac[HVT_MAC] = {2, 0, 0, 0, 0, 1};

int machine_setup(void **state)
{
	static struct machine m;
	const struct hvt_host host = {machine_output, machine_now};
	struct block_backend *disk;
	struct net_backend *net;
	int pair[2];

	m = (struct machine){.now = 1000};
	assert_int_equal(mem_map(&m.mem, MEMORY, 3u << 30, 1ull << 32, MEM_HUGE_OFF), 0);
	assert_int_equal(hvt_new(&m.hvt, &m.mem, &host, &m), 0);
	assert_int_equal(block_memory(&disk, DISK, "disk", NULL), 0);
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
	assert_int_equal(net_packet(&net, pair[0], "net", NULL), 0);
	close(pair[0]);
	m.peer = pair[1];
	assert_int_equal(hvt_add_block(m.hvt, STORAGE, disk, 0, 512), 0);
	assert_int_equal(hvt_add_net(m.hvt, SERVICE, net, mac, false), 0);
	*state = &m;
	return 0;
}

int machine_teardown(void **state)
{
	struct machine *m = *state;

	hvt_free(m->hvt);
	mem_fini(&m->mem);
	close(m->peer);
	return 0;
}

/* The call with these words as its structure at `at`. */
enum hvt_result call_at(struct machine *m, uint32_t n, uint64_t at, const uint64_t *words, size_t len)
{
	const char *why;
	int32_t status = 0;

	if (mem_ptr(&m->mem, at, len))
		mem_write(&m->mem, at, words, len);
	return hvt_call(m->hvt, n, at, &status, &why);
}

bool goes_on(struct machine *m)
{
	const char *why;

	return hvt_continue(m->hvt, &why) == HVT_DONE;
}

enum hvt_result transfer(struct machine *m, uint32_t n, uint64_t handle, uint64_t off, uint64_t data, uint64_t len)
{
	const uint64_t words[5] = {handle, off, data, len, 77};

	return call_at(m, n, ARGS, words, sizeof words);
}

enum hvt_result frame(struct machine *m, uint32_t n, uint64_t handle, uint64_t data, uint64_t len)
{
	const uint64_t words[4] = {handle, data, len, 77};

	return call_at(m, n, ARGS, words, sizeof words);
}

int32_t answer(struct machine *m, uint64_t at)
{
	int32_t v;

	assert_int_equal(mem_read(&m->mem, at, &v, sizeof v), 0);
	return v;
}
