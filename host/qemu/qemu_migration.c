// SPDX-License-Identifier: BSD-2-Clause
// One migration of QEMU's, whatever it goes through: how it begins, how it ended, what it cost.
#include "host/qemu/qemu_moves.h"
#include "host/base/json.h"

#include <string.h>

int qemu_launch_incoming(struct qemu *q, struct qemu_process *p)
{
	static const char *const extra[] = {"-incoming", "defer", "-S", NULL};
	int ret = qemu_launch(q, p, extra);

	return ret || !q->moves->capabilities ? ret : qemu_configure(q, p);
}

int qemu_migrate(struct qemu *q, struct qemu_process *p, const char *command, const char *uri)
{
	p->migration[0] = '\0';
	return qemu_command(q, p, command, json_pack("{s:s}", "uri", uri), -1, NULL);
}

bool qemu_over(const struct qemu_process *p)
{
	return !p->pid || !strcmp(p->migration, "completed") || !strcmp(p->migration, "failed") ||
	       !strcmp(p->migration, "cancelled");
}

bool qemu_now_over(const struct qemu *q)
{
	return q->save_fd < 0 && qemu_over(q->now);
}

int qemu_migration_words(struct qemu *q, struct qemu_process *p, char *words, size_t size)
{
	json_auto_t *value = NULL;
	int ret = qemu_command(q, p, "query-migrate", NULL, -1, &value);
	const char *text = json_member(value, "error-desc");

	snprintf(words, size, "%s%s%s", p->migration, text ? ": " : "", text ? text : "");
	return ret;
}

int qemu_account(struct qemu *q, struct qemu_process *p)
{
	struct move_record *r = &q->moves->record;
	json_auto_t *value = NULL;
	const json_t *ram;
	int ret = qemu_command(q, p, "query-migrate", NULL, -1, &value);
	const json_t *n;

	if ((n = json_object_get(value, "total-time")))
		r->total_ns = json_integer_value(n) * NS_PER_MS;
	if ((n = json_object_get(value, "downtime")))
		r->downtime_ns = json_integer_value(n) * NS_PER_MS;
	ram = json_object_get(value, "ram");
	if ((n = json_object_get(ram, "dirty-sync-count")))
		r->rounds = (int)json_integer_value(n);
	if ((n = json_object_get(ram, "transferred")) && r->bytes < 0)
		r->bytes = json_integer_value(n);
	return ret;
}

int qemu_judge_end(struct qemu *q, struct qemu_process *p, const char *what)
{
	char words[512];
	int ret;

	if (p->pid && !strcmp(p->migration, "completed"))
		return VM_OK;
	if (!p->pid)
		return err_set(q->config->err, "%s: %.200s: %.600s", what, p->end.text,
			       buf_text(&p->messages));
	ret = qemu_migration_words(q, p, words, sizeof(words));
	return ret ?: err_set(q->config->err, "%s: %.700s", what, words);
}

int qemu_migrated_in(struct qemu *q, const char *what)
{
	return qemu_wait_until(q, qemu_now_over, what) ?: qemu_judge_end(q, q->now, what);
}

int qemu_migrated_out(struct qemu *q, const char *what)
{
	return qemu_migrated_in(q, what) ?: qemu_account(q, q->now);
}
