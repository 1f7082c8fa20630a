/* SPDX-License-Identifier: Apache-2.0 */
/* Prints what the C library does with many values: compiled for the host's, whose output is what a guest's has to be. */
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <math.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

int rt_main(void);

static uint64_t state = 88172645463325252u;

static uint64_t next(void)
{
	state ^= state << 13;
	state ^= state >> 7;
	return state ^= state << 17;
}

static void integers(void)
{
	static const long long value[] = { 0, 1, -1, 42, INT_MAX, INT_MIN, LLONG_MAX, LLONG_MIN };

	for (size_t i = 0; i < sizeof value / sizeof *value; i++) {
		printf("%lld|%20lld|%-20lld|%020lld|%+lld|% lld|%.5lld\n", value[i], value[i], value[i], value[i], value[i],
			value[i], value[i]);
		printf("%llu %llx %#llX %llo %d %hd %hhd\n", (unsigned long long)value[i], (unsigned long long)value[i],
			(unsigned long long)value[i], (unsigned long long)value[i], (int)value[i], (short)value[i],
			(signed char)value[i]);
	}
	printf("%s|%10s|%-10s|%.2s|%c|%5c|%%|%*d|%-*d|%zu|%jd|%td\n", "text", "text", "text", "text", 'x', 'y', 7, 42, 7, 42,
		(size_t)9, (intmax_t)-9, (ptrdiff_t)8);
	printf("%" PRIu64 " %" PRIx64 " %" PRId32 "\n", UINT64_MAX, UINT64_MAX, INT32_MIN);
}

static void doubles(void)
{
	static const double value[] = { 0, -0.0, 1, 0.1, 0.5, 1.5, 2.5, 1e15, 123456789.123456789, 1e22, 1e23, 5e-324,
		2.2250738585072014e-308, 1.7976931348623157e308, 9.995, 99.5, 0.05, 1e-5, 123456, 1234567, HUGE_VAL, -HUGE_VAL };
	union {
		uint64_t bits;
		double d;
	} u;

	for (size_t i = 0; i < sizeof value / sizeof *value; i++)
		printf("%f|%e|%g|%.0f|%.1f|%.3e|%.17g|%12.4f|%-12.2e|%+g|%#g\n", value[i], value[i], value[i], value[i],
			value[i], value[i], value[i], value[i], value[i], value[i], value[i]);
	for (int i = 0; i < 500; i++) {
		char text[64];

		u.bits = next();
		if (!isfinite(u.d))
			continue;
		snprintf(text, sizeof text, "%.*g", 1 + i % 20, u.d);
		printf("%s %.16e %d\n", text, strtod(text, NULL), strtod(text, NULL) == u.d);
	}
}

static void numbers_of_text(void)
{
	static const char *const text[] = { "0", "-17", "+5", " 12x", "0x1f", "017", "99999999999999999999", "-99999999999999999999",
		"zz", "1e5", ".5", "-.5e-3", "0x1.8p3", "1e400", "1e-400", "inf", "nan", "3.", "1e", "2147483648" };

	for (size_t i = 0; i < sizeof text / sizeof *text; i++) {
		char *a, *b, *c;
		long l;
		unsigned long long u;
		double d;

		errno = 0;
		l = strtol(text[i], &a, 0);
		printf("%ld %d", l, errno == ERANGE);
		errno = 0;
		d = strtod(text[i], &b);
		u = strtoull(text[i], &c, 16);
		printf(" %g %d", isnan(d) ? 7.5 : d, errno == ERANGE);
		printf(" %llu %lu %lu %lu\n", u, (unsigned long)(a - text[i]), (unsigned long)(b - text[i]),
			(unsigned long)(c - text[i]));
	}
}

static int backwards(const void *a, const void *b)
{
	int x = *(const int *)a, y = *(const int *)b;

	return (x < y) - (x > y);
}

static void sorts(void)
{
	static int v[1000];
	int key = 0, *at, n = 0;

	for (int i = 0; i < 1000; i++)
		v[i] = (int)(next() % 5000);
	key = v[500];
	qsort(v, 1000, sizeof *v, backwards);
	for (int i = 0; i < 1000; i += 37)
		printf("%d ", v[i]);
	at = bsearch(&key, v, 1000, sizeof *v, backwards);
	for (int i = 1; i < 1000; i++)
		n += v[i - 1] < v[i];
	printf("%d %d\n", n, at && *at == key);
}

