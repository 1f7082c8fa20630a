/* SPDX-License-Identifier: Apache-2.0 */
/* What function.c (serving, and answers of one kind each) and function_play.c (answers by a list of steps) share. */
#ifndef FUNCTION_H
#define FUNCTION_H

#include <stdbool.h>
#include <stddef.h>

enum { HEAD = 128 << 10 };

struct request {
	int fd;
	char head[HEAD + 1], path[4096];
	size_t have, head_len; /* of head: what was read; up to the empty line */
	bool head_only;
	long long length; /* -1: chunks */
	/* the body as it is read */
	size_t at;
	long long left;
	bool begun;
};

/* What follows "NAME=" among the words that the instance was started with; NULL: there is none. */
const char *word(const char *name);
/* These three end the thread, where the other side has gone. */
void put(int fd, const void *bytes, size_t len);
void say(int fd, int status, const char *text);
/* The next bytes of the body; 0: its end. */
size_t body(struct request *r, char *to, size_t len);
void drain(struct request *r);

void die(struct request *r);
void close_early(struct request *r);
void garbage(struct request *r);
void stall(struct request *r);
void deaf(struct request *r);

/* function_play.c */
void play(struct request *r);

#endif
