/* SPDX-License-Identifier: Apache-2.0 */
/* What the functions here may set; maths sets none. */
#ifndef RT_ERRNO_H
#define RT_ERRNO_H
int *__errno_location(void);
#define errno	  (*__errno_location())
#define ENOENT	  2
#define EIO	  5
#define ENOMEM	  12
#define EBUSY	  16
#define EINVAL	  22
#define EMFILE	  24
#define EPIPE	  32
#define EDOM	  33
#define ERANGE	  34
#define EPROTO	  71
#define EOVERFLOW 75
#define EILSEQ	  84
#define EMSGSIZE  90
#define ENETDOWN  100
#define ECONNRESET 104
#define ETIMEDOUT 110
#define ECONNREFUSED 111
#define EHOSTUNREACH 113
#endif
