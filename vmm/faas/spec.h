/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a function is to be: as deployed, immutable, counted. Times in nanoseconds, sizes in bytes. Made from JSON and
 * back by api/deploy.h; defaults and bounds are there.
 */
#ifndef FAAS_SPEC_H
#define FAAS_SPEC_H

#include <stdbool.h>
#include <stdint.h>

#include "egress/rules.h"

enum {
	SPEC_NAME = 63,	  /* longest name of a function, secret or image */
	SPEC_HASH = 64,	  /* an image's, in hexadecimal */
	SPEC_ITEMS = 128, /* longest list: environment, labels, secrets */
	SPEC_DISKS = 4,
};

enum spec_ready { READY_DOORBELL, READY_CALLBACK, READY_TCP };

struct spec_pair {
	char *name, *value;
};

struct spec_pairs {
	struct spec_pair *at;
	uint32_t n;
};

struct spec {
	uint32_t references;
	uint32_t revision; /* counts from 1 */
	uint64_t created;  /* Unix time, seconds */
	char name[SPEC_NAME + 1];
	char *image; /* as it was given */
	char hash[SPEC_HASH + 1], initrd[SPEC_HASH + 1]; /* of the files; "": none */
	char disk[SPEC_DISKS][SPEC_HASH + 1];
	uint32_t n_disks;
	char *cmdline, *process;			 /* process: OpenFaaS's envProcess, kept only */
	struct spec_pairs env, labels, annotations;
	struct spec_pairs secrets, constraints; /* names only; constraints are kept, and mean nothing here */
	char *requests_memory, *requests_cpu;	/* as they were given; NULL: not */
	bool read_only;				/* OpenFaaS's readOnlyRootFilesystem, kept only */
	uint64_t memory;
	uint32_t vcpus, port;
	enum spec_ready ready;
	uint32_t concurrency;	/* requests that an instance serves at once */
	uint32_t max_instances, min_warm;
	uint32_t queue;		/* requests that may wait for an instance */
	uint32_t max_inflight;	/* 0: no limit; more are answered with 429 */
	uint32_t weight;	/* share of the machine where there is not enough of it */
	bool single_use;
	bool keep; /* of those that hung, the last one is kept to be looked at */
	uint64_t rate;		/* requests a second, 0: no limit */
	uint64_t idle_ns, start_ns, timeout_ns, queue_ns;
	uint64_t body_max;	/* of a request */
	struct egress *egress;	/* what it may connect to; NULL: nothing */
	enum egress_dns dns;
	uint32_t dns_address;	/* host byte order */
};

struct spec *spec_ref(struct spec *spec);
void spec_unref(struct spec *spec); /* NULL is ignored */
/* May it connect to any address? Its peers do not count. */
bool spec_egress(const struct spec *spec);
/* The value of that name, or NULL. */
const char *spec_find(const struct spec_pairs *pairs, const char *name);
void spec_free_pairs(struct spec_pairs *pairs);

/* May this be the name of a function, image or secret? [-a-zA-Z_0-9.], not "." or "..", no leading '-' or '.'. */
bool spec_name_fits(const char *name);

#endif
