/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bounds on what clients can make TCP keep: connections that are half open (a SYN and no more), open, and left (closed
 * by us, not by the peer yet, or in TIME_WAIT). Of what is too much of the first and the last the older half goes.
 */
#ifndef NET_GUARD_H
#define NET_GUARD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct pbuf;
struct tcp_hdr;
struct tcp_pcb;

/* Before anything is allocated. `memory`: what lwIP may use of it, all in all. */
void guard_start(size_t memory);
/* pcb listens. At most `most` connections at once; before one is refused make_room is called, which may close
 * one. A SYN that is refused is not answered: the client comes again. */
void guard_listen(struct tcp_pcb *pcb, uint32_t most, void (*make_room)(void));
/* Connections are running out: who has been served had better go. */
bool guard_crowded(void);
/* One of ours to somebody else, before it is connected. */
void guard_outgoing(struct tcp_pcb *pcb);
/* The server has it; has no more to do with it, and closes it now. */
void guard_opened(struct tcp_pcb *pcb);
void guard_left(struct tcp_pcb *pcb);

/* lwIP's malloc and free. `urgent`: a frame that came is taken beyond the bound, since it may be what frees memory. */
void *guard_alloc(size_t n);
void *guard_calloc(size_t n, size_t size);
void guard_free(void *p);
void guard_urgent(bool urgent);
size_t guard_used(void);

/* Of each packet before lwIP sees it, true if it is taken. A SYN from a port that was used a moment ago ends what is in
 * TIME_WAIT there (RFC 9293 §3.6.1). */
bool guard_packet(struct pbuf *p);

/* Of each TCP segment that has a connection or a listener, its header in the host's byte order and behind it so many bytes
 * of options; true if it is taken. lwIP would take a maximum segment size at any time, and stumble over its own segments. */
bool guard_segment(struct tcp_pcb *pcb, const struct tcp_hdr *tcp, uint32_t options);

/* tcp_write, for peers whose windows are smaller than a segment, too. */
bool guard_write(struct tcp_pcb *pcb, const void *bytes, uint16_t n, uint8_t flags);

#endif
