/* SPDX-License-Identifier: Apache-2.0 */
/* The program: its commands. Each returns the exit status: 0, 1 (it failed, and said why), 2 (usage). */
#ifndef FAAS_H
#define FAAS_H

struct backend_ops;

/* The whole program, on instances of this kind. */
int faas_main(int argc, char **argv, const struct backend_ops *ops);

int serve_main(int argc, char **argv, const struct backend_ops *ops);
/* Those that talk to a server: argv[0] is the command. */
int client_main(int argc, char **argv);

#endif
