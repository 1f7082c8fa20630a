/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Numbers as people type them. No sign, no blanks, nothing left over. 0, or -EINVAL (not of that
 * form), or -ERANGE (out of bounds, or it does not fit); the result is stored on success only.
 */
#ifndef COMMON_PARSE_H
#define COMMON_PARSE_H

#include <stdint.h>

/* "4096", "64K", "128M", "1G", "2T", also "64KiB": bytes, powers of 1024. */
int parse_size(const char *text, uint64_t *bytes);

/* "30", "1.5s", "250ms", "10us", "2m", "1h", "1d": nanoseconds; seconds where no unit is given. */
int parse_duration(const char *text, uint64_t *ns);

int parse_u32(const char *text, uint32_t min, uint32_t max, uint32_t *value);

/* "10M/s", "10M" or "10M/s:64K": how much a second, and how much at once (*burst; 0 where it is not
 * given). At least 1 a second. */
int parse_rate(const char *text, uint64_t *per_s, uint64_t *burst);

/* "02:00:5e:10:00:01": six bytes; not all zero, and no group address (-ERANGE). */
int parse_mac(const char *text, uint8_t mac[6]);

/* Index of text in a NULL-terminated list, or -EINVAL. */
int parse_choice(const char *text, const char *const *names);

#endif
