/* SPDX-License-Identifier: Apache-2.0 */
#include "machine.h"

#include <string.h>

void say(struct machine *m, bool *what)
{
	pthread_mutex_lock(&m->lock);
	*what = true;
	pthread_cond_broadcast(&m->changed);
	pthread_mutex_unlock(&m->lock);
}

void hear(struct machine *m, bool *what)
{
	pthread_mutex_lock(&m->lock);
	while (!*what)
		pthread_cond_wait(&m->changed, &m->lock);
	*what = false;
	pthread_mutex_unlock(&m->lock);
}

static void m_interrupt(void *ctx)
{
	struct machine *m = ctx;

	say(m, &m->interrupted);
}

static void m_kick(void *ctx, uint32_t q)
{
	struct machine *m = ctx;

	(void)q;
	say(m, &m->kicked);
}

static void m_driver_ok(void *ctx, uint64_t features)
{
	(void)ctx;
	(void)features;
}

static void m_reset(void *ctx)
{
	struct machine *m = ctx;

	atomic_store(&m->resetting, true);
	say(m, &m->kicked);
}

static void m_broken(void *ctx, const char *reason)
{
	struct machine *m = ctx;

	(void)reason;
	atomic_fetch_add(&m->breaks, 1);
}

static const struct virtio_host machine_host = { m_interrupt, m_kick, m_driver_ok, m_reset, m_broken };

void machine_init(struct machine *m, uint64_t features)
{
	memset(m, 0, sizeof *m);
	pthread_mutex_init(&m->lock, NULL);
	pthread_cond_init(&m->changed, NULL);
	guest_init_host(&m->g, 1, &machine_host, m);
	guest_up(&m->g, 1, SIZE, features);
	m->features = features;
}

void machine_fini(struct machine *m)
{
	guest_fini(&m->g);
	pthread_cond_destroy(&m->changed);
	pthread_mutex_destroy(&m->lock);
}

void machine_over(struct machine *m, pthread_t device)
{
	atomic_store(&m->over, true);
	say(m, &m->kicked);
	pthread_join(device, NULL);
}
