/* SPDX-License-Identifier: BSD-2-Clause */
/* SIGINT, SIGTERM, SIGHUP as a file descriptor, so that every wait can end in order. */
#ifndef HOST_BASE_SIGNALS_H
#define HOST_BASE_SIGNALS_H

#include <pthread.h>

/* Blocks the signals and makes the descriptor, once. 0, or -1 with errno. */
int signals_init(void);

/* For poll(); -1 before signals_init(). */
int signals_fd(void);

/* Number of the signal that asked the runner to end, 0: none so far. Never blocks. */
int signals_pending(void);

/* In a child before exec: all signals as the runner was started with. */
void signals_restore(void);

/* pthread_create() of a thread to which no signal is delivered. 0 or an errno. */
int signals_free_thread(pthread_t *thread, void *(*main)(void *arg), void *arg);

#endif
