/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * QEMU processes with their sockets: starting them, waiting for them, telling how they ended. A VM
 * has one that runs it and, while it moves, a second one.
 */
#ifndef HOST_QEMU_QEMU_PROCESS_H
#define HOST_QEMU_QEMU_PROCESS_H

#include "host/vmm/driver.h"
#include "host/qemu/qmp.h"

#include <sys/types.h>

struct qemu;

struct qemu_process {
	struct qemu *vm;
	pid_t pid;		  /* 0: none */
	int serial_fd, stderr_fd; /* -1: closed */
	struct qmp qmp;
	struct buf messages;	/* stderr of this process */
	char shutdown[48];	/* reason of QMP's SHUTDOWN event, "": none */
	char migration[32];	/* status of the last MIGRATION event */
	bool may_stop;		/* a STOP event is our doing */
	bool stopped;		/* one came, and no RESUME since */
	bool stopped_by_itself; /* one came that isn't ours */
	bool was_reset;		/* a RESET event came */
	bool was_to_fail;	/* a migration out of it: its words are no last words */
	struct vm_end end;	/* once pid is 0 again */
};

struct qemu {
	const struct vm_config *config;
	struct qemu_process process[2];
	struct qemu_process *now, *next; /* the one that runs the VM, and the other */
	unsigned incarnation;
	FILE *stderr_log, *qmp_log;
	struct buf messages; /* stderr of all processes that have ended */
	bool no_stats;
	int save_fd, load_fd; /* pipes of a migration, -1: closed */
	struct buf *save_to;
	const struct buf *load_from;
	size_t loaded;
	int64_t deadline_ns; /* relative, for one command */

	const char *enlightenments; /* properties of the CPU, or NULL */
	struct qemu_moves *moves;   /* what qemu_moves.c knows of the VM's moves */
};

/* More bytes than the stream of this VM can have. */
size_t qemu_stream_cap(const struct qemu *q);

/*
 * Starts QEMU as @p, which must have none, with the words @extra behind the others (or NULL). VM_OK
 * or VM_HARNESS.
 */
int qemu_spawn(struct qemu *q, struct qemu_process *p, const char *const *extra);

/*
 * Waits once, until something came in or @until_ns (absolute) has passed, and takes in what came.
 * VM_ENDED after q->now has been reaped and its last words have been read; the end of q->next is
 * only seen by its pid.
 */
int qemu_pump(struct qemu *q, int64_t until_ns);

/* Takes in what @p has sent to its serial port so far, without waiting. */
void qemu_drain_serial(struct qemu_process *p);

/* Kills the process, if there is one, and closes its descriptors. */
void qemu_kill(struct qemu_process *p);

/* ---- talking to them (qemu_vm.c) ------------------------------------------------------------ */

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

/* ---- the command line (qemu_args.c) --------------------------------------------------------- */

/*
 * Arguments of QEMU, NULL at the end; to be started in qemu_args_dir(). The serial port and QMP
 * are the connected sockets @serial_fd and @qmp_fd; with -1 for both it is the command line for a
 * human at a terminal. @extra: further words, NULL at the end; NULL: none.
 */
char **qemu_args(const struct qemu *q, int serial_fd, int qmp_fd, const char *const *extra);
void qemu_args_free(char **args);

/* Directory of the image. The caller frees it. */
char *qemu_args_dir(const struct vm_config *config);

/* A shell script that starts the same VM by hand. */
void qemu_args_script(const struct qemu *q, struct buf *script);

/*
 * Sets q->enlightenments to all that an enlightened L1 is given and QEMU offers on this KVM, which
 * a stopped QEMU is started for and asked (query-cpu-model-expansion of hv-passthrough).
 */
int qemu_ask_hyperv(struct qemu *q);

#endif
