/* SPDX-License-Identifier: Apache-2.0 */
#include "spec.h"

#include <stdlib.h>
#include <string.h>

struct spec *spec_ref(struct spec *spec)
{
	spec->references++;
	return spec;
}

void spec_free_pairs(struct spec_pairs *pairs)
{
	for (uint32_t i = 0; i < pairs->n; i++) {
		free(pairs->at[i].name);
		free(pairs->at[i].value);
	}
	free(pairs->at);
	*pairs = (struct spec_pairs){ 0 };
}

void spec_unref(struct spec *spec)
{
	if (!spec || --spec->references > 0)
		return;
	free(spec->image);
	free(spec->cmdline);
	free(spec->egress);
	free(spec->process);
	spec_free_pairs(&spec->env);
	spec_free_pairs(&spec->labels);
	spec_free_pairs(&spec->annotations);
	spec_free_pairs(&spec->secrets);
	spec_free_pairs(&spec->constraints);
	free(spec->requests_memory);
	free(spec->requests_cpu);
	free(spec);
}

bool spec_egress(const struct spec *spec)
{
	return spec->egress && spec->egress->n > 0;
}

const char *spec_find(const struct spec_pairs *pairs, const char *name)
{
	for (uint32_t i = 0; i < pairs->n; i++)
		if (strcmp(pairs->at[i].name, name) == 0)
			return pairs->at[i].value;
	return NULL;
}

bool spec_name_fits(const char *name)
{
	size_t len = strlen(name);

	if (len == 0 || len > SPEC_NAME || name[0] == '-' || name[0] == '.')
		return false;
	return strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.") == len;
}
