// SPDX-License-Identifier: BSD-2-Clause
// A QEMU process with its sockets. They are inherited, so nothing listens anywhere; and the kernel
// kills QEMU when the runner dies in whatever way.
#include "host/qemu_process.h"
#include "host/qemu_args.h"
#include "host/signals.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define MESSAGES_CAP  (1u << 20)	 /* bytes of stderr kept */
#define LAST_WORDS_NS (5000 * NS_PER_MS) /* from QMP's end to the process's end */

static void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

static void on_qmp_event(void *arg, const char *name, const json_t *data)
{
	const char *reason = json_string_value(json_object_get(data, "reason"));
	const char *status = json_string_value(json_object_get(data, "status"));
	struct qemu *q = arg;

	if (!strcmp(name, "SHUTDOWN"))
		snprintf(q->shutdown, sizeof(q->shutdown), "%s", reason ? reason : "unknown");
	else if (!strcmp(name, "MIGRATION"))
		snprintf(q->migration, sizeof(q->migration), "%s", status ? status : "");
	else if (!strcmp(name, "STOP") && !q->may_stop)
		q->stopped_by_itself = true;
}

/* In the child: never returns. Only calls that are allowed between fork and exec. */
static void __attribute__((noreturn)) child(pid_t parent, char **args, const char *dir, int err_fd)
{
	static const char failed[] = "midflight: cannot start QEMU: ";
	int null = open("/dev/null", O_RDONLY);
	const char *why;

	setpgid(0, 0);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(127);
	signals_restore();
	if (null >= 0 && dup2(null, 0) == 0 && dup2(err_fd, 1) == 1 && dup2(err_fd, 2) == 2 &&
	    !chdir(dir))
		execvp(args[0], args);
	why = strerrordesc_np(errno);
	if (write(2, failed, sizeof(failed) - 1) < 0 || write(2, why, strlen(why)) < 0 ||
	    write(2, "\n", 1) < 0)
		_exit(126);
	_exit(127);
}

int qemu_spawn(struct qemu *q, bool incoming)
{
	int serial[2] = {-1, -1}, qmp[2] = {-1, -1}, err[2] = {-1, -1};
	char **args, *dir;
	pid_t parent = getpid();

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, serial) ||
	    socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, qmp) || pipe2(err, O_CLOEXEC) ||
	    fcntl(serial[1], F_SETFD, 0) || fcntl(qmp[1], F_SETFD, 0)) {
		err_set(q->config->err, "cannot make sockets for QEMU: %s", strerror(errno));
		goto fail;
	}
	args = qemu_args(q->config, serial[1], qmp[1], incoming);
	dir = qemu_args_dir(q->config);
	q->pid = fork();
	if (!q->pid)
		child(parent, args, dir, err[1]);
	qemu_args_free(args);
	free(dir);
	if (q->pid < 0) {
		q->pid = 0;
		err_set(q->config->err, "cannot fork: %s", strerror(errno));
		goto fail;
	}
	close(serial[1]);
	close(qmp[1]);
	close(err[1]);
	q->serial_fd = serial[0];
	q->stderr_fd = err[0];
	q->messages_before = q->messages.len;
	q->shutdown[0] = q->migration[0] = '\0';
	q->may_stop = q->stopped_by_itself = q->quitting = false;
	q->qmp.on_event = on_qmp_event;
	q->qmp.arg = q;
	qmp_open(&q->qmp, qmp[0], ++q->incarnation);
	return VM_OK;
fail:
	for (int i = 0; i < 2; i++) {
		close_fd(&serial[i]);
		close_fd(&qmp[i]);
		close_fd(&err[i]);
	}
	return VM_HARNESS;
}

static void take_serial(struct qemu *q)
{
	char bytes[4096];
	ssize_t n = read(q->serial_fd, bytes, sizeof(bytes));

	if (n > 0)
		q->config->on_serial(q->config->arg, bytes, (size_t)n);
	else if (!(n < 0 && errno == EINTR))
		close_fd(&q->serial_fd);
}

static void take_stderr(struct qemu *q)
{
	char bytes[4096];
	ssize_t n = read(q->stderr_fd, bytes, sizeof(bytes));

	if (n > 0) {
		if (q->messages.len < MESSAGES_CAP)
			buf_append(&q->messages, bytes, (size_t)n);
		if (q->stderr_log) {
			fwrite(bytes, 1, (size_t)n, q->stderr_log);
			fflush(q->stderr_log);
		}
	} else if (!(n < 0 && errno == EINTR)) {
		close_fd(&q->stderr_fd);
	}
}

static int take_snapshot(struct qemu *q)
{
	size_t cap = ((size_t)q->config->memory_mib * 2 + 64) << 20;
	char bytes[65536];
	ssize_t n = read(q->save_fd, bytes, sizeof(bytes));

	if (n > 0)
		buf_append(q->save_to, bytes, (size_t)n);
	else if (!(n < 0 && (errno == EINTR || errno == EAGAIN)))
		close_fd(&q->save_fd);
	if (q->save_to->len > cap) {
		err_set(q->config->err, "the snapshot is larger than %zu MiB", cap >> 20);
		return VM_HARNESS;
	}
	return VM_OK;
}

