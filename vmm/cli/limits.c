/* SPDX-License-Identifier: Apache-2.0 */
#include "limits.h"

int limits_make(struct machine *m, const struct run_options *o) { (void)m; (void)o; return 0; }
int limits_set(struct machine *m, const struct run_options *o) { (void)m; (void)o; return 0; }
void limits_close(struct machine *m) { (void)m; }
