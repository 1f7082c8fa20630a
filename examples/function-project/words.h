/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WORDS_H
#define WORDS_H

const char *greeting(void);
int net_open(void);
int tcp_write(void);

#endif
