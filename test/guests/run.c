/* SPDX-License-Identifier: Apache-2.0 */
/*
 * guests-run [--guests DIR] [--list] [--sealed strict|serve|threads] [--case NAME]... [WORD]...: runs contract
 * guests, prints TAP. Sealed: under the library's system call filters, a process a case.
 * Words choose cases by a part of their names. Exit status 0: all as wanted, 1: not, 77: there is
 * no usable /dev/kvm.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness.h"

enum { NAME_MAX_BYTES = 80, SKIP = 77 };

static const struct guest_case *const tables[] = {cases_boot, cases_machine, cases_end, cases_bad,
	cases_io, cases_hvt};
static const char *const chip_names[] = {"auto", "split", "full", "none"};

struct run {
	struct ukvmm_host *host;
	int guests;
	bool pvm;
	enum sealed sealed;
	const char *exact;
	char **words;
	uint32_t n, failed;
};

static const char *const reasons[] = {"nothing", "KICKED", "SLICE", "IDLE", "POWEROFF", "RESET",
	"DEAD_HALT", "FAULT", "STOPPED", "DEADLINE", "TRAP", "PAUSED"};

static const char *reason_name(uint32_t reason)
{
	return reason < sizeof reasons / sizeof *reasons ? reasons[reason] : "unknown";
}

static const char *missing(const char *const texts[TEXTS], const char *in)
{
	for (int i = 0; i < TEXTS && texts[i]; i++)
		if (!strstr(in, texts[i]))
			return texts[i];
	return NULL;
}

/* What is wrong with how it went; NULL: nothing. */
static const char *judge(struct drive *d, int rc, const struct outcome *want)
{
	static char why[512];
	const char *text;

	if (rc != want->code) {
		snprintf(why, sizeof why, "returned %d (%s), wanted %d", rc, strerror(-rc),
			want->code);
		return why;
	}
	if (want->code && (!*d->err.text || !*d->err.call || d->err.code != want->code))
		return "the error has no text, no call or another code";
	text = missing(want->error, d->err.text);
	if (text) {
		snprintf(why, sizeof why, "the error does not say \"%s\"", text);
		return why;
	}
	if (d->stop.reason != want->reason || d->stop.flags != want->flags ||
		(want->flags & UKVMM_STOP_HAS_STATUS && d->stop.value != want->status)) {
		snprintf(why, sizeof why,
			"ended by %s, flags %x, value %llu; wanted %s, flags %x, status %u",
			reason_name(d->stop.reason), d->stop.flags,
			(unsigned long long)d->stop.value, reason_name(want->reason), want->flags,
			want->status);
		return why;
	}
	if (missing(want->says, d->output))
		return "the output lacks something";
	if (strstr(d->output, "FAIL") || d->lost)
		return "the guest says FAIL, or output was lost";
	return !want->code && d->c->script && d->c->script->judge ? d->c->script->judge(d) : NULL;
}

static uint32_t open_fds(void)
{
	DIR *dir = opendir("/proc/self/fd");
	uint32_t n = 0;

	while (dir && readdir(dir))
		n++;
	if (dir)
		closedir(dir);
	return n;
}

static void explain(const struct drive *d, const struct outcome *want)
{
	const char *line = d->output, *end;

	for (; *line; line = *end ? end + 1 : end) {
		end = line + strcspn(line, "\n");
		printf("# guest: %.*s\n", (int)(end - line), line);
	}
	for (int i = 0; i < TEXTS && want->says[i]; i++)
		if (!strstr(d->output, want->says[i]))
			printf("# lacks: %.*s...\n", (int)strcspn(want->says[i], "\n"),
				want->says[i]);
	if (*d->err.text)
		printf("# error: %s(%s): %s\n", d->err.call, d->err.object, d->err.text);
}

/* A VM's fds are closed by the host's jobs: run what there is before counting. */
static void do_jobs(struct ukvmm_host *host)
{
	ukvmm_host_work(host, 1);
}

/* One run from nothing to nothing: what is wrong, or NULL. */
static const char *run_once(
	struct run *r, struct drive *d, const struct outcome *want, uint32_t irqchip)
{
	uint32_t fds = open_fds();
	const char *wrong, *closing;
	int rc = drive_open(d, r->guests, irqchip);

	if (!rc)
		rc = drive_run(d);
	wrong = judge(d, rc, want);
	closing = drive_close(d);
	do_jobs(r->host);
	if (!wrong)
		wrong = closing;
	if (!wrong && open_fds() != fds)
		wrong = "file descriptors are left over";
	return wrong;
}

/* A filter is for ever, so the case has a process of its own, which leaves without cleaning up. */
static const char *run_sealed(struct run *r, struct drive *d, const struct outcome *want, uint32_t irqchip)
{
	static char why[64];
	pid_t pid = fork();
	const char *wrong;
	int status, rc;

	if (pid < 0)
		return "fork failed";
	if (!pid) {
		rc = drive_open(d, r->guests, irqchip);
		if (!rc)
			rc = drive_run(d);
		wrong = judge(d, rc, want);
		if (wrong) {
			explain(d, want);
			printf("# %s\n", wrong);
			fflush(stdout);
		}
		_exit(wrong != NULL);
	}
	if (waitpid(pid, &status, 0) != pid)
		return "waitpid failed";
	if (WIFEXITED(status))
		return WEXITSTATUS(status) ? "not as wanted" : NULL;
	snprintf(why, sizeof why, "ended by signal %d (%s)", WTERMSIG(status), strsignal(WTERMSIG(status)));
	return why;
}

