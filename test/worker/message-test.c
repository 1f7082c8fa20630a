/* SPDX-License-Identifier: Apache-2.0 */
/* Bytes that are a message, and all the ways not to be one. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "message.h"

const char report_program[] = "test";

static char bytes[MESSAGE_BYTES + 1];
static struct message m;

static size_t put(uint32_t type, const void *body, size_t len)
{
	struct message_head head = { type, (uint32_t)(sizeof head + len) };

	memcpy(bytes, &head, sizeof head);
	if (len)
		memcpy(bytes + sizeof head, body, len);
	return head.bytes;
}

/* An image, two disks with a top and a card, and two texts. */
static struct message_job plain_job(void)
{
	struct message_job j = { .image_fd = 0, .initrd_fd = -1, .console_fd = 1, .vsock_fd = -1, .connect_fd = -1,
		.vcpus = 1, .disks_len = 2, .nets_len = 1, .cmdline_len = 3, .words_len = 4 };

	j.disk[0].fd = 2;
	j.disk[0].top_fd = 3;
	j.disk[1].fd = 4;
	j.disk[1].top_fd = -1;
	j.net[0].kind = UKVMM_NET_TAP;
	j.net[0].fd = 5;
	return j;
}

enum { JOB_FDS = 6, TEXTS = 7 };

static int take_job(const struct message_job *j, size_t texts, uint32_t fds)
{
	size_t n = put(MESSAGE_JOB, j, sizeof *j);
	struct message_head head = { MESSAGE_JOB, (uint32_t)(n + texts) };

	memcpy(bytes, &head, sizeof head);
	memset(bytes + n, 'x', texts);
	return message_take(MESSAGE_AT_WORKER, bytes, n + texts, fds, &m);
}

static void a_job_is_taken(void **state)
{
	struct message_job j = plain_job();

	(void)state;
	assert_int_equal(take_job(&j, TEXTS, JOB_FDS), 0);
	assert_memory_equal(&m.job, &j, sizeof j);
	assert_ptr_equal(message_texts(bytes), bytes + sizeof(struct message_head) + sizeof j);
}

#define REFUSED(change)                                                          \
	do {                                                                     \
		struct message_job j = plain_job();                              \
		change;                                                          \
		assert_int_equal(take_job(&j, TEXTS, JOB_FDS), -EBADMSG);        \
	} while (0)

static void a_job_that_lies_is_refused(void **state)
{
	(void)state;
	REFUSED(j.image_fd = -1);
	REFUSED(j.image_fd = -2);
	REFUSED(j.image_fd = JOB_FDS);
	REFUSED(j.initrd_fd = INT32_MAX);
	REFUSED(j.console_fd = j.image_fd);
	REFUSED(j.disk[1].fd = j.disk[0].fd);
	REFUSED(j.disk[1].fd = -1);
	REFUSED(j.disk[0].top_fd = INT32_MIN);
	REFUSED(j.disks_len = MESSAGE_DEVICES + 1);
	REFUSED(j.disks_len = UINT32_MAX);
	REFUSED(j.nets_len = MESSAGE_DEVICES - 1); /* with the disks there are too many */
	REFUSED(j.nets_len = UINT32_MAX);
	REFUSED(j.net[0].fd = -1);
	REFUSED(j.net[0].kind = UKVMM_NET_NONE);
	REFUSED(j.cmdline_len = 4);
	REFUSED(j.cmdline_len = UINT32_MAX - 3);
	REFUSED(j.words_len = MESSAGE_TEXT + 1);
	REFUSED(j.flags = JOB_ALL + 1);
	REFUSED(memset(j.name, 'a', sizeof j.name));
	REFUSED(memset(j.disk[1].name, 'a', sizeof j.disk[1].name));
	REFUSED(memset(j.disk[0].serial, 'a', sizeof j.disk[0].serial));
	REFUSED(memset(j.net[0].name, 'a', sizeof j.net[0].name));
}

static void counts_that_do_not_fit_are_refused(void **state)
{
	struct message_job j = plain_job();

	(void)state;
	assert_int_equal(take_job(&j, TEXTS - 1, JOB_FDS), -EBADMSG);
	assert_int_equal(take_job(&j, TEXTS + 1, JOB_FDS), -EBADMSG);
	assert_int_equal(take_job(&j, TEXTS, JOB_FDS - 1), -EBADMSG);
	assert_int_equal(take_job(&j, TEXTS, MESSAGE_FDS + 1), -EBADMSG);
}

