/* SPDX-License-Identifier: Apache-2.0 */
/* What the function runtime's HTTP server and network stack decide without a network. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "address.h"
#include "guard.h"
#include "isn.h"
#include "parse.h"

static const char *word_ip, *word_netmask, *word_gateway;

const char *rt_arg(const char *name)
{
	if (!strcmp(name, "ip"))
		return word_ip;
	return strcmp(name, "netmask") ? word_gateway : word_netmask;
}

uint64_t rt_now(void)
{
	return 1;
}

uint32_t sys_now(void);
uint32_t sys_now(void)
{
	return 1;
}

void rt_random(void *out, size_t len)
{
	memset(out, 7, len);
}

void rt_panic(const char *fmt, ...)
{
	fail_msg("%s", fmt);
	abort();
}

#define HOST "Host: a\r\n"

static void heads(void **state)
{
	static const struct {
		const char *text;
		int verdict;
	} cases[] = {
		{ "GET / HTTP/1.1\r\n" HOST "\r\n", 1 },
		{ "GET / HTTP/1.1\n" "Host: a\n\n", 1 },
		{ "GET / HTTP/1.1\r\n" HOST "\r", 0 },
		{ "GET / HTTP/1.0\r\n\r\n", 1 },
		{ "GET / HTTP/1.1\r\n\r\n", -400 }, /* no host */
		{ "GET / HTTP/1.1\r\nConnection: close\r\n\r\n", -400 },
		{ "GET / HTTP/1.1\r\n" HOST HOST "\r\n", -400 },
		{ "GET /a b HTTP/1.1\r\n" HOST "\r\n", -505 },
		{ "GET / HTTP/2.0\r\n", -505 },
		{ "GET  HTTP/1.1\r\n", -400 },
		{ "G\x01T / HTTP/1.1\r\n", -400 },
		{ "GET /\x7f HTTP/1.1\r\n", -400 },
		{ "GET / HTTP/1.1\r\n" HOST "X : y\r\n\r\n", -400 },
		{ "GET / HTTP/1.1\r\n" HOST "X: y\r\n z\r\n\r\n", -400 }, /* folded */
		{ "GET / HTTP/1.1\r\n" HOST "X: y\rz\r\n\r\n", -400 },
		{ "POST / HTTP/1.1\r\n" HOST "Content-Length: 5, 5\r\n\r\n", -400 },
		{ "POST / HTTP/1.1\r\n" HOST "Content-Length: 5\r\nContent-Length: 5\r\n\r\n", -400 },
		{ "POST / HTTP/1.1\r\n" HOST "Content-Length: -1\r\n\r\n", -400 },
		{ "POST / HTTP/1.1\r\n" HOST "Content-Length: 0x5\r\n\r\n", -400 },
		{ "POST / HTTP/1.1\r\n" HOST "Content-Length: 99999999999999999999\r\n\r\n", -400 },
		{ "POST / HTTP/1.1\r\n" HOST "Content-Length: 8388609\r\n\r\n", -413 },
		{ "POST / HTTP/1.1\r\n" HOST "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n", -400 },
		{ "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: gzip, chunked\r\n\r\n", -501 },
		{ "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n", -400 },
		{ "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", -400 },
		{ "POST / HTTP/1.1\r\n" HOST "Expect: something\r\n\r\n", -417 },
	};
	struct http_head head;

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		int rc = http_parse_head(cases[i].text, strlen(cases[i].text), &head);

		if (rc != cases[i].verdict)
			fail_msg("case %zu: %d instead of %d", i, rc, cases[i].verdict);
	}
}

static void a_head_is_read(void **state)
{
	static const char text[] = "POST /a/b?c=d HTTP/1.1\r\nHost:h\r\nX-Y: \t one two \r\nCONNECTION: a, Close\r\n"
				   "Expect: 100-Continue\r\nContent-Length: 7\r\n\r\n";
	struct http_head head;
	const struct fn_request *r = &head.request;

	(void)state;
	assert_int_equal(http_parse_head(text, sizeof text - 1, &head), 1);
	assert_int_equal(head.length, sizeof text - 1);
	assert_true(fn_is(r->method, "post") && fn_is(r->path, "/a/b") && fn_is(r->query, "c=d"));
	assert_true(fn_is(fn_header(r, "x-y"), "one two"));
	assert_null(fn_header(r, "x").at);
	assert_int_equal(head.body, 7);
	assert_true(head.expects_continue && !head.keep_alive && !head.chunked && !head.is_1_0);
}

static void answers(void **state)
{
	static const struct {
		const char *text;
		int verdict, status;
	} cases[] = {
		{ "HTTP/1.1 200 OK\r\n\r\n", 1, 200 },
		{ "HTTP/1.0 404\r\n\r\n", 1, 404 },
		{ "HTTP/1.1 599 \r\nA: b\r\n\r\n", 1, 599 },
		{ "HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n", 1, 200 }, /* more than a request may have */
		{ "HTTP/1.1 200 OK\r\nHost: a\r\nHost: b\r\nExpect: nothing\r\n\r\n", 1, 200 },
		{ "HTTP/1.1 200 OK\r\nA: b\r\n", 0, 0 },
		{ "HTTP/1.1 600 Many\r\n\r\n", -1, 0 },
		{ "HTTP/1.1 099 Few\r\n\r\n", -1, 0 },
		{ "HTTP/1.1 20 OK\r\n\r\n", -1, 0 },
		{ "HTTP/1.1 2000 OK\r\n\r\n", -1, 0 },
		{ "HTTP/2.0 200 OK\r\n\r\n", -1, 0 },
		{ "HTTP/1.1200 OK\r\n\r\n", -1, 0 },
		{ "GET / HTTP/1.1\r\n" HOST "\r\n", -1, 0 },
		{ "HTTP/1.1 200 OK\r\nA : b\r\n\r\n", -1, 0 },
		{ "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n", -1, 0 },
		{ "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", -1, 0 },
		{ "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", -1, 0 },
		{ "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n", -1, 0 },
	};
	struct http_head head;

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		assert_int_equal(http_parse_answer(cases[i].text, strlen(cases[i].text), &head), cases[i].verdict);
		if (cases[i].verdict == 1)
			assert_int_equal(head.status, cases[i].status);
	}
}

