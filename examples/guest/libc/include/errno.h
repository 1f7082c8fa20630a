/* SPDX-License-Identifier: Apache-2.0 */
/* What the functions here may set; maths sets none. */
#ifndef RT_ERRNO_H
#define RT_ERRNO_H
int *__errno_location(void);
#define errno	  (*__errno_location())
#define EIO	  5
#define ENOMEM	  12
#define EINVAL	  22
#define EDOM	  33
#define ERANGE	  34
#define EOVERFLOW 75
#define EILSEQ	  84
#endif
