// SPDX-License-Identifier: BSD-2-Clause
// Internal snapshots (savevm): they lie in a qcow2 file, and QEMU's jobs make them.
#include "host/qemu/qemu_moves.h"
#include "host/base/cleanup.h"
#include "host/base/json.h"

#include <string.h>

#define QCOW2_SIZE (256ll << 20)
#define TAG	   "midflight"

/* Runs a command that is a job, and waits for its end. @args is taken over. */
static int job(struct qemu *q, struct qemu_process *p, const char *name, json_t *args)
{
	int64_t until = now_ns() + q->deadline_ns;
	int ret;

	json_object_set_new(args, "job-id", json_string(TAG));
	ret = qemu_command(q, p, name, args, -1, NULL);
	while (!ret) {
		json_auto_t *jobs = NULL;
		const json_t *first;
		const char *error;

		ret = qemu_command(q, p, "query-jobs", NULL, -1, &jobs);
		if (ret)
			break;
		first = json_array_get(jobs, 0);
		error = json_member(first, "error");
		if (error)
			err_set(q->config->err, "%s: %.900s", name, error);
		if (!strcmp(json_text_of(first, "status"), "concluded"))
			return error ? VM_HARNESS
				     : qemu_command(q, p, "job-dismiss",
						    json_pack("{s:s}", "id", TAG), -1, NULL);
		if (now_ns() >= until)
			return err_as(VM_TIMEOUT, q->config->err, "%s: no end", name);
		ret = qemu_wait(q, now_ns() + POLL_NS);
	}
	return ret;
}

int qemu_make_qcow2(struct qemu *q)
{
	struct qemu_process *p = q->now;
	auto_free char *file = qemu_path(q, QCOW2_FILE);
	int ret;

	unlink(file);
	ret = job(q, p, "blockdev-create",
		  json_pack("{s:{s:s, s:s, s:i}}", "options", "driver", "file", "filename", file,
			    "size", 0));
	if (!ret)
		ret = qemu_command(q, p, "blockdev-add",
				   json_pack("{s:s, s:s, s:s}", "driver", "file", "node-name",
					     "file", "filename", file),
				   -1, NULL);
	if (!ret)
		ret = job(q, p, "blockdev-create",
			  json_pack("{s:{s:s, s:s, s:I}}", "options", "driver", "qcow2", "file",
				    "file", "size", (json_int_t)QCOW2_SIZE));
	if (!ret)
		ret = qemu_command(q, p, "blockdev-add",
				   json_pack("{s:s, s:s, s:s}", "driver", "qcow2", "node-name",
					     "snapshots", "file", "file"),
				   -1, NULL);
	return ret;
}

static json_t *snapshot_args(void)
{
	return json_pack("{s:s, s:s, s:[s]}", "tag", TAG, "vmstate", "snapshots", "devices",
			 "snapshots");
}

int qemu_back(void *vm)
{
	struct qemu *q = vm;

	return job(q, q->now, "snapshot-load", snapshot_args());
}

int qemu_save_internal(struct qemu *q, struct saved_state *state)
{
	int ret = qemu_state(q, q->now, state);

	/* The same tag again: the older one goes first. */
	if (!ret && q->moves->saved)
		ret = job(q, q->now, "snapshot-delete",
			  json_pack("{s:s, s:[s]}", "tag", TAG, "devices", "snapshots"));
	ret = ret ?: job(q, q->now, "snapshot-save", snapshot_args());
	q->moves->saved = 1;
	return ret;
}

int qemu_restore_internal(struct qemu *q)
{
	auto_free char *file = qemu_path(q, QCOW2_FILE);
	json_auto_t *node = json_pack("{s:s, s:s, s:{s:s, s:s}}", "driver", "qcow2", "node-name",
				      "snapshots", "file", "driver", "file", "filename", file);
	auto_free char *text = json_dumps(node, JSON_COMPACT);
	const char *extra[] = {"-blockdev", text, "-loadvm", TAG, "-S", NULL};

	return qemu_launch(q, q->now, extra);
}
