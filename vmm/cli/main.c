/* SPDX-License-Identifier: Apache-2.0 */
#include "cli.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <ukvmm/ukvmm.h>

#include "report.h"
#include "worker.h"

const char report_program[] = "ukvmm";

static const char usage[] =
	"usage: ukvmm run [OPTION...] IMAGE [-- ARG...]   run a kernel or unikernel in a microVM\n"
	"       ukvmm inspect [--json] IMAGE              what an image is and how it would boot\n"
	"       ukvmm doctor [--json]                     what this host can run, what to mend\n"
	"       ukvmm --version | --help\n"
	"`ukvmm COMMAND --help` lists a command's options; ukvmm(1) has the whole story.\n";

static const struct command {
	const char *name;
	int (*run)(int argc, char **argv);
} commands[] = {
	{ "run", cli_run },
	{ "inspect", cli_inspect },
	{ "doctor", cli_doctor },
};

int cli_flush(int status)
{
	if (fflush(stdout) == 0 && !ferror(stdout))
		return status;
	report_errno("write", "stdout", errno);
	return CLI_FAILED;
}

int cli_open_image(const char *path)
{
	/* O_NONBLOCK: a fifo must not hang us; the library refuses what is not a regular file */
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	int error = errno;

	if (fd >= 0)
		return fd;
	report_errno("open", path, error);
	return error == ENOENT || error == ENOTDIR ? -CLI_NOT_FOUND : -CLI_NOT_BOOTABLE;
}

void cli_bad_option(const char *command, int code, char **argv)
{
	char letter[3] = { '-', (char)optopt, '\0' };
	/* getopt has passed a long option's word, but not a group of letters */
	const char *word = optopt > 0 && optopt < 256 ? letter : argv[optind - 1];
	const char *what = "no such option, or short for several";

	if (code == ':')
		what = "this option needs a value";
	else if (optopt >= 256)
		what = "this option takes no value";
	report(command, word, "%s; see ukvmm %s --help", what, command);
}

static int unknown_command(const char *name)
{
	report("ukvmm", name, "no such command; there are run, inspect and doctor");
	return CLI_FAILED;
}

/*
 * A standard descriptor that is closed would be the number of the next file opened, and guest
 * output would go there. In its place comes one that fails as a closed one does.
 */
static void fill_standard_fds(void)
{
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
		if (fcntl(fd, F_GETFD) < 0)
			open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY);
}

int main(int argc, char **argv)
{
	worker_main_if_worker(argc, argv);
	fill_standard_fds();
	if (argc < 2) {
		fputs(usage, stderr);
		return CLI_FAILED;
	}
	for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++)
		if (strcmp(argv[1], commands[i].name) == 0)
			return commands[i].run(argc - 1, argv + 1);
	if (strcmp(argv[1], "--version") == 0) {
		printf("ukvmm %s\n", ukvmm_version());
		return cli_flush(CLI_OK);
	}
	if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0) {
		fputs(usage, stdout);
		return cli_flush(CLI_OK);
	}
	return unknown_command(argv[1]);
}
