/* SPDX-License-Identifier: Apache-2.0 */
/* `ukvmm doctor`: findings, each with its cure. One thread; nothing is changed on the host. */
#ifndef CLI_DOCTOR_H
#define CLI_DOCTOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum finding_state { FINDING_OK, FINDING_NOTE, FINDING_WARN, FINDING_FAIL };

struct finding {
	const char *name; /* a JSON-worthy word; not copied */
	enum finding_state state;
	char text[256], cure[256];
};

enum { FINDINGS = 20 };

struct doctor {
	struct finding finding[FINDINGS];
	uint32_t findings;
	bool can_run;	       /* a VM has run here */
	uint32_t vendor;       /* UKVMM_KVM_* */
	char vendor_name[16];  /* "kvm_intel", ...; "none" */
	uint64_t make_us;      /* what making a VM took; 0: not made */
};

/* Adds a finding and returns it, to fill in its cure by doctor_cure. Past FINDINGS the last is
 * replaced. */
struct finding *doctor_find(struct doctor *d, const char *name, enum finding_state state,
	const char *fmt, ...) __attribute__((format(printf, 4, 5)));
void doctor_cure(struct finding *f, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* ---- doctor_kvm.c: /dev/kvm, its vendor, and a VM that runs ---- */
void doctor_kvm(struct doctor *d);

/* ---- doctor_host.c: settings that cost time ---- */
void doctor_settings(struct doctor *d);
/* The first line of a file, without its newline; false where there is none. */
bool doctor_line(const char *path, char *line, size_t len);

/* ---- doctor_limits.c ---- */
void doctor_limits(struct doctor *d);

/* ---- doctor_devices.c: what --net and --disk can use ---- */
void doctor_devices(struct doctor *d);

/* ---- doctor_guests.c: what each kind of guest can expect of a vendor's KVM ---- */
struct doctor_guest {
	const char *kind;
	const char *verdict; /* "yes", "slow", "no", "not yet" */
	const char *text;
};
/* A list that ends with a NULL kind. */
const struct doctor_guest *doctor_guests(uint32_t vendor);

/* ---- doctor_trial.c ---- */

/* Runs a ten-byte guest that writes a status to its exit port, in a VM of 2 MiB. 0: it did; else
 * negative errno, err filled in. *make_us: what making the VM took. */
struct ukvmm_host;
struct ukvmm_err;
int doctor_trial(struct ukvmm_host *host, uint64_t *make_us, struct ukvmm_err *err);

#endif