static void give_snapshot(struct qemu *q)
{
	ssize_t n = write(q->load_fd, q->load_from->p + q->loaded, q->load_from->len - q->loaded);

	if (n > 0)
		q->loaded += (size_t)n;
	/* If QEMU has closed it, QMP will say why. */
	if ((n < 0 && errno != EINTR && errno != EAGAIN) || q->loaded == q->load_from->len)
		close_fd(&q->load_fd);
}

/* QEMU warns of harmless things; anything else on stderr is a reason to distrust its end. */
static bool only_warnings(const char *text)
{
	while (*text) {
		size_t len = strcspn(text, "\n");

		if (len && !memmem(text, len, "warning:", 8))
			return false;
		text += len + (text[len] == '\n');
	}
	return true;
}

static void tell_end(struct qemu *q, int status)
{
	const char *words = buf_text(&q->messages) + q->messages_before;
	struct vm_end *end = &q->end;

	end->how = END_CRASH;
	if (WIFSIGNALED(status)) {
		snprintf(end->text, sizeof(end->text), "QEMU was killed by signal %d (%s)",
			 WTERMSIG(status), strsignal(WTERMSIG(status)));
		return;
	}
	snprintf(end->text, sizeof(end->text), "QEMU exited with status %d%s%s",
		 WEXITSTATUS(status), *q->shutdown ? ", reason " : "", q->shutdown);
	/*
	 * isa-debug-exit makes the status (value << 1) | 1, whatever reason comes on top of it: a
	 * new QEMU takes its time, and the guest goes on to power-off and reset.
	 */
	if (!strcmp(q->shutdown, "guest-shutdown") || !strcmp(q->shutdown, "host-qmp-quit"))
		end->how = END_ORDERLY;
	else if (!strcmp(q->shutdown, "guest-reset"))
		end->how = WEXITSTATUS(status) & 1 ? END_ORDERLY : END_RESET;
	else if (!*q->shutdown && (WEXITSTATUS(status) & 1) && only_warnings(words))
		end->how = END_ORDERLY;
}

/* QMP is closed: takes the last words, then the exit status. */
static void reap(struct qemu *q)
{
	int64_t until = now_ns() + LAST_WORDS_NS;
	int status = 0;

	qmp_close(&q->qmp);
	close_fd(&q->load_fd);
	while (q->serial_fd >= 0 || q->stderr_fd >= 0) {
		struct pollfd fds[] = {{.fd = q->serial_fd, .events = POLLIN},
				       {.fd = q->stderr_fd, .events = POLLIN}};
		int n = poll(fds, 2, poll_ms(until));

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			break;
		if (fds[0].revents)
			take_serial(q);
		if (fds[1].revents)
			take_stderr(q);
	}
	if (now_ns() >= until)
		kill(q->pid, SIGKILL);
	while (waitpid(q->pid, &status, 0) < 0 && errno == EINTR)
		;
	q->pid = 0;
	close_fd(&q->serial_fd);
	close_fd(&q->stderr_fd);
	tell_end(q, status);
}

int qemu_pump(struct qemu *q, int64_t until_ns)
{
	struct pollfd fds[] = {
		{.fd = signals_fd(), .events = POLLIN}, {.fd = q->serial_fd, .events = POLLIN},
		{.fd = q->stderr_fd, .events = POLLIN}, {.fd = q->save_fd, .events = POLLIN},
		{.fd = q->load_fd, .events = POLLOUT},	{.fd = q->qmp.fd, .events = POLLIN},
	};
	int n;

	if (!q->pid)
		return VM_ENDED;
	n = poll(fds, ARRAY_SIZE(fds), poll_ms(until_ns));
	if (n < 0 && errno != EINTR) {
		err_set(q->config->err, "poll: %s", strerror(errno));
		return VM_HARNESS;
	}
	if (signals_pending()) {
		err_set(q->config->err, "interrupted");
		return VM_SIGNAL;
	}
	if (n <= 0)
		return VM_OK;
	if (fds[1].revents)
		take_serial(q);
	if (fds[2].revents)
		take_stderr(q);
	if (fds[3].revents && take_snapshot(q))
		return VM_HARNESS;
	if (fds[4].revents)
		give_snapshot(q);
	if (fds[5].revents) {
		n = qmp_receive(&q->qmp, q->config->err);
		if (n < 0)
			return VM_HARNESS;
		if (!n) {
			reap(q);
			return VM_ENDED;
		}
	}
	return VM_OK;
}

void qemu_kill(struct qemu *q)
{
	if (q->pid) {
		kill(q->pid, SIGKILL);
		while (waitpid(q->pid, NULL, 0) < 0 && errno == EINTR)
			;
		q->pid = 0;
	}
	qmp_close(&q->qmp);
	close_fd(&q->serial_fd);
	close_fd(&q->stderr_fd);
	close_fd(&q->save_fd);
	close_fd(&q->load_fd);
}
