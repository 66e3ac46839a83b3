// SPDX-License-Identifier: BSD-2-Clause
// Driver `qemu`: the life of a VM that QEMU runs; qemu_moves.c saves, restores and migrates it.
#include "host/base/cleanup.h"
#include "host/qemu/qemu_moves.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#define DESCRIBE_NS (5000 * NS_PER_MS)

static FILE *open_log(const char *dir, const char *name)
{
	auto_free char *path = xasprintf("%s/%s", dir, name);

	return fopen(path, "we");
}

static void *create(const struct vm_config *config)
{
	struct qemu *q = xcalloc(1, sizeof(*q));

	q->config = config;
	q->now = &q->process[0];
	q->next = &q->process[1];
	for (int i = 0; i < 2; i++) {
		q->process[i].serial_fd = q->process[i].stderr_fd = q->process[i].qmp.fd = -1;
		q->process[i].qmp.timeline = config->timeline;
	}
	q->save_fd = q->load_fd = -1;
	q->deadline_ns = config->deadline_ns;
	q->qmp_log = open_log(config->dir, "qmp.jsonl");
	q->stderr_log = open_log(config->dir, "qemu.stderr");
	if (!q->qmp_log || !q->stderr_log)
		fprintf(stderr, "midflight: cannot write logs into %s\n", config->dir);
	qemu_moves_create(q);
	return q;
}

static void destroy(void *vm)
{
	struct qemu *q = vm;

	for (int i = 0; i < 2; i++) {
		qemu_kill(&q->process[i]);
		buf_free(&q->process[i].messages);
	}
	close_fd(&q->save_fd);
	close_fd(&q->load_fd);
	qemu_moves_destroy(q);
	if (q->qmp_log)
		fclose(q->qmp_log);
	if (q->stderr_log)
		fclose(q->stderr_log);
	buf_free(&q->messages);
	free(q);
}

static int start(void *vm)
{
	struct qemu *q = vm;
	auto_buf struct buf script = {0};
	struct err e = {0};
	int ret = q->config->enlightened ? qemu_ask_hyperv(q) : VM_OK;

	qemu_args_script(q, &script);
	if (write_file(q->config->dir, "qemu.cmdline", script.p, script.len, 0755, &e))
		fprintf(stderr, "midflight: %s\n", e.text);
	ret = ret ?: qemu_launch(q, q->now, NULL);
	/* A property of the machine: known only by trying. */
	if (ret == VM_HARNESS && q->config->method == METHOD_CPR_TRANSFER &&
	    strstr(q->config->err->text, "aux-ram-share"))
		ret = VM_LACKS;
	return ret ?: qemu_moves_started(q);
}

static int stop(void *vm)
{
	struct qemu *q = vm;

	q->now->may_stop = true;
	return qemu_command(q, q->now, "stop", NULL, -1, NULL);
}

static int cont(void *vm)
{
	struct qemu *q = vm;
	struct qemu_process *p = q->now;
	int ret = qemu_command(q, p, "cont", NULL, -1, NULL);

	/* All events of the stop came before this reply. */
	p->may_stop = false;
	return ret;
}

static int l2_active(void *vm)
{
	struct qemu *q = vm;

	return qemu_stat(q, q->now, "guest_mode");
}

static int quit(void *vm)
{
	struct qemu *q = vm;
	int64_t until = now_ns() + q->deadline_ns;
	int ret = qemu_settle(q);

	ret = ret ?: qemu_command(q, q->now, "quit", NULL, -1, NULL);
	while (!ret) {
		ret = qemu_wait(q, until);
		if (!ret && now_ns() >= until)
			return err_as(VM_TIMEOUT, q->config->err, "QEMU does not quit");
	}
	if (ret == VM_ENDED && q->now->pid == 0 && q->now->end.how != END_CRASH)
		return VM_OK;
	return ret;
}

static int send_byte(void *vm, char byte)
{
	struct qemu *q = vm;

	if (q->now->serial_fd >= 0 && !write_all(q->now->serial_fd, &byte, 1))
		return VM_OK;
	/* The VM has most likely just ended: the next wait says so. */
	err_set(q->config->err, "serial port: %s", strerror(errno));
	return q->now->serial_fd < 0 || errno == EPIPE || errno == ECONNRESET ? VM_OK : VM_HARNESS;
}

static int reset_itself(void *vm, char byte)
{
	return qemu_allow_reset(vm) ?: send_byte(vm, byte) ?: qemu_await_reset(vm);
}

static int nmi(void *vm)
{
	struct qemu *q = vm;

	return qemu_command(q, q->now, "inject-nmi", NULL, -1, NULL);
}

static const struct vm_end *end(void *vm)
{
	return &((struct qemu *)vm)->now->end;
}

static void describe(void *vm, struct buf *text)
{
	struct qemu *q = vm;
	json_auto_t *value = NULL;
	char status[64];
	int active;

	q->deadline_ns = DESCRIBE_NS;
	q->now->may_stop = true;
	if (!qemu_ask_string(q, q->now, "query-status", "status", status, sizeof(status)))
		buf_printf(text, "QEMU's status: %s\n", status);
	active = qemu_stat(q, q->now, "guest_mode");
	if (active >= 0)
		buf_printf(text, "KVM's statistics: L2 is %sactive\n", active ? "" : "not ");
	if (!qemu_command(q, q->now, "human-monitor-command",
			  json_pack("{s:s}", "command-line", "info registers"), -1, &value))
		buf_printf(text, "%s\n",
			   json_is_string(value) ? json_string_value(value) : "no registers");
	q->deadline_ns = q->config->deadline_ns;
}

static const char *messages(void *vm)
{
	struct qemu *q = vm;

	for (int i = 0; i < 2; i++) {
		buf_append(&q->messages, q->process[i].messages.p, q->process[i].messages.len);
		q->process[i].messages.len = 0;
	}
	return buf_text(&q->messages);
}

static int look(void *vm, struct saved_state *state)
{
	struct qemu *q = vm;

	return qemu_state(q, q->now, state);
}

const struct driver qemu_driver = {
	.name = "qemu",
	.create = create,
	.destroy = destroy,
	.start = start,
	.restore = qemu_restore,
	.stop = stop,
	.cont = cont,
	.l2_active = l2_active,
	.save = qemu_save,
	.quit = quit,
	.send = send_byte,
	.nmi = nmi,
	.wait = qemu_wait,
	.end = end,
	.describe = describe,
	.messages = messages,
	.use = qemu_use,
	.move = qemu_move,
	.back = qemu_back,
	.reset = qemu_reset,
	.reset_itself = reset_itself,
	.look = look,
	.moved = qemu_moved,
	.saved_file = qemu_saved_file,
	.fetches = qemu_fetches,
};
