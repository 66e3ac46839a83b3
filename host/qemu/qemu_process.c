// SPDX-License-Identifier: BSD-2-Clause
// QEMU processes with their sockets. They are inherited, so nothing listens anywhere; and the
// kernel kills QEMU when the runner dies in whatever way.
#include "host/qemu/qemu_process.h"
#include "host/base/signals.h"

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

static void on_qmp_event(void *arg, const char *name, const json_t *data)
{
	const char *reason = json_string_value(json_object_get(data, "reason"));
	const char *status = json_string_value(json_object_get(data, "status"));
	struct qemu_process *p = arg;

	if (!strcmp(name, "SHUTDOWN")) {
		snprintf(p->shutdown, sizeof(p->shutdown), "%s", reason ? reason : "unknown");
	} else if (!strcmp(name, "MIGRATION")) {
		snprintf(p->migration, sizeof(p->migration), "%s", status ? status : "");
	} else if (!strcmp(name, "RESET")) {
		p->was_reset = true;
	} else if (!strcmp(name, "RESUME")) {
		p->stopped = false;
	} else if (!strcmp(name, "STOP")) {
		p->stopped = true;
		p->stopped_by_itself = !p->may_stop;
	}
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
	signal(SIGXFSZ, SIG_IGN); /* a full disk (method disk-full) is an error, no death */
	if (null >= 0 && dup2(null, 0) == 0 && dup2(err_fd, 1) == 1 && dup2(err_fd, 2) == 2 &&
	    !chdir(dir))
		execvp(args[0], args);
	why = strerrordesc_np(errno);
	if (write(2, failed, sizeof(failed) - 1) < 0 || write(2, why, strlen(why)) < 0 ||
	    write(2, "\n", 1) < 0)
		_exit(126);
	_exit(127);
}

int qemu_spawn(struct qemu *q, struct qemu_process *p, const char *const *extra)
{
	int serial[2] = {-1, -1}, qmp[2] = {-1, -1}, err[2] = {-1, -1};
	char **args, *dir;
	pid_t parent = getpid();

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, serial) ||
	    socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, qmp) || pipe2(err, O_CLOEXEC) ||
	    fcntl(serial[1], F_SETFD, 0) || fcntl(qmp[1], F_SETFD, 0) ||
	    fcntl(serial[0], F_SETFL, O_NONBLOCK)) {
		err_set(q->config->err, "cannot make sockets for QEMU: %s", strerror(errno));
		goto fail;
	}
	args = qemu_args(q, serial[1], qmp[1], extra);
	dir = qemu_args_dir(q->config);
	p->pid = fork();
	if (!p->pid)
		child(parent, args, dir, err[1]);
	qemu_args_free(args);
	free(dir);
	if (p->pid < 0) {
		p->pid = 0;
		err_set(q->config->err, "cannot fork: %s", strerror(errno));
		goto fail;
	}
	close(serial[1]);
	close(qmp[1]);
	close(err[1]);
	p->vm = q;
	p->serial_fd = serial[0];
	p->stderr_fd = err[0];
	buf_append(&q->messages, p->messages.p, p->messages.len);
	p->messages.len = 0;
	p->shutdown[0] = p->migration[0] = '\0';
	p->may_stop = p->stopped = p->stopped_by_itself = p->was_reset = p->was_to_fail = false;
	p->qmp.on_event = on_qmp_event;
	p->qmp.arg = p;
	qmp_open(&p->qmp, qmp[0], ++q->incarnation);
	p->qmp.log = q->qmp_log;
	return VM_OK;
fail:
	for (int i = 0; i < 2; i++) {
		close_fd(&serial[i]);
		close_fd(&qmp[i]);
		close_fd(&err[i]);
	}
	return VM_HARNESS;
}

/* False: nothing was there. */
static bool take_serial(struct qemu_process *p)
{
	const struct vm_config *config = p->vm->config;
	char bytes[4096];
	ssize_t n = read(p->serial_fd, bytes, sizeof(bytes));

	if (n > 0)
		config->on_serial(config->arg, bytes, (size_t)n);
	else if (!(n < 0 && (errno == EINTR || errno == EAGAIN)))
		close_fd(&p->serial_fd);
	return n > 0;
}

void qemu_drain_serial(struct qemu_process *p)
{
	while (p->serial_fd >= 0 && take_serial(p))
		;
}

static void take_stderr(struct qemu_process *p)
{
	struct qemu *q = p->vm;
	char bytes[4096];
	ssize_t n = read(p->stderr_fd, bytes, sizeof(bytes));

	if (n > 0) {
		if (q->messages.len + p->messages.len < MESSAGES_CAP)
			buf_append(&p->messages, bytes, (size_t)n);
		if (q->stderr_log) {
			fwrite(bytes, 1, (size_t)n, q->stderr_log);
			fflush(q->stderr_log);
		}
	} else if (!(n < 0 && errno == EINTR)) {
		close_fd(&p->stderr_fd);
	}
}

size_t qemu_stream_cap(const struct qemu *q)
{
	return ((size_t)q->config->memory_mib * 2 + 64) << 20;
}

