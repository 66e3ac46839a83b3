// SPDX-License-Identifier: BSD-2-Clause
// Moves that must fail: the network breaks at a byte of our choice, the disk is full, the snapshot
// is damaged.
#include "host/qemu/qemu_moves.h"
#include "host/base/cleanup.h"

#include <string.h>
#include <sys/resource.h>

#define FULL_SPREAD (256 << 10)

/* The failed or cancelled migration has left the VM where it was, and it runs. */
static int still_here(struct qemu *q, const char *expected)
{
	struct move_record *r = &q->moves->record;
	char status[64];
	int ret = qemu_wait_until(q, qemu_now_over, "the end of the migration");

	ret = ret ?: qemu_account(q, q->now);
	ret = ret ?: qemu_migration_words(q, q->now, r->said, sizeof(r->said));
	if (!ret && strcmp(q->now->migration, expected))
		return err_set(q->config->err, "the migration was to end as %s: %.200s", expected,
			       r->said);
	ret = ret ?: qemu_ask_string(q, q->now, "query-status", "status", status, sizeof(status));
	if (!ret && strcmp(status, "running"))
		return err_set(q->config->err, "after the migration had ended as %s the VM is %s",
			       expected, status);
	q->now->may_stop = false;
	q->now->was_to_fail = true;
	return ret;
}

/* Waits until the relay holds the stream. */
static int wait_held(struct qemu *q)
{
	int64_t until = now_ns() + q->deadline_ns;
	struct relay_stats stats;
	int ret = VM_OK;

	for (;;) {
		relay_stats(q->moves->relay, &stats);
		if (ret || stats.held)
			return ret;
		if (qemu_over(q->now) || qemu_over(q->next))
			return qemu_judge_end(q, qemu_over(q->next) ? q->next : q->now,
					      "migration");
		if (now_ns() >= until)
			return err_as(VM_TIMEOUT, q->config->err,
				      "the migration does not get under way");
		ret = qemu_wait(q, now_ns() + POLL_NS);
	}
}

int qemu_move_broken(struct qemu *q, struct saved_state *state)
{
	struct qemu_moves *m = q->moves;
	const bool cancel = m->method == METHOD_CANCELLED;
	int ret = qemu_start_migration(q) ?: wait_held(q) ?: qemu_state(q, q->now, state);

	if (!ret && cancel)
		ret = qemu_command(q, q->now, "migrate_cancel", NULL, -1, NULL);
	if (!ret) {
		if (!cancel)
			qemu_kill(q->next);
		relay_cut(m->relay);
		ret = still_here(q, cancel ? "cancelled" : "failed");
	}
	qemu_end_relay(m);
	qemu_kill(q->next);
	q->next->messages.len = 0; /* of a QEMU that was ended on purpose */
	return ret;
}

/* A disk that is full after some bytes: QEMU gets EFBIG (SIGXFSZ is ignored, qemu_process.c). */
int qemu_move_disk_full(struct qemu *q, struct saved_state *state)
{
	const struct rlimit full = {1 + q->moves->random % FULL_SPREAD, RLIM_INFINITY};
	const struct rlimit empty = {RLIM_INFINITY, RLIM_INFINITY};
	auto_free char *file = qemu_path(q, SAVED_FILE);
	int ret = qemu_state(q, q->now, state);

	q->now->may_stop = true;
	if (!ret && prlimit(q->now->pid, RLIMIT_FSIZE, &full, NULL))
		ret = err_errno(q->config->err, "prlimit");
	ret = ret ?: qemu_migrate_file(q, "migrate", file) ?: still_here(q, "failed");
	if (q->now->pid)
		prlimit(q->now->pid, RLIMIT_FSIZE, &empty, NULL);
	unlink(file);
	return ret;
}

/*
 * Damages a copy of the stream where QEMU must notice: it is cut, or its magic, its version or the
 * footer of its last section is another.
 */
static void damage(struct qemu_moves *m, struct buf *copy)
{
	size_t eof;

	switch (m->random % 4) {
	case 0:
		copy->len = 8 + (size_t)(m->random >> 8) % (copy->len / 2);
		break;
	case 1:
		copy->p[0] ^= 1;
		break;
	case 2:
		copy->p[7] ^= 1;
		break;
	default: /* before the JSON: length, its type, QEMU_VM_EOF, and the footer's section id */
		eof = copy->len;
		while (eof > 64 && memcmp(copy->p + eof - 1, "{", 1))
			eof--;
		for (size_t at = eof; at > 16; at--)
			if (copy->p[at] == '{' && copy->p[at - 5] == 6 && copy->p[at - 6] == 0) {
				copy->p[at - 7] ^= 0x55;
				return;
			}
		copy->len /= 2;
	}
}

int qemu_refuse_damaged(struct qemu *q, const struct buf *snapshot)
{
	auto_buf struct buf copy = {0};
	char *words, *last;
	int ret;

	buf_append(&copy, snapshot->p, snapshot->len);
	random_next(&q->moves->random); /* each hop another damage */
	damage(q->moves, &copy);
	ret = qemu_restore_pipe(q, &copy);
	if (ret == VM_OK)
		return err_as(VM_REFUSED, q->config->err,
			      "QEMU took a damaged stream for a good one");
	if (ret != VM_HARNESS && ret != VM_ENDED)
		return ret;
	/* What it ends with counts; warnings may stand before it. */
	words = q->now->messages.len ? q->now->messages.p : q->config->err->text;
	while ((last = strrchr(words, '\n')) && !last[1])
		*last = '\0';
	snprintf(q->moves->record.said, sizeof(q->moves->record.said), "%.250s",
		 last ? last + 1 : words);
	qemu_kill(q->now);
	q->now->messages.len = 0; /* said on purpose: nobody's trouble */
	return qemu_launch_incoming(q, q->now);
}
