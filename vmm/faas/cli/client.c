/* SPDX-License-Identifier: Apache-2.0 */
#include "client.h"

#include <curl/curl.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "faas.h"
#include "report.h"
#include "spec.h"

enum { ANSWER_BYTES = 64 << 20 };

struct transfer {
	const struct client_request *request;
	struct client_answer *answer;
	CURL *easy;
};

static size_t on_bytes(char *bytes, size_t size, size_t n, void *arg)
{
	struct transfer *t = arg;
	size_t len = size * n;
	char *more;

	curl_easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &t->answer->status);
	if (t->request->stream && (t->answer->status < 400 || t->request->quiet)) {
		if (fwrite(bytes, 1, len, stdout) != len || fflush(stdout) != 0)
			return 0;
		return len;
	}
	more = t->answer->len + len > ANSWER_BYTES ? NULL : realloc(t->answer->text, t->answer->len + len + 1);
	if (!more)
		return 0;
	memcpy(more + t->answer->len, bytes, len);
	t->answer->text = more;
	t->answer->len += len;
	more[t->answer->len] = 0;
	return len;
}

static bool set_body(CURL *e, const struct client_request *r, FILE **file)
{
	*file = NULL;
	if (r->file) {
		*file = strcmp(r->file, "-") == 0 ? stdin : fopen(r->file, "re");
		if (!*file) {
			report_errno("open", r->file, errno);
			return false;
		}
		curl_easy_setopt(e, CURLOPT_UPLOAD, 1L);
		curl_easy_setopt(e, CURLOPT_READDATA, *file);
	} else if (r->body) {
		curl_easy_setopt(e, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)r->body_len);
		curl_easy_setopt(e, CURLOPT_POSTFIELDS, r->body);
	}
	if (strcmp(r->method, "HEAD") == 0)
		curl_easy_setopt(e, CURLOPT_NOBODY, 1L);
	curl_easy_setopt(e, CURLOPT_CUSTOMREQUEST, r->method);
	return true;
}

static struct curl_slist *headers_of(const struct client_request *r)
{
	struct curl_slist *list = curl_slist_append(NULL, "Expect:");

	if (!r->n_headers && r->body)
		list = curl_slist_append(list, "Content-Type: application/json");
	for (uint32_t i = 0; i < r->n_headers; i++)
		list = curl_slist_append(list, r->headers[i]);
	return list;
}

static int judge(const struct client *c, const struct transfer *t, CURLcode code, const char *why)
{
	if (code != CURLE_OK) {
		report("request", c->url, "%s%s", *why ? why : curl_easy_strerror(code),
			code == CURLE_COULDNT_CONNECT ? "; is `ukvmm-faas serve` running there? (--server)" : "");
		return -1;
	}
	if (t->answer->status < 400 || t->request->quiet)
		return 0;
	if (t->answer->text)
		t->answer->text[strcspn(t->answer->text, "\r\n")] = 0;
	report(t->request->method, t->request->path, "%ld: %s", t->answer->status,
		t->answer->text ? t->answer->text : "no more was said");
	return -1;
}

int client_ask(const struct client *c, const struct client_request *request, struct client_answer *answer)
{
	struct transfer t = { request, answer, curl_easy_init() };
	struct curl_slist *headers = headers_of(request);
	char url[2048], why[CURL_ERROR_SIZE] = "";
	CURLcode code = CURLE_OUT_OF_MEMORY;
	FILE *file = NULL;
	int rc = -1;

	*answer = (struct client_answer){ 0 };
	snprintf(url, sizeof url, "%s%s", c->url, request->path);
	if (t.easy && set_body(t.easy, request, &file)) {
		curl_easy_setopt(t.easy, CURLOPT_URL, url);
		curl_easy_setopt(t.easy, CURLOPT_PROXY, "");
		curl_easy_setopt(t.easy, CURLOPT_PATH_AS_IS, 1L);
		curl_easy_setopt(t.easy, CURLOPT_HTTPHEADER, headers);
		curl_easy_setopt(t.easy, CURLOPT_WRITEFUNCTION, on_bytes);
		curl_easy_setopt(t.easy, CURLOPT_WRITEDATA, &t);
		curl_easy_setopt(t.easy, CURLOPT_ERRORBUFFER, why);
		if (c->password[0]) {
			curl_easy_setopt(t.easy, CURLOPT_USERNAME, c->user);
			curl_easy_setopt(t.easy, CURLOPT_PASSWORD, c->password);
		}
		code = curl_easy_perform(t.easy);
		curl_easy_getinfo(t.easy, CURLINFO_RESPONSE_CODE, &answer->status);
		rc = judge(c, &t, code, why);
	}
	if (file && file != stdin)
		fclose(file);
	curl_slist_free_all(headers);
	curl_easy_cleanup(t.easy);
	return rc;
}

bool client_path(char *to, size_t len, const char *before, const char *name)
{
	if (spec_name_fits(name) && snprintf(to, len, "%s%s", before, name) < (int)len)
		return true;
	report("usage", name, "this is not a name of up to 63 of [-a-zA-Z_0-9.]");
	return false;
}

int client_print(const struct client *c, const char *method, const char *path, const char *body)
{
	struct client_request r = { .method = method, .path = path, .body = body, .body_len = body ? strlen(body) : 0 };
	struct client_answer a;
	int rc = client_ask(c, &r, &a);

	if (rc == 0 && a.text)
		fputs(a.text, stdout);
	if (rc == 0 && a.len && a.text[a.len - 1] != '\n')
		putchar('\n');
	free(a.text);
	return rc < 0;
}

cJSON *client_get(const struct client *c, const char *path)
{
	struct client_request r = { .method = "GET", .path = path };
	struct client_answer a;
	cJSON *json = NULL;

	if (client_ask(c, &r, &a) == 0) {
		json = cJSON_ParseWithLength(a.text ? a.text : "", a.len);
		if (!json)
			report("GET", path, "the answer is not JSON");
	}
	free(a.text);
	return json;
}

static const struct {
	const char *name;
	int (*run)(struct client *c, int argc, char **argv);
} commands[] = {
	{ "deploy", command_deploy }, { "list", command_list }, { "describe", command_describe },
	{ "remove", command_remove }, { "rollback", command_rollback }, { "scale", command_scale },
	{ "invoke", command_invoke }, { "logs", command_logs }, { "ps", command_ps },
	{ "stack", command_stack }, { "dump", command_dump }, { "end", command_end }, { "info", command_info },
	{ "image", command_image }, { "secret", command_secret },
};

int client_main(int argc, char **argv)
{
	struct client c;
	int rc;

	if (client_helps(argc, argv))
		return 0;
	rc = client_open(&c, &argc, argv);
	if (rc < 0) {
		client_close(&c);
		return rc == -EINVAL ? 2 : 1;
	}
	rc = 2;
	for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++)
		if (strcmp(argv[0], commands[i].name) == 0) {
			rc = commands[i].run(&c, argc, argv);
			client_close(&c);
			return rc;
		}
	report("usage", argv[0], "there is no such command: see ukvmm-faas --help");
	client_close(&c);
	return rc;
}
