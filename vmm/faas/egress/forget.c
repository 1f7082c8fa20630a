/* SPDX-License-Identifier: Apache-2.0 */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <sys/socket.h>

#include "failure.h"
#include "internal.h"

/* By their mark, whose lowest bit in the packet's order says something else (tables.c). */
int forget_connections(struct mnl_socket *s, struct in_addr guest, struct ukvmm_err *err)
{
	char bytes[8192];
	struct nlmsghdr *h = mnl_nlmsg_put_header(bytes);
	struct nfgenmsg *m = mnl_nlmsg_put_extra_header(h, sizeof *m);
	const struct nlmsgerr *e;
	ssize_t n;

	h->nlmsg_type = NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_DELETE;
	h->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK;
	m->nfgen_family = AF_INET;
	m->version = NFNETLINK_V0;
	mnl_attr_put_u32(h, CTA_MARK, htonl(guest.s_addr & htonl(~1u)));
	mnl_attr_put_u32(h, CTA_MARK_MASK, htonl(htonl(~1u)));
	if (mnl_socket_sendto(s, h, h->nlmsg_len) < 0)
		return failure(err, -errno, "conntrack", "delete");
	n = recv(mnl_socket_get_fd(s), bytes, sizeof bytes, MSG_DONTWAIT);
	h = (struct nlmsghdr *)(void *)bytes;
	e = n > 0 && mnl_nlmsg_ok(h, (int)n) ? mnl_nlmsg_get_payload(h) : NULL;
	if (!e || h->nlmsg_type != NLMSG_ERROR || mnl_nlmsg_get_payload_len(h) < sizeof *e)
		return failure(err, -EPROTO, "conntrack", "delete");
	return e->error < 0 ? failure(err, e->error, "conntrack", "delete") : 0;
}
