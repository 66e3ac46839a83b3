// SPDX-License-Identifier: BSD-2-Clause
// A VM that stands still is saved to a file or through a pipe, and restored from there.
#include "host/qemu/qemu_moves.h"
#include "host/base/cleanup.h"
#include "host/snapshot/qemu_stream.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

/* Hands QEMU one end of a new pipe under the name `snapshot`; *@ours is the other one. */
static int pass_pipe(struct qemu *q, int theirs, int *ours)
{
	int fds[2], ret;

	if (pipe2(fds, O_CLOEXEC))
		return err_set(q->config->err, "pipe: %s", strerror(errno));
	ret = qemu_command(q, q->now, "getfd", json_pack("{s:s}", "fdname", "snapshot"),
			   fds[theirs], NULL);
	close(fds[theirs]);
	if (!ret && fcntl(fds[!theirs], F_SETFL, O_NONBLOCK))
		ret = err_set(q->config->err, "fcntl: %s", strerror(errno));
	if (ret)
		close(fds[!theirs]);
	else
		*ours = fds[!theirs];
	return ret;
}

/* Hands QEMU the file or device @name as `snapshot`. */
static int pass_file(struct qemu *q, const char *name, int flags)
{
	auto_close int fd = open(name, flags | O_CLOEXEC, 0600);

	if (fd < 0)
		return err_set(q->config->err, "cannot open %s: %s", name, strerror(errno));
	return qemu_command(q, q->now, "getfd", json_pack("{s:s}", "fdname", "snapshot"), fd, NULL);
}

int qemu_save_pipe(struct qemu *q, struct buf *snapshot, struct saved_state *state)
{
	int ret = pass_pipe(q, 1, &q->save_fd);

	if (ret)
		return ret;
	q->save_to = snapshot;
	ret = qemu_migrate(q, q->now, "migrate", "fd:snapshot");
	ret = ret ?: qemu_migrated_out(q, "snapshot");
	close_fd(&q->save_fd);
	return ret ?: qemu_stream_parse(snapshot->p, snapshot->len, 0, state, q->config->err);
}

/*
 * Reads the file @name, holes left out: mapped-ram makes a large one, and what is looked for lies
 * in one piece. With @copy also makes a copy of that name, with the same holes.
 */
static int take_file(struct qemu *q, const char *name, struct buf *b, const char *copy)
{
	auto_free char *p = qemu_path(q, name), *to = copy ? qemu_path(q, copy) : NULL;
	auto_close int fd = open(p, O_RDONLY | O_CLOEXEC);
	int out = to ? open(to, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600) : -1;
	off_t at = 0, end = fd < 0 ? -1 : lseek(fd, 0, SEEK_END);
	bool ok = end >= 0 && (!to || (out >= 0 && !ftruncate(out, end)));

	while (ok && at < end && (at = lseek(fd, at, SEEK_DATA)) >= 0) {
		off_t hole = lseek(fd, at, SEEK_HOLE);

		while (ok && at < hole) {
			char bytes[65536];
			size_t want = sizeof(bytes);
			ssize_t n;

			if (hole - at < (off_t)want)
				want = (size_t)(hole - at);
			n = pread(fd, bytes, want, at);
			ok = n > 0 && (!to || pwrite(out, bytes, (size_t)n, at) == n);
			if (ok) {
				buf_append(b, bytes, (size_t)n);
				at += n;
			}
		}
	}
	if ((out >= 0 && close(out)) || !ok)
		return err_set(q->config->err, "cannot read %s%s%s: %s", p,
			       to ? " and copy it to " : "", to ? to : "", strerror(errno));
	return VM_OK;
}

/* A QEMU that knows no file: (before 8.2) gets it as a descriptor. */
int qemu_migrate_file(struct qemu *q, const char *command, const char *name)
{
	auto_free char *uri = xasprintf("file:%s", name);
	int flags = strcmp(command, "migrate") ? O_RDONLY : O_WRONLY | O_CREAT | O_TRUNC;
	int ret = qemu_migrate(q, q->now, command, uri);

	if (ret == VM_HARNESS && strstr(q->config->err->text, "migration protocol"))
		ret = pass_file(q, name, flags) ?: qemu_migrate(q, q->now, command, "fd:snapshot");
	return ret;
}

int qemu_save_file(struct qemu *q, struct saved_state *state)
{
	auto_buf struct buf stream = {0};
	auto_free char *file = qemu_path(q, SAVED_FILE);
	int ret;

	unlink(file);
	ret = qemu_migrate_file(q, "migrate", file);
	ret = ret ?: qemu_migrated_out(q, "snapshot");
	ret = ret ?: take_file(q, SAVED_FILE, &stream, NULL);
	ret = ret ?: qemu_stream_parse(stream.p, stream.len, 0, state, q->config->err);
	q->moves->saved = ret ? 0 : stream.len;
	return ret;
}

/* The stream must survive a copy, so it is a copy that is restored. The file stays until then. */
int qemu_restore_file(struct qemu *q)
{
	struct buf stream = {0};
	auto_free char *copy = qemu_path(q, COPY_FILE);
	int ret = take_file(q, SAVED_FILE, &stream, COPY_FILE);

	buf_free(&stream);
	ret = ret ?: qemu_migrate_file(q, "migrate-incoming", copy);
	ret = ret ?: qemu_migrated_in(q, "restore");
	unlink(copy);
	return ret;
}

int qemu_restore_pipe(struct qemu *q, const struct buf *snapshot)
{
	int ret = pass_pipe(q, 0, &q->load_fd);

	if (ret)
		return ret;
	q->load_from = snapshot;
	q->loaded = 0;
	ret = qemu_migrate(q, q->now, "migrate-incoming", "fd:snapshot");
	ret = ret ?: qemu_migrated_in(q, "restore");
	close_fd(&q->load_fd);
	return ret;
}

int qemu_save_background(struct qemu *q, struct saved_state *state)
{
	int ret;

	q->now->may_stop = true; /* for a moment, while the devices are saved */
	ret = qemu_save_file(q, state);
	if (!ret && q->now->stopped)
		ret = err_set(q->config->err,
			      "the VM does not go on behind the background snapshot");
	q->now->may_stop = false;
	return ret;
}

size_t qemu_saved_file(void *vm, struct buf *file)
{
	struct qemu *q = vm;

	/* One with each page at its place would be large, and has holes that a copy fills. */
	if (file && q->moves->saved > 1 &&
	    !word_in(method_info(q->moves->method)->capabilities, ' ', "mapped-ram"))
		take_file(q, SAVED_FILE, file, NULL);
	return q->moves->saved;
}
