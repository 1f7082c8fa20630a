/* SPDX-License-Identifier: Apache-2.0 */
#include "link.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>
#include <net/if.h>
#include <string.h>
#include <sys/socket.h>

#include "failure.h"

/* Asks, and hears the answer: the first message of it is kept in bytes (8 KiB). */
static int ask(struct mnl_socket *s, struct nlmsghdr *h, char *bytes, const char *call, const char *object,
	struct ukvmm_err *err)
{
	const struct nlmsgerr *e;
	ssize_t n;
	int rc = 0;

	h->nlmsg_flags |= NLM_F_REQUEST | NLM_F_ACK;
	if (mnl_socket_sendto(s, h, h->nlmsg_len) < 0)
		return failure(err, -errno, call, object);
	n = mnl_socket_recvfrom(s, bytes, 8192);
	h = (struct nlmsghdr *)(void *)bytes;
	if (n < 0 || !mnl_nlmsg_ok(h, (int)n))
		return failure(err, n < 0 ? -errno : -EPROTO, call, object);
	e = mnl_nlmsg_get_payload(h);
	if (h->nlmsg_type == NLMSG_ERROR && mnl_nlmsg_get_payload_len(h) >= sizeof *e)
		rc = e->error;
	return rc < 0 ? failure(err, rc, call, object) : 0;
}

/* Another message follows the one that was asked for: its acknowledgement. */
static void skip_ack(struct mnl_socket *s, char *bytes)
{
	recv(mnl_socket_get_fd(s), bytes, 8192, MSG_DONTWAIT);
}

static struct nlmsghdr *begin(char *bytes, uint16_t type, uint16_t flags)
{
	struct nlmsghdr *h = mnl_nlmsg_put_header(bytes);

	h->nlmsg_type = type;
	h->nlmsg_flags = flags;
	return h;
}

int link_pair(struct mnl_socket *s, const char *name, const char *peer, int namespace_fd, struct ukvmm_err *err)
{
	char bytes[8192];
	struct nlmsghdr *h = begin(bytes, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL);
	struct nlattr *info, *data, *other;

	mnl_nlmsg_put_extra_header(h, sizeof(struct ifinfomsg));
	mnl_attr_put_strz(h, IFLA_IFNAME, name);
	info = mnl_attr_nest_start(h, IFLA_LINKINFO);
	mnl_attr_put_strz(h, IFLA_INFO_KIND, "veth");
	data = mnl_attr_nest_start(h, IFLA_INFO_DATA);
	other = mnl_attr_nest_start(h, VETH_INFO_PEER);
	mnl_nlmsg_put_extra_header(h, sizeof(struct ifinfomsg));
	mnl_attr_put_strz(h, IFLA_IFNAME, peer);
	mnl_attr_put_u32(h, IFLA_NET_NS_FD, (uint32_t)namespace_fd);
	mnl_attr_nest_end(h, other);
	mnl_attr_nest_end(h, data);
	mnl_attr_nest_end(h, info);
	return ask(s, h, bytes, "veth", name, err);
}

void link_delete(struct mnl_socket *s, const char *name)
{
	struct ukvmm_err err = { .size = sizeof err };
	char bytes[8192];
	struct nlmsghdr *h = begin(bytes, RTM_DELLINK, 0);

	mnl_nlmsg_put_extra_header(h, sizeof(struct ifinfomsg));
	mnl_attr_put_strz(h, IFLA_IFNAME, name);
	ask(s, h, bytes, "delete", name, &err);
}

int link_address(struct mnl_socket *s, int index, uint32_t address, uint8_t bits, struct ukvmm_err *err)
{
	char bytes[8192], text[INET_ADDRSTRLEN];
	struct nlmsghdr *h = begin(bytes, RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL);
	struct in_addr at = { htonl(address) };
	struct ifaddrmsg *m = mnl_nlmsg_put_extra_header(h, sizeof *m);

	m->ifa_family = AF_INET;
	m->ifa_prefixlen = bits;
	m->ifa_index = (uint32_t)index;
	mnl_attr_put_u32(h, IFA_LOCAL, at.s_addr);
	mnl_attr_put_u32(h, IFA_ADDRESS, at.s_addr);
	return ask(s, h, bytes, "address", inet_ntop(AF_INET, &at, text, sizeof text), err);
}

int link_no_ipv6(struct mnl_socket *s, int index, struct ukvmm_err *err)
{
	char bytes[8192];
	struct nlmsghdr *h = begin(bytes, RTM_SETLINK, 0);
	struct ifinfomsg *m = mnl_nlmsg_put_extra_header(h, sizeof *m);
	struct nlattr *spec, *inet6;
	int rc;

	m->ifi_index = index;
	spec = mnl_attr_nest_start(h, IFLA_AF_SPEC);
	inet6 = mnl_attr_nest_start(h, AF_INET6);
	mnl_attr_put_u8(h, IFLA_INET6_ADDR_GEN_MODE, IN6_ADDR_GEN_MODE_NONE);
	mnl_attr_nest_end(h, inet6);
	mnl_attr_nest_end(h, spec);
	rc = ask(s, h, bytes, "IPv6", "veth", err);
	return rc == -EAFNOSUPPORT ? 0 : rc; /* there is none on this machine */
}

int link_up(struct mnl_socket *s, int index, struct ukvmm_err *err)
{
	char bytes[8192];
	struct nlmsghdr *h = begin(bytes, RTM_NEWLINK, 0);
	struct ifinfomsg *m = mnl_nlmsg_put_extra_header(h, sizeof *m);

	m->ifi_index = index;
	m->ifi_flags = m->ifi_change = IFF_UP;
	return ask(s, h, bytes, "up", "veth", err);
}

int link_default_route(struct mnl_socket *s, int index, uint32_t gateway, struct ukvmm_err *err)
{
	char bytes[8192];
	struct nlmsghdr *h = begin(bytes, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL);
	struct rtmsg *m = mnl_nlmsg_put_extra_header(h, sizeof *m);

	m->rtm_family = AF_INET;
	m->rtm_table = RT_TABLE_MAIN;
	m->rtm_protocol = RTPROT_STATIC;
	m->rtm_scope = RT_SCOPE_UNIVERSE;
	m->rtm_type = RTN_UNICAST;
	mnl_attr_put_u32(h, RTA_GATEWAY, htonl(gateway));
	mnl_attr_put_u32(h, RTA_OIF, (uint32_t)index);
	return ask(s, h, bytes, "route", "default", err);
}

int link_index(struct mnl_socket *s, const char *name, struct ukvmm_err *err)
{
	char bytes[8192];
	struct nlmsghdr *h = begin(bytes, RTM_GETLINK, 0);
	const struct ifinfomsg *m;
	int rc;

	mnl_nlmsg_put_extra_header(h, sizeof(struct ifinfomsg));
	mnl_attr_put_strz(h, IFLA_IFNAME, name);
	rc = ask(s, h, bytes, "interface", name, err);
	if (rc < 0)
		return rc;
	h = (struct nlmsghdr *)(void *)bytes;
	m = mnl_nlmsg_get_payload(h);
	if (h->nlmsg_type != RTM_NEWLINK || mnl_nlmsg_get_payload_len(h) < sizeof *m)
		return failure(err, -EPROTO, "interface", name);
	rc = m->ifi_index;
	skip_ack(s, bytes);
	return rc;
}
