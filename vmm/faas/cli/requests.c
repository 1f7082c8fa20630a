/* SPDX-License-Identifier: Apache-2.0 */
/* invoke, logs, image, secret. */
#include <curl/curl.h>
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base64.h"
#include "client.h"
#include "report.h"

enum { HEADERS = 64, SECRET_BYTES = 64 << 10 };

int command_invoke(struct client *c, int argc, char **argv)
{
	const char *headers[HEADERS], *method = NULL;
	struct client_request r = { .headers = headers, .stream = true, .quiet = true };
	struct client_answer a;
	char path[2048];
	int o, n, rc;

	opterr = 0;
	while ((o = getopt(argc, argv, ":X:H:d:T:")) >= 0) {
		if (o == 'H' && r.n_headers == HEADERS)
			return client_wrong("invoke", "-H", "there are more than 64");
		if (o == 'H')
			headers[r.n_headers++] = optarg;
		else if (o == 'X')
			method = optarg;
		else if (o == 'd')
			r.body = optarg, r.body_len = strlen(optarg);
		else if (o == 'T')
			r.file = optarg;
		else
			return client_bad_option("invoke", o, argv);
	}
	if (optind == argc || optind + 2 < argc || !client_path(path, sizeof path, "/function/", argv[optind]))
		return client_usage("invoke");
	n = (int)strlen(path);
	if (optind + 1 < argc)
		snprintf(path + n, sizeof path - (size_t)n, "%s%s", argv[optind + 1][0] == '/' ? "" : "/",
			argv[optind + 1]);
	r.method = method ? method : r.body || r.file ? "POST" : "GET";
	r.path = path;
	rc = client_ask(c, &r, &a);
	free(a.text);
	if (rc == 0 && a.status >= 400)
		report(r.method, path, "%ld", a.status);
	return rc < 0 || a.status >= 400;
}

static void add_argument(char *path, size_t len, const char *name, const char *value)
{
	char *escaped = curl_easy_escape(NULL, value, 0);
	size_t n = strlen(path);

	snprintf(path + n, len - n, "%s%s=%s", strchr(path, '?') ? "&" : "?", name, escaped ? escaped : "");
	curl_free(escaped);
}

int command_logs(struct client *c, int argc, char **argv)
{
	static const struct option options[] = { { "since", 1, NULL, 's' }, { "tail", 1, NULL, 't' },
		{ "instance", 1, NULL, 'i' }, { "follow", 0, NULL, 'f' }, { NULL, 0, NULL, 0 } };
	char path[1024] = "/system/logs", name[256];
	struct client_request r = { .method = "GET", .path = path, .stream = true };
	struct client_answer a;
	int o, rc;

	opterr = 0;
	while ((o = getopt_long(argc, argv, ":f", options, NULL)) >= 0) {
		if (o == '?' || o == ':')
			return client_bad_option("logs", o, argv);
		add_argument(path, sizeof path, o == 's' ? "since" : o == 't' ? "tail" : o == 'i' ? "instance" : "follow",
			o == 'f' ? "true" : optarg);
	}
	if (optind + 1 != argc)
		return client_usage("logs");
	if (!client_path(name, sizeof name, "", argv[optind]))
		return 2;
	add_argument(path, sizeof path, "name", name);
	rc = client_ask(c, &r, &a);
	free(a.text);
	return rc < 0;
}

static int import(struct client *c, const char *name, const char *file)
{
	char path[256];
	struct client_request r = { .method = "POST", .path = path, .file = file, .stream = true };
	struct client_answer a;
	int rc;

	if (!client_path(path, sizeof path, "/system/images/", name))
		return 2;
	rc = client_ask(c, &r, &a);
	free(a.text);
	return rc < 0;
}

static int list(struct client *c, const char *path, const char *second)
{
	cJSON *json = client_get(c, path), *item, *name, *value;

	if (!json)
		return 1;
	cJSON_ArrayForEach(item, json) {
		name = cJSON_GetObjectItemCaseSensitive(item, "name");
		value = second ? cJSON_GetObjectItemCaseSensitive(item, second) : NULL;
		if (cJSON_IsString(name))
			printf("%-32s %s\n", name->valuestring, cJSON_IsString(value) ? value->valuestring : "");
	}
	cJSON_Delete(json);
	return 0;
}

int command_image(struct client *c, int argc, char **argv)
{
	char path[256];

	if (argc == 4 && strcmp(argv[1], "import") == 0)
		return import(c, argv[2], argv[3]);
	if (argc == 2 && strcmp(argv[1], "list") == 0)
		return list(c, "/system/images", "hash");
	if (argc == 3 && strcmp(argv[1], "remove") == 0)
		return client_path(path, sizeof path, "/system/images/", argv[2]) ?
			client_print(c, "DELETE", path, NULL) : 2;
	return client_usage("image");
}

/* raw: in base64, or NULL. The status, or -1. */
static int send_secret(struct client *c, const char *method, const char *name, const char *raw)
{
	cJSON *json = cJSON_CreateObject();
	struct client_request r = { .method = method, .path = "/system/secrets", .quiet = true };
	struct client_answer a = { 0 };
	char *body;
	int rc;

	cJSON_AddStringToObject(json, "name", name);
	if (raw)
		cJSON_AddStringToObject(json, "rawValue", raw);
	body = cJSON_PrintUnformatted(json);
	cJSON_Delete(json);
	if (!body)
		return -1;
	r.body = body;
	r.body_len = strlen(body);
	rc = client_ask(c, &r, &a);
	explicit_bzero(body, r.body_len);
	free(body);
	if (a.text)
		a.text[strcspn(a.text, "\r\n")] = 0;
	if (rc == 0 && a.status >= 400 && a.status != 409)
		report(method, name, "%ld: %s", a.status, a.text ? a.text : "");
	free(a.text);
	return rc < 0 ? -1 : (int)a.status;
}

/* From a file or stdin, never from the command line, which others can see. */
static int set_secret(struct client *c, const char *name, const char *file)
{
	FILE *f = file ? fopen(file, "re") : stdin;
	char raw[(SECRET_BYTES + 3) / 3 * 4 + 1];
	uint8_t value[SECRET_BYTES + 1];
	size_t n;
	int status;

	if (!f) {
		report_errno("open", file, errno);
		return 1;
	}
	n = fread(value, 1, sizeof value, f);
	if (f != stdin)
		fclose(f);
	if (n == 0 || n > SECRET_BYTES) {
		report("secret", name, n ? "its value is longer than 64 KiB" : "its value is empty");
		return 1;
	}
	base64_encode(value, n, raw);
	status = send_secret(c, "POST", name, raw);
	if (status == 409)
		status = send_secret(c, "PUT", name, raw);
	explicit_bzero(value, sizeof value);
	explicit_bzero(raw, sizeof raw);
	return status < 0 || status >= 400;
}

int command_secret(struct client *c, int argc, char **argv)
{
	int status;

	if ((argc == 3 || argc == 4) && strcmp(argv[1], "set") == 0)
		return set_secret(c, argv[2], argc == 4 ? argv[3] : NULL);
	if (argc == 2 && strcmp(argv[1], "list") == 0)
		return list(c, "/system/secrets", NULL);
	if (argc != 3 || strcmp(argv[1], "remove") != 0)
		return client_usage("secret");
	status = send_secret(c, "DELETE", argv[2], NULL);
	if (status == 409)
		report("secret", argv[2], "a function uses it: remove that first, or deploy it without");
	return status < 0 || status >= 400;
}
