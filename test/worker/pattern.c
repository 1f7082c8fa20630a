/* SPDX-License-Identifier: Apache-2.0 */
/* worker-pattern BYTES: what a disk of the io guest (test/guests/guest/io_blk.c) holds, on stdout. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int main(int argc, char **argv)
{
	uint64_t words = argc == 2 ? strtoull(argv[1], NULL, 10) / sizeof(uint64_t) : 0;

	for (uint64_t i = 0, word; i < words; i++) {
		word = i * 0x9e3779b97f4a7c15u;
		if (fwrite(&word, sizeof word, 1, stdout) != 1)
			return 1;
	}
	return words == 0 || fflush(stdout) != 0;
}
