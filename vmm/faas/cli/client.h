/* SPDX-License-Identifier: Apache-2.0 */
/* The commands that talk to a server: its address and password, and one request after the other. */
#ifndef FAAS_CLIENT_H
#define FAAS_CLIENT_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Options of every command, taken from argv, which loses them. Negative: one was wrong, said so; -EINVAL: as usage. */
struct client {
	char *url, *user, password[256];
	bool json; /* --json: as the server said it */
};
int client_open(struct client *c, int *argc, char **argv);
void client_close(struct client *c);

/*
 * path, headers, content  of the request. file: the body, or NULL; otherwise body, or none where NULL.
 * stream                  the answer goes to stdout as it comes
 * quiet                   a status of 400 and more is the caller's to tell
 */
struct client_request {
	const char *method, *path;
	const char *const *headers;
	uint32_t n_headers;
	const char *body, *file;
	size_t body_len;
	bool stream, quiet;
};
/* text is the caller's to free; NULL where it was streamed. */
struct client_answer {
	long status;
	char *text;
	size_t len;
};
/* 0: an answer came, whatever it says. -1: none, or one of 400 and more, and why was said. */
int client_ask(const struct client *c, const struct client_request *request, struct client_answer *answer);

/* Commands: argv[0] is the command. Exit status. */
int command_deploy(struct client *c, int argc, char **argv);
int command_list(struct client *c, int argc, char **argv);
int command_describe(struct client *c, int argc, char **argv);
int command_remove(struct client *c, int argc, char **argv);
int command_rollback(struct client *c, int argc, char **argv);
int command_scale(struct client *c, int argc, char **argv);
int command_invoke(struct client *c, int argc, char **argv);
int command_logs(struct client *c, int argc, char **argv);
int command_ps(struct client *c, int argc, char **argv);
int command_dump(struct client *c, int argc, char **argv);
int command_end(struct client *c, int argc, char **argv);
int command_stack(struct client *c, int argc, char **argv);
int command_info(struct client *c, int argc, char **argv);
int command_image(struct client *c, int argc, char **argv);
int command_secret(struct client *c, int argc, char **argv);

/* True: --help was asked for, and is printed. */
bool client_helps(int argc, char **argv);
/* Says what the command takes, 2. */
int client_usage(const char *command);
/* As client_usage, with what was wrong: "usage(WORD): WHAT". */
int client_wrong(const char *command, const char *word, const char *what);
/* The word that getopt refused, as reported by client_wrong; code: what getopt returned. */
int client_bad_option(const char *command, int code, char **argv);
/* Asks, prints the answer as it is. Exit status. */
int client_print(const struct client *c, const char *method, const char *path, const char *body);
/* Asks by GET, reads JSON. NULL: said why. */
cJSON *client_get(const struct client *c, const char *path);
/* A path with a name in it that needs no escape. False: it is no name, said so. */
bool client_path(char *to, size_t len, const char *before, const char *name);

#endif
