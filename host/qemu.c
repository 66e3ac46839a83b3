// SPDX-License-Identifier: BSD-2-Clause
// Driver `qemu`: a snapshot is a migration stream that the runner itself reads from and writes to
// a pipe, so that every QEMU since 5.0 can do it and no file is left behind.
#include "host/qemu_args.h"
#include "host/qemu_process.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define DESCRIBE_NS (5000 * NS_PER_MS)

/* KVM gave up on the vCPU (internal error, failed VM entry): the process lives on. */
static int stopped_by_itself(struct qemu *q);

/* One wait; also notices a VM that was stopped, but not by us. */
static int pump(struct qemu *q, int64_t until_ns)
{
	int ret = qemu_pump(q, until_ns);

	if (!ret && q->stopped_by_itself)
		ret = stopped_by_itself(q);
	return ret;
}

/* Runs a QMP command. *@value as in qmp_reply(). */
static int command(struct qemu *q, const char *name, json_t *args, int pass_fd, json_t **value)
{
	int64_t until = now_ns() + q->deadline_ns;
	struct err e = {0};
	int ret;

	if (!q->pid) {
		json_decref(args);
		return VM_ENDED;
	}
	if (qmp_send(&q->qmp, name, args, pass_fd, &e)) {
		/* Most likely it has just ended; then that is the news. */
		while ((ret = pump(q, until)) == VM_OK && now_ns() < until)
			;
		if (ret == VM_OK) {
			*q->config->err = e;
			ret = VM_HARNESS;
		}
		return ret;
	}
	for (;;) {
		ret = qmp_reply(&q->qmp, value, &e);
		if (ret > 0)
			return VM_OK;
		if (ret < 0) {
			err_set(q->config->err, "QMP %s: %.900s", name, e.text);
			return VM_HARNESS;
		}
		if (now_ns() >= until) {
			err_set(q->config->err, "QMP %s: no answer in %lld s", name,
				(long long)(q->deadline_ns / NS_PER_MS / 1000));
			return VM_TIMEOUT;
		}
		ret = pump(q, until);
		if (ret)
			return ret;
	}
}

/* The string @key in the answer to @name, cut to @size. */
static int ask_string(struct qemu *q, const char *name, const char *key, char *text, size_t size)
{
	json_t *value = NULL;
	const char *s;
	int ret = command(q, name, NULL, -1, &value);

	s = json_string_value(json_object_get(value, key));
	snprintf(text, size, "%s", s ? s : "");
	json_decref(value);
	return ret;
}

static int stopped_by_itself(struct qemu *q)
{
	char status[64];

	q->stopped_by_itself = false;
	if (ask_string(q, "query-status", "status", status, sizeof(status)))
		return VM_ENDED;
	q->end.how = END_CRASH;
	snprintf(q->end.text, sizeof(q->end.text), "QEMU stopped the VM by itself, status %s",
		 status);
	return VM_ENDED;
}

static FILE *open_log(const char *dir, const char *name)
{
	char *path = xasprintf("%s/%s", dir, name);
	FILE *f = fopen(path, "we");

	free(path);
	return f;
}

static void *create(const struct vm_config *config)
{
	struct qemu *q = xcalloc(1, sizeof(*q));
	struct buf script = {0};

	q->config = config;
	q->serial_fd = q->stderr_fd = q->qmp.fd = q->save_fd = q->load_fd = -1;
	q->deadline_ns = config->deadline_ns;
	q->qmp.log = open_log(config->dir, "qmp.jsonl");
	q->stderr_log = open_log(config->dir, "qemu.stderr");
	qemu_args_script(config, &script);
	if (write_file(config->dir, "qemu.cmdline", script.p, script.len, 0755, config->err) ||
	    !q->qmp.log || !q->stderr_log)
		fprintf(stderr, "midflight: cannot write logs into %s\n", config->dir);
	buf_free(&script);
	return q;
}

static void destroy(void *vm)
{
	struct qemu *q = vm;

	qemu_kill(q);
	if (q->qmp.log)
		fclose(q->qmp.log);
	if (q->stderr_log)
		fclose(q->stderr_log);
	buf_free(&q->messages);
	free(q);
}

