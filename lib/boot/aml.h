/* SPDX-License-Identifier: Apache-2.0 */
/* As much of an AML encoder as our DSDT needs (ACPI 6.4 chapter 20; resources: chapter 6.4). */
#ifndef BOOT_AML_H
#define BOOT_AML_H

#include "cursor.h"

/* Things with a PkgLength: everything between begin and end is inside. Returns a mark for end. At
 * most 4095 bytes (end makes the writer bad beyond that). */
size_t aml_scope(struct writer *w, const char name[static 4]); /* \name */
size_t aml_device(struct writer *w, const char name[static 4]);
void aml_end(struct writer *w, size_t mark);

void aml_name(struct writer *w, const char name[static 4]); /* Name (name, what is appended next) */
void aml_string(struct writer *w, const char *text);
void aml_byte(struct writer *w, uint8_t v);
void aml_dword(struct writer *w, uint32_t v);

/* _CRS: a buffer of resource descriptors between begin and end. */
size_t aml_resources(struct writer *w);
void aml_io(struct writer *w, uint16_t port, uint8_t len);
void aml_memory32(struct writer *w, uint32_t base, uint32_t len);
void aml_interrupt(struct writer *w, uint32_t gsi); /* edge, active high, exclusive, consumer */
void aml_resources_end(struct writer *w, size_t mark);

#endif
