/* SPDX-License-Identifier: Apache-2.0 */
/* What a process that holds VMs costs. */
#ifndef COST_H
#define COST_H

/* Prints to stderr how many fds, threads, resident bytes and CPU seconds this process has, also per VM. */
void cost_print(const char *when, unsigned vms);

#endif
