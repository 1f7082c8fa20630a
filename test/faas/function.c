/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An instance of a function for the server's tests: HTTP by hand, so that it can be wrong. Words of its arguments:
 *	start=die	ends before it is ready
 *	start=never	never is
 *	start=SOCKET	is ready once the test says so there
 *	ready=callback	says so by the callback
 *	version=TEXT	what / answers
 *	journal=FILE	gets a line for each request to /play
 * fd 3: a bound socket, 4: the doorbell, 5: secrets. What it does with a request is said by its path, see answers[].
 */
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "function.h"

static char words[8192];

const char *word(const char *name)
{
	static __thread char value[1024];
	size_t len = strlen(name);

	for (const char *s = words; *s;) {
		size_t n = strcspn(s, " \n");

		if (n > len && strncmp(s, name, len) == 0 && s[len] == '=') {
			snprintf(value, sizeof value, "%.*s", (int)(n - len - 1), s + len + 1);
			return value;
		}
		s += n + (s[n] != 0);
	}
	return NULL;
}

void put(int fd, const void *bytes, size_t len)
{
	const char *at = bytes;
	ssize_t n;

	for (; len > 0; at += n, len -= (size_t)n) {
		n = send(fd, at, len, MSG_NOSIGNAL);
		if (n <= 0)
			pthread_exit(NULL);
	}
}

void say(int fd, int status, const char *text)
{
	char head[256];
	int n = snprintf(head, sizeof head, "HTTP/1.1 %d Status\r\nContent-Type: text/plain\r\nContent-Length: %zu\r\n\r\n", status,
		strlen(text));

	put(fd, head, (size_t)n);
	put(fd, text, strlen(text));
}

static ssize_t more(struct request *r, char *to, size_t len)
{
	size_t n = r->have - r->at < len ? r->have - r->at : len;

	if (n == 0)
		return recv(r->fd, to, len, 0);
	memcpy(to, r->head + r->at, n);
	r->at += n;
	return (ssize_t)n;
}

static int line(struct request *r, char *to, size_t len)
{
	size_t n = 0;

	while (n + 1 < len && more(r, to + n, 1) == 1 && to[n] != '\n')
		n++;
	to[n] = 0;
	return (int)n;
}

size_t body(struct request *r, char *to, size_t len)
{
	char size[64];
	ssize_t n;

	if (!r->begun) {
		r->begun = true;
		r->left = r->length;
	}
	if (r->length < 0 && r->left <= 0) {
		if (r->left == 0)
			line(r, size, sizeof size); /* behind the last chunk */
		line(r, size, sizeof size);
		r->left = strtoll(size, NULL, 16);
		if (r->left == 0) {
			line(r, size, sizeof size);
			return 0;
		}
	}
	if (r->left == 0)
		return 0;
	n = more(r, to, (long long)len < r->left ? len : (size_t)r->left);
	if (n <= 0)
		pthread_exit(NULL);
	r->left -= n;
	return (size_t)n;
}

void drain(struct request *r)
{
	char bytes[65536];

	while (body(r, bytes, sizeof bytes))
		;
}

/* ---- what it can do ---- */

static void hello(struct request *r)
{
	char text[1200];

	drain(r);
	snprintf(text, sizeof text, "%s %d\n", word("version") ? word("version") : "hello", getpid());
	say(r->fd, 200, r->head_only ? "" : text);
}

static void head(struct request *r)
{
	r->head[r->head_len] = 0;
	say(r->fd, 200, r->head);
}

static void status(struct request *r)
{
	int n = atoi(r->path + 8);
	char head[64];

	drain(r);
	if (n != 204 && n != 304) {
		say(r->fd, n, "as you like\n");
		return;
	}
	/* without a body: one would be taken for the next answer's head */
	put(r->fd, head, (size_t)snprintf(head, sizeof head, "HTTP/1.1 %d Status\r\n\r\n", n));
}

