/* SPDX-License-Identifier: Apache-2.0 */
/* ukvmm-worker: a worker and nothing else (worker.h). What it does not link, none of the many that wait has to load. */
#include <unistd.h>

#include "worker.h"

int main(int argc, char **argv)
{
	static const char text[] = "ukvmm-worker: ukvmm-faas starts it; by itself it does nothing\n";

	worker_main_if_worker(argc, argv);
	return write(STDERR_FILENO, text, sizeof text - 1) < 0 ? 1 : 2;
}
