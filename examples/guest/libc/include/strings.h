/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RT_STRINGS_H
#define RT_STRINGS_H
#include <string.h>
#endif
