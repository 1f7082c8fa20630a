/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A request to /system: its body is collected, then it is worked on, partly by the work thread, then answered. Its
 * client may leave meanwhile; what was begun is done nevertheless. Loop's thread, but for job_work's `run`.
 */
#ifndef FAAS_JOB_H
#define FAAS_JOB_H

#include <cjson/cJSON.h>

#include "api/app.h"
#include "api/spec_json.h"

enum { JOB_BYTES = 1 << 20 };

struct job {
	struct work_job work;
	struct app *app;
	struct call *call; /* NULL: the client left */
	void (*ready)(struct job *job);
	void (*run)(struct job *job);
	void (*done)(struct job *job);
	char *body; /* ended by a NUL, which is not counted */
	size_t len;
	bool busy; /* somebody will call back */
	/* for the handlers */
	struct dispatch_deploy deploy;
	struct spec *spec, *before; /* before: the one that serves meanwhile; NULL: none */
	cJSON *json;
	char name[256];
	char *text;
	size_t text_len; /* where it may have NULs */
	bool flag;
	int rc;
	struct ukvmm_err err;
};

/* Takes the call; `ready` follows when its body (JOB_BYTES at most) is there. */
void job_begin(struct app *app, struct call *call, void (*ready)(struct job *job));
/* `run` on the work thread, then `done`. */
void job_work(struct job *job, void (*run)(struct job *job), void (*done)(struct job *job));
/* Answers, and frees the job. */
void job_say(struct job *job, unsigned int status, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
void job_json(struct job *job, unsigned int status, cJSON *json); /* takes json */
/* By rc and err: 400, 404, 409, 507, 500. */
void job_failed(struct job *job);
/* A member of the body, which is an object of texts; NULL. *json is for cJSON_Delete. */
const char *job_member(struct job *job, const char *name);

/* Does the body name another namespace than ours? Then that is answered, with this status. */
bool job_elsewhere(struct job *job, unsigned int status);

#endif
