/* SPDX-License-Identifier: Apache-2.0 */
#include "calendar.h"

enum {
	DAYS_400_YEARS = 146097,
	DAYS_100_YEARS = 36524,
	DAYS_4_YEARS = 1461,
	DAYS_YEAR = 365,
	SECONDS_DAY = 86400
};

/* 1 March of the year 0 to 1 January 1970. Years that begin in March have their leap day at the
 * end, and months from March on follow a 153-day pattern every five. */
enum { DAYS_TO_1970 = 719468, DAYS_JANUARY_FEBRUARY = 60 /* of the year 0 */ };

static int64_t days_before(int64_t year, int64_t month_from_march)
{
	return year * DAYS_YEAR + year / 4 - year / 100 + year / 400 +
		(153 * month_from_march + 2) / 5;
}

int64_t calendar_to_time(const struct calendar *c)
{
	/* Counted from March of the year before, so that neither month 0 nor January goes below
	 * zero; 400 years further on, likewise for the year 0. */
	int64_t months = ((int64_t)c->year + 400) * 12 + c->month - 3;
	int64_t days = days_before(months / 12, months % 12) - DAYS_400_YEARS + (int64_t)c->day - 1;

	days -= DAYS_TO_1970;
	return days * SECONDS_DAY + c->hour * 3600ll + c->minute * 60ll + c->second;
}

void calendar_from_time(struct calendar *c, int64_t time)
{
	int64_t first = -(int64_t)(DAYS_TO_1970 + DAYS_JANUARY_FEBRUARY) * SECONDS_DAY;
	int64_t since = time > first ? time - first : 0;
	/* days from March of the year -400, in whole eras of 400 years and the rest of one */
	int64_t day = since / SECONDS_DAY - DAYS_JANUARY_FEBRUARY + DAYS_400_YEARS;
	int64_t era = day / DAYS_400_YEARS, rest = day % DAYS_400_YEARS;
	int64_t leap_days = rest / (DAYS_4_YEARS - 1) - rest / DAYS_100_YEARS +
		rest / (DAYS_400_YEARS - 1);
	int64_t year = (rest - leap_days) / DAYS_YEAR;
	int64_t in_year = rest - days_before(year, 0);
	int64_t month = (5 * in_year + 2) / 153;

	c->second = (uint32_t)(since % 60);
	c->minute = (uint32_t)(since / 60 % 60);
	c->hour = (uint32_t)(since / 3600 % 24);
	c->weekday = (uint32_t)((since / SECONDS_DAY + 6) % 7);
	c->day = (uint32_t)(in_year - (153 * month + 2) / 5 + 1);
	c->month = (uint32_t)(month < 10 ? month + 3 : month - 9);
	c->year = (uint32_t)((era - 1) * 400 + year + (month >= 10));
}
