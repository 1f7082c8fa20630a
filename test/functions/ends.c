/* SPDX-License-Identifier: Apache-2.0 */
/* Ends in the way that what= says, before there is a network. */
#include <assert.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <ukvmm_fn.h>

static volatile size_t nine = 9, most_of_all = SIZE_MAX;

static void overrun(void)
{
	volatile char *a = malloc(40);
	char *b = malloc(40);

	for (size_t i = 0; i < 40 + nine; i++)
		a[i] = 'x';
	free((void *)a);
	free(b);
}

static void twice(void)
{
	char *volatile a = malloc(40), *volatile b = malloc(40);

	free(a);
	free(a);
	free(b);
}

/* All of memory and no more: NULL then, and all of it again after it was freed. */
static void use_up(void)
{
	size_t most[2] = { 0, 0 };

	for (int turn = 0; turn < 2; turn++) {
		void *last = NULL, **block;

		while ((block = malloc(1 << 20))) {
			*block = last;
			last = block;
			most[turn]++;
		}
		for (; last; last = block) {
			block = *(void **)last;
			free(last);
		}
	}
	assert(most[0] > 8 && most[0] == most[1]);
	assert(!malloc(most_of_all) && !calloc(most_of_all / 2, 4));
	exit(0);
}

int fn_setup(void)
{
	const char *what = fn_env("what");

	if (!what || !strcmp(what, "setup"))
		return 1;
	printf("%s, and words stay: %s\n", what, fn_env("other"));
	if (!strcmp(what, "exit"))
		exit(42);
	if (!strcmp(what, "abort"))
		abort();
	if (!strcmp(what, "assert"))
		assert(nine == 8);
	if (!strcmp(what, "overrun"))
		overrun();
	if (!strcmp(what, "twice"))
		twice();
	if (!strcmp(what, "use_up"))
		use_up();
	return 0;
}

void handle(const struct fn_request *request, struct fn_response *response)
{
	(void)request;
	(void)response;
}