/* A QEMU that ends before it talks; what it said comes with messages(). */
static int not_started(struct qemu *q)
{
	err_set(q->config->err, "QEMU does not start: %s", q->end.text);
	return VM_HARNESS;
}

static int launch(struct qemu *q, bool incoming)
{
	int64_t until = now_ns() + q->deadline_ns;
	int ret = qemu_spawn(q, incoming);

	while (!ret && !q->qmp.greeted) {
		ret = now_ns() < until ? pump(q, until) : VM_TIMEOUT;
		if (ret == VM_ENDED)
			return not_started(q);
		if (ret == VM_TIMEOUT)
			err_set(q->config->err, "QEMU's QMP gives no greeting");
	}
	if (!ret)
		ret = command(q, "qmp_capabilities", NULL, -1, NULL);
	if (!ret)
		ret = command(q, "migrate-set-capabilities",
			      json_pack("{s:[{s:s, s:b}]}", "capabilities", "capability", "events",
					"state", 1),
			      -1, NULL);
	return ret;
}

static int start(void *vm)
{
	return launch(vm, false);
}

/* Hands QEMU one end of a new pipe under the name `snapshot`; *@ours is the other one. */
static int pass_pipe(struct qemu *q, int theirs, int *ours)
{
	int fds[2], ret;

	if (pipe2(fds, O_CLOEXEC)) {
		err_set(q->config->err, "pipe: %s", strerror(errno));
		return VM_HARNESS;
	}
	ret = command(q, "getfd", json_pack("{s:s}", "fdname", "snapshot"), fds[theirs], NULL);
	close(fds[theirs]);
	if (!ret && fcntl(fds[!theirs], F_SETFL, O_NONBLOCK)) {
		err_set(q->config->err, "fcntl: %s", strerror(errno));
		ret = VM_HARNESS;
	}
	if (ret)
		close(fds[!theirs]);
	else
		*ours = fds[!theirs];
	return ret;
}

static bool migration_over(const struct qemu *q)
{
	return !strcmp(q->migration, "completed") || !strcmp(q->migration, "failed") ||
	       !strcmp(q->migration, "cancelled");
}

/* Waits until the migration is over and the pipe closed. */
static int migration_wait(struct qemu *q, const char *what)
{
	int64_t until = now_ns() + q->deadline_ns;
	json_t *value = NULL;
	int ret = VM_OK;

	while (!ret && (q->save_fd >= 0 || !migration_over(q))) {
		if (now_ns() >= until) {
			err_set(q->config->err, "%s: still '%s' after %lld s", what, q->migration,
				(long long)(q->deadline_ns / NS_PER_MS / 1000));
			ret = VM_TIMEOUT;
		} else {
			ret = pump(q, until);
		}
	}
	if (ret || !strcmp(q->migration, "completed"))
		return ret;
	ret = command(q, "query-migrate", NULL, -1, &value);
	if (!ret) {
		const char *why = json_string_value(json_object_get(value, "error-desc"));

		err_set(q->config->err, "%s: %s%s%.700s", what, q->migration, why ? ": " : "",
			why ? why : "");
		ret = VM_HARNESS;
	}
	json_decref(value);
	return ret;
}

static int restore(void *vm, const struct buf *snapshot)
{
	struct qemu *q = vm;
	int ret = launch(q, true);

	if (!ret)
		ret = pass_pipe(q, 0, &q->load_fd);
	if (ret)
		return ret;
	q->load_from = snapshot;
	q->loaded = 0;
	q->migration[0] = '\0';
	ret = command(q, "migrate-incoming", json_pack("{s:s}", "uri", "fd:snapshot"), -1, NULL);
	if (!ret)
		ret = migration_wait(q, "restore");
	if (q->load_fd >= 0)
		close(q->load_fd);
	q->load_fd = -1;
	return ret;
}

static int stop(void *vm)
{
	struct qemu *q = vm;

	q->may_stop = true;
	return command(q, "stop", NULL, -1, NULL);
}

static int cont(void *vm)
{
	struct qemu *q = vm;
	int ret = command(q, "cont", NULL, -1, NULL);

	/* All events of the stop came before this reply. */
	q->may_stop = false;
	return ret;
}

