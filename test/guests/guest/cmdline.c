/* SPDX-License-Identifier: Apache-2.0 */
/* Prints its command line between brackets: the harness compares it to the letter. */
#include "guest.h"

void guest_main(void)
{
	print_cmdline();
}
