/* SPDX-License-Identifier: Apache-2.0 */
/* Every device that can be put under test. */
#ifndef TEST_SUBJECTS_H
#define TEST_SUBJECTS_H

struct subject;

extern const struct subject subject_echo;   /* of an embedder's, on the poller's thread */
extern const struct subject subject_inline; /* the same within the kick */

#endif
