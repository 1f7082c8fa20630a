/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is around the function runtime with its network stack in serve-fuzz.c and ask-fuzz.c: a platform whose clock goes on
 * by being looked at, and a card whose frames come from `frame` and go to world_hear. The program has rt_arg, too.
 */
#ifndef GUEST_WORLD_H
#define GUEST_WORLD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { MS = 1000000, FLIGHT = 64, FRAME = 66000, PORT = 8080 };
enum { FIN = 1, SYN = 2, RST = 4, PSH = 8, ACK = 16 };
enum { IP = 14, TCP = 34, BYTES = 54, UDP_BYTES = 42 }; /* where they begin in a frame */

struct world {
	uint64_t now;
	struct {
		void (*done)(void *arg);
		void *arg;
	} flight[FLIGHT];
	uint32_t n_flight;
	uint8_t frame[FRAME];
	uint32_t len;	/* of a frame that comes next */
	uint32_t turns; /* that the runtime gets after each event */
};
extern struct world world;

/* What the guest has sent, a whole frame. The program's. */
void world_hear(const uint8_t *frame, uint32_t len);

/* A number of n bytes, as it is on the wire. */
uint32_t world_get(const uint8_t *p, uint32_t n);
void world_put(uint8_t *p, uint32_t n, uint32_t value);

/* The guest is up, and serves at PORT; returns what its network stack has of memory. `turns` is set before. */
size_t world_start(void);
void world_turn(void);
void world_pass(uint64_t ms);
/* The other machine, 10.9.0.1, says where it is. */
void world_arp(void);
/* A packet from there: len bytes from TCP on are in `frame`. */
void world_ip(uint8_t protocol, uint32_t len);
/* The same with a head of TCP before n bytes. `flags` may have OPTIONS: the bytes are options, if they can be. */
enum { OPTIONS = 128 };
struct world_segment {
	uint16_t from, to, window;
	uint32_t seq, ack;
	uint8_t flags;
};
void world_tcp(const struct world_segment *s, const uint8_t *bytes, uint32_t n);
/* Ends all connections: some would last for minutes. */
void world_abort(void);

#endif
