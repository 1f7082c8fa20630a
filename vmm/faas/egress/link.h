/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The pair of interfaces between the namespace of functions and the host's, by rtnetlink: each call on a socket that
 * was opened in the namespace that it is about.
 */
#ifndef FAAS_EGRESS_LINK_H
#define FAAS_EGRESS_LINK_H

#include <libmnl/libmnl.h>
#include <netinet/in.h>
#include <stdint.h>

#include <ukvmm/error.h>

/*
 * Makes a pair: name in the socket's namespace, peer in that of the fd. It is gone with either of the namespaces.
 * -EEXIST: there is one of this name.
 */
int link_pair(struct mnl_socket *s, const char *name, const char *peer, int namespace_fd, struct ukvmm_err *err);
/* With its other end. Best effort. */
void link_delete(struct mnl_socket *s, const char *name);
/* address, gateway: in host byte order. */
int link_address(struct mnl_socket *s, int index, uint32_t address, uint8_t bits, struct ukvmm_err *err);
/* Before it is up: it takes no IPv6 address. */
int link_no_ipv6(struct mnl_socket *s, int index, struct ukvmm_err *err);
int link_up(struct mnl_socket *s, int index, struct ukvmm_err *err);
int link_default_route(struct mnl_socket *s, int index, uint32_t gateway, struct ukvmm_err *err);
/* Of a name. -ENODEV. */
int link_index(struct mnl_socket *s, const char *name, struct ukvmm_err *err);

#endif