static const struct known {
	enum message_side side;
	uint32_t type;
	size_t body;
} known[] = {
	{ MESSAGE_AT_WORKER, MESSAGE_BIRTH, sizeof(struct message_birth) },
	{ MESSAGE_AT_WORKER, MESSAGE_STOP, 0 },
	{ MESSAGE_AT_WORKER, MESSAGE_RESIZE, sizeof(struct message_resize) },
	{ MESSAGE_AT_WORKER, MESSAGE_ASK, 0 },
	{ MESSAGE_AT_WORKER, MESSAGE_HOLD, 0 },
	{ MESSAGE_AT_WORKER, MESSAGE_PLACED, 0 },
	{ MESSAGE_AT_CONTROL, MESSAGE_READY, sizeof(struct message_ready) },
	{ MESSAGE_AT_CONTROL, MESSAGE_NOTIFY, sizeof(struct message_notify) },
	{ MESSAGE_AT_CONTROL, MESSAGE_BROKEN, sizeof(struct message_broken) },
	{ MESSAGE_AT_CONTROL, MESSAGE_STATS, sizeof(struct message_stats) },
	{ MESSAGE_AT_CONTROL, MESSAGE_FAILED, sizeof(struct message_failed) },
	{ MESSAGE_AT_CONTROL, MESSAGE_STOPPED, sizeof(struct message_stopped) },
};

/* Its length is the structure's, not a byte more or less; it goes one way; it brings no descriptors. */
static void each_message_has_its_length_and_direction(void **state)
{
	static const char zero[sizeof(struct message)];

	(void)state;
	for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
		const struct known *k = &known[i];
		size_t n = put(k->type, zero, k->body);
		enum message_side other = k->side == MESSAGE_AT_WORKER ? MESSAGE_AT_CONTROL : MESSAGE_AT_WORKER;

		assert_int_equal(message_take(k->side, bytes, n, 0, &m), 0);
		assert_int_equal(m.head.type, k->type);
		assert_int_equal(message_take(other, bytes, n, 0, &m), -EBADMSG);
		assert_int_equal(message_take(k->side, bytes, n, 1, &m), -EBADMSG);
		assert_int_equal(message_take(k->side, bytes, n - 1, 0, &m), -EBADMSG);
		assert_int_equal(message_take(k->side, bytes, n + 1, 0, &m), -EBADMSG);
		n = put(k->type, zero, k->body + 1);
		assert_int_equal(message_take(k->side, bytes, n, 0, &m), -EBADMSG);
		if (k->body) {
			n = put(k->type, zero, k->body - 1);
			assert_int_equal(message_take(k->side, bytes, n, 0, &m), -EBADMSG);
		}
	}
}

static void what_is_no_message_is_refused(void **state)
{
	size_t n = put(77, NULL, 0);

	(void)state;
	assert_int_equal(message_take(MESSAGE_AT_WORKER, bytes, n, 0, &m), -EBADMSG);
	assert_int_equal(message_take(MESSAGE_AT_CONTROL, bytes, n, 0, &m), -EBADMSG);
	for (size_t len = 0; len < sizeof(struct message_head); len++)
		assert_int_equal(message_take(MESSAGE_AT_WORKER, bytes, len, 0, &m), -EBADMSG);
	n = put(MESSAGE_STOP, NULL, 0);
	assert_int_equal(message_take(MESSAGE_AT_WORKER, bytes, MESSAGE_BYTES + 1, 0, &m), -EBADMSG);
	(void)n;
}

