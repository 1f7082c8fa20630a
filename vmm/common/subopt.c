/* SPDX-License-Identifier: Apache-2.0 */
#include "subopt.h"

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "report.h"

/* Ends the first word of *text in place, doubled commas made single, and moves *text behind it:
 * NULL at the end. */
static char *cut(char **text)
{
	char *word = *text, *from = word, *to = word;

	for (; *from; *to++ = *from++) {
		if (*from != ',')
			continue;
		if (from[1] != ',')
			break;
		from++;
	}
	*text = *from ? from + 1 : NULL;
	*to = '\0';
	return word;
}

char *subopt_first(const char *command, const char *option, char **text, const char *wanted)
{
	char *word = cut(text);

	if (*word)
		return word;
	report(command, option, "%s is missing; see ukvmm %s --help", wanted, command);
	return NULL;
}

static const struct subopt *find(const struct subopt *table, const char *key)
{
	for (; table->key; table++)
		if (strcmp(table->key, key) == 0)
			return table;
	return NULL;
}

static const char *value_wrong(const struct subopt *s, const char *value)
{
	if (value && s->value == SUBOPT_BARE)
		return "it takes no value";
	if (!value && s->value == SUBOPT_VALUE)
		return "it needs a value";
	return NULL;
}

/* seen: a bit for each key of the table. NULL, or what is wrong. */
static const char *take_word(char *word, const struct subopt *table, void *to, uint32_t *seen)
{
	char *value = strchr(word, '=');
	const struct subopt *s;
	const char *wrong;
	uint32_t bit;

	if (value)
		*value++ = '\0';
	s = find(table, word);
	wrong = s ? value_wrong(s, value) : "no such word here";
	if (!wrong) {
		bit = 1u << (s - table);
		if (*seen & bit && !(s->flags & SUBOPT_REPEATS))
			wrong = "it was given before";
		*seen |= bit;
	}
	if (!wrong)
		wrong = s->take(to, value);
	if (value)
		value[-1] = '='; /* for the report */
	return wrong;
}

int subopt_parse(const char *command, const char *option, char *text, const struct subopt *table,
	void *to)
{
	uint32_t seen = 0;

	while (text) {
		char *word = cut(&text);
		const char *wrong = take_word(word, table, to, &seen);

		if (!wrong)
			continue;
		report(command, option, "\"%s\": %s; see ukvmm %s --help", word, wrong, command);
		return -EINVAL;
	}
	return 0;
}
