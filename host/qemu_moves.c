// SPDX-License-Identifier: BSD-2-Clause
// How a VM goes from one QEMU to the next, method by method (methods.def). What a QEMU offers is
// asked from it. The runner itself is the network between two QEMUs (relay.h), so it sees which
// pages are asked for, and can break the stream at a byte of its choice. Nothing that is the only
// copy of a VM goes before the next one has taken over.
#include "host/qemu_moves.h"
#include "host/relay.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#define STREAM_CAP	 (64u << 20)
#define SLOW_BYTES	 (1 << 20) /* per second: several rounds */
#define SLOW_DOWNTIME_MS 10	   /* less than sending what L2 dirties takes */
#define SLOW_ROUNDS	 4
#define SLOW_NS		 (5000 * NS_PER_MS)
#define DEMAND_BYTES	 4096  /* per second, beside the pages that are asked for */
#define HOLD_SPREAD	 65536 /* bytes of a stream, all of RAM */
#define QCOW2_SIZE	 (256ll << 20)
#define FULL_SPREAD	 (256 << 10)
#define SAVED_FILE	 "vm-save.bin"
#define COPY_FILE	 "vm-copy.bin"
#define QCOW2_FILE	 "vm.qcow2"
#define TAG		 "midflight"

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

static const struct move_record nothing_said = {-1, -1, -1, -1, -1, ""};

static char *path(const struct qemu *q, const char *name)
{
	return xasprintf("%s/%s", q->config->dir, name);
}

static void remove_file(const struct qemu *q, const char *name)
{
	char *p = path(q, name);

	unlink(p);
	free(p);
}

