/* SPDX-License-Identifier: Apache-2.0 */
/* Prints its command line between brackets: the harness compares it to the letter. */
#include "guest.h"

void guest_main(void)
{
	const char *s = boot_cmdline();

	print_bytes("[", 1);
	if (*s)
		print_bytes(s, strlen(s));
	print_bytes("]\n", 2);
}
