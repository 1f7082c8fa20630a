/* SPDX-License-Identifier: Apache-2.0 */
/* ukvmm-faas, on processes instead of machines. */
#include "faas.h"
#include "process.h"

int main(int argc, char **argv)
{
	return faas_main(argc, argv, &process_backend);
}
