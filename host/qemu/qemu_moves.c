// SPDX-License-Identifier: BSD-2-Clause
// How a VM goes from one QEMU to the next: the driver's calls, by the method in use (methods.def).
// Nothing that is the only copy of a VM goes before the next one has taken over.
#include "host/qemu/qemu_moves.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#define HOLD_SPREAD 65536 /* bytes of a stream, all of RAM */

static const struct move_record nothing_said = {-1, -1, -1, -1, -1, ""};

void qemu_moves_create(struct qemu *q)
{
	struct qemu_moves *m = xcalloc(1, sizeof(*m));

	q->moves = m;
	m->method = q->config->method;
	m->record = nothing_said;
	m->dir_fd = open(q->config->dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	snprintf(m->sockets, sizeof(m->sockets), "/proc/%d/fd/%d", (int)getpid(), m->dir_fd);
}

void qemu_moves_destroy(struct qemu *q)
{
	struct qemu_moves *m = q->moves;

	qemu_end_relay(m);
	/* A file that could not be restored may be all that is left of the VM: it stays. */
	if (m->restored)
		qemu_remove(q, SAVED_FILE);
	if (m->restored || m->method != METHOD_SAVEVM)
		qemu_remove(q, QCOW2_FILE);
	qemu_remove(q, "from.sock");
	qemu_remove(q, "to.sock");
	qemu_remove(q, "cpr.sock");
	qemu_remove(q, COPY_FILE);
	json_decref(m->capabilities);
	json_decref(m->parameters);
	free(m->fetch);
	close_fd(&m->dir_fd);
	free(m);
}

int qemu_moves_started(struct qemu *q)
{
	return q->config->method == METHOD_SAVEVM ? qemu_make_qcow2(q) : VM_OK;
}

int qemu_use(void *vm, enum method method, uint64_t random)
{
	struct qemu *q = vm;
	struct qemu_moves *m = q->moves;
	const enum method_kind kind = method_info(method)->kind;
	int ret = qemu_settle(q);

	m->method = method;
	m->random = random;
	ret = ret ?: qemu_check_offer(q) ?: qemu_configure(q, q->now);
	if (ret || method == METHOD_CPR_TRANSFER ||
	    (kind != KIND_LIVE && method != METHOD_KILLED && method != METHOD_CANCELLED))
		return ret;
	return qemu_start_destination(q, kind == KIND_STAY ? 1 + random % HOLD_SPREAD : 0);
}

int qemu_save(void *vm, struct saved_vm *to, struct saved_state *state)
{
	struct qemu *q = vm;
	struct qemu_moves *m = q->moves;
	int ret = qemu_settle(q);

	m->record = nothing_said;
	m->restored = false;
	m->saved = m->method == METHOD_SAVEVM ? m->saved : 0;
	to->stream.len = 0; /* a file is not in memory */
	if (ret)
		return ret;
	switch (m->method) {
	case METHOD_FILE:
	case METHOD_MAPPED_RAM:
	case METHOD_MAPPED_RAM_MULTIFD:
	case METHOD_MAPPED_RAM_DIRECT:
	case METHOD_CPR_REBOOT:
		return qemu_save_file(q, state);
	case METHOD_SAVEVM:
		return qemu_save_internal(q, state);
	default:
		return qemu_save_pipe(q, &to->stream, state);
	}
}

int qemu_restore(void *vm, const struct saved_vm *from)
{
	struct qemu *q = vm;
	struct qemu_moves *m = q->moves;
	const struct buf *stream = &from->stream;
	int ret;

	if (m->method == METHOD_SAVEVM) {
		ret = qemu_restore_internal(q);
	} else {
		ret = qemu_launch_incoming(q, q->now);
		if (!ret && m->method == METHOD_CORRUPTED)
			ret = qemu_refuse_damaged(q, stream);
		ret = ret ?: (stream->len ? qemu_restore_pipe(q, stream) : qemu_restore_file(q));
	}
	m->restored = !ret;
	return ret;
}

int qemu_move(void *vm, struct saved_state *state)
{
	struct qemu *q = vm;

	q->moves->record = nothing_said;
	switch (q->moves->method) {
	case METHOD_CPR_TRANSFER:
		return qemu_move_cpr(q, state);
	case METHOD_POSTCOPY:
	case METHOD_POSTCOPY_PREEMPT:
		return qemu_move_postcopy(q, state);
	case METHOD_KILLED:
	case METHOD_CANCELLED:
		return qemu_move_broken(q, state);
	case METHOD_DISK_FULL:
		return qemu_move_disk_full(q, state);
	case METHOD_BACKGROUND:
		return qemu_save_background(q, state);
	default:
		return qemu_move_precopy(q, state);
	}
}

static bool is_reset(const struct qemu *q)
{
	return q->now->was_reset;
}

int qemu_allow_reset(struct qemu *q)
{
	int ret = qemu_command(q, q->now, "set-action", json_pack("{s:s}", "reboot", "reset"), -1,
			       NULL);

	q->now->was_reset = false;
	return ret == VM_HARNESS ? qemu_lacks(q, "%s", q->config->err->text) : ret;
}

int qemu_await_reset(struct qemu *q)
{
	return qemu_wait_until(q, is_reset, "reset");
}

int qemu_reset(void *vm)
{
	struct qemu *q = vm;

	return qemu_allow_reset(q) ?: qemu_command(q, q->now, "system_reset", NULL, -1, NULL)
				   ?: qemu_await_reset(q);
}

void qemu_moved(void *vm, struct move_record *record)
{
	*record = ((struct qemu *)vm)->moves->record;
}
