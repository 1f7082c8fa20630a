/* SPDX-License-Identifier: Apache-2.0 */
/* What is around the function runtime's server in serve-fuzz.c: a platform whose clock goes on by being looked at, a card
 * whose frames come from `frame` and go to the clients, and a function. */
#ifndef SERVE_WORLD_H
#define SERVE_WORLD_H

#include <stdbool.h>
#include <stdint.h>

enum { CLIENTS = 4, FLIGHT = 64, FRAME = 66000 };
enum { FIN = 1, SYN = 2, RST = 4, PSH = 8, ACK = 16, HEADERS = 54 };

struct client {
	uint16_t port, window;
	uint32_t seq, got, theirs; /* what we send next; have from them; they have from us */
};

struct world {
	uint64_t now;
	struct client client[CLIENTS];
	uint16_t ports;
	struct {
		void (*done)(void *arg);
		void *arg;
	} flight[FLIGHT];
	uint32_t n_flight;
	uint8_t frame[FRAME];
	uint32_t len; /* of a frame that comes next */
	int held;     /* responses not yet released */
};
extern struct world world;

uint32_t be32(const uint8_t *p);

#endif
