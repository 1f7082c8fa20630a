/* SPDX-License-Identifier: Apache-2.0 */
/* What every command takes: which server, and who asks. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "client.h"
#include "parse.h"
#include "report.h"

static int read_password(struct client *c, const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, c->password, sizeof c->password - 1);

	if (n < 0)
		report_errno("read", path, errno);
	if (fd >= 0)
		close(fd);
	c->password[n < 0 ? 0 : strcspn(c->password, "\r\n")] = 0;
	return n < 0 ? -1 : 0;
}

/* Takes "NAME VALUE" out of argv. 1: it was there. */
static const char *take(int *argc, char **argv, const char *name)
{
	for (int i = 1; i + 1 < *argc; i++) {
		const char *value = argv[i + 1];

		if (strcmp(argv[i], name) != 0)
			continue;
		memmove(argv + i, argv + i + 2, (size_t)(*argc - i - 1) * sizeof *argv);
		*argc -= 2;
		return value;
	}
	return NULL;
}

static bool take_switch(int *argc, char **argv, const char *name)
{
	for (int i = 1; i < *argc; i++) {
		if (strcmp(argv[i], name) != 0)
			continue;
		memmove(argv + i, argv + i + 1, (size_t)(*argc - i) * sizeof *argv);
		--*argc;
		return true;
	}
	return false;
}

/* What is left of these at the end has nothing behind it. */
static bool lacks_value(int argc, char **argv)
{
	static const char *const names[] = { "--server", "--user", "--password-file", NULL };

	if (argc < 2 || parse_choice(argv[argc - 1], names) < 0)
		return false;
	client_wrong(argv[0], argv[argc - 1], "it needs a value");
	return true;
}

int client_open(struct client *c, int *argc, char **argv)
{
	const char *server = take(argc, argv, "--server"), *user = take(argc, argv, "--user"),
		   *password = take(argc, argv, "--password-file");

	*c = (struct client){ 0 };
	if (lacks_value(*argc, argv))
		return -EINVAL;
	if (!server)
		server = getenv("UKVMM_FAAS_SERVER");
	if (!server)
		server = "http://127.0.0.1:8080";
	if (!password)
		password = getenv("UKVMM_FAAS_PASSWORD_FILE");
	c->json = take_switch(argc, argv, "--json");
	c->url = strdup(server);
	c->user = strdup(user ? user : "admin");
	if (!c->url || !c->user)
		return -1;
	if (c->url[0] && c->url[strlen(c->url) - 1] == '/')
		c->url[strlen(c->url) - 1] = 0;
	return password ? read_password(c, password) : 0;
}

void client_close(struct client *c)
{
	explicit_bzero(c->password, sizeof c->password);
	free(c->url);
	free(c->user);
}
