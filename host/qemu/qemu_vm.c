// SPDX-License-Identifier: BSD-2-Clause
// Talking to the QEMUs of a VM: commands, start, statistics.
#include "host/qemu/qemu_process.h"
#include "host/base/cleanup.h"
#include "host/base/json.h"

#include <linux/kvm.h>
#include <string.h>
#include <unistd.h>

/* KVM gave up on the vCPU (internal error, failed VM entry): the process lives on. */
static int stopped_by_itself(struct qemu *q)
{
	struct qemu_process *p = q->now;
	char status[64];

	p->stopped_by_itself = false;
	if (qemu_ask_string(q, p, "query-status", "status", status, sizeof(status)))
		return VM_ENDED;
	p->end.how = END_CRASH;
	snprintf(p->end.text, sizeof(p->end.text), "QEMU stopped the VM by itself, status %s",
		 status);
	return VM_ENDED;
}

int qemu_wait(void *vm, int64_t until_ns)
{
	struct qemu *q = vm;
	int ret = qemu_pump(q, until_ns);

	if (!ret && q->now->stopped_by_itself)
		ret = stopped_by_itself(q);
	return ret;
}

/* The other process has ended while it was needed. */
static int next_ended(struct qemu *q, const struct qemu_process *p, const char *what)
{
	const char *words = buf_text(&p->messages);

	return err_set(q->config->err, "%s: %s%s%.700s", what, p->end.text, *words ? ": " : "",
		       words);
}

int qemu_command(struct qemu *q, struct qemu_process *p, const char *name, json_t *args,
		 int pass_fd, json_t **value)
{
	int64_t until = now_ns() + q->deadline_ns;
	struct err e = {0};
	int ret;

	if (value)
		*value = NULL;
	if (!p->pid) {
		json_decref(args);
		return p == q->now ? VM_ENDED : next_ended(q, p, name);
	}
	if (qmp_send(&p->qmp, name, args, pass_fd, &e)) {
		/* Most likely it has just ended; then that is the news. */
		while ((ret = qemu_wait(q, until)) == VM_OK && p->pid && now_ns() < until)
			;
		if (ret == VM_OK && !p->pid)
			return next_ended(q, p, name);
		return ret ?: err_set(q->config->err, "%s", e.text);
	}
	for (;;) {
		ret = qmp_reply(&p->qmp, value, &e);
		if (ret > 0)
			return VM_OK;
		if (ret < 0)
			return err_set(q->config->err, "QMP %s: %.900s", name, e.text);
		if (!p->pid && p != q->now)
			return next_ended(q, p, name);
		if (now_ns() >= until)
			return err_as(VM_TIMEOUT, q->config->err, "QMP %s: no answer in %lld s",
				      name, (long long)(q->deadline_ns / NS_PER_MS / 1000));
		ret = qemu_wait(q, until);
		if (ret)
			return ret;
	}
}

int qemu_ask_string(struct qemu *q, struct qemu_process *p, const char *name, const char *key,
		    char *text, size_t size)
{
	json_auto_t *value = NULL;
	int ret = qemu_command(q, p, name, NULL, -1, &value);

	snprintf(text, size, "%s", json_text_of(value, key));
	return ret;
}

int qemu_wait_until(struct qemu *q, bool (*done)(const struct qemu *q), const char *what)
{
	int64_t until = now_ns() + q->deadline_ns;
	int ret = VM_OK;

	while (!ret && !done(q)) {
		if (now_ns() >= until)
			return err_as(VM_TIMEOUT, q->config->err, "%s: nothing for %lld s", what,
				      (long long)(q->deadline_ns / NS_PER_MS / 1000));
		ret = qemu_wait(q, until);
	}
	return ret;
}

int qemu_launch(struct qemu *q, struct qemu_process *p, const char *const *extra)
{
	int64_t start = now_ns(), until = start + q->deadline_ns;
	int ret = qemu_spawn(q, p, extra);

	while (!ret && !p->qmp.greeted) {
		ret = now_ns() < until ? qemu_wait(q, until) : VM_TIMEOUT;
		if (!p->pid)
			return err_set(q->config->err, "QEMU does not start: %s%s%.700s",
				       p->end.text, p->messages.len ? ": " : "",
				       buf_text(&p->messages));
		if (ret == VM_TIMEOUT)
			err_set(q->config->err, "QEMU's QMP gives no greeting");
	}
	timeline_span(q->config->timeline, LANE_QMP, TIMELINE_QMP, start, now_ns(),
		      "QEMU %u starts%s", p->qmp.incarnation, ret ? ": it does not" : "");
	ret = ret ?: qemu_command(q, p, "qmp_capabilities", NULL, -1, NULL);
	if (!ret)
		ret = qemu_command(q, p, "migrate-set-capabilities",
				   json_pack("{s:[{s:s, s:b}]}", "capabilities", "capability",
					     "events", "state", 1),
				   -1, NULL);
	return ret;
}

int qemu_stat(struct qemu *q, struct qemu_process *p, const char *name)
{
	const json_t *cpu, *stat;
	json_auto_t *value = NULL;
	int found = -1;
	size_t i, j;

	if (q->no_stats)
		return -1;
	if (qemu_command(q, p, "query-stats",
			 json_pack("{s:s, s:[{s:s, s:[s]}]}", "target", "vcpu", "providers",
				   "provider", "kvm", "names", name),
			 -1, &value))
		q->no_stats = true;
	json_array_foreach(value, i, cpu) {
		json_array_foreach(json_object_get(cpu, "stats"), j, stat) {
			const json_t *v = json_object_get(stat, "value");

			if (strcmp(json_text_of(stat, "name"), name))
				continue;
			if (json_is_integer(v))
				found = json_integer_value(v) != 0;
			else if (json_is_boolean(v))
				found = json_is_true(v);
		}
	}
	return found;
}

/* `HLT=1` in `info registers` is what KVM_GET_MP_STATE said when the VM stopped. */
static int halted(struct qemu *q, struct qemu_process *p, bool *yes)
{
	json_auto_t *value = NULL;
	const char *text;
	int ret = qemu_command(q, p, "human-monitor-command",
			       json_pack("{s:s}", "command-line", "info registers"), -1, &value);

	text = json_string_value(value);
	*yes = !ret && text && strstr(text, "HLT=1");
	if (!ret && (!text || !strstr(text, "HLT=")))
		return err_set(q->config->err,
			       "QEMU's registers do not say whether the vCPU is halted");
	return ret;
}

int qemu_state(struct qemu *q, struct qemu_process *p, struct saved_state *state)
{
	int active = qemu_stat(q, p, "guest_mode"), ret = VM_OK;
	bool hlt = false;

	memset(state, 0, sizeof(*state));
	if (p->stopped)
		ret = halted(q, p, &hlt);
	else
		hlt = qemu_stat(q, p, "blocking") == 1;
	state->nested = active == 1;
	state->flags = active == 1 ? KVM_STATE_NESTED_GUEST_MODE : 0;
	state->mp_state = hlt ? KVM_MP_STATE_HALTED : KVM_MP_STATE_RUNNABLE;
	return ret;
}

void qemu_swap(struct qemu *q)
{
	struct qemu_process *old = q->now;

	q->now = q->next;
	q->next = old;
}

char *qemu_path(const struct qemu *q, const char *name)
{
	return xasprintf("%s/%s", q->config->dir, name);
}

void qemu_remove(const struct qemu *q, const char *name)
{
	auto_free char *p = qemu_path(q, name);

	unlink(p);
}
