/* SPDX-License-Identifier: Apache-2.0 */
/* OpenFaaS's namespaces: there is one, which clients may also call by OpenFaaS's default name. */
#ifndef FAAS_NAMESPACES_H
#define FAAS_NAMESPACES_H

#include <stdbool.h>
#include <stddef.h>

#define NAMESPACE "ukvmm"

/* NULL and "": none was named, which is ours. */
bool namespace_is_ours(const char *name);
/* Length of NAME in "NAME.NAMESPACE" (ours); of all of it, where it does not end so. */
size_t namespace_strip(const char *name, size_t len);

#endif
