/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <time.h>

#include <ukvmm_rt.h>

enum { SECOND = 1000000000 };

int clock_gettime(clockid_t clock, struct timespec *now)
{
	uint64_t ns = clock == CLOCK_MONOTONIC ? rt_now() : clock == CLOCK_REALTIME ? rt_realtime() : 0;

	if (!ns) {
		errno = EINVAL;
		return -1;
	}
	*now = (struct timespec){ (time_t)(ns / SECOND), (long)(ns % SECOND) };
	return 0;
}

time_t time(time_t *out)
{
	uint64_t ns = rt_realtime();
	time_t now = ns ? (time_t)(ns / SECOND) : -1;

	if (out)
		*out = now;
	return now;
}

clock_t clock(void)
{
	return (clock_t)(rt_now() / (SECOND / CLOCKS_PER_SEC));
}

double difftime(time_t end, time_t start)
{
	return (double)(end - start);
}
