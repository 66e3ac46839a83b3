/* SPDX-License-Identifier: BSD-2-Clause */
/* QEMU's machine protocol on a socket: one command at a time, every message logged. */
#ifndef HOST_QEMU_QMP_H
#define HOST_QEMU_QMP_H

#include "host/vmm/timeline.h"

#include <jansson.h>

struct qmp {
	int fd; /* -1: closed */
	struct buf in;
	FILE *log; /* qmp.jsonl, may be NULL */
	unsigned incarnation;
	bool greeted;
	struct timeline *timeline; /* is told of commands and events; may be NULL */
	char command[48];	   /* the last one, */
	int64_t sent_ns;	   /* when it was sent */
	unsigned id;		   /* and its number */
	json_t *reply;		   /* to it, NULL: none yet */
	void (*on_event)(void *arg, const char *name, const json_t *data);
	void *arg;
};

/* Takes over the connected socket @fd. */
void qmp_open(struct qmp *q, int fd, unsigned incarnation);
void qmp_close(struct qmp *q);

/* Sends @command with @args (taken over, may be NULL) and, if not -1, @pass_fd. 0 or -1. */
int qmp_send(struct qmp *q, const char *command, json_t *args, int pass_fd, struct err *e);

/* Reads what is there. 1: go on, 0: the other side has closed, -1: it talks nonsense. */
int qmp_receive(struct qmp *q, struct err *e);

/*
 * The reply to the last command, if it has come: 1, and *@value (a new reference, may be NULL) is
 * what it returned; -1: it was refused, @e has QEMU's words; 0: not yet.
 */
int qmp_reply(struct qmp *q, json_t **value, struct err *e);

#endif
