/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs a program with a socket pair on its fds 8 and 9, which a shell cannot make: the cable between two
 * guests. Usage: rig-pair seqpacket|stream PROGRAM [ARGS]
 */
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	int pair[2];

	if (argc < 3) {
		fprintf(stderr, "usage: rig-pair seqpacket|stream PROGRAM [ARGS]\n");
		return 2;
	}
	if (socketpair(AF_UNIX, strcmp(argv[1], "stream") ? SOCK_SEQPACKET : SOCK_STREAM, 0, pair) < 0) {
		perror("socketpair");
		return 1;
	}
	/* Through numbers above both, since pair[1] may be 8. */
	if (dup2(pair[0], 18) < 0 || dup2(pair[1], 19) < 0 || dup2(18, 8) < 0 || dup2(19, 9) < 0) {
		perror("dup2");
		return 1;
	}
	for (int fd = 3; fd < 20; fd++)
		if (fd != 8 && fd != 9)
			close(fd);
	execvp(argv[2], argv + 2);
	perror(argv[2]);
	return 1;
}
