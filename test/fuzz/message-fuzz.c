/* SPDX-License-Identifier: Apache-2.0 */
/* Bytes as a message, to either side, and as a request to a broker; what is taken for one keeps the promises of message.h. The first byte chooses the
 * side and how many descriptors came with it. */
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "broker_wire.h"
#include "message.h"

const char report_program[] = "fuzz";

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void check(bool holds)
{
	if (!holds)
		abort();
}

static void check_fd(int32_t fd, uint32_t fds)
{
	check(fd == -1 || (fd >= 0 && (uint32_t)fd < fds));
}

static void check_job(const struct message_job *j, size_t bytes, uint32_t fds)
{
	check(j->disks_len <= MESSAGE_DEVICES && j->nets_len <= MESSAGE_DEVICES);
	check(j->disks_len + j->nets_len <= MESSAGE_DEVICES);
	check(sizeof(struct message_head) + sizeof *j + j->cmdline_len + j->words_len == bytes);
	check(memchr(j->name, 0, sizeof j->name) != NULL);
	check(j->image_fd >= 0);
	check_fd(j->image_fd, fds);
	check_fd(j->initrd_fd, fds);
	check_fd(j->console_fd, fds);
	check_fd(j->vsock_fd, fds);
	check_fd(j->connect_fd, fds);
	for (uint32_t i = 0; i < j->disks_len; i++) {
		check(memchr(j->disk[i].name, 0, sizeof j->disk[i].name) != NULL);
		check_fd(j->disk[i].fd, fds);
		check_fd(j->disk[i].top_fd, fds);
	}
	for (uint32_t i = 0; i < j->nets_len; i++) {
		check(memchr(j->net[i].name, 0, sizeof j->net[i].name) != NULL);
		check_fd(j->net[i].fd, fds);
	}
}

static void check_err(const struct ukvmm_err *err)
{
	const char *text[] = { err->call, err->object, err->text };

	check(err->code < 0);
	for (int i = 0; i < 3; i++)
		for (const char *c = text[i]; *c; c++)
			check((unsigned char)*c >= 0x20 && *c != 0x7f);
}

static void check_request(const uint8_t *bytes, size_t len, uint32_t fds)
{
	static struct broker_request r;

	if (broker_request_take(bytes, len, fds, &r) < 0)
		return;
	check(memchr(r.name, 0, sizeof r.name) != NULL);
	check(fds == (r.verb == BROKER_SPAWN ? BROKER_FDS : 0));
	check(r.verb != BROKER_OPEN || (r.name[0] && r.folder < BROKER_FOLDERS));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static struct message m;
	enum message_side side;
	uint32_t fds;
	uint8_t *copy;

	if (len < 1)
		return 0;
	side = data[0] & 1 ? MESSAGE_AT_WORKER : MESSAGE_AT_CONTROL;
	fds = data[0] >> 1;
	/* of its own size, so that a read behind it is seen */
	copy = malloc(len);
	check(copy != NULL);
	memcpy(copy, data + 1, len - 1);
	if (message_take(side, copy, len - 1, fds, &m) == 0) {
		check(m.head.bytes == len - 1);
		if (m.head.type == MESSAGE_JOB)
			check_job(&m.job, len - 1, fds);
		else
			check(fds == (m.head.type == MESSAGE_CORE));
		if (m.head.type == MESSAGE_FAILED)
			check_err(&m.failed.err);
		if (m.head.type == MESSAGE_STOPPED)
			check_err(&m.stopped.err);
	}
	check_request(copy, len - 1, fds);
	free(copy);
	return 0;
}