static void strings(void)
{
	char a[64] = "one, two;three", b[64], *rest, *copy;

	for (char *s = strtok_r(a, ",; ", &rest); s; s = strtok_r(NULL, ",; ", &rest))
		printf("<%s>", s);
	strcpy(b, "begin");
	strcat(b, "-end");
	copy = strdup(b);
	printf("%s %s %s %zu %zu %s\n", b, copy, strndup(b, 3), strspn(b, "begi"), strcspn(b, "-"), strpbrk(b, "xyz-"));
	free(copy);
	printf("%s %s %s %d\n", strchr(b, 'e'), strrchr(b, 'e'), strstr(b, "n-e"), strcasecmp("AbC", "aBc"));
	printf("%d %d %d %d\n", memcmp("ab", "ac", 2) < 0, strcmp("b", "a") > 0, strncmp("abc", "abd", 2), memchr("abc", 'c', 2) == NULL);
	memmove(b + 2, b, 6);
	printf("%.9s\n", b);
	for (int c = -1; c < 256; c++)
		printf("%x", !!isalnum(c) | !!isspace(c) << 1 | !!ispunct(c) << 2 | (toupper(c) != c) << 3);
	printf("\n");
	printf("%d", sscanf("12 abc 3.5 0x1f", "%d %63s %lf %x", &(int){ 0 }, a, &(double){ 0 }, &(unsigned){ 0 }));
	printf(" %s\n", a);
}

static void one(const char *name, double (*f)(double), float (*ff)(float))
{
	/* no difference of zeroes' signs, none of the last digits */
	for (int i = -8; i <= 8; i++)
		printf("%s %.12g %.5g\n", name, f(i * 0.37) + 0.0, (double)(ff((float)i * 0.37f) + 0.0f));
}
#define ONE(x) one(#x, x, x##f)

static void maths(void)
{
	int e;
	double w;

	ONE(sin);
	ONE(cos);
	ONE(tan);
	ONE(atan);
	ONE(exp);
	ONE(exp2);
	ONE(expm1);
	ONE(sinh);
	ONE(cosh);
	ONE(tanh);
	ONE(asinh);
	ONE(erf);
	ONE(cbrt);
	ONE(floor);
	ONE(ceil);
	ONE(round);
	ONE(trunc);
	ONE(rint);
	ONE(fabs);
	for (int i = 1; i < 20; i++)
		printf("%.12g %.12g %.12g %.12g %.12g %.12g %.12g\n", sqrt(i), log(i), log10(i), log2(i), pow(i, 1.7), fmod(100, i),
			tgamma(i * 0.7));
	printf("%.12g %.12g %.12g %.12g\n", atan2(-1, 2), hypot(3, 4), fma(2, 3, 4), remainder(10, 3));
	printf("%.12g %.12g %.12g %ld\n", acos(0.3), asin(0.3), ldexp(0.75, 5), lround(2.5));
	printf("%g", frexp(40, &e));
	printf(" %d %g", e, modf(-3.25, &w));
	printf(" %g %d %d %d\n", w, isnan(NAN), isinf(-HUGE_VAL) != 0, signbit(-0.0) != 0);
	printf("%.12g %.12g\n", sin(1e22), cos(1e300));
}

static void times(void)
{
	static const time_t when[] = { 0, 951782400, 1700000000, -1, 4102444800 };
	struct tm tm;

	for (size_t i = 0; i < sizeof when / sizeof *when; i++) {
		gmtime_r(&when[i], &tm);
		printf("%d-%d-%d %d:%d:%d %d %d %d\n", tm.tm_year, tm.tm_mon, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec, tm.tm_wday,
			tm.tm_yday, timegm(&tm) == when[i]);
	}
}

static jmp_buf back;

static void jumps(void)
{
	volatile int n = 0;

	if (setjmp(back) < 3) {
		n++;
		longjmp(back, n);
	}
	printf("%d jumps\n", n);
}

int rt_main(void)
{
	integers();
	doubles();
	numbers_of_text();
	sorts();
	strings();
	maths();
	times();
	jumps();
	printf("OK\n");
	return 0;
}
