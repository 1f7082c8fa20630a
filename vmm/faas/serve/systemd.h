/* SPDX-License-Identifier: Apache-2.0 */
/* What systemd and its services say to each other: sd_notify(3), sd_listen_fds(3). Without systemd: nothing. */
#ifndef FAAS_SYSTEMD_H
#define FAAS_SYSTEMD_H

/*
 * "READY=1" and the like, to $NOTIFY_SOCKET. The first call settles the network namespace in which an abstract one is
 * looked for; NULL says nothing, but settles it.
 */
void systemd_notify(const char *state);
/* The n-th socket that was handed over (from 0), or -1. */
int systemd_socket(int n);

#endif