/* A worker's texts are shown on terminals. */
static void a_workers_text_is_one_printable_line(void **state)
{
	struct message_failed f = { .phase = PHASE_IMAGE };
	size_t n;

	(void)state;
	memset(f.err.call, 'c', sizeof f.err.call);
	memset(f.err.object, '\n', sizeof f.err.object);
	strcpy(f.err.text, "\033]0;title\007 two\nlines");
	f.err.code = 7;
	n = put(MESSAGE_FAILED, &f, sizeof f);
	assert_int_equal(message_take(MESSAGE_AT_CONTROL, bytes, n, 0, &m), 0);
	assert_int_equal(strlen(m.failed.err.call), sizeof m.failed.err.call - 1);
	assert_null(strchr(m.failed.err.object, '\n'));
	assert_string_equal(m.failed.err.text, "?]0;title? two?lines");
	assert_true(m.failed.err.code < 0);
	f.phase = PHASE_LAST + 1;
	n = put(MESSAGE_FAILED, &f, sizeof f);
	assert_int_equal(message_take(MESSAGE_AT_CONTROL, bytes, n, 0, &m), -EBADMSG);
}

static void nothing_is_open_after_a_bad_message_with_descriptors(void **state)
{
	struct message_job j = plain_job();
	int pair[2], fds[MESSAGE_FDS], next;
	uint32_t len = 99;

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair), 0);
	next = dup(0);
	close(next);
	j.image_fd = 60; /* of three */
	assert_int_equal(message_send_job(pair[0], &j, &(struct message_texts){ "abc", "defg" }, (int[]){ 0, 1, 2 }, 3), 0);
	assert_int_equal(message_await(pair[1], bytes, &m, fds, &len), -EBADMSG);
	assert_int_equal(len, 0);
	assert_int_equal(dup(0), next);
	close(next);
	close(pair[0]);
	assert_int_equal(message_await(pair[1], bytes, &m, fds, &len), -EPIPE);
	close(pair[1]);
}

static void a_job_travels_with_its_descriptors(void **state)
{
	struct message_job j = plain_job();
	int pair[2], pipes[2], fds[MESSAGE_FDS];
	uint32_t len;
	char c = 0;

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair), 0);
	assert_int_equal(pipe(pipes), 0);
	assert_int_equal(message_send_job(pair[0], &j, &(struct message_texts){ "abc", "defg" },
				 (int[]){ pipes[0], 1, 1, 1, 1, 1 }, JOB_FDS), 0);
	assert_int_equal(message_await(pair[1], bytes, &m, fds, &len), 1);
	assert_int_equal(len, JOB_FDS);
	assert_memory_equal(message_texts(bytes), "abcdefg", TEXTS);
	assert_int_equal(write(pipes[1], "z", 1), 1);
	assert_int_equal(read(fds[m.job.image_fd], &c, 1), 1);
	assert_int_equal(c, 'z');
	for (uint32_t i = 0; i < len; i++)
		close(fds[i]);
	close(pair[0]);
	close(pair[1]);
	close(pipes[0]);
	close(pipes[1]);
}

static void texts_that_are_too_long_are_not_sent(void **state)
{
	struct message_job j = plain_job();

	(void)state;
	j.cmdline_len = MESSAGE_TEXT + 1;
	assert_int_equal(message_send_job(-1, &j, &(struct message_texts){ bytes, bytes }, NULL, 0), -EMSGSIZE);
}

/* A worker that ends at the moment in which it is told something leaves that unread, and its last words to be read. */
static void last_words_are_heard(void **state)
{
	struct message_stopped stopped = { .lost = 7 };
	int pair[2];

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
	assert_int_equal(message_send(pair[0], MESSAGE_STOP, NULL), 0);
	assert_int_equal(message_send(pair[1], MESSAGE_STOPPED, &stopped), 0);
	close(pair[1]);
	assert_int_equal(message_receive(pair[0], &m), 1);
	assert_int_equal(m.head.type, MESSAGE_STOPPED);
	assert_int_equal(m.stopped.lost, 7);
	assert_int_equal(message_receive(pair[0], &m), -EPIPE);
	close(pair[0]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_job_is_taken),
		cmocka_unit_test(a_job_that_lies_is_refused),
		cmocka_unit_test(counts_that_do_not_fit_are_refused),
		cmocka_unit_test(each_message_has_its_length_and_direction),
		cmocka_unit_test(what_is_no_message_is_refused),
		cmocka_unit_test(a_workers_text_is_one_printable_line),
		cmocka_unit_test(nothing_is_open_after_a_bad_message_with_descriptors),
		cmocka_unit_test(a_job_travels_with_its_descriptors),
		cmocka_unit_test(texts_that_are_too_long_are_not_sent),
		cmocka_unit_test(last_words_are_heard),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
