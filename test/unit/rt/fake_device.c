/* SPDX-License-Identifier: Apache-2.0 */
#include "fake_device.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { IDLES_MAX = 10000, ALARM_S = 100, STATUS_OK = 11, STATUS_REFUSED = 3 };

struct fake_device fake;
struct rt_boot rt_boot = {.cmdline = ""};

const struct rt_device *rt_device_of(uint32_t id)
{
	static struct rt_device found;

	found = (struct rt_device){(uintptr_t)fake.registers, 5, id};
	return id == fake.id ? &found : NULL;
}

void rt_virtio_offer(uint64_t base, uint32_t *version, uint32_t *features)
{
	(void)base;
	*version = fake.version;
	*features = fake.features;
}

void rt_virtio_agree(uint64_t base, uint32_t features, uint32_t queues, uint32_t config_words, uint32_t *out)
{
	(void)base;
	fake.accepted = features;
	*out++ = fake.refuses ? STATUS_REFUSED : STATUS_OK;
	for (uint32_t i = 0; i < queues; i++)
		*out++ = fake.queue_max;
	memcpy(out, fake.config, config_words * sizeof *out);
}

void rt_virtio_start(uint64_t base, const struct rt_virtio_queue *queue, uint32_t n, uint32_t line, bool kick)
{
	(void)base, (void)line;
	for (uint32_t i = 0; i < n; i++) {
		struct fake_queue *q = &fake.queue[n - 1 - i];

		q->desc = (void *)(uintptr_t)queue[i].desc;
		q->avail = (void *)(uintptr_t)queue[i].driver;
		q->used = (void *)(uintptr_t)queue[i].device;
		q->size = queue[i].size;
	}
	fake.kicks += kick;
}

void rt_irq_route(uint32_t line, uint64_t ack)
{
	(void)line, (void)ack;
}

bool rt_interrupts(void)
{
	return true;
}

uint64_t rt_interrupts_seen(void)
{
	return 0;
}

void rt_idle(uint64_t seen, uint64_t kick_at, uint32_t kick_value, uint64_t ns)
{
	(void)seen, (void)kick_value, (void)ns;
	fake.kicks += kick_at != 0;
	if (++fake.idles > IDLES_MAX)
		rt_panic("idles for ever");
	if (fake.idle)
		fake.idle();
}

void rt_relax(void)
{
}

uint64_t rt_now(void)
{
	static uint64_t now;

	return ++now;
}

uint64_t rt_realtime(void)
{
	return 1;
}

const uint8_t *rt_devices_seed(int *len)
{
	*len = 0;
	return NULL;
}

int fake_take(struct fake_queue *q)
{
	if ((uint16_t)q->seen == q->avail[1])
		return -1;
	return q->avail[2 + q->seen++ % q->size];
}

void fake_use(struct fake_queue *q, uint32_t head, uint32_t len)
{
	volatile struct virtq_elem *e = (volatile void *)(q->used + 2);
	uint16_t used = q->used[1];

	e[used % q->size].id = head;
	e[used % q->size].len = len;
	q->used[1] = (uint16_t)(used + 1);
}

static int told; /* the parent */

_Noreturn void rt_panic(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vdprintf(told, fmt, ap);
	va_end(ap);
	_exit(0);
}

const char *fake_run(void (*test)(const void *arg), const void *arg)
{
	static char said[512];
	int pipe_fds[2], status;
	ssize_t n, len = 0;
	pid_t pid;

	if (pipe(pipe_fds) || (pid = fork()) < 0)
		abort();
	if (!pid) {
		told = pipe_fds[1];
		alarm(ALARM_S);
		test(arg);
		_exit(0);
	}
	close(pipe_fds[1]);
	while ((n = read(pipe_fds[0], said + len, sizeof said - 1 - (size_t)len)) > 0)
		len += n;
	close(pipe_fds[0]);
	said[len] = 0;
	if (waitpid(pid, &status, 0) != pid || status)
		snprintf(said, sizeof said, "the process ended with status %x", status);
	return said;
}