static int take_snapshot(struct qemu *q)
{
	const size_t cap = qemu_stream_cap(q);
	char bytes[65536];
	ssize_t n = read(q->save_fd, bytes, sizeof(bytes));

	if (n > 0)
		buf_append(q->save_to, bytes, (size_t)n);
	else if (!(n < 0 && (errno == EINTR || errno == EAGAIN)))
		close_fd(&q->save_fd);
	if (q->save_to->len > cap)
		return err_set(q->config->err, "the snapshot is larger than %zu MiB", cap >> 20);
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

static void tell_end(struct qemu_process *p, int status)
{
	const char *words = buf_text(&p->messages);
	struct vm_end *end = &p->end;

	end->how = END_CRASH;
	end->code = -1;
	if (WIFSIGNALED(status)) {
		snprintf(end->text, sizeof(end->text), "QEMU was killed by signal %d (%s)",
			 WTERMSIG(status), strsignal(WTERMSIG(status)));
		return;
	}
	snprintf(end->text, sizeof(end->text), "QEMU exited with status %d%s%s",
		 WEXITSTATUS(status), *p->shutdown ? ", reason " : "", p->shutdown);
	/*
	 * isa-debug-exit makes the status (value << 1) | 1, whatever reason comes on top of it: a
	 * new QEMU takes its time, and the guest goes on to power-off and reset.
	 */
	if (!strcmp(p->shutdown, "guest-shutdown") || !strcmp(p->shutdown, "host-qmp-quit"))
		end->how = END_ORDERLY;
	else if (!strcmp(p->shutdown, "guest-reset"))
		end->how = WEXITSTATUS(status) & 1 ? END_ORDERLY : END_RESET;
	else if (!*p->shutdown && (WEXITSTATUS(status) & 1) &&
		 (p->was_to_fail || only_warnings(words)))
		end->how = END_ORDERLY;
	if (end->how == END_ORDERLY && WEXITSTATUS(status) & 1)
		end->code = WEXITSTATUS(status) >> 1;
	end->own = end->how == END_CRASH && !*p->shutdown && WEXITSTATUS(status);
}

/* QMP is closed: takes the last words, then the exit status. */
static void reap(struct qemu_process *p)
{
	int64_t until = now_ns() + LAST_WORDS_NS;
	int status = 0;

	qmp_close(&p->qmp);
	while (p->serial_fd >= 0 || p->stderr_fd >= 0) {
		struct pollfd fds[] = {{.fd = p->serial_fd, .events = POLLIN},
				       {.fd = p->stderr_fd, .events = POLLIN}};
		int n = poll(fds, 2, poll_ms(until));

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			break;
		if (fds[0].revents)
			take_serial(p);
		if (fds[1].revents)
			take_stderr(p);
	}
	if (now_ns() >= until)
		kill(p->pid, SIGKILL);
	TEMP_FAILURE_RETRY(waitpid(p->pid, &status, 0));
	p->pid = 0;
	close_fd(&p->serial_fd);
	close_fd(&p->stderr_fd);
	tell_end(p, status);
}

#define FDS_OF_PROCESS 3

static int take_process(struct qemu_process *p, const struct pollfd *fds)
{
	int n;

	if (fds[0].revents)
		take_serial(p);
	if (fds[1].revents)
		take_stderr(p);
	if (!fds[2].revents)
		return VM_OK;
	n = qmp_receive(&p->qmp, p->vm->config->err);
	if (n < 0)
		return VM_HARNESS;
	if (!n)
		reap(p);
	return VM_OK;
}

int qemu_pump(struct qemu *q, int64_t until_ns)
{
	struct pollfd fds[3 + 2 * FDS_OF_PROCESS] = {
		{.fd = signals_fd(), .events = POLLIN},
		{.fd = q->save_fd, .events = POLLIN},
		{.fd = q->load_fd, .events = POLLOUT},
	};
	int n, ret = VM_OK;

	if (!q->now->pid)
		return VM_ENDED;
	for (int i = 0; i < 2; i++) {
		const struct qemu_process *p = &q->process[i];
		struct pollfd *f = fds + 3 + i * FDS_OF_PROCESS;

		f[0] = (struct pollfd){.fd = p->pid ? p->serial_fd : -1, .events = POLLIN};
		f[1] = (struct pollfd){.fd = p->pid ? p->stderr_fd : -1, .events = POLLIN};
		f[2] = (struct pollfd){.fd = p->pid ? p->qmp.fd : -1, .events = POLLIN};
	}
	n = poll(fds, ARRAY_SIZE(fds), poll_ms(until_ns));
	if (n < 0 && errno != EINTR)
		return err_set(q->config->err, "poll: %s", strerror(errno));
	if (signals_pending())
		return err_as(VM_SIGNAL, q->config->err, "interrupted");
	if (n <= 0)
		return VM_OK;
	if (fds[1].revents && take_snapshot(q))
		return VM_HARNESS;
	if (fds[2].revents)
		give_snapshot(q);
	for (int i = 0; i < 2 && !ret; i++)
		ret = take_process(&q->process[i], fds + 3 + i * FDS_OF_PROCESS);
	if (!q->now->pid)
		close_fd(&q->load_fd);
	return ret || q->now->pid ? ret : VM_ENDED;
}

void qemu_kill(struct qemu_process *p)
{
	if (p->pid) {
		kill(p->pid, SIGKILL);
		TEMP_FAILURE_RETRY(waitpid(p->pid, NULL, 0));
		p->pid = 0;
	}
	qmp_close(&p->qmp);
	close_fd(&p->serial_fd);
	close_fd(&p->stderr_fd);
}
