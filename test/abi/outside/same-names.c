/* SPDX-License-Identifier: Apache-2.0 */
/* An embedder's own functions may be named like internals of the library, which is linked in here. */
#include <ukvmm/ukvmm.h>

#include <stdio.h>
#include <string.h>

static int calls;

int mem_read(void);
int err_set(void);
int fd_close(void);

int mem_read(void)
{
	return ++calls;
}

int err_set(void)
{
	return ++calls;
}

int fd_close(void)
{
	return ++calls;
}

int main(void)
{
	struct ukvmm_err err = { .size = sizeof err };
	struct ukvmm_host_config config = { .size = sizeof config, .flags = ~0u };
	struct ukvmm_host *host = NULL;
	int rc = ukvmm_host_open(&host, -1, &config, &err);

	printf("%d %s\n", rc, err.text);
	return rc < 0 && strlen(err.text) && mem_read() + err_set() + fd_close() == 6 ? 0 : 1;
}
