/* SPDX-License-Identifier: Apache-2.0 */
/* What each command that talks to a server takes. */
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "client.h"
#include "report.h"

#define SERVER "  --server URL          the server [http://127.0.0.1:8080, or $UKVMM_FAAS_SERVER]\n" \
	"  --user NAME           who asks [admin]\n" \
	"  --password-file FILE  with the password in its first line [$UKVMM_FAAS_PASSWORD_FILE]\n"
#define JSON "  --json                the server's answer as it is\n"

static const struct {
	const char *command, *usage, *help;
} commands[] = {
	{ "deploy", "deploy NAME --image IMAGE|PATH [OPTION...]",
		"Deploys a function or a new revision of it; ends when an instance is ready, or says why none is.\n"
		"Settings that are not given have their defaults, also where the revision before had others.\n"
		"  --image IMAGE|PATH    an imported image; a PATH, with a / in it, is imported first, as NAME\n"
		"  --initrd IMAGE|PATH   likewise, as NAME-initrd\n"
		"  --disks IMAGE,...     up to four images as read-only disks\n"
		"  --cmdline TEXT        the guest's command line; %ip, %gateway and others are filled in\n"
		"  --memory SIZE         [128M]\n"
		"  --vcpus N             [1]\n"
		"  --env NAME=VALUE      a word of its command line; may be repeated, as may the next three\n"
		"  --secret NAME         a file on a read-only disk\n"
		"  --label NAME=VALUE, --annotation NAME=VALUE\n"
		"  --ready HOW           how it says that it serves: doorbell, callback, tcp [doorbell]\n"
		"  --port N              where it serves HTTP [8080]\n"
		"  --concurrency N       requests that an instance serves at once [1]\n"
		"  --max-instances N     [100]\n"
		"  --min-warm N          instances that stay without requests [0]\n"
		"  --single-use          an instance for each request\n"
		"  --idle-timeout TIME   how long an instance stays without requests [60s]\n"
		"  --start-timeout TIME  until an instance must be ready [25s]\n"
		"  --timeout TIME        until an answer must be complete [60s]\n"
		"  --on-timeout WHAT     end, or keep the instance to be looked at [end]\n"
		"  --queue N             requests that may wait for an instance [1000]\n"
		"  --queue-timeout TIME  and for how long [25s]\n"
		"  --max-inflight N      requests at once, 0: any number [0]\n"
		"  --rate N              requests a second, 0: any number [0]\n"
		"  --weight N            share where memory or starts are short [100]\n"
		"  --body-max SIZE       of a request [1G]\n"
		"  --egress RULES        what it may connect to: CIDR[:PORTS][/tcp|/udp|/icmp] or @FUNCTION;\n"
		"                        may be repeated [nothing]\n"
		"  --dns WHO             who answers its DNS queries: host, none, ADDRESS [host]\n" SERVER },
	{ "list", "list", "Functions, their requests and instances.\n" JSON SERVER },
	{ "describe", "describe NAME", "A function with its settings and cost, as JSON.\n" SERVER },
	{ "remove", "remove NAME", "Removes a function, its revisions and instances. Its image stays.\n" SERVER },
	{ "rollback", "rollback NAME", "Deploys the revision before the live one again.\n" SERVER },
	{ "scale", "scale NAME N", "Has at least N instances, until the next deploy.\n" SERVER },
	{ "invoke", "invoke NAME [-X METHOD] [-H HEADER]... [-d DATA | -T FILE] [PATH]",
		"Sends a request to a function, prints the answer's body. The options are curl's. GET; POST with a body.\n" SERVER },
	{ "logs", "logs NAME [-f] [--since TIME] [--tail N] [--instance INSTANCE]",
		"What a function's instances wrote, as far as the server has kept it.\n"
		"  -f, --follow          goes on with what they write from now on\n"
		"  --since TIME          as 2026-01-02T03:04:05Z, or 10m: as long ago\n"
		"  --tail N              the last N lines\n"
		"  --instance INSTANCE   of one instance\n" SERVER },
	{ "ps", "ps", "Instances: state, age, CPU, memory, ids of the calls that they have.\n" JSON SERVER },
	{ "stack", "stack INSTANCE", "Where the vCPUs of an instance are, and their registers.\n" JSON SERVER },
	{ "dump", "dump INSTANCE >FILE", "Registers and memory of an instance, an ELF core for gdb -c FILE.\n" SERVER },
	{ "end", "end INSTANCE", "Ends an instance; requests that it has get 502.\n" SERVER },
	{ "info", "info", "Name and version of the server.\n" SERVER },
	{ "image", "image import NAME FILE | image list | image remove NAME", "Images of functions.\n" SERVER },
	{ "secret", "secret set NAME [FILE] | secret list | secret remove NAME",
		"Secrets of functions. A value comes from FILE or standard input, 64 KiB at most.\n" SERVER },
};
enum { COMMANDS = sizeof commands / sizeof commands[0] };

static int find(const char *command)
{
	int i = 0;

	while (i < COMMANDS && strcmp(commands[i].command, command) != 0)
		i++;
	return i;
}

static bool is_help(const char *word)
{
	return strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0;
}

bool client_helps(int argc, char **argv)
{
	int i = find(argv[0]);

	/* the last word may be an option's value */
	if (i == COMMANDS || argc < 2 || !(is_help(argv[1]) || (is_help(argv[argc - 1]) && argv[argc - 2][0] != '-')))
		return false;
	printf("usage: ukvmm-faas %s\n%s", commands[i].usage, commands[i].help);
	return true;
}

int client_usage(const char *command)
{
	int i = find(command);

	fprintf(stderr, "usage: ukvmm-faas %s\nSee ukvmm-faas %s --help.\n", i < COMMANDS ? commands[i].usage : command, command);
	return 2;
}

int client_wrong(const char *command, const char *word, const char *what)
{
	report("usage", word, "%s; see ukvmm-faas %s --help", what, command);
	return 2;
}

int client_bad_option(const char *command, int code, char **argv)
{
	const char letter[3] = { '-', (char)optopt, '\0' };
	/* getopt has passed a long option's word, but not a group of letters */
	const char *word = optopt > 0 && optopt < 256 && argv[optind - 1][1] != '-' ? letter : argv[optind - 1];

	return client_wrong(command, word, code == ':' ? "it needs a value" : "there is no such option");
}
