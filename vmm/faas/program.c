/* SPDX-License-Identifier: Apache-2.0 */
/* ukvmm-faas: functions as microVMs. */
#include "backend/vm.h"
#include "faas.h"

int main(int argc, char **argv)
{
	return faas_main(argc, argv, &vm_backend);
}