/* ukvmm_vm_run takes this end, which the threads of a script answer. */
static bool not_sealed(const struct guest_case *c)
{
	return c->want.reason == UKVMM_STOP_TRAP;
}

static void run_case(struct run *r, const struct guest_case *c, const char *name, uint32_t irqchip)
{
	const struct outcome *want = r->pvm && c->pvm.reason ? &c->pvm : &c->want;
	struct drive *d = malloc(sizeof *d);
	const char *wrong = NULL;

	r->n++;
	if (!d)
		exit(1);
	if (r->pvm && c->pvm_skip_chips >> irqchip & 1) {
		printf("ok %u - %s # SKIP %s\n", r->n, name, c->pvm_skip);
		free(d);
		return;
	}
	if (r->sealed && r->sealed != SEALED_THREADS && not_sealed(c)) {
		printf("ok %u - %s # SKIP with ukvmm_vm_run only\n", r->n, name);
		free(d);
		return;
	}
	for (uint32_t i = 0; !wrong && i <= c->again; i++) {
		memset(d, 0, sizeof *d);
		d->c = c;
		d->host = r->host;
		d->sealed = r->sealed;
		wrong = r->sealed ? run_sealed(r, d, want, irqchip) : run_once(r, d, want, irqchip);
	}
	r->failed += wrong != NULL;
	if (wrong && !r->sealed)
		explain(d, want);
	printf("%sok %u - %s%s%s\n", wrong ? "not " : "", r->n, name, wrong ? ": " : "",
		wrong ? wrong : "");
	fflush(stdout);
	free(d);
}

static bool chosen(const struct run *r, const char *name)
{
	if (r->exact)
		return !strcmp(name, r->exact);
	for (char **w = r->words; *w; w++)
		if (strstr(name, *w))
			return true;
	return !*r->words;
}

/* Calls fn for each case and chip; run NULL prints names only. */
static void each(struct run *r, bool list)
{
	for (size_t t = 0; t < sizeof tables / sizeof *tables; t++)
		for (const struct guest_case *c = tables[t]; c->name; c++)
			for (uint32_t chip = 0; chip <= UKVMM_X86_IRQCHIP_NONE; chip++) {
				char name[NAME_MAX_BYTES];

				if (c->chips ? !(c->chips >> chip & 1) : chip != 0)
					continue;
				snprintf(name, sizeof name, "%s%s%s", c->name, chip ? "-" : "",
					chip ? chip_names[chip] : "");
				if (!chosen(r, name))
					continue;
				if (list)
					puts(name);
				else
					run_case(r, c, name, chip);
			}
}

static int open_host(struct run *r)
{
	struct ukvmm_err err = {.size = sizeof err};
	struct ukvmm_host_info info = {.size = sizeof info};

	if (ukvmm_host_open(&r->host, -1, NULL, &err)) {
		printf("1..0 # SKIP %s(%s): %s\n", err.call, err.object, err.text);
		return SKIP;
	}
	ukvmm_host_info(r->host, &info);
	r->pvm = info.vendor == UKVMM_KVM_PVM;
	printf("# %s\n", info.vendor_name);
	return 0;
}

static int run_all(struct run *r)
{
	int rc = open_host(r);

	if (rc)
		return rc;
	each(r, false);
	printf("1..%u\n# %u of %u passed\n", r->n, r->n - r->failed, r->n);
	if (ukvmm_host_close(r->host)) {
		puts("# ukvmm_host_close failed");
		return 1;
	}
	return r->failed || !r->n;
}

static bool sealed_named(struct run *r, const char *name)
{
	static const char *const names[] = {"not", "strict", "serve", "threads"};

	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (!strcmp(names[i], name)) {
			r->sealed = (enum sealed)i;
			return true;
		}
	return false;
}

int main(int argc, char **argv)
{
	static const struct option options[] = {{"guests", required_argument, NULL, 'g'},
		{"case", required_argument, NULL, 'c'}, {"list", no_argument, NULL, 'l'},
		{"sealed", required_argument, NULL, 's'}, {0}};
	const char *folder = "guests";
	struct run r = {.guests = -1};
	bool list = false;
	int o;

	while ((o = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (o == 'g')
			folder = optarg;
		else if (o == 'c')
			r.exact = optarg;
		else if (o == 'l')
			list = true;
		else if (o != 's' || !sealed_named(&r, optarg))
			return 2;
	}
	r.words = argv + optind;
	if (list) {
		each(&r, true);
		return 0;
	}
	r.guests = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (r.guests < 0) {
		fprintf(stderr, "guests-run: %s: %s\n", folder, strerror(errno));
		return 2;
	}
	return run_all(&r);
}
