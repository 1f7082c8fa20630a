/* SPDX-License-Identifier: Apache-2.0 */
/* Marks the definition of a public function; everything else is hidden. lib/libukvmm.map lists them too. */
#ifndef BASE_EXPORT_H
#define BASE_EXPORT_H

#define UKVMM_API __attribute__((visibility("default")))

#endif
