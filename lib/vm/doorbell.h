/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The doorbell: one page of guest-physical memory by which a guest talks to its scheduler. The flattened device
 * tree announces it (compatible "ukvmm,doorbell"); a guest that finds none writes nothing.
 *
 *   +0  write, 32 bits  NOTIFY  an event for the host with this value, "I can serve" by convention 1
 *   +4  write, 32 bits  IDLE    with interrupts off, in place of the wait in "sti; hlt": the value is not used.
 *                               Where the host parks idle vCPUs the write completes when an interrupt is pending;
 *                               elsewhere at once. Follow it by "sti; hlt" in either case.
 *   +0  read,  32 bits  the interface version, 1
 * Anything else reads all-ones and is ignored on write.
 */
#ifndef VM_DOORBELL_H
#define VM_DOORBELL_H

enum { DOORBELL_NOTIFY = 0, DOORBELL_IDLE = 4, DOORBELL_VERSION = 1 };

#endif
