/* SPDX-License-Identifier: Apache-2.0 */
#include <curl/curl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include <ukvmm/ukvmm.h>

#include "faas.h"
#include "report.h"

const char report_program[] = "ukvmm-faas";

static const char usage[] =
	"usage: ukvmm-faas serve [OPTION...]\n"
	"       ukvmm-faas deploy NAME --image IMAGE|PATH [OPTION...]\n"
	"       ukvmm-faas list | describe NAME | remove NAME | rollback NAME | scale NAME N\n"
	"       ukvmm-faas invoke NAME [-X METHOD] [-H HEADER]... [-d DATA | -T FILE] [PATH]\n"
	"       ukvmm-faas logs NAME [-f] [--since TIME] [--tail N] [--instance INSTANCE]\n"
	"       ukvmm-faas ps | stack INSTANCE | dump INSTANCE >FILE | end INSTANCE | info\n"
	"       ukvmm-faas image import NAME FILE | image list | image remove NAME\n"
	"       ukvmm-faas secret set NAME [FILE] | secret list | secret remove NAME\n"
	"       ukvmm-faas --help | --version\n"
	"`ukvmm-faas COMMAND --help` lists a command's options; ukvmm-faas(1) has the whole story.\n";

int faas_main(int argc, char **argv, const struct backend_ops *ops)
{
	const char *command = argc > 1 ? argv[1] : "";
	int rc;

	if (strcmp(command, "--help") == 0 || strcmp(command, "-h") == 0) {
		fputs(usage, stdout);
		return 0;
	}
	if (strcmp(command, "--version") == 0) {
		printf("ukvmm-faas %s\n", ukvmm_version());
		return 0;
	}
	if (!*command) {
		fputs(usage, stderr);
		return 2;
	}
	signal(SIGPIPE, SIG_IGN);
	if (curl_global_init(CURL_GLOBAL_NOTHING) != CURLE_OK)
		return 1;
	if (strcmp(command, "serve") == 0)
		rc = serve_main(argc - 1, argv + 1, ops);
	else
		rc = client_main(argc - 1, argv + 1);
	curl_global_cleanup();
	return rc;
}
