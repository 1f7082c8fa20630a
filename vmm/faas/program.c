/* SPDX-License-Identifier: Apache-2.0 */
/* ukvmm-faas: functions as microVMs. */
#include "backend/vm.h"
#include "faas.h"
#include "worker.h"

int main(int argc, char **argv)
{
	worker_main_if_worker(argc, argv);
	return faas_main(argc, argv, &vm_backend);
}
