/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench.h"
#include "mixed.h"

enum { CALLS = 4 << 20, DEATHS = 1 << 16, NAME = 96 };

const char *const fate_name[FATES] = { "none", "answered", "not_there", "instance_killed", "cut", "client_left",
	"refused", "wrong" };

static uint8_t *fates;
static uint16_t *logged; /* the status; CUT is added where the server says so */
static uint32_t first_call, n_calls; /* ids go on from one load to the next: what is said late is of the one before */

enum { CUT = 1000 };

struct bad {
	uint32_t id;
	char instance[NAME];
};
static struct bad *bads;
static struct death {
	char instance[NAME], function[NAME];
	bool killed;
	bool spent; /* it accounts for a request that had no instance yet */
} *deaths;
static uint32_t n_bads, n_deaths;

static void *room(void *old, size_t n, size_t size)
{
	void *p = old ? old : calloc(n, size);

	if (!p)
		bench_die("out of memory");
	return p;
}

void calls_reset(void)
{
	fates = room(fates, CALLS, sizeof *fates);
	logged = room(logged, CALLS, sizeof *logged);
	bads = room(bads, DEATHS, sizeof *bads);
	deaths = room(deaths, DEATHS, sizeof *deaths);
	first_call = n_calls;
	n_bads = n_deaths = 0;
}

uint32_t calls_begin(void)
{
	if (n_calls == CALLS)
		bench_die("more requests than can be kept");
	return n_calls++;
}

void calls_seen(uint32_t id, enum fate fate)
{
	fates[id] = (uint8_t)fate;
}

void calls_logged(uint32_t id, unsigned int status, bool cut, const char *instance)
{
	if (id >= n_calls) {
		mixed_complain("the log has a request that nobody made: %u", id);
		return;
	}
	if (logged[id])
		mixed_complain("the log has request %u twice", id);
	logged[id] = (uint16_t)(status + (cut ? CUT : 0));
	if (status != 502 && !cut)
		return;
	if (n_bads == DEATHS)
		bench_die("more failures than can be kept");
	bads[n_bads].id = id;
	snprintf(bads[n_bads++].instance, NAME, "%s", instance);
}

void calls_died(const char *instance, const char *function, const char *text)
{
	if (n_deaths == DEATHS)
		bench_die("more deaths than can be kept");
	deaths[n_deaths] = (struct death){ .killed = strstr(text, "signal 9") != NULL };
	snprintf(deaths[n_deaths].instance, NAME, "%s", instance);
	snprintf(deaths[n_deaths].function, NAME, "%s", function);
	if (!deaths[n_deaths++].killed)
		mixed_complain("instance %s of %s died, and nobody killed it: %s", instance, function, text);
}

/* Was this the instance of a request, or one that was to be? Of a start that ends the log has the function's name. */
static bool was_killed(const char *instance)
{
	for (uint32_t i = 0; i < n_deaths; i++) {
		struct death *d = &deaths[i];

		if (d->killed && strcmp(d->instance, instance) == 0)
			return true;
		if (d->killed && !d->spent && strcmp(d->function, instance) == 0) {
			d->spent = true;
			return true;
		}
	}
	return false;
}

static const char *instance_of(uint32_t id)
{
	for (uint32_t i = 0; i < n_bads; i++)
		if (bads[i].id == id)
			return bads[i].instance;
	return "-";
}

static bool died(const char *instance)
{
	for (uint32_t i = 0; i < n_deaths; i++)
		if (strcmp(deaths[i].instance, instance) == 0 || strcmp(deaths[i].function, instance) == 0)
			return true;
	return false;
}

bool calls_told(void)
{
	for (uint32_t id = first_call; id < n_calls; id++)
		if (fates[id] != FATE_LEFT && !logged[id])
			return false;
	for (uint32_t i = 0; i < n_bads; i++)
		if (bads[i].id >= first_call && (fates[bads[i].id] == FATE_DEAD || fates[bads[i].id] == FATE_CUT) &&
			!died(bads[i].instance))
			return false;
	return true;
}

/* What the client saw is what the server says, and a failure is one of an instance that was killed. */
static void judge(uint32_t id)
{
	unsigned int status = logged[id] % CUT;
	bool cut = logged[id] >= CUT;

	switch (fates[id]) {
	case FATE_LEFT:
		return; /* perhaps before its head was whole */
	case FATE_WHOLE:
		if (status != 200 || cut)
			mixed_complain("request %u was answered, the log says %u", id, logged[id]);
		return;
	case FATE_GONE:
		if (status != 404)
			mixed_complain("request %u was answered with 404, the log says %u", id, logged[id]);
		return;
	case FATE_DEAD:
	case FATE_CUT:
		if ((fates[id] == FATE_DEAD ? status != 502 : !cut) || !was_killed(instance_of(id)))
			mixed_complain("request %u: %s, but its instance %s was not killed (log: %u)", id,
				fate_name[fates[id]], instance_of(id), logged[id]);
		return;
	default:
		mixed_complain("request %u: %s (log: %u, %s)", id, fate_name[fates[id]], logged[id], instance_of(id));
	}
}

void calls_judge(unsigned int kills, unsigned int *counts, unsigned int *died)
{
	memset(counts, 0, FATES * sizeof *counts);
	for (uint32_t id = first_call; id < n_calls; id++) {
		counts[fates[id]]++;
		judge(id);
	}
	*died = n_deaths;
	if (n_deaths > kills)
		mixed_complain("%u instances died, %u were killed", n_deaths, kills);
}
