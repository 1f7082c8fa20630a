/* SPDX-License-Identifier: Apache-2.0 */
/* Requests of a hostile client: the parser stays inside its bytes, and a body that comes in two parts decodes to what
 * the whole decodes to. */
#include <stdlib.h>
#include <string.h>

#include "cpio.h"
#include "parse.h"

static void check(bool holds)
{
	if (!holds)
		abort();
}

static void inside(struct fn_str s, const char *bytes, size_t len)
{
	check(!s.at || (s.at >= bytes && s.at + s.len <= bytes + len));
}

static void head(const char *bytes, size_t len)
{
	struct http_head h;

	if (http_parse_head(bytes, len, &h) != 1)
		return;
	check(h.length <= len && h.length <= HTTP_HEAD_MAX && h.body <= HTTP_BODY_MAX);
	check(h.request.method.len && h.request.n_headers <= FN_HEADERS);
	inside(h.request.method, bytes, h.length);
	inside(h.request.path, bytes, h.length);
	inside(h.request.query, bytes, h.length);
	for (uint32_t i = 0; i < h.request.n_headers; i++) {
		inside(h.request.header[i].name, bytes, h.length);
		inside(h.request.header[i].value, bytes, h.length);
	}
}

static void chunks(const char *bytes, size_t len, size_t cut)
{
	struct http_chunks whole = { 0 }, part = { 0 };
	char *a = malloc(len + 1), *b = malloc(len + 1);
	int ra, rb;

	check(a && b);
	memcpy(a, bytes, len);
	memcpy(b, bytes, len);
	ra = http_decode_chunks(&whole, a, len);
	rb = http_decode_chunks(&part, b, cut);
	if (!rb)
		rb = http_decode_chunks(&part, b, len);
	check(ra == rb && whole.body <= whole.read && whole.read <= len);
	check(whole.body == part.body && !memcmp(a, b, whole.body));
	free(a);
	free(b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	const void *file;
	size_t size;

	head((const char *)data, len);
	if (len)
		chunks((const char *)data + 1, len - 1, data[0] % len);
	if (cpio_find(data, len, "a", &file, &size))
		check((const uint8_t *)file >= data && (const uint8_t *)file + size <= data + len);
	return 0;
}
