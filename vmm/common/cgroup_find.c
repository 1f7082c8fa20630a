/* SPDX-License-Identifier: Apache-2.0 */
#include "cgroup_find.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

const char *const cgroup_names[CGROUP_CONTROLLERS] = { "memory", "cpu", "pids", "io" };
static const char *const old_names[CGROUP_CONTROLLERS] = { "memory", "cpu", "pids", "blkio" };

enum { TEXT_MAX = 1 << 20 };

bool cgroup_has_word(const char *list, const char *word)
{
	size_t len = strlen(word), n;

	for (const char *at = list; *at; at += n) {
		at += strspn(at, " ,\n");
		n = strcspn(at, " ,\n");
		if (n == len && memcmp(at, word, len) == 0)
			return true;
	}
	return false;
}

/* The whole file, malloc'ed; NULL: it cannot be read. */
static char *read_all(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	char *text = fd >= 0 ? malloc(TEXT_MAX) : NULL;
	size_t len = 0;
	ssize_t n = 1;

	while (text && n > 0 && len < TEXT_MAX - 1) {
		n = read(fd, text + len, TEXT_MAX - 1 - len);
		len += n > 0 ? (size_t)n : 0;
	}
	if (text)
		text[len] = '\0';
	if (fd >= 0)
		close(fd);
	return text;
}

/* Our path in the hierarchy that has this controller; NULL: version 2's. Within `text`, which it cuts up: give it a
 * copy. */
static const char *own_path(char *text, const char *controller)
{
	char *line, *names, *path;

	while ((line = strsep(&text, "\n"))) {
		strsep(&line, ":");
		names = strsep(&line, ":");
		path = line;
		if (path && (controller ? cgroup_has_word(names, controller) : !*names))
			return path;
	}
	return NULL;
}

/* mountinfo has blanks and backslashes as \040 and \134; cgroup mounts with such names are left alone. */
static bool mount_fields(char *line, char **root, char **point, char **type, char **options)
{
	char *rest = strstr(line, " - ");

	if (!rest || strchr(line, '\\'))
		return false;
	*rest = '\0';
	rest += 3;
	*type = strsep(&rest, " ");
	strsep(&rest, " ");
	*options = rest;
	for (int i = 0; i < 3; i++)
		strsep(&line, " ");
	*root = strsep(&line, " ");
	*point = strsep(&line, " ");
	return *options && *point;
}

/* The folder of our cgroup under a mount that may show a part of the hierarchy only. */
static void set_path(char *to, const char *point, const char *root, const char *own)
{
	size_t len = strcmp(root, "/") == 0 ? 0 : strlen(root);

	if (strncmp(own, root, len) != 0 || snprintf(to, PATH_MAX, "%s%s", point, own + len) >= PATH_MAX)
		to[0] = '\0';
}

static void take_own(char *to, const char *own_text, const char *controller, const char *point, const char *root)
{
	char *copy = strdup(own_text);
	const char *own = copy ? own_path(copy, controller) : NULL;

	if (own)
		set_path(to, point, root, own);
	free(copy);
}

static bool has_memory(const char *folder)
{
	char path[PATH_MAX + 32], *text;
	bool has;

	snprintf(path, sizeof path, "%s/cgroup.controllers", folder);
	text = read_all(path);
	has = text && cgroup_has_word(text, "memory");
	free(text);
	return has;
}

static void take_mount(struct cgroup_place *place, char *line, const char *own_text)
{
	char unified[PATH_MAX] = "";
	char *root, *point, *type, *options;

	if (!mount_fields(line, &root, &point, &type, &options))
		return;
	if (strcmp(type, "cgroup2") == 0) {
		take_own(unified, own_text, NULL, point, root);
		/* beside version 1 it may be mounted without any controller */
		if (unified[0] && has_memory(unified)) {
			place->unified = true;
			place->top = strlen(point);
			memcpy(place->path[0], unified, sizeof unified);
		}
	}
	for (int i = 0; strcmp(type, "cgroup") == 0 && i < CGROUP_CONTROLLERS; i++)
		if (cgroup_has_word(options, old_names[i]) && !place->unified)
			take_own(place->path[i], own_text, old_names[i], point, root);
}

int cgroup_find(struct cgroup_place *place)
{
	char *mounts = read_all("/proc/self/mountinfo"), *own = read_all("/proc/self/cgroup");
	char *at = mounts, *line;

	memset(place, 0, sizeof *place);
	while (own && mounts && (line = strsep(&at, "\n")))
		take_mount(place, line, own);
	free(mounts);
	free(own);
	for (int i = 0; i < CGROUP_CONTROLLERS; i++)
		if (place->path[i][0])
			return 0;
	return -ENOENT;
}
