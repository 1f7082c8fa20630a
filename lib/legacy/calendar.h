/* SPDX-License-Identifier: Apache-2.0 */
/* Seconds since 1970 (UTC, no leap seconds) to and from the proleptic Gregorian calendar. Pure. */
#ifndef LEGACY_CALENDAR_H
#define LEGACY_CALENDAR_H

#include <stdint.h>

struct calendar {
	uint32_t second, minute, hour;
	uint32_t weekday;    /* 0: Sunday; not read by calendar_to_time */
	uint32_t day, month; /* from 1 */
	uint32_t year;
};

/* Times before the year 0 read as its first second. */
void calendar_from_time(struct calendar *c, int64_t time);

/* Fields past their range count on into the next unit; month and day 0 are the one before the
 * first. Exact for fields below 65536. */
int64_t calendar_to_time(const struct calendar *c);

#endif
