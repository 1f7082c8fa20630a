/* SPDX-License-Identifier: Apache-2.0 */
/* The commands of `ukvmm` and the exit statuses they share (documented in ukvmm(1)). */
#ifndef CLI_H
#define CLI_H

/* As timeout(1) and env(1) have them, so that scripts already know them. */
enum cli_status {
	CLI_OK = 0,
	CLI_DEAD_HALT = 1,
	CLI_TIMEOUT = 124,
	CLI_FAILED = 125,	/* ours: a bad argument, the host, KVM */
	CLI_NOT_BOOTABLE = 126,
	CLI_NOT_FOUND = 127,
	CLI_SIGNAL = 128,	/* + the signal's number */
	CLI_QUIT = 130,		/* Ctrl-a x: as if interrupted */
};

/* argv[0] is the command's own name. Return an exit status. */
int cli_run(int argc, char **argv);
int cli_inspect(int argc, char **argv);
int cli_doctor(int argc, char **argv);

/* Opens IMAGE for reading: an fd, or minus an exit status after a report. */
int cli_open_image(const char *path);

/* Flushes stdout; CLI_FAILED after a report if what was printed did not get out, else `status`. */
int cli_flush(int status);

/* Reports the option that getopt_long (opterr 0, optstring with ':') has just refused. */
void cli_bad_option(const char *command, int code, char **argv);

#endif