static void echo(struct request *r)
{
	static const char start[] = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nX-Echo: yes\r\n\r\n";
	char bytes[16384], size[16];
	size_t n;

	put(r->fd, start, sizeof start - 1);
	while ((n = body(r, bytes, sizeof bytes))) {
		put(r->fd, size, (size_t)snprintf(size, sizeof size, "%zx\r\n", n));
		put(r->fd, bytes, n);
		put(r->fd, "\r\n", 2);
	}
	put(r->fd, "0\r\n\r\n", 5);
}

static void count(struct request *r)
{
	char bytes[65536], text[64];
	size_t n, sum = 0;

	while ((n = body(r, bytes, sizeof bytes)))
		sum += n;
	snprintf(text, sizeof text, "%zu\n", sum);
	say(r->fd, 200, text);
}

static void big(struct request *r)
{
	static const char block[65536];
	char text[128];
	long long left = atoll(r->path + 5);

	put(r->fd, text, (size_t)snprintf(text, sizeof text, "HTTP/1.1 200 OK\r\nContent-Length: %lld\r\n\r\n", left));
	for (; left > 0; left -= (long long)sizeof block)
		put(r->fd, block, left < (long long)sizeof block ? (size_t)left : sizeof block);
}

/* Connects to a socket of the test's, which so learns that we are here, until it says something. */
static void wait_for(const char *path)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	char byte;
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	snprintf(to.sun_path, sizeof to.sun_path, "%s", path);
	if (connect(fd, (struct sockaddr *)&to, sizeof to) < 0 || read(fd, &byte, 1) != 1)
		exit(3);
	close(fd);
}

/* Each connection has a thread: whether it is the one of the request before. */
static void thread(struct request *r)
{
	char text[16];

	snprintf(text, sizeof text, "%d\n", gettid());
	say(r->fd, 200, text);
}

static void gate(struct request *r)
{
	wait_for(r->path + 5);
	hello(r);
}

/* By another signal than those have that are stopped: the server's end tells them apart. */
void die(struct request *r)
{
	(void)r;
	printf("these are my last words\n");
	fflush(stdout);
	kill(getpid(), SIGTERM);
}

/* So many lines, numbered, with what terminals obey in them. */
static void talk(struct request *r)
{
	for (int i = 0, n = atoi(r->path + 6); i < n; i++)
		printf("line %d of many, \033[2J\a and %090d\n", i, i);
	fflush(stdout);
	say(r->fd, 200, "done\n");
}

static void die_in_body(struct request *r)
{
	static const char half[] = "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nhalf of it";

	put(r->fd, half, sizeof half - 1);
	kill(getpid(), SIGTERM);
}

void close_early(struct request *r)
{
	shutdown(r->fd, SHUT_RDWR);
	pthread_exit(NULL);
}

void garbage(struct request *r)
{
	put(r->fd, "this is no HTTP at all\r\n\r\n", 26);
	close_early(r);
}

static void endless(struct request *r)
{
	put(r->fd, "HTTP/1.1 200 OK\r\n", 17);
	for (;;)
		put(r->fd, "X-More: and more and more\r\n", 27);
}

void stall(struct request *r)
{
	(void)r;
	for (;;)
		pause();
}

static void early(struct request *r)
{
	static const char text[] = "HTTP/1.1 413 Status\r\nConnection: close\r\nContent-Length: 16\r\n\r\ntoo much for me\n";

	put(r->fd, text, sizeof text - 1);
	stall(r);
}

/* It lives, and takes no connection any more. */
void deaf(struct request *r)
{
	static const char text[] = "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";

	shutdown(3, SHUT_RDWR);
	put(r->fd, text, sizeof text - 1);
	close_early(r);
}

static void hop(struct request *r)
{
	static const char text[] = "HTTP/1.1 200 OK\r\nConnection: X-Mine, keep-alive\r\nX-Mine: gone\r\nKeep-Alive: 5\r\n"
		"Proxy-Authenticate: x\r\nX-Call-Id: forged\r\nX-Stays: yes\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\n"
		"Content-Length: 0\r\n\r\n";

	drain(r);
	put(r->fd, text, sizeof text - 1);
}

