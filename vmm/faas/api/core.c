/* SPDX-License-Identifier: Apache-2.0 */
/* GET /system/core/INSTANCE: registers and memory, streamed from the worker while its guest stands still. */
#include <stddef.h>
#include <stdlib.h>

#include "api.h"
#include "core.h"
#include "http/call.h"

struct dump {
	struct core core;
	struct call *call;
};

static void on_readable(struct core *core)
{
	call_wake(((struct dump *)((char *)core - offsetof(struct dump, core)))->call);
}

static ssize_t on_read(struct call *call, char *to, size_t len)
{
	return core_read(&((struct dump *)call_user(call))->core, to, len);
}

static void on_end(struct call *call)
{
	call_add(call, "Content-Type", "application/octet-stream");
	call_stream(call, 200, -1);
}

static void on_gone(struct call *call)
{
	struct dump *dump = call_user(call);

	core_close(&dump->core);
	free(dump);
}

static const struct call_ops ops = { NULL, on_end, on_read, on_gone };

void api_core(struct app *app, struct call *call, const char *name)
{
	struct dump *dump = calloc(1, sizeof *dump);
	const char *text;
	unsigned int status;
	int rc;

	if (!dump) {
		call_error(call, 503, "out of memory");
		return;
	}
	dump->call = call;
	dump->core.readable = on_readable;
	rc = core_open(&dump->core, app, name, true);
	if (rc == 0) {
		call_take(call, &ops, dump);
		return;
	}
	free(dump);
	status = core_status(rc, &text);
	call_error(call, status, "%s: %s", name, text);
}
