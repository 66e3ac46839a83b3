// SPDX-License-Identifier: BSD-2-Clause
// QEMU's machine protocol on a socket. One line is one message.
#include "host/qemu/qmp.h"
#include "host/base/cleanup.h"
#include "host/base/json.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define MESSAGE_CAP (8u << 20)
#define SHORT_NS    (100 * NS_PER_MS) /* between two commands of one poll loop */

void qmp_open(struct qmp *q, int fd, unsigned incarnation)
{
	q->fd = fd;
	q->incarnation = incarnation;
	q->greeted = false;
	q->id = 0;
}

void qmp_close(struct qmp *q)
{
	close_fd(&q->fd);
	json_decref(q->reply);
	q->reply = NULL;
	buf_free(&q->in);
}

/* @message is logged as what it is, or as a string if it isn't JSON. */
static void log_message(struct qmp *q, const char *direction, json_t *message)
{
	json_auto_t *line = NULL;

	if (!q->log)
		return;
	line = json_pack("{s:f, s:i, s:s, s:O?}", "ms", (double)now_ns() / NS_PER_MS, "vm",
			 (int)q->incarnation, "dir", direction, "msg", message);
	if (line && !json_dumpf(line, q->log, JSON_COMPACT | JSON_PRESERVE_ORDER)) {
		fputc('\n', q->log);
		fflush(q->log);
	}
}

static int send_with_fd(int fd, const char *bytes, size_t len, int pass_fd)
{
	union {
		struct cmsghdr header;
		char space[CMSG_SPACE(sizeof(int))];
	} control;
	struct iovec iov = {.iov_base = (void *)bytes, .iov_len = len};
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};
	ssize_t n;

	if (pass_fd >= 0) {
		struct cmsghdr *c = &control.header;

		memset(&control, 0, sizeof(control));
		msg.msg_control = &control;
		msg.msg_controllen = sizeof(control);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(c), &pass_fd, sizeof(int));
	}
	n = TEMP_FAILURE_RETRY(sendmsg(fd, &msg, MSG_NOSIGNAL));
	return n < 0 ? -1 : write_all(fd, bytes + n, len - (size_t)n);
}

int qmp_send(struct qmp *q, const char *command, json_t *args, int pass_fd, struct err *e)
{
	json_auto_t *message = json_pack("{s:s, s:i, s:o*}", "execute", command, "id", (int)++q->id,
					 "arguments", args);
	auto_free char *text = json_dumps(message, JSON_COMPACT | JSON_PRESERVE_ORDER);

	if (!text)
		return err_set(e, "QMP %s: cannot build the message", command);
	json_decref(q->reply);
	q->reply = NULL;
	log_message(q, "out", message);
	snprintf(q->command, sizeof(q->command), "%s", command);
	q->sent_ns = now_ns();
	if (send_with_fd(q->fd, text, strlen(text), pass_fd) || write_all(q->fd, "\n", 1))
		return err_set(e, "QMP %s: cannot send: %s", command, strerror(errno));
	return 0;
}

static void record_event(const struct qmp *q, const char *name, const json_t *data)
{
	const char *status = json_string_value(json_object_get(data, "status"));

	timeline_instant(q->timeline, LANE_QMP, TIMELINE_QMP, "event %s%s%s (QEMU %u)", name,
			 status ? " " : "", status ? status : "", q->incarnation);
}

static void record_reply(const struct qmp *q)
{
	timeline_often(q->timeline, LANE_QMP, TIMELINE_QMP, q->sent_ns, now_ns(), SHORT_NS,
		       "%s (QEMU %u)%s", q->command, q->incarnation,
		       json_object_get(q->reply, "error") ? ": refused" : "");
}

/* NULL: it is no JSON. Properties of a CPU may be integers of 64 bits without a sign, which jansson
 * has not. */
static json_t *load(const char *text, size_t len)
{
	json_error_t error;
	json_t *message = json_loadb(text, len, 0, &error);

	if (message || json_error_code(&error) != json_error_numeric_overflow)
		return message;
	message = json_loadb(text, len, JSON_DECODE_INT_AS_REAL, &error);
	if (json_object_get(message, "id"))
		json_set(message, "id",
			 json_integer(
				 (json_int_t)json_number_value(json_object_get(message, "id"))));
	return message;
}

static int take_message(struct qmp *q, const char *text, size_t len, struct err *e)
{
	json_auto_t *message = load(text, len);
	const json_t *data = json_object_get(message, "data");
	const char *event = json_member(message, "event");

	if (!json_is_object(message))
		return err_set(e, "QMP: not a message: '%.*s'", (int)(len > 200 ? 200 : len), text);
	log_message(q, "in", message);
	if (event) {
		record_event(q, event, data);
		if (q->on_event)
			q->on_event(q->arg, event, data);
	} else if (json_object_get(message, "QMP")) {
		q->greeted = true;
	} else if (json_member_integer(message, "id") == (json_int_t)q->id) {
		json_decref(q->reply);
		q->reply = keep(message);
		record_reply(q);
	}
	return 0;
}

int qmp_receive(struct qmp *q, struct err *e)
{
	char bytes[16384], *newline;
	ssize_t n = read(q->fd, bytes, sizeof(bytes));
	size_t used = 0;
	int ret = 1;

	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return 1;
	if (n <= 0)
		return 0;
	buf_append(&q->in, bytes, (size_t)n);
	while (ret > 0 && (newline = memchr(q->in.p + used, '\n', q->in.len - used))) {
		size_t len = (size_t)(newline - q->in.p) - used;

		if (len && q->in.p[used + len - 1] == '\r')
			len--;
		if (len && take_message(q, q->in.p + used, len, e))
			ret = -1;
		used = (size_t)(newline - q->in.p) + 1;
	}
	memmove(q->in.p, q->in.p + used, q->in.len - used);
	q->in.len -= used;
	if (q->in.len > MESSAGE_CAP)
		ret = err_set(e, "QMP: message longer than %u bytes", MESSAGE_CAP);
	return ret;
}

int qmp_reply(struct qmp *q, json_t **value, struct err *e)
{
	json_auto_t *reply = keep(q->reply);
	const json_t *error = json_object_get(reply, "error");
	json_t *ret = error ? NULL : json_object_get(reply, "return");
	const char *text = json_member(error, "desc");

	if (!reply)
		return 0;
	if (value)
		*value = json_incref(ret);
	return ret ? 1 : err_set(e, "%s", text ? text : "a reply with neither return nor error");
}