void qemu_moves_create(struct qemu *q)
{
	struct qemu_moves *m = xcalloc(1, sizeof(*m));

	q->moves = m;
	m->method = q->config->method;
	m->record = nothing_said;
	m->dir_fd = open(q->config->dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	snprintf(m->sockets, sizeof(m->sockets), "/proc/%d/fd/%d", (int)getpid(), m->dir_fd);
}

static void end_relay(struct qemu_moves *m)
{
	struct relay_stats stats;

	if (!m->relay)
		return;
	free(m->fetch);
	m->fetches = relay_requests(m->relay, &m->fetch);
	relay_stats(m->relay, &stats);
	m->record.bytes = (int64_t)stats.to_destination;
	m->record.page_requests = (int)stats.page_requests;
	relay_stop(m->relay);
	m->relay = NULL;
}

void qemu_moves_destroy(struct qemu *q)
{
	struct qemu_moves *m = q->moves;

	end_relay(m);
	/* A file that could not be restored may be all that is left of the VM: it stays. */
	if (m->restored)
		remove_file(q, SAVED_FILE);
	if (m->restored || m->method != METHOD_SAVEVM)
		remove_file(q, QCOW2_FILE);
	remove_file(q, "from.sock");
	remove_file(q, "to.sock");
	remove_file(q, "cpr.sock");
	remove_file(q, COPY_FILE);
	json_decref(m->capabilities);
	json_decref(m->parameters);
	free(m->fetch);
	if (m->dir_fd >= 0)
		close(m->dir_fd);
	free(m);
}

/* ---- what this QEMU offers --------------------------------------------------------------- */

static int ask(struct qemu *q)
{
	struct qemu_moves *m = q->moves;
	int ret = VM_OK;

	if (!m->capabilities)
		ret = qemu_command(q, q->now, "query-migrate-capabilities", NULL, -1,
				   &m->capabilities);
	if (!ret && !m->parameters)
		ret = qemu_command(q, q->now, "query-migrate-parameters", NULL, -1, &m->parameters);
	return ret;
}

/* Whether @word is one of @list, which is separated by blanks. */
static bool listed(const char *list, const char *word)
{
	size_t len = strlen(word);

	for (const char *p = list; *p; p += strcspn(p, " "), p += *p == ' ')
		if (strcspn(p, " ") == len && !memcmp(p, word, len))
			return true;
	return false;
}

static bool has_capability(const struct qemu_moves *m, const char *word)
{
	const json_t *entry;
	size_t i;

	json_array_foreach(m->capabilities, i, entry)
	{
		const char *name = json_string_value(json_object_get(entry, "capability"));

		if (name && !strcmp(name, word))
			return true;
	}
	return false;
}

static int set_parameter(struct qemu *q, struct qemu_process *p, const char *name, json_t *value)
{
	return qemu_command(q, p, "migrate-set-parameters", json_pack("{s:o}", name, value), -1,
			    NULL);
}

static const char *mode_of(enum method method)
{
	return method == METHOD_CPR_REBOOT     ? "cpr-reboot"
	       : method == METHOD_CPR_TRANSFER ? "cpr-transfer"
					       : "normal";
}

/* Whether files in the log directory can be written past the page cache. */
static bool direct_files(const struct qemu *q)
{
	char *p = path(q, COPY_FILE);
	int fd = open(p, O_RDWR | O_CREAT | O_DIRECT | O_CLOEXEC, 0600);

	if (fd >= 0)
		close(fd);
	unlink(p);
	free(p);
	return fd >= 0;
}

/* Text @words behind "this QEMU offers no", as the reason of a SKIP. */
static int lacks(struct qemu *q, const char *words)
{
	char text[600];

	snprintf(text, sizeof(text), "%.500s", words);
	err_set(q->config->err, "method %s: %s", method_name(q->moves->method), text);
	return VM_LACKS;
}

static bool by_statistics(enum method method)
{
	switch (method_info(method)->kind) {
	case KIND_SAVEVM:
	case KIND_STAY:
	case KIND_RESET:
		return true;
	default:
		return method == METHOD_POSTCOPY || method == METHOD_POSTCOPY_PREEMPT ||
		       method == METHOD_CPR_TRANSFER;
	}
}

static int check_offer(struct qemu *q)
{
	struct qemu_moves *m = q->moves;
	const char *caps = method_info(m->method)->capabilities;
	const bool direct = m->method == METHOD_MAPPED_RAM_DIRECT;
	int ret = ask(q);

	for (const char *p = caps; !ret && *p; p += strcspn(p, " "), p += *p == ' ') {
		char word[64], text[128];

		snprintf(word, sizeof(word), "%.*s", (int)strcspn(p, " "), p);
		snprintf(text, sizeof(text), "this QEMU has no migration capability %s", word);
		if (!has_capability(m, word))
			return lacks(q, text);
	}
	if (ret)
		return ret;
	if (direct && !json_object_get(m->parameters, "direct-io"))
		return lacks(q, "this QEMU has no migration parameter direct-io");
	if (direct && !direct_files(q))
		return lacks(q, "the file system of the log directory takes no O_DIRECT");
	if (strcmp(mode_of(m->method), "normal")) {
		if (!json_object_get(m->parameters, "mode"))
			return lacks(q, "this QEMU has no migration parameter mode");
		ret = set_parameter(q, q->now, "mode", json_string(mode_of(m->method)));
		if (ret == VM_HARNESS)
			return lacks(q, q->config->err->text);
	}
	if (!ret && !strcmp(q->config->accel, "kvm") && by_statistics(m->method) &&
	    qemu_stat(q, q->now, "guest_mode") < 0)
		return lacks(q, "this QEMU does not tell KVM's statistics (query-stats)");
	return ret;
}

/* Capabilities and parameters of the method in use; those of all others are off. */
static int configure(struct qemu *q, struct qemu_process *p)
{
	const struct qemu_moves *m = q->moves;
	const char *caps = method_info(m->method)->capabilities;
	json_t *list = json_array(), *parameters = json_object();
	const bool slow = m->method == METHOD_PRECOPY_LIMITED ||
			  m->method == METHOD_PRECOPY_AUTO_CONVERGE ||
			  m->method == METHOD_PRECOPY_XBZRLE;
	const bool demand = listed(caps, "postcopy-ram");
	const struct {
		const char *name;
		json_int_t value;
	} numbers[] = {{"max-bandwidth", slow	  ? SLOW_BYTES
					 : demand ? DEMAND_BYTES
						  : 1ll << 30},
		       {"downtime-limit", slow ? SLOW_DOWNTIME_MS : 300},
		       {"max-postcopy-bandwidth", DEMAND_BYTES},
		       {"throttle-trigger-threshold", 1},
		       {"cpu-throttle-initial", 50}};
	int ret;

	json_array_append_new(list, json_pack("{s:s, s:b}", "capability", "events", "state", 1));
	for (enum method other = 0; other < METHODS; other++) {
		const char *words = method_info(other)->capabilities;

		for (const char *w = words; *w; w += strcspn(w, " "), w += *w == ' ') {
			char word[64];

			snprintf(word, sizeof(word), "%.*s", (int)strcspn(w, " "), w);
			if (has_capability(m, word))
				json_array_append_new(list,
						      json_pack("{s:s, s:b}", "capability", word,
								"state", listed(caps, word)));
		}
	}
	for (unsigned i = 0; i < ARRAY_SIZE(numbers); i++)
		if (json_object_get(m->parameters, numbers[i].name))
			json_object_set_new(parameters, numbers[i].name,
					    json_integer(numbers[i].value));
	if (json_object_get(m->parameters, "direct-io"))
		json_object_set_new(parameters, "direct-io",
				    json_boolean(m->method == METHOD_MAPPED_RAM_DIRECT));
	if (json_object_get(m->parameters, "mode"))
		json_object_set_new(parameters, "mode", json_string(mode_of(m->method)));
	ret = qemu_command(q, p, "migrate-set-capabilities",
			   json_pack("{s:o}", "capabilities", list), -1, NULL);
	if (ret)
		json_decref(parameters);
	else
		ret = qemu_command(q, p, "migrate-set-parameters", parameters, -1, NULL);
	return ret;
}

/* ---- jobs and the qcow2 file -------------------------------------------------------------- */

/* Runs a command that is a job, and waits for its end. @args is taken over. */
static int job(struct qemu *q, struct qemu_process *p, const char *name, json_t *args)
{
	int64_t until = now_ns() + q->deadline_ns;
	int ret;

	json_object_set_new(args, "job-id", json_string(TAG));
	ret = qemu_command(q, p, name, args, -1, NULL);
	while (!ret) {
		json_t *jobs = NULL;
		const json_t *first;
		const char *status, *error;

		ret = qemu_command(q, p, "query-jobs", NULL, -1, &jobs);
		first = json_array_get(jobs, 0);
		status = json_string_value(json_object_get(first, "status"));
		error = json_string_value(json_object_get(first, "error"));
		if (!ret && error)
			err_set(q->config->err, "%s: %.900s", name, error);
		if (!ret && status && !strcmp(status, "concluded")) {
			ret = error ? VM_HARNESS : VM_OK;
			json_decref(jobs);
			if (ret)
				return ret;
			return qemu_command(q, p, "job-dismiss", json_pack("{s:s}", "id", TAG), -1,
					    NULL);
		}
		json_decref(jobs);
		if (!ret && now_ns() >= until) {
			err_set(q->config->err, "%s: no end", name);
			ret = VM_TIMEOUT;
		}
		if (!ret)
			ret = qemu_wait(q, now_ns() + POLL_NS);
	}
	return ret;
}

static int make_qcow2(struct qemu *q)
{
	struct qemu_process *p = q->now;
	char *file = path(q, QCOW2_FILE);
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
	free(file);
	return ret;
}

static json_t *snapshot_args(void)
{
	return json_pack("{s:s, s:s, s:[s]}", "tag", TAG, "vmstate", "snapshots", "devices",
			 "snapshots");
}

int qemu_back(struct qemu *q)
{
	return job(q, q->now, "snapshot-load", snapshot_args());
}

static int save_internal(struct qemu *q, struct saved_state *state)
{
	int ret = qemu_state(q, q->now, state);

	/* The same tag again: the older one goes first. */
	if (!ret && q->moves->saved)
		ret = job(q, q->now, "snapshot-delete",
			  json_pack("{s:s, s:[s]}", "tag", TAG, "devices", "snapshots"));
	if (!ret)
		ret = job(q, q->now, "snapshot-save", snapshot_args());
	q->moves->saved = 1;
	return ret;
}

static int restore_internal(struct qemu *q)
{
	char *file = path(q, QCOW2_FILE), *text;
	json_t *node = json_pack("{s:s, s:s, s:{s:s, s:s}}", "driver", "qcow2", "node-name",
				 "snapshots", "file", "driver", "file", "filename", file);
	const char *extra[] = {"-blockdev", NULL, "-loadvm", TAG, "-S", NULL};
	int ret;

	text = json_dumps(node, JSON_COMPACT);
	extra[1] = text;
	ret = qemu_launch(q, q->now, extra);
	json_decref(node);
	free(text);
	free(file);
	return ret;
}

/* ---- the end of a migration --------------------------------------------------------------- */

static bool over(const struct qemu_process *p)
{
	return !p->pid || !strcmp(p->migration, "completed") || !strcmp(p->migration, "failed") ||
	       !strcmp(p->migration, "cancelled");
}

static bool now_over(const struct qemu *q)
{
	return q->save_fd < 0 && over(q->now);
}

static bool both_over(const struct qemu *q)
{
	return over(q->now) && (over(q->next) || strcmp(q->now->migration, "completed"));
}

/* What @p says of its migration goes into the record and, if it failed, into @why. */
static int account(struct qemu *q, struct qemu_process *p, char *why, size_t size)
{
	struct move_record *r = &q->moves->record;
	json_t *value = NULL, *ram;
	const char *text;
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
	text = json_string_value(json_object_get(value, "error-desc"));
	snprintf(why, size, "%s%s%s", p->migration, text ? ": " : "", text ? text : "");
	json_decref(value);
	return ret;
}

/* The migration out of or into @p has ended: well, or with QEMU's words. */
static int judge_end(struct qemu *q, struct qemu_process *p, const char *what)
{
	char why[512];
	int ret;

	if (p->pid && !strcmp(p->migration, "completed"))
		return p == q->now ? account(q, p, why, sizeof(why)) : VM_OK;
	if (!p->pid) {
		err_set(q->config->err, "%s: %.200s: %.600s", what, p->end.text,
			buf_text(&p->messages));
		return VM_HARNESS;
	}
	ret = account(q, p, why, sizeof(why));
	if (!ret) {
		err_set(q->config->err, "%s: %.700s", what, why);
		ret = VM_HARNESS;
	}
	return ret;
}

/* ---- files and pipes ---------------------------------------------------------------------- */

/* Hands QEMU one end of a new pipe under the name `snapshot`; *@ours is the other one. */
static int pass_pipe(struct qemu *q, int theirs, int *ours)
{
	int fds[2], ret;

	if (pipe2(fds, O_CLOEXEC)) {
		err_set(q->config->err, "pipe: %s", strerror(errno));
		return VM_HARNESS;
	}
	ret = qemu_command(q, q->now, "getfd", json_pack("{s:s}", "fdname", "snapshot"),
			   fds[theirs], NULL);
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

/* Hands QEMU the file or device @name as `snapshot`. */
static int pass_file(struct qemu *q, const char *name, int flags)
{
	int fd = open(name, flags | O_CLOEXEC, 0600), ret;

	if (fd < 0) {
		err_set(q->config->err, "cannot open %s: %s", name, strerror(errno));
		return VM_HARNESS;
	}
	ret = qemu_command(q, q->now, "getfd", json_pack("{s:s}", "fdname", "snapshot"), fd, NULL);
	close(fd);
	return ret;
}

static int save_pipe(struct qemu *q, struct buf *snapshot, struct saved_state *state)
{
	int ret = pass_pipe(q, 1, &q->save_fd);

	if (ret)
		return ret;
	snapshot->len = 0;
	q->save_to = snapshot;
	q->now->migration[0] = '\0';
	ret = qemu_command(q, q->now, "migrate", json_pack("{s:s}", "uri", "fd:snapshot"), -1,
			   NULL);
	if (!ret)
		ret = qemu_wait_until(q, now_over, "snapshot");
	if (q->save_fd >= 0)
		close(q->save_fd);
	q->save_fd = -1;
	if (!ret)
		ret = judge_end(q, q->now, "snapshot");
	if (!ret && qemu_stream_parse(snapshot->p, snapshot->len, 0, state, q->config->err))
		ret = VM_HARNESS;
	return ret;
}

/*
 * Reads the file @name, holes left out: mapped-ram makes a large one, and what is looked for lies
 * in one piece. With @copy also makes a copy of that name, with the same holes.
 */
static int read_file(struct qemu *q, const char *name, struct buf *b, const char *copy)
{
	char *p = path(q, name), *to = copy ? path(q, copy) : NULL;
	int fd = open(p, O_RDONLY | O_CLOEXEC);
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
	if (!ok)
		err_set(q->config->err, "cannot read %s%s%s: %s", p, to ? " and copy it to " : "",
			to ? to : "", strerror(errno));
	if (fd >= 0)
		close(fd);
	if (out >= 0 && close(out))
		ok = false;
	free(p);
	free(to);
	return ok ? VM_OK : VM_HARNESS;
}

/*
 * `migrate` or `migrate-incoming` with the file or device @name. A QEMU that knows no file: (before
 * 8.2) gets it as a descriptor.
 */
static int file_command(struct qemu *q, const char *command, const char *name, bool writes)
{
	char *uri = xasprintf("file:%s", name);
	int ret;

	q->now->migration[0] = '\0';
	ret = qemu_command(q, q->now, command, json_pack("{s:s}", "uri", uri), -1, NULL);
	if (ret == VM_HARNESS && strstr(q->config->err->text, "migration protocol")) {
		q->now->migration[0] = '\0'; /* its event of a failed migration came before */
		ret = pass_file(q, name, writes ? O_WRONLY | O_CREAT | O_TRUNC : O_RDONLY);
		if (!ret)
			ret = qemu_command(q, q->now, command,
					   json_pack("{s:s}", "uri", "fd:snapshot"), -1, NULL);
	}
	free(uri);
	return ret;
}

/* Saves into the file; with @state, reads there what the vCPU's state was. */
static int save_file(struct qemu *q, struct saved_state *state)
{
	struct buf stream = {0};
	char *file = path(q, SAVED_FILE);
	int ret;

	unlink(file);
	ret = file_command(q, "migrate", file, true);
	free(file);
	if (!ret)
		ret = qemu_wait_until(q, now_over, "snapshot");
	if (!ret)
		ret = judge_end(q, q->now, "snapshot");
	if (!ret)
		ret = read_file(q, SAVED_FILE, &stream, NULL);
	if (!ret && qemu_stream_parse(stream.p, stream.len, 0, state, q->config->err))
		ret = VM_HARNESS;
	q->moves->saved = ret ? 0 : stream.len;
	buf_free(&stream);
	return ret;
}

/* The stream must survive a copy, so it is a copy that is restored. The file stays until then. */
static int restore_file(struct qemu *q)
{
	struct buf stream = {0};
	int ret = read_file(q, SAVED_FILE, &stream, COPY_FILE);
	char *copy;

	buf_free(&stream);
	copy = path(q, COPY_FILE);
	if (!ret)
		ret = file_command(q, "migrate-incoming", copy, false);
	free(copy);
	if (!ret)
		ret = qemu_wait_until(q, now_over, "restore");
	if (!ret)
		ret = judge_end(q, q->now, "restore");
	remove_file(q, COPY_FILE);
	return ret;
}

static int restore_pipe(struct qemu *q, const struct buf *snapshot)
{
	int ret = pass_pipe(q, 0, &q->load_fd);

	if (ret)
		return ret;
	q->load_from = snapshot;
	q->loaded = 0;
	q->now->migration[0] = '\0';
	ret = qemu_command(q, q->now, "migrate-incoming", json_pack("{s:s}", "uri", "fd:snapshot"),
			   -1, NULL);
	if (!ret)
		ret = qemu_wait_until(q, now_over, "restore");
	if (q->load_fd >= 0)
		close(q->load_fd);
	q->load_fd = -1;
	return ret ? ret : judge_end(q, q->now, "restore");
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

/* QEMU must refuse the damaged copy; its words go into the record. */
static int refuse_damaged(struct qemu *q, const struct buf *snapshot)
{
	const char *extra[] = {"-incoming", "defer", "-S", NULL};
	struct buf copy = {0};
	int ret;

	buf_append(&copy, snapshot->p, snapshot->len);
	random_next(&q->moves->random); /* each hop another damage */
	damage(q->moves, &copy);
	ret = restore_pipe(q, &copy);
	if (ret == VM_OK) {
		err_set(q->config->err, "QEMU took a damaged stream for a good one");
		ret = VM_REFUSED;
	} else if (ret == VM_HARNESS || ret == VM_ENDED) {
		char *words = q->now->messages.len ? q->now->messages.p : q->config->err->text;
		char *last;

		/* What it ends with counts; warnings may stand before it. */
		while ((last = strrchr(words, '\n')) && !last[1])
			*last = '\0';
		snprintf(q->moves->record.said, sizeof(q->moves->record.said), "%.250s",
			 last ? last + 1 : words);
		qemu_kill(q->now);
		q->now->messages.len = 0; /* said on purpose: nobody's trouble */
		ret = qemu_launch(q, q->now, extra);
	}
	buf_free(&copy);
	return ret;
}

int qemu_save(struct qemu *q, struct buf *snapshot, struct saved_state *state)
{
	struct qemu_moves *m = q->moves;
	int ret = qemu_settle(q);

	m->record = nothing_said;
	m->restored = false;
	m->saved = m->method == METHOD_SAVEVM ? m->saved : 0;
	snapshot->len = 0; /* a file is not in memory */
	if (ret)
		return ret;
	switch (m->method) {
	case METHOD_FILE:
	case METHOD_MAPPED_RAM:
	case METHOD_MAPPED_RAM_MULTIFD:
	case METHOD_MAPPED_RAM_DIRECT:
	case METHOD_CPR_REBOOT:
		return save_file(q, state);
	case METHOD_SAVEVM:
		return save_internal(q, state);
	default:
		return save_pipe(q, snapshot, state);
	}
}

int qemu_restore(struct qemu *q, const struct buf *snapshot)
{
	const char *extra[] = {"-incoming", "defer", "-S", NULL};
	struct qemu_moves *m = q->moves;
	const struct move_record record = m->record;
	int ret;

	if (m->method == METHOD_SAVEVM) {
		ret = restore_internal(q);
		m->restored = !ret;
		return ret;
	}
	ret = qemu_launch(q, q->now, extra);
	if (!ret && m->capabilities)
		ret = configure(q, q->now);
	if (!ret && m->method == METHOD_CORRUPTED) {
		ret = refuse_damaged(q, snapshot);
		if (!ret)
			ret = configure(q, q->now);
	}
	if (!ret)
		ret = snapshot->len ? restore_pipe(q, snapshot) : restore_file(q);
	m->restored = !ret;
	m->record.total_ns = record.total_ns;
	m->record.downtime_ns = record.downtime_ns;
	m->record.bytes = record.bytes;
	m->record.rounds = record.rounds;
	return ret;
}

size_t qemu_kept(struct qemu *q, struct buf *file)
{
	/* One with each page at its place would be large, and has holes that a copy fills. */
	if (file && q->moves->saved > 1 &&
	    !listed(method_info(q->moves->method)->capabilities, "mapped-ram"))
		read_file(q, SAVED_FILE, file, NULL);
	return q->moves->saved;
}

/* ---- live --------------------------------------------------------------------------------- */

static char *socket_path(const struct qemu *q, const char *name)
{
	return xasprintf("%s/%s", q->moves->sockets, name);
}

static int start_relay(struct qemu *q, uint64_t hold_at)
{
	char *from = socket_path(q, "from.sock"), *to = socket_path(q, "to.sock");
	const struct relay_config config = {.listen = from,
					    .connect = to,
					    .record_cap = STREAM_CAP,
					    .hold_at = hold_at,
					    .names = q->config->names};

	end_relay(q->moves);
	q->moves->relay = relay_start(&config, q->config->err);
	free(from);
	free(to);
	return q->moves->relay ? VM_OK : VM_HARNESS;
}

/* Starts the destination, which listens. */
static int start_destination(struct qemu *q)
{
	const char *extra[] = {"-incoming", "defer", "-S", NULL};
	char *to = socket_path(q, "to.sock"), *uri = xasprintf("unix:%s", to);
	int ret = qemu_launch(q, q->next, extra);

	if (!ret)
		ret = configure(q, q->next);
	unlink(to);
	if (!ret)
		ret = qemu_command(q, q->next, "migrate-incoming", json_pack("{s:s}", "uri", uri),
				   -1, NULL);
	free(uri);
	free(to);
	return ret;
}

static int start_migration(struct qemu *q)
{
	char *from = socket_path(q, "from.sock"), *uri = xasprintf("unix:%s", from);
	int ret;

	q->now->migration[0] = '\0';
	q->now->may_stop = true;
	ret = qemu_command(q, q->now, "migrate", json_pack("{s:s}", "uri", uri), -1, NULL);
	free(uri);
	free(from);
	return ret;
}

/* The VM has a new process; the old one has said all that it will. */
static void hand_over(struct qemu *q)
{
	qemu_drain_serial(q->now);
	qemu_swap(q);
	qemu_kill(q->next);
	q->now->may_stop = true; /* it stands still */
}

/* Lets the migration take its rounds, then gives it all the bandwidth there is. */
static int take_rounds(struct qemu *q)
{
	int64_t until = now_ns() + SLOW_NS;
	char why[512];
	int ret = VM_OK;

	while (!ret && !over(q->now) && now_ns() < until && q->moves->record.rounds < SLOW_ROUNDS) {
		ret = qemu_wait(q, now_ns() + POLL_NS);
		if (!ret && !over(q->now))
			ret = account(q, q->now, why, sizeof(why));
	}
	if (!ret && !over(q->now))
		ret = qemu_command(q, q->now, "migrate-set-parameters",
				   json_pack("{s:I, s:i}", "max-bandwidth", (json_int_t)1 << 30,
					     "downtime-limit", 300),
				   -1, NULL);
	return ret;
}

static int move_precopy(struct qemu *q, struct saved_state *state)
{
	struct qemu_moves *m = q->moves;
	struct buf stream = {0};
	int ret = start_migration(q);

	if (!ret)
		ret = take_rounds(q);
	if (!ret)
		ret = qemu_wait_until(q, both_over, "migration");
	if (!ret)
		ret = judge_end(q, q->now, "migration, at the source");
	if (!ret)
		ret = judge_end(q, q->next, "migration, at the destination");
	if (ret)
		return ret;
	relay_stream(m->relay, &stream);
	end_relay(m);
	if (qemu_stream_parse(stream.p, stream.len, 0, state, q->config->err))
		ret = VM_HARNESS;
	buf_free(&stream);
	hand_over(q);
	return ret;
}

static bool demanding(const struct qemu *q)
{
	return (q->now->stopped && !strcmp(q->next->migration, "postcopy-active")) ||
	       over(q->now) || over(q->next);
}

/* The VM stands still at the destination, whose memory is still at the source. */
static int move_postcopy(struct qemu *q, struct saved_state *state)
{
	int ret = start_migration(q);

	if (!ret)
		ret = qemu_command(q, q->now, "migrate-start-postcopy", NULL, -1, NULL);
	if (!ret)
		ret = qemu_wait_until(q, demanding, "switch to post-copy");
	if (!ret && (over(q->next) || (over(q->now) && strcmp(q->now->migration, "completed"))))
		ret = judge_end(q, over(q->next) ? q->next : q->now, "post-copy");
	if (!ret)
		ret = qemu_state(q, q->now, state);
	if (ret)
		return ret;
	qemu_drain_serial(q->now);
	qemu_swap(q);
	q->now->may_stop = true;
	q->moves->settling = true;
	return VM_OK;
}

int qemu_settle(struct qemu *q)
{
	struct qemu_moves *m = q->moves;
	char why[512];
	int ret;

	if (!m->settling)
		return VM_OK;
	m->settling = false;
	ret = set_parameter(q, q->next, "max-postcopy-bandwidth", json_integer(0));
	while (!ret && !(over(q->next) && over(q->now)))
		ret = qemu_wait_until(q, both_over, "post-copy's end");
	if (!ret)
		ret = judge_end(q, q->now, "post-copy, at the destination");
	if (!ret)
		ret = account(q, q->next, why, sizeof(why));
	if (!ret && strcmp(q->next->migration, "completed")) {
		err_set(q->config->err, "post-copy, at the source: %.700s", why);
		ret = VM_HARNESS;
	}
	end_relay(m);
	qemu_kill(q->next);
	return ret;
}

/* cpr-transfer: the new QEMU waits for the old one before it can talk. */
static int move_cpr(struct qemu *q, struct saved_state *state)
{
	char *to = socket_path(q, "to.sock"), *cpr = socket_path(q, "cpr.sock");
	char *uri = xasprintf("unix:%s", to);
	json_t *address = json_pack("{s:s, s:{s:s, s:s, s:s}}", "channel-type", "cpr", "addr",
				    "transport", "socket", "type", "unix", "path", cpr);
	json_t *address_main = json_pack("{s:s, s:{s:s, s:s, s:s}}", "channel-type", "main", "addr",
					 "transport", "socket", "type", "unix", "path", to);
	char *text = json_dumps(address, JSON_COMPACT);
	const char *extra[] = {"-incoming",
			       uri,
			       "-incoming",
			       text,
			       "-S",
			       "-machine",
			       "aux-ram-share=on,memory-backend=ram0",
			       "-object",
			       NULL,
			       NULL};
	char *object =
		xasprintf("memory-backend-memfd,id=ram0,size=%uM,share=on", q->config->memory_mib);
	int64_t until = now_ns() + q->deadline_ns;
	int ret;

	extra[8] = object;
	unlink(to);
	unlink(cpr);
	ret = qemu_spawn(q, q->next, extra);
	while (!ret && access(cpr, F_OK) && q->next->pid && now_ns() < until)
		ret = qemu_wait(q, now_ns() + POLL_NS);
	q->now->migration[0] = '\0';
	q->now->may_stop = true;
	if (!ret)
		ret = qemu_command(q, q->now, "migrate",
				   json_pack("{s:[O, O]}", "channels", address_main, address), -1,
				   NULL);
	while (!ret && q->next->pid && !q->next->qmp.greeted && now_ns() < until)
		ret = qemu_wait(q, until);
	if (!ret)
		ret = qemu_command(q, q->next, "qmp_capabilities", NULL, -1, NULL);
	if (!ret)
		ret = qemu_wait_until(q, now_over, "cpr-transfer");
	if (!ret)
		ret = judge_end(q, q->now, "cpr-transfer, at the source");
	if (!ret)
		ret = qemu_state(q, q->now, state);
	while (!ret && now_ns() < until) {
		char status[64];

		ret = qemu_ask_string(q, q->next, "query-status", "status", status, sizeof(status));
		if (ret || strcmp(status, "inmigrate"))
			break;
		ret = qemu_wait(q, now_ns() + POLL_NS);
	}
	json_decref(address);
	json_decref(address_main);
	free(text);
	free(object);
	free(uri);
	free(to);
	free(cpr);
	if (!ret)
		hand_over(q);
	return ret;
}

const char *const *qemu_moves_extra(struct qemu *q)
{
	static char object[80];
	static const char *const extra[] = {"-machine", "aux-ram-share=on,memory-backend=ram0",
					    "-object", object, NULL};

	if (q->config->method != METHOD_CPR_TRANSFER)
		return NULL;
	snprintf(object, sizeof(object), "memory-backend-memfd,id=ram0,size=%uM,share=on",
		 q->config->memory_mib);
	return extra;
}

int qemu_moves_started(struct qemu *q)
{
	return q->config->method == METHOD_SAVEVM ? make_qcow2(q) : VM_OK;
}

/* ---- moves that fail ---------------------------------------------------------------------- */

/* The failed or cancelled migration has left the VM where it was, and it runs. */
static int still_here(struct qemu *q, const char *expected)
{
	struct move_record *r = &q->moves->record;
	char status[64];
	int ret = qemu_wait_until(q, now_over, "the end of the migration");

	if (!ret)
		ret = account(q, q->now, r->said, sizeof(r->said));
	if (!ret && strcmp(q->now->migration, expected)) {
		err_set(q->config->err, "the migration was to end as %s: %.200s", expected,
			r->said);
		return VM_HARNESS;
	}
	if (!ret)
		ret = qemu_ask_string(q, q->now, "query-status", "status", status, sizeof(status));
	if (!ret && strcmp(status, "running")) {
		err_set(q->config->err, "after the migration had ended as %s the VM is %s",
			expected, status);
		return VM_HARNESS;
	}
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
		if (over(q->now) || over(q->next))
			return judge_end(q, over(q->next) ? q->next : q->now, "migration");
		if (now_ns() >= until) {
			err_set(q->config->err, "the migration does not get under way");
			return VM_TIMEOUT;
		}
		ret = qemu_wait(q, now_ns() + POLL_NS);
	}
}

static int move_broken(struct qemu *q, struct saved_state *state)
{
	struct qemu_moves *m = q->moves;
	const bool cancel = m->method == METHOD_CANCELLED;
	int ret = start_migration(q);

	if (!ret)
		ret = wait_held(q);
	if (!ret)
		ret = qemu_state(q, q->now, state);
	if (!ret && cancel)
		ret = qemu_command(q, q->now, "migrate_cancel", NULL, -1, NULL);
	if (!ret) {
		if (!cancel)
			qemu_kill(q->next);
		relay_cut(m->relay);
		ret = still_here(q, cancel ? "cancelled" : "failed");
	}
	end_relay(m);
	qemu_kill(q->next);
	q->next->messages.len = 0; /* of a QEMU that was ended on purpose */
	return ret;
}

/* A disk that is full after some bytes: QEMU gets EFBIG (SIGXFSZ is ignored, qemu_process.c). */
static int move_disk_full(struct qemu *q, struct saved_state *state)
{
	const struct rlimit full = {1 + q->moves->random % FULL_SPREAD, RLIM_INFINITY};
	const struct rlimit empty = {RLIM_INFINITY, RLIM_INFINITY};
	char *file = path(q, SAVED_FILE);
	int ret = qemu_state(q, q->now, state);

	q->now->may_stop = true;
	if (!ret && prlimit(q->now->pid, RLIMIT_FSIZE, &full, NULL)) {
		err_set(q->config->err, "prlimit: %s", strerror(errno));
		ret = VM_HARNESS;
	}
	if (!ret)
		ret = file_command(q, "migrate", file, true);
	if (!ret)
		ret = still_here(q, "failed");
	if (q->now->pid)
		prlimit(q->now->pid, RLIMIT_FSIZE, &empty, NULL);
	unlink(file);
	free(file);
	return ret;
}

/* A snapshot in the background; the VM goes on. */
static int fork_off(struct qemu *q, struct saved_state *state)
{
	int ret;

	q->now->may_stop = true; /* for a moment, while the devices are saved */
	ret = save_file(q, state);
	if (!ret && q->now->stopped) {
		err_set(q->config->err, "the VM does not go on behind the background snapshot");
		ret = VM_HARNESS;
	}
	q->now->may_stop = false;
	return ret;
}

/* ---- the driver's calls ------------------------------------------------------------------- */

int qemu_use(struct qemu *q, enum method method, uint64_t random)
{
	struct qemu_moves *m = q->moves;
	const enum method_kind kind = method_info(method)->kind;
	int ret = qemu_settle(q);

	m->method = method;
	m->random = random;
	if (!ret)
		ret = check_offer(q);
	if (!ret)
		ret = configure(q, q->now);
	if (ret || method == METHOD_CPR_TRANSFER ||
	    (kind != KIND_LIVE && method != METHOD_KILLED && method != METHOD_CANCELLED))
		return ret;
	ret = start_destination(q);
	if (!ret)
		ret = start_relay(q, kind == KIND_STAY ? 1 + random % HOLD_SPREAD : 0);
	return ret;
}

int qemu_move(struct qemu *q, struct saved_state *state)
{
	q->moves->record = nothing_said;
	switch (q->moves->method) {
	case METHOD_CPR_TRANSFER:
		return move_cpr(q, state);
	case METHOD_POSTCOPY:
	case METHOD_POSTCOPY_PREEMPT:
		return move_postcopy(q, state);
	case METHOD_KILLED:
	case METHOD_CANCELLED:
		return move_broken(q, state);
	case METHOD_DISK_FULL:
		return move_disk_full(q, state);
	case METHOD_BACKGROUND:
		return fork_off(q, state);
	default:
		return move_precopy(q, state);
	}
}

static bool is_reset(const struct qemu *q)
{
	return q->now->was_reset;
}

int qemu_reset(struct qemu *q)
{
	struct qemu_process *p = q->now;
	int ret;

	/*
	 * SeaBIOS answers a reset by one of its own, so QEMU is not to end at the next one either.
	 * A guest that resets itself is seen by its log, which begins again.
	 */
	ret = qemu_command(q, p, "set-action", json_pack("{s:s}", "reboot", "reset"), -1, NULL);
	if (ret == VM_HARNESS)
		return lacks(q, q->config->err->text);
	p->was_reset = false;
	if (!ret)
		ret = qemu_command(q, p, "system_reset", NULL, -1, NULL);
	return ret ? ret : qemu_wait_until(q, is_reset, "reset");
}

void qemu_moved(struct qemu *q, struct move_record *record)
{
	*record = q->moves->record;
}

unsigned qemu_fetches(struct qemu *q, struct fetch **list)
{
	struct qemu_moves *m = q->moves;
	unsigned count;

	/* The VM may have ended before post-copy did. */
	if (m->settling)
		end_relay(m);
	*list = m->fetches ? m->fetch : NULL;
	if (!m->fetches)
		free(m->fetch);
	count = m->fetches;
	m->fetch = NULL;
	m->fetches = 0;
	return count;
}
