/* SPDX-License-Identifier: Apache-2.0 */
/* --net tap=NAME|fd=N|socket=FD|unix=PATH|passt|none[,KEY[=VALUE]]... */
#include "device_options.h"

#include <errno.h>
#include <limits.h>
#include <net/if.h>
#include <stddef.h>
#include <string.h>

#include "forward.h"
#include "parse.h"
#include "report.h"
#include "subopt.h"

/* ---- where it leads ---- */

static const char *lead(struct net_options *n, enum net_to to, const char *where)
{
	if (n->to != NET_TO_NOBODY)
		return "a card leads to one place only";
	n->to = to;
	n->where = where;
	return NULL;
}

static const char *lead_fd(struct net_options *n, enum net_to to, const char *value)
{
	uint32_t fd = 0;

	if (parse_u32(value, 0, INT_MAX, &fd) < 0)
		return "the number of an open file descriptor is wanted";
	n->fd = (int)fd;
	return lead(n, to, NULL);
}

static const char *take_tap(void *to, const char *value)
{
	size_t len = strlen(value);

	if (len == 0 || len >= IFNAMSIZ)
		return "a network interface's name has 1 to 15 characters";
	return lead(to, NET_TO_TAP, value);
}

static const char *take_fd(void *to, const char *value)
{
	return lead_fd(to, NET_TO_FD, value);
}

static const char *take_socket(void *to, const char *value)
{
	return lead_fd(to, NET_TO_SOCKET, value);
}

static const char *take_unix(void *to, const char *value)
{
	return lead(to, NET_TO_UNIX, value);
}

static const char *take_passt(void *to, const char *value)
{
	return lead(to, NET_TO_PASST, value);
}

static const char *take_none(void *to, const char *value)
{
	return lead(to, NET_TO_NONE, value);
}

/* ---- the card ---- */

static const char *take_name(void *to, const char *value)
{
	return device_options_name(&((struct net_options *)to)->name, value);
}

static const char *take_mac(void *to, const char *value)
{
	int rc = parse_mac(value, ((struct net_options *)to)->mac);

	if (rc == -ERANGE)
		return "a card's own address is wanted, not zero and no group's (first byte even)";
	return rc < 0 ? "an address is wanted, as 02:00:00:00:00:01" : NULL;
}

static const char *take_mtu(void *to, const char *value)
{
	if (parse_u32(value, 68, 65521, &((struct net_options *)to)->mtu) < 0)
		return "a number from 68 to 65521 is wanted";
	return NULL;
}

static const char *take_any_mac(void *to, const char *value)
{
	(void)value;
	((struct net_options *)to)->flags |= UKVMM_NET_ANY_MAC;
	return NULL;
}

/* ---- limits: either direction, or both alike ---- */

static const char *take_rx_rate(void *to, const char *value)
{
	return device_options_bytes(&((struct net_options *)to)->rx, value);
}

static const char *take_tx_rate(void *to, const char *value)
{
	return device_options_bytes(&((struct net_options *)to)->tx, value);
}

static const char *take_rate(void *to, const char *value)
{
	const char *wrong = take_rx_rate(to, value);

	return wrong ? wrong : take_tx_rate(to, value);
}

static const char *take_rx_ops(void *to, const char *value)
{
	return device_options_ops(&((struct net_options *)to)->rx, value);
}

static const char *take_tx_ops(void *to, const char *value)
{
	return device_options_ops(&((struct net_options *)to)->tx, value);
}

static const char *take_ops(void *to, const char *value)
{
	const char *wrong = take_rx_ops(to, value);

	return wrong ? wrong : take_tx_ops(to, value);
}

/* ---- passt's ports ---- */

static const char *add_forward(const char **list, uint32_t *len, const char *value)
{
	const char *wrong;

	if (*len == FORWARDS_MAX)
		return "more than 64 ports are too many";
	wrong = forward_spec(value, &list[*len]);
	if (!wrong)
		(*len)++;
	return wrong;
}

static const char *take_fwd(void *to, const char *value)
{
	struct net_options *n = to;

	return add_forward(n->tcp, &n->tcp_len, value);
}

static const char *take_fwd_udp(void *to, const char *value)
{
	struct net_options *n = to;

	return add_forward(n->udp, &n->udp_len, value);
}

static const struct subopt table[] = {
	{ "tap", SUBOPT_VALUE, SUBOPT_REPEATS, take_tap },
	{ "fd", SUBOPT_VALUE, SUBOPT_REPEATS, take_fd },
	{ "socket", SUBOPT_VALUE, SUBOPT_REPEATS, take_socket },
	{ "unix", SUBOPT_VALUE, SUBOPT_REPEATS, take_unix },
	{ "passt", SUBOPT_BARE, SUBOPT_REPEATS, take_passt },
	{ "none", SUBOPT_BARE, SUBOPT_REPEATS, take_none },
	{ "name", SUBOPT_VALUE, 0, take_name },
	{ "mac", SUBOPT_VALUE, 0, take_mac },
	{ "mtu", SUBOPT_VALUE, 0, take_mtu },
	{ "any-mac", SUBOPT_BARE, 0, take_any_mac },
	{ "rate", SUBOPT_VALUE, 0, take_rate },
	{ "rx-rate", SUBOPT_VALUE, 0, take_rx_rate },
	{ "tx-rate", SUBOPT_VALUE, 0, take_tx_rate },
	{ "ops", SUBOPT_VALUE, 0, take_ops },
	{ "rx-ops", SUBOPT_VALUE, 0, take_rx_ops },
	{ "tx-ops", SUBOPT_VALUE, 0, take_tx_ops },
	{ "fwd", SUBOPT_VALUE, SUBOPT_REPEATS, take_fwd },
	{ "fwd-udp", SUBOPT_VALUE, SUBOPT_REPEATS, take_fwd_udp },
	{ NULL, 0, 0, NULL },
};

/* What is right word by word may still be nonsense together. */
static int check(const struct net_options *n, const char *text)
{
	const char *wrong = NULL;

	if (n->to == NET_TO_NOBODY)
		wrong = "where it leads is missing: tap, fd, socket, unix, passt or none";
	else if (n->tcp_len + n->udp_len > 0 && n->to != NET_TO_PASST)
		wrong = "ports are forwarded by passt only";
	if (!wrong)
		return 0;
	report("run", "--net", "\"%s\": %s; see ukvmm run --help", text, wrong);
	return -EINVAL;
}

int device_options_net(struct device_options *d, const char *text)
{
	struct net_options *net = device_options_new("--net", d->nets_len, sizeof *net);
	char *copy = net ? device_options_copy("--net", text) : NULL;

	if (!copy)
		return -EINVAL;
	net->fd = -1;
	net->rx.size = net->tx.size = sizeof net->rx;
	d->nets[d->nets_len++] = net;
	if (subopt_parse("run", "--net", copy, table, net) < 0)
		return -EINVAL;
	return check(net, text);
}
