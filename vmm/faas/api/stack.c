/* SPDX-License-Identifier: Apache-2.0 */
/* GET /system/stack/INSTANCE: where its vCPUs are. What the worker sends is not trusted. */
#include <elf.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/procfs.h>
#include <sys/user.h>
#include <unistd.h>

#include "api.h"
#include "core.h"
#include "http/call.h"
#include "job.h"
#include "symbols.h"

enum { STACK_BYTES = 1 << 20, VCPUS = 1024 };

struct stack {
	struct core core;
	struct job *job;
	size_t len;
	char bytes[STACK_BYTES];
};

static const struct {
	const char *name;
	size_t at;
} registers[] = {
#define R(name) { #name, offsetof(struct user_regs_struct, name) }
	R(rax), R(rbx), R(rcx), R(rdx), R(rsi), R(rdi), R(rbp), R(rsp), R(r8), R(r9), R(r10), R(r11), R(r12), R(r13),
	R(r14), R(r15), R(rip), R(eflags), R(cs), R(ss), R(fs_base), R(gs_base),
};

static cJSON *vcpu(uint32_t index, const struct user_regs_struct *user, int image)
{
	cJSON *json = cJSON_CreateObject(), *all;
	unsigned long long value;
	char text[192];

	cJSON_AddNumberToObject(json, "vcpu", index);
	snprintf(text, sizeof text, "0x%llx", user->rip);
	cJSON_AddStringToObject(json, "rip", text);
	symbols_name(image, user->rip, text, sizeof text);
	cJSON_AddStringToObject(json, "symbol", text);
	all = cJSON_AddObjectToObject(json, "registers");
	for (size_t i = 0; i < sizeof registers / sizeof registers[0]; i++) {
		memcpy(&value, (const char *)user + registers[i].at, sizeof value);
		snprintf(text, sizeof text, "0x%llx", value);
		cJSON_AddStringToObject(all, registers[i].name, text);
	}
	return json;
}

/* The notes: each a head, the name "CORE" and its NUL in eight bytes, and the registers. */
static void take_notes(struct job *job, const char *at, uint64_t len, int image)
{
	struct elf_prstatus status;
	struct user_regs_struct user;
	Elf64_Nhdr head;

	for (uint32_t i = 0; i < VCPUS && len >= sizeof head + 8 + sizeof status; i++) {
		memcpy(&head, at, sizeof head);
		if (head.n_type != NT_PRSTATUS || head.n_namesz != 5 || head.n_descsz != sizeof status)
			return;
		memcpy(&status, at + sizeof head + 8, sizeof status);
		memcpy(&user, &status.pr_reg, sizeof user);
		cJSON_AddItemToArray(job->json, vcpu(i, &user, image));
		at += sizeof head + 8 + sizeof status;
		len -= sizeof head + 8 + sizeof status;
	}
}

static void read_stack(struct job *job)
{
	int image = store_image_open(job->app->store, job->spec->hash);
	Elf64_Phdr notes;

	job->json = cJSON_CreateArray();
	if (job->len >= sizeof(Elf64_Ehdr) + sizeof notes) {
		memcpy(&notes, job->text + sizeof(Elf64_Ehdr), sizeof notes);
		if (notes.p_type == PT_NOTE && notes.p_offset <= job->len && notes.p_filesz <= job->len - notes.p_offset)
			take_notes(job, job->text + notes.p_offset, notes.p_filesz, image);
	}
	if (image >= 0)
		close(image);
}

static void answer(struct job *job)
{
	cJSON *json = job->json;

	job->json = NULL;
	job_json(job, 200, json);
}

static void over(struct stack *stack, bool fine)
{
	struct job *job = stack->job;

	core_close(&stack->core);
	job->busy = false;
	job->text = fine ? malloc(stack->len + 1) : NULL;
	job->len = stack->len;
	if (job->text)
		memcpy(job->text, stack->bytes, stack->len);
	free(stack);
	if (job->text)
		job_work(job, read_stack, answer);
	else
		job_say(job, 502, "%s: the instance did not tell its state", job->name);
}

static void on_readable(struct core *core)
{
	struct stack *stack = (struct stack *)((char *)core - offsetof(struct stack, core));
	ssize_t n;

	while ((n = core_read(core, stack->bytes + stack->len, sizeof stack->bytes - stack->len)) > 0)
		stack->len += (size_t)n;
	if (n < 0)
		over(stack, n == CALL_EOF);
}

static void begin(struct job *job)
{
	struct spec *spec = dispatch_instance_spec(job->app->dispatcher, job->name);
	struct stack *stack = calloc(1, sizeof *stack);
	unsigned int status;
	const char *text;
	int rc;

	if (!stack) {
		job_say(job, 503, "out of memory");
		return;
	}
	stack->job = job;
	stack->core.readable = on_readable;
	rc = core_open(&stack->core, job->app, job->name, false);
	if (rc < 0) {
		free(stack);
		status = core_status(rc, &text);
		job_say(job, status, "%s: %s", job->name, text);
		return;
	}
	job->spec = spec_ref(spec);
	job->busy = true;
	on_readable(&stack->core);
}

void api_stack(struct app *app, struct call *call, const char *name)
{
	struct job *job;

	job_begin(app, call, begin);
	job = call_user(call);
	if (job)
		snprintf(job->name, sizeof job->name, "%s", name);
}