static int decoded(const char *text, size_t step, char out[64], struct http_chunks *c)
{
	size_t len = strlen(text);
	int rc = 0;

	memcpy(out, text, len);
	*c = (struct http_chunks){ 0 };
	for (size_t have = step; !rc && have < len; have += step)
		rc = http_decode_chunks(c, out, have);
	return rc ? rc : http_decode_chunks(c, out, len);
}

static void chunks(void **state)
{
	struct http_chunks c;
	char out[64];

	(void)state;
	for (size_t step = 1; step < 40; step++) {
		assert_int_equal(decoded("4;e=f\r\nWiki\r\n05\r\npedia\r\n0\r\nT: t\r\n\r\nrest", step, out, &c), 1);
		assert_int_equal(c.body, 9);
		assert_memory_equal(out, "Wikipedia", 9);
		assert_memory_equal(out + c.read, "rest", 4);
	}
	assert_int_equal(decoded("g\r\n", 1, out, &c), -400);
	assert_int_equal(decoded("1\r\nab\r\n", 1, out, &c), -400);
	assert_int_equal(decoded("123456789\r\n", 1, out, &c), -400);
	assert_int_equal(decoded("-1\r\n", 1, out, &c), -400);
	assert_int_equal(decoded("800001\r\n", 1, out, &c), -413);
}

static void hash(void **state)
{
	/* the reference's key and its message of 16 bytes: 0, 1, 2 ... */
	static const uint64_t key[2] = { 0x0706050403020100, 0x0f0e0d0c0b0a0908 };

	(void)state;
	assert_true(isn_hash(key, key[0], key[1]) == 0x3f2acc7f57c29bdb);
	assert_int_not_equal(isn_of(1, 2, 3, 4), isn_of(1, 2, 3, 5));
	assert_int_not_equal(isn_of(1, 2, 3, 4), isn_of(1, 3, 3, 4));
	assert_int_equal(isn_of(1, 2, 3, 4), isn_of(1, 2, 3, 4));
}

static void memory(void **state)
{
	void *a, *b;

	(void)state;
	guard_start(1000);
	a = guard_alloc(600);
	assert_non_null(a);
	assert_null(guard_alloc(600));
	guard_urgent(true); /* a frame that came */
	b = guard_alloc(600);
	assert_non_null(b);
	guard_urgent(false);
	assert_null(guard_alloc(1));
	guard_free(a);
	assert_null(guard_alloc(500));
	guard_free(b);
	guard_free(NULL);
	a = guard_calloc(10, 100);
	assert_non_null(a);
	assert_null(guard_calloc(SIZE_MAX / 2, 4));
	guard_free(a);
}

static bool address_is(const char *ip, const char *netmask, const char *gateway, uint32_t a, uint32_t m, uint32_t g)
{
	ip4_addr_t ip4, mask, gw;

	word_ip = ip;
	word_netmask = netmask;
	word_gateway = gateway;
	return address_of_words(&ip4, &mask, &gw) && ip4.addr == a && mask.addr == m && gw.addr == g;
}

static void addresses(void **state)
{
	static const char *const bad[] = { "10.0.0.256", "10.0.0.1/33", "10.0.0.1/", "10.0.0.1/8x", "10.0.0.1/24,",
		"10.0.0.1,x", "1234567890.1234567890", "" };
	ip4_addr_t ip, mask, gateway;

	(void)state;
	assert_true(address_is(NULL, NULL, NULL, 0, 0x00ffffff, 0));
	assert_true(address_is("10.0.0.1", NULL, NULL, 0x0100000a, 0x00ffffff, 0));
	assert_true(address_is("10.0.0.1/8", NULL, NULL, 0x0100000a, 0x000000ff, 0));
	assert_true(address_is("10.0.0.1/0,10.0.0.2", NULL, NULL, 0x0100000a, 0, 0x0200000a));
	assert_true(address_is("10.0.0.1/32,10.0.0.2", NULL, NULL, 0x0100000a, 0xffffffff, 0x0200000a));
	assert_true(address_is("10.0.0.1", "255.255.0.0", "10.0.0.3", 0x0100000a, 0x0000ffff, 0x0300000a));
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		word_ip = bad[i];
		word_netmask = word_gateway = NULL;
		if (address_of_words(&ip, &mask, &gateway))
			fail_msg("%s is taken for an address", bad[i]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(heads),
		cmocka_unit_test(a_head_is_read),
		cmocka_unit_test(answers),
		cmocka_unit_test(chunks),
		cmocka_unit_test(hash),
		cmocka_unit_test(memory),
		cmocka_unit_test(addresses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
