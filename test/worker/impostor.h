/* SPDX-License-Identifier: Apache-2.0 */
/* A process that was started as a worker and is none: it does one kind of harm, chosen by worker_config.memory. */
#ifndef TEST_IMPOSTOR_H
#define TEST_IMPOSTOR_H

enum harm {
	HARM_FLOOD = 1,	  /* READY, then READYs without end */
	HARM_STOPPED,	  /* STOPPED without a job */
	HARM_GARBAGE,	  /* bytes that are no message */
	HARM_LONG,	  /* a message longer than any */
	HARM_EMPTY,	  /* an empty packet */
	HARM_FDS,	  /* descriptors */
	HARM_HANG_UP,	  /* closes its socket, and lives on */
	HARM_STALL,	  /* says nothing, ends never */
	HARM_EXIT,	  /* ends with status 0, having done nothing */
	HARM_EXIT_7,
	HARM_SEGV,
	HARM_SYS,	  /* a system call that a filter kills for */
	HARM_DEAF,	  /* READY, and reads no job */
	HARM_NOTIFY,	  /* takes a job, NOTIFYs without end */
	HARM_STOPPED_TWICE, /* takes a job, STOPPED and STOPPED */
	HARM_DEAD,	  /* READY, then says of itself that it is dead, and lives on */
	HARM_GOOD,	  /* takes a job, STOPPED, ends */
};

/* Never returns in such a process. */
void impostor_main_if_worker(int argc, char **argv);

#endif
