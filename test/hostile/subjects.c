/* SPDX-License-Identifier: Apache-2.0 */
#include "subjects.h"

#include "hostile.h"

const struct subject *const subjects[] = {
	&subject_echo,
	&subject_inline,
	&subject_eventfd,
	&subject_net,
	&subject_blk,
	&subject_uring,
	&subject_rng,
	&subject_console,
	&subject_vsock,
};
const uint32_t subjects_len = COUNT(subjects);
