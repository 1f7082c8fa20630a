/* SPDX-License-Identifier: Apache-2.0 */
/* The date is the host's, where it tells; time zones there are none. */
#ifndef RT_TIME_H
#define RT_TIME_H
#include <stddef.h>
#define CLOCK_REALTIME	0
#define CLOCK_MONOTONIC 1
#define CLOCKS_PER_SEC	1000000
typedef long time_t;
typedef long clock_t;
typedef int clockid_t;
struct timespec {
	time_t tv_sec;
	long tv_nsec;
};
struct tm {
	int tm_sec, tm_min, tm_hour, tm_mday, tm_mon, tm_year, tm_wday, tm_yday, tm_isdst;
	long tm_gmtoff;
	const char *tm_zone;
};
time_t time(time_t *out);	/* -1: the host does not tell */
clock_t clock(void);		/* since boot, idle time included */
int clock_gettime(clockid_t clock, struct timespec *now);
double difftime(time_t end, time_t start);
struct tm *gmtime_r(const time_t *restrict t, struct tm *restrict out);
time_t timegm(struct tm *tm);
#endif
