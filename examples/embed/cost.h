/* SPDX-License-Identifier: Apache-2.0 */
/* What a process that holds VMs costs. */
#ifndef COST_H
#define COST_H

/* Prints to stderr how many fds, threads, resident bytes and CPU seconds this process has, also per VM. Each VM
 * that has run counts as a thread: one of the kernel's, in this process, that KVM starts for it. */
void cost_print(const char *when, unsigned vms);

#endif
