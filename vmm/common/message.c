/* SPDX-License-Identifier: Apache-2.0 */
/* What is a message and what is not: bytes in, a checked copy out. The socket is message_io.c's. */
#include "message.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "worker.h"

/* What each type has behind its head; only a job has more, its texts. */
#define BODY(TYPE, SIDE, FIELD) [MESSAGE_##TYPE] = { sizeof((const struct message *)0)->FIELD, MESSAGE_AT_##SIDE, true }
#define HEAD_ONLY(TYPE, SIDE) [MESSAGE_##TYPE] = { 0, MESSAGE_AT_##SIDE, true }

static const struct body {
	size_t bytes;
	enum message_side side; /* that receives it */
	bool known;
} bodies[] = {
	BODY(BIRTH, WORKER, birth),
	BODY(JOB, WORKER, job),
	BODY(RESIZE, WORKER, resize),
	BODY(CORE, WORKER, core),
	HEAD_ONLY(STOP, WORKER),
	HEAD_ONLY(ASK, WORKER),
	HEAD_ONLY(HOLD, WORKER),
	HEAD_ONLY(PLACED, WORKER),
	BODY(READY, CONTROL, ready),
	BODY(NOTIFY, CONTROL, notify),
	BODY(BROKEN, CONTROL, broken),
	BODY(STATS, CONTROL, stats),
	BODY(FAILED, CONTROL, failed),
	BODY(STOPPED, CONTROL, stopped),
	BODY(DEAD, CONTROL, dead),
};

size_t message_bytes(enum message_type type)
{
	return bodies[type].bytes;
}

static const struct body *find_body(enum message_side side, uint32_t type)
{
	const struct body *b = type < sizeof bodies / sizeof *bodies ? &bodies[type] : NULL;

	return b && b->known && b->side == side ? b : NULL;
}

static bool text_ends(const char *text, size_t room)
{
	return memchr(text, '\0', room) != NULL;
}

static bool fd_is(int32_t fd, uint32_t fds)
{
	return fd == -1 || (fd >= 0 && (uint32_t)fd < fds);
}

/* Two devices on one descriptor would be the broker's mistake; it is refused as any other. */
static bool fd_once(int32_t fd, uint32_t fds, uint64_t seen[])
{
	if (!fd_is(fd, fds))
		return false;
	if (fd < 0)
		return true;
	if (seen[fd / 64] >> fd % 64 & 1)
		return false;
	seen[fd / 64] |= 1ull << fd % 64;
	return true;
}

static bool disks_right(const struct message_job *j, uint32_t fds, uint64_t seen[])
{
	if (j->disks_len > MESSAGE_DEVICES)
		return false;
	for (uint32_t i = 0; i < j->disks_len; i++) {
		const struct message_disk *d = &j->disk[i];

		if (!text_ends(d->name, sizeof d->name) || !text_ends(d->serial, sizeof d->serial) ||
			!fd_once(d->fd, fds, seen) || !fd_once(d->top_fd, fds, seen) || d->fd < 0)
			return false;
	}
	return true;
}

static bool nets_right(const struct message_job *j, uint32_t fds, uint64_t seen[])
{
	if (j->nets_len > MESSAGE_DEVICES - j->disks_len)
		return false;
	for (uint32_t i = 0; i < j->nets_len; i++) {
		const struct message_net *n = &j->net[i];

		if (!text_ends(n->name, sizeof n->name) || !fd_once(n->fd, fds, seen) ||
			(n->fd < 0) != (n->kind == UKVMM_NET_NONE))
			return false;
	}
	return true;
}

/* What the library checks (sizes, kinds, flags, doubled names) is left to it. texts: bytes behind the structure. */
static bool job_right(const struct message_job *j, size_t texts, uint32_t fds)
{
	uint64_t seen[MESSAGE_FDS / 64] = { 0 };

	if (fds > MESSAGE_FDS || !text_ends(j->name, sizeof j->name) || !disks_right(j, fds, seen) ||
		!nets_right(j, fds, seen))
		return false;
	if (j->flags & ~JOB_ALL || j->cmdline_len > MESSAGE_TEXT || j->words_len > MESSAGE_TEXT ||
		(size_t)j->cmdline_len + j->words_len != texts)
		return false;
	return j->image_fd >= 0 && fd_once(j->image_fd, fds, seen) && fd_once(j->initrd_fd, fds, seen) &&
	       fd_once(j->console_fd, fds, seen) && fd_once(j->vsock_fd, fds, seen) &&
	       fd_once(j->connect_fd, fds, seen);
}

/* It goes to terminals and logs: no escape sequences, no second line. */
static void make_printable(char *text, size_t room)
{
	text[room - 1] = '\0';
	for (; *text; text++)
		if ((unsigned char)*text < 0x20 || *text == 0x7f)
			*text = '?';
}

static void err_clean(struct ukvmm_err *err)
{
	make_printable(err->call, sizeof err->call);
	make_printable(err->object, sizeof err->object);
	make_printable(err->text, sizeof err->text);
	err->size = sizeof *err;
	if (err->code >= 0 || err->code < -4095)
		err->code = -EIO;
}

static int from_worker(struct message *m)
{
	switch (m->head.type) {
	case MESSAGE_READY:
		return m->ready.walls & ~WALL_ALL || m->ready.missing & ~WALL_ALL ? -EBADMSG : 0;
	case MESSAGE_BROKEN:
		return m->broken.index < MESSAGE_DEVICES ? 0 : -EBADMSG;
	case MESSAGE_FAILED:
		err_clean(&m->failed.err);
		return m->failed.phase <= PHASE_LAST && m->failed.index < MESSAGE_DEVICES ? 0 : -EBADMSG;
	case MESSAGE_STOPPED:
		err_clean(&m->stopped.err);
		return 0;
	case MESSAGE_DEAD:
		return m->dead.cause <= CAUSE_LAST && m->dead.number >= 0 && m->dead.number < 256 ? 0 : -EBADMSG;
	default:
		return 0;
	}
}

int message_take(enum message_side side, const void *from, size_t bytes, uint32_t fds, struct message *m)
{
	const struct body *b;
	struct message_head head;
	size_t body;

	if (bytes < sizeof head || bytes > MESSAGE_BYTES)
		return -EBADMSG;
	memcpy(&head, from, sizeof head);
	b = find_body(side, head.type);
	if (!b || head.bytes != bytes || bytes - sizeof head < b->bytes)
		return -EBADMSG;
	body = b->bytes;
	m->head = head;
	memcpy(&m->birth, (const char *)from + sizeof head, body);
	if (head.type == MESSAGE_JOB)
		return job_right(&m->job, bytes - sizeof head - body, fds) ? 0 : -EBADMSG;
	if (bytes - sizeof head != body || fds != (head.type == MESSAGE_CORE && side == MESSAGE_AT_WORKER))
		return -EBADMSG;
	if (head.type == MESSAGE_BIRTH)
		return text_ends(m->birth.version, sizeof m->birth.version) ? 0 : -EBADMSG;
	return side == MESSAGE_AT_CONTROL ? from_worker(m) : 0;
}

const char *message_texts(const void *room)
{
	return (const char *)room + sizeof(struct message_head) + sizeof(struct message_job);
}
