/* SPDX-License-Identifier: BSD-2-Clause */
/* How a VM goes from one QEMU to the next, method by method; for qemu.c alone. */
#ifndef HOST_QEMU_QEMU_MOVES_H
#define HOST_QEMU_QEMU_MOVES_H

#include "host/qemu/qemu_vm.h"

void qemu_moves_create(struct qemu *q);
void qemu_moves_destroy(struct qemu *q);

/* What must be done to a new QEMU before its VM may run. */
int qemu_moves_started(struct qemu *q);

/* The driver's calls of the same names (driver.h). */
int qemu_use(struct qemu *q, enum method m, uint64_t random);
int qemu_move(struct qemu *q, struct saved_state *state);
int qemu_save(struct qemu *q, struct buf *snapshot, struct saved_state *state);
int qemu_restore(struct qemu *q, const struct buf *snapshot);
int qemu_back(struct qemu *q);
int qemu_reset(struct qemu *q);
size_t qemu_saved_file(struct qemu *q, struct buf *file);
void qemu_moved(struct qemu *q, struct move_record *record);
unsigned qemu_fetches(struct qemu *q, struct fetch **list);

/* Ends a post-copy that is still under way: the rest of the pages comes, the old QEMU goes. */
int qemu_settle(struct qemu *q);

#endif