static int l2_active(void *vm)
{
	struct qemu *q = vm;
	const json_t *cpu, *stat;
	json_t *value = NULL;
	int active = -1;
	size_t i, j;

	if (q->no_stats)
		return -1;
	if (command(q, "query-stats",
		    json_pack("{s:s, s:[{s:s, s:[s]}]}", "target", "vcpu", "providers", "provider",
			      "kvm", "names", "guest_mode"),
		    -1, &value))
		q->no_stats = true;
	json_array_foreach(value, i, cpu)
	{
		json_array_foreach(json_object_get(cpu, "stats"), j, stat)
		{
			const char *name = json_string_value(json_object_get(stat, "name"));
			const json_t *v = json_object_get(stat, "value");

			if (!name || strcmp(name, "guest_mode"))
				continue;
			if (json_is_integer(v))
				active = json_integer_value(v) != 0;
			else if (json_is_boolean(v))
				active = json_is_true(v);
		}
	}
	json_decref(value);
	return active;
}

static int save(void *vm, struct buf *snapshot, struct saved_state *state)
{
	struct qemu *q = vm;
	int ret = pass_pipe(q, 1, &q->save_fd);

	if (ret)
		return ret;
	snapshot->len = 0;
	q->save_to = snapshot;
	q->migration[0] = '\0';
	ret = command(q, "migrate", json_pack("{s:s}", "uri", "fd:snapshot"), -1, NULL);
	if (!ret)
		ret = migration_wait(q, "snapshot");
	if (q->save_fd >= 0)
		close(q->save_fd);
	q->save_fd = -1;
	if (!ret && qemu_stream_parse(snapshot->p, snapshot->len, 0, state, q->config->err))
		ret = VM_HARNESS;
	return ret;
}

static int quit(void *vm)
{
	struct qemu *q = vm;
	int64_t until = now_ns() + q->deadline_ns;
	int ret = command(q, "quit", NULL, -1, NULL);

	while (!ret) {
		ret = pump(q, until);
		if (!ret && now_ns() >= until) {
			err_set(q->config->err, "QEMU does not quit");
			ret = VM_TIMEOUT;
		}
	}
	if (ret == VM_ENDED && q->pid == 0 && q->end.how != END_CRASH)
		return VM_OK;
	return ret;
}

static int send_byte(void *vm, char byte)
{
	struct qemu *q = vm;

	if (q->serial_fd >= 0 && !write_all(q->serial_fd, &byte, 1))
		return VM_OK;
	/* The VM has most likely just ended: the next wait says so. */
	err_set(q->config->err, "serial port: %s", strerror(errno));
	return q->serial_fd < 0 || errno == EPIPE || errno == ECONNRESET ? VM_OK : VM_HARNESS;
}

static int nmi(void *vm)
{
	return command(vm, "inject-nmi", NULL, -1, NULL);
}

static int wait_for(void *vm, int64_t until_ns)
{
	return pump(vm, until_ns);
}

static const struct vm_end *end(void *vm)
{
	return &((struct qemu *)vm)->end;
}

static void describe(void *vm, struct buf *text)
{
	struct qemu *q = vm;
	json_t *value = NULL;
	char status[64];
	int active;

	q->deadline_ns = DESCRIBE_NS;
	q->may_stop = true;
	if (!ask_string(q, "query-status", "status", status, sizeof(status)))
		buf_printf(text, "QEMU's status: %s\n", status);
	active = l2_active(q);
	if (active >= 0)
		buf_printf(text, "KVM's statistics: L2 is %sactive\n", active ? "" : "not ");
	if (!command(q, "human-monitor-command",
		     json_pack("{s:s}", "command-line", "info registers"), -1, &value))
		buf_printf(text, "%s\n",
			   json_is_string(value) ? json_string_value(value) : "no registers");
	json_decref(value);
	q->deadline_ns = q->config->deadline_ns;
}

static const char *messages(void *vm)
{
	return buf_text(&((struct qemu *)vm)->messages);
}

const struct driver qemu_driver = {
	.name = "qemu",
	.create = create,
	.destroy = destroy,
	.start = start,
	.restore = restore,
	.stop = stop,
	.cont = cont,
	.l2_active = l2_active,
	.save = save,
	.quit = quit,
	.send = send_byte,
	.nmi = nmi,
	.wait = wait_for,
	.end = end,
	.describe = describe,
	.messages = messages,
};
