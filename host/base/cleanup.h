/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a function takes for itself and gives back at the end of the scope, whichever way it leaves:
 *
 *	auto_free char *path = xasprintf("%s/%s", dir, name);
 *	auto_fclose FILE *f = fopen(path, "re");
 *
 * Such a variable is always set where it is declared, to NULL or -1 if need be. errno stays as it
 * was. JSON has jansson's json_auto_t.
 */
#ifndef HOST_BASE_CLEANUP_H
#define HOST_BASE_CLEANUP_H

#include "host/base/util.h"

#include <dirent.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#define auto_free     __attribute__((cleanup(cleanup_free)))
#define auto_buf      __attribute__((cleanup(cleanup_buf))) /* a struct buf */
#define auto_fclose   __attribute__((cleanup(cleanup_fclose)))
#define auto_closedir __attribute__((cleanup(cleanup_closedir)))
#define auto_close    __attribute__((cleanup(cleanup_close)))
/* A struct, by the function that empties it. */
#define auto_by(empty) __attribute__((cleanup(empty)))

/* The pointer @p, which goes on to somebody else and is not released here any more. */
#define keep(p)                           \
	({                                \
		__typeof__(p) kept = (p); \
		(p) = NULL;               \
		kept;                     \
	})

#define CLEANUP(name, type, taken, release) \
	static inline void name(type *it)   \
	{                                   \
		const int before = errno;   \
                                            \
		if (taken)                  \
			release;            \
		errno = before;             \
	}

/* Holds @mutex from here to the end of the scope. */
#define hold_lock(mutex)                                                                  \
	pthread_mutex_t *held __attribute__((cleanup(cleanup_unlock), unused)) = (mutex); \
	pthread_mutex_lock(held)

CLEANUP(cleanup_unlock, pthread_mutex_t *, true, pthread_mutex_unlock(*it))
CLEANUP(cleanup_free, void, true, free(*(void **)it))
CLEANUP(cleanup_buf, struct buf, true, buf_free(it))
CLEANUP(cleanup_fclose, FILE *, *it, fclose(*it))
CLEANUP(cleanup_closedir, DIR *, *it, closedir(*it))
CLEANUP(cleanup_close, const int, *it >= 0, close(*it))

#endif
