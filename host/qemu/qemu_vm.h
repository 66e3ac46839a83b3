/* SPDX-License-Identifier: BSD-2-Clause */
/* Talking to the QEMUs of a VM; for the qemu*.c files alone. */
#ifndef HOST_QEMU_QEMU_VM_H
#define HOST_QEMU_QEMU_VM_H

#include "host/qemu/qemu_process.h"

#define POLL_NS (20 * NS_PER_MS) /* between two looks at what no event tells */

/* As qemu_pump() for @vm, a struct qemu; also notices a VM that was stopped, but not by us. */
int qemu_wait(void *vm, int64_t until_ns);

/*
 * Runs a QMP command in @p, with @args (taken over, may be NULL) and, if not -1, @pass_fd. *@value
 * as in qmp_reply(). If it is refused: VM_HARNESS, with QEMU's words.
 */
int qemu_command(struct qemu *q, struct qemu_process *p, const char *name, json_t *args,
		 int pass_fd, json_t **value);

/* The string @key in the answer to @name, cut to @size. */
int qemu_ask_string(struct qemu *q, struct qemu_process *p, const char *name, const char *key,
		    char *text, size_t size);

/* Starts QEMU as @p and waits for its QMP. @extra: more words of the command line, or NULL. */
int qemu_launch(struct qemu *q, struct qemu_process *p, const char *const *extra);

/*
 * KVM's statistic @name of the vCPU of @p, 1 or 0 for a flag; -1: it does not say. A VM that runs
 * may be asked, too.
 */
int qemu_stat(struct qemu *q, struct qemu_process *p, const char *name);

/* Sets what KVM's statistics and QEMU's registers tell of the vCPU of @p. */
int qemu_state(struct qemu *q, struct qemu_process *p, struct saved_state *state);

/* Waits until @done holds; `WHAT: ...` is the message when that takes too long. */
int qemu_wait_until(struct qemu *q, bool (*done)(const struct qemu *q), const char *what);

/* The next process becomes the one that runs the VM, and the other way round. */
void qemu_swap(struct qemu *q);

/* Path of file @name in the log directory; the caller frees it. */
char *qemu_path(const struct qemu *q, const char *name);
void qemu_remove(const struct qemu *q, const char *name);

#endif
