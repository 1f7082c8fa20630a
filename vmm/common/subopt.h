/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An option's value made of words: "WORD,KEY=VALUE,...", as QEMU has them. ",," is a comma inside a
 * word. Each key is looked up in a table of the option's; what is wrong is reported as run(--disk)
 * with the word in question.
 */
#ifndef COMMON_SUBOPT_H
#define COMMON_SUBOPT_H

enum subopt_value { SUBOPT_BARE, SUBOPT_VALUE, SUBOPT_MAYBE }; /* key, key=value, either */

enum { SUBOPT_REPEATS = 1 }; /* flag: may be given several times */

/*
 * take: stores `value` (NULL where none was given; it lives as long as the text that subopt_parse
 * was given). NULL, or what is wrong with it, as "a number from 1 to 5 is wanted".
 */
struct subopt {
	const char *key;
	enum subopt_value value;
	unsigned int flags;
	const char *(*take)(void *to, const char *value);
};

/*
 * The first word of a text that subopt_parse will take the rest of: cut out in place. NULL: it is
 * empty, which was reported as `wanted` missing.
 */
char *subopt_first(const char *command, const char *option, char **text, const char *wanted);

/* Takes every word of text, which may be NULL: none. Cuts it in place. table ends with key NULL and
 * has at most 32 keys. 0, or -EINVAL after a report. */
int subopt_parse(const char *command, const char *option, char *text, const struct subopt *table,
	void *to);

#endif
