/* SPDX-License-Identifier: Apache-2.0 */
#include "failure.h"

#include <stdio.h>
#include <string.h>

int failure(struct ukvmm_err *err, int rc, const char *call, const char *object)
{
	if (!err)
		return rc;
	*err = (struct ukvmm_err){ .size = sizeof *err, .code = rc };
	snprintf(err->call, sizeof err->call, "%s", call);
	snprintf(err->object, sizeof err->object, "%s", object);
	snprintf(err->text, sizeof err->text, "%s", strerror(-rc));
	return rc;
}