static void secrets(struct request *r)
{
	char bytes[4096];
	ssize_t n = pread(5, bytes, sizeof bytes - 1, 0);
	char start[64];

	put(r->fd, start, (size_t)snprintf(start, sizeof start, "HTTP/1.1 200 OK\r\nContent-Length: %zd\r\n\r\n", n < 0 ? 0 : n));
	put(r->fd, bytes, n < 0 ? 0 : (size_t)n);
}

static void environment(struct request *r)
{
	const char *value = getenv(r->path + 5);

	say(r->fd, 200, value ? value : "");
}

static const struct {
	const char *path;
	void (*answer)(struct request *r);
} answers[] = {
	{ "/head", head }, { "/status/", status }, { "/echo", echo }, { "/count", count }, { "/big/", big },
	{ "/gate/", gate }, { "/die-in-body", die_in_body }, { "/die", die }, { "/close", close_early },
	{ "/garbage", garbage }, { "/endless", endless }, { "/stall", stall }, { "/early", early }, { "/deaf", deaf },
	{ "/play/", play }, { "/thread", thread }, { "/hop", hop }, { "/talk/", talk }, { "/secrets", secrets },
	{ "/env/", environment }, { "/", hello },
};

/* ---- serving ---- */

static bool read_head(struct request *r)
{
	char *end = NULL, *field;
	ssize_t n;

	r->have -= r->at;
	memmove(r->head, r->head + r->at, r->have);
	r->head[r->have] = 0;
	while (!(end = strstr(r->head, "\r\n\r\n"))) {
		n = r->have < HEAD ? recv(r->fd, r->head + r->have, HEAD - r->have, 0) : 0;
		if (n <= 0)
			return false;
		r->have += (size_t)n;
		r->head[r->have] = 0;
	}
	r->at = r->head_len = (size_t)(end - r->head) + 4;
	r->begun = false;
	r->length = 0;
	*end = 0;
	if ((field = strcasestr(r->head, "\r\ncontent-length:")))
		r->length = atoll(field + 17);
	if (strcasestr(r->head, "\r\ntransfer-encoding: chunked"))
		r->length = -1;
	*end = '\r';
	r->head_only = strncmp(r->head, "HEAD ", 5) == 0;
	return sscanf(r->head, "%*s %4095s", r->path) == 1;
}

static void over(void *arg)
{
	struct request *r = arg;

	close(r->fd);
	free(r);
}

static void *serve(void *arg)
{
	struct request *r = calloc(1, sizeof *r);

	r->fd = (int)(long)arg;
	pthread_cleanup_push(over, r);
	setsockopt(r->fd, IPPROTO_TCP, TCP_NODELAY, &(int){ 1 }, sizeof(int));
	while (read_head(r)) {
		size_t i = 0;

		while (strncmp(r->path, answers[i].path, strlen(answers[i].path)) != 0)
			i++;
		answers[i].answer(r);
	}
	pthread_cleanup_pop(1);
	return NULL;
}

static void call_back(void)
{
	const char *url = word("callback");
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	char text[512];
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	to.sin_port = htons((uint16_t)atoi(strrchr(url, ':') + 1));
	if (connect(fd, (struct sockaddr *)&to, sizeof to) < 0)
		exit(4);
	put(fd, text, (size_t)snprintf(text, sizeof text, "GET %s HTTP/1.1\r\nHost: gateway\r\n\r\n", strstr(url, "/ready/")));
	recv(fd, text, sizeof text, 0);
	close(fd);
}

int main(int argc, char **argv)
{
	const char *start, *ready;
	pthread_t t;
	int fd;

	for (int i = 1; i < argc; i++)
		snprintf(words + strlen(words), sizeof words - strlen(words), "%s ", argv[i]);
	start = word("start");
	if (start && strcmp(start, "die") == 0) {
		printf("I cannot start\n");
		return 1;
	}
	while (start && strcmp(start, "never") == 0)
		pause();
	if (start)
		wait_for(start);
	listen(3, 1024);
	ready = word("ready");
	if (ready)
		call_back();
	else if (write(4, "1", 1) != 1)
		return 5;
	while ((fd = accept(3, NULL, NULL)) >= 0)
		if (pthread_create(&t, NULL, serve, (void *)(long)fd) == 0)
			pthread_detach(t);
	for (;;)
		pause();
}
