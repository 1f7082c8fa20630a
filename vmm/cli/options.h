/* SPDX-License-Identifier: Apache-2.0 */
/* The command line of `ukvmm run`. */
#ifndef CLI_OPTIONS_H
#define CLI_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "cgroup.h"
#include "device_options.h"

enum timeline_form { TIMELINE_NONE, TIMELINE_TEXT, TIMELINE_JSON };

/* Strings point into argv, but for the devices'. */
struct run_options {
	const char *image, *initrd, *cmdline;
	char **args;	     /* words for the guest, after "--" */
	int args_len;
	uint64_t memory;     /* bytes; 0: the library's default */
	uint64_t timeout_ns; /* 0: none */
	uint32_t cpus, boot, irqchip, hugepages, kicks;
	int kvm_fd;	     /* -1: open /dev/kvm */
	uint64_t memory_overhead; /* bytes; 0: not given */
	uint32_t cpu_quota;  /* percent of one CPU; 0: not given */
	struct cgroup_io io_max; /* all 0: not given */
	bool decompress, hvt_exec_data, help;
	bool no_sandbox, sandbox_trace;
	enum timeline_form timeline;
	struct device_options devices;
};

extern const char options_usage[];

/* 0, or -EINVAL after a report. */
int options_parse(struct run_options *o, int argc, char **argv);

/* io_options.c: --io-max's value. 0, or -EINVAL after a report. */
int options_io_max(struct cgroup_io *io, const char *text);

/* getopt's optarg, "auto", "linux", ..., to UKVMM_BOOT_*; -EINVAL after a report. For inspect
 * too. */
int options_boot(const char *command, uint32_t *boot);

#endif
