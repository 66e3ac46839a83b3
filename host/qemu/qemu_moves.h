/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How a VM goes from one QEMU to the next, method by method: the driver's calls for qemu.c, what is
 * known of the moves, and what their kinds share: for qemu_moves.c, and for qemu_offers.c,
 * qemu_migration.c, qemu_save.c, qemu_qcow2.c, qemu_live.c and qemu_fail.c, which do the work. What
 * returns an int returns VM_OK or what else driver.h has.
 */
#ifndef HOST_QEMU_QEMU_MOVES_H
#define HOST_QEMU_QEMU_MOVES_H

#include "host/qemu/qemu_process.h"
#include "host/qemu/relay.h"

#define SAVED_FILE "vm-save.bin"
#define COPY_FILE  "vm-copy.bin"
#define QCOW2_FILE "vm.qcow2"

struct qemu_moves {
	enum method method; /* in use */
	uint64_t random;
	int dir_fd;
	char sockets[64];		   /* the log directory, short enough for a socket's path */
	json_t *capabilities, *parameters; /* what QEMU offers */
	bool settling;			   /* post-copy: q->next still has pages */
	struct relay *relay;
	struct move_record record;
	struct fetch *fetch;
	unsigned fetches;
	size_t saved;  /* bytes of the file, 0: none */
	bool restored; /* and it is not the only copy of the VM any more */
};

/* ---- for qemu.c --------------------------------------------------------------------------- */

void qemu_moves_create(struct qemu *q);
void qemu_moves_destroy(struct qemu *q);

/* What must be done to a new QEMU before its VM may run. */
int qemu_moves_started(struct qemu *q);

/* Ends a post-copy that is still under way: the rest of the pages comes, the old QEMU goes. */
int qemu_settle(struct qemu *q);

/* The driver's calls of the same names (driver.h). */
int qemu_use(void *vm, enum method method, uint64_t random);
int qemu_move(void *vm, struct saved_state *state);
int qemu_save(void *vm, struct saved_vm *to, struct saved_state *state);
int qemu_restore(void *vm, const struct saved_vm *from);
int qemu_back(void *vm);
int qemu_reset(void *vm);
/*
 * From now on QEMU does not end at a reset, nor at the next one: SeaBIOS answers a reset by one of
 * its own. One that nobody asked for is seen by the guest's log, which begins again.
 */
int qemu_allow_reset(struct qemu *q);
int qemu_await_reset(struct qemu *q);
size_t qemu_saved_file(void *vm, struct buf *file);
void qemu_moved(void *vm, struct move_record *record);
unsigned qemu_fetches(void *vm, struct fetch **list);

/* ---- qemu_offers.c ------------------------------------------------------------------------ */

/* Why this QEMU cannot do the method in use: the reason of a SKIP. Returns VM_LACKS. */
int qemu_lacks(struct qemu *q, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Whether the QEMU of the VM offers the method in use; asks it once. */
int qemu_check_offer(struct qemu *q);

/* Capabilities and parameters of the method in use; those of all others are off. */
int qemu_configure(struct qemu *q, struct qemu_process *p);

int qemu_set_parameter(struct qemu *q, struct qemu_process *p, const char *name, json_t *value);

/* ---- qemu_migration.c --------------------------------------------------------------------- */

/* Starts QEMU as @p, which then waits for `migrate-incoming`. */
int qemu_launch_incoming(struct qemu *q, struct qemu_process *p);

/* @command is `migrate` or `migrate-incoming`. */
int qemu_migrate(struct qemu *q, struct qemu_process *p, const char *command, const char *uri);

/* Whether the migration out of or into @p has ended; that of q->now, with all its bytes. */
bool qemu_over(const struct qemu_process *p);
bool qemu_now_over(const struct qemu *q);

/* What the migration out of @p has cost so far goes into the record. */
int qemu_account(struct qemu *q, struct qemu_process *p);
/* How @p says that it ended: "STATUS" or "STATUS: why". */
int qemu_migration_words(struct qemu *q, struct qemu_process *p, char *words, size_t size);

/* The migration out of or into @p has ended: well, or VM_HARNESS with QEMU's words. */
int qemu_judge_end(struct qemu *q, struct qemu_process *p, const char *what);

/* Waits for the end of the migration out of or into q->now, judges it, and accounts for one out. */
int qemu_migrated_out(struct qemu *q, const char *what);
int qemu_migrated_in(struct qemu *q, const char *what);

/* ---- qemu_save.c -------------------------------------------------------------------------- */

/* Through a pipe into @snapshot, or into the file; @state is read from the stream. */
int qemu_save_pipe(struct qemu *q, struct buf *snapshot, struct saved_state *state);
int qemu_save_file(struct qemu *q, struct saved_state *state);
/* As qemu_save_file(), but the VM goes on meanwhile. */
int qemu_save_background(struct qemu *q, struct saved_state *state);

/* Into a QEMU that waits for it. */
int qemu_restore_pipe(struct qemu *q, const struct buf *snapshot);
int qemu_restore_file(struct qemu *q);

/* `migrate` or `migrate-incoming` with the file @name. */
int qemu_migrate_file(struct qemu *q, const char *command, const char *name);

/* ---- qemu_qcow2.c ------------------------------------------------------------------------- */

int qemu_make_qcow2(struct qemu *q);
int qemu_save_internal(struct qemu *q, struct saved_state *state);
int qemu_restore_internal(struct qemu *q);

/* ---- qemu_live.c -------------------------------------------------------------------------- */

/* Starts the destination, which listens, and the network to it, which holds at byte @hold_at. */
int qemu_start_destination(struct qemu *q, uint64_t hold_at);
int qemu_start_migration(struct qemu *q);
/* What the network has seen goes into the record. */
void qemu_end_relay(struct qemu_moves *m);

int qemu_move_precopy(struct qemu *q, struct saved_state *state);
int qemu_move_postcopy(struct qemu *q, struct saved_state *state);
int qemu_move_cpr(struct qemu *q, struct saved_state *state);

/* ---- qemu_fail.c -------------------------------------------------------------------------- */

/* Moves that must fail, and the VM runs on. */
int qemu_move_broken(struct qemu *q, struct saved_state *state);
int qemu_move_disk_full(struct qemu *q, struct saved_state *state);
/* QEMU must refuse a damaged copy; then it has been started anew. */
int qemu_refuse_damaged(struct qemu *q, const struct buf *snapshot);

#endif
