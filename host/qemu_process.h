/* SPDX-License-Identifier: BSD-2-Clause */
/* A QEMU process with its sockets: starting it, waiting for it, telling how it ended. */
#ifndef HOST_QEMU_PROCESS_H
#define HOST_QEMU_PROCESS_H

#include "host/driver.h"
#include "host/qmp.h"

#include <sys/types.h>

struct qemu {
	const struct vm_config *config;
	pid_t pid; /* 0: none */
	unsigned incarnation;
	int serial_fd, stderr_fd; /* -1: closed */
	struct qmp qmp;
	FILE *stderr_log;
	struct buf messages;	/* stderr of all incarnations */
	size_t messages_before; /* bytes of the ones before this */
	char shutdown[48];	/* reason of QMP's SHUTDOWN event, "": none */
	char migration[32];	/* status of the last MIGRATION event */
	bool may_stop;		/* a STOP event is our doing */
	bool stopped_by_itself; /* one came that isn't */
	bool quitting, no_stats;
	int save_fd, load_fd; /* pipes of a migration, -1: closed */
	struct buf *save_to;
	const struct buf *load_from;
	size_t loaded;
	int64_t deadline_ns; /* relative, for one command */
	struct vm_end end;
};

/* Starts QEMU; before, no process may be left. VM_OK or VM_HARNESS. */
int qemu_spawn(struct qemu *q, bool incoming);

/*
 * Waits once, until something came in or @until_ns (absolute) has passed, and takes in what came.
 * VM_ENDED after the process has been reaped and its last words have been read.
 */
int qemu_pump(struct qemu *q, int64_t until_ns);

/* Kills the process, if there is one, and closes all descriptors. */
void qemu_kill(struct qemu *q);

#endif
