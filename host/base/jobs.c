// SPDX-License-Identifier: BSD-2-Clause
// Several child processes at once: starts them, reads what they print, ends them in order.
#include "host/base/jobs.h"
#include "host/base/signals.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define TICK_MS 1000
#define FDS	(JOB_STREAMS + 1) /* that are polled for each job */

static bool speaks(const struct job *j)
{
	return j->fd[JOB_OUT] >= 0 || j->fd[JOB_ERR] >= 0;
}

static bool runs(const struct job *j)
{
	return j->pid || speaks(j);
}

/* The child. It does not outlive its parent. */
static void be_child(const struct job *j, const int *write_end) __attribute__((noreturn));
static void be_child(const struct job *j, const int *write_end)
{
	static const int standard[] = {[JOB_OUT] = STDOUT_FILENO, [JOB_ERR] = STDERR_FILENO};
	int status;

	prctl(PR_SET_PDEATHSIG, SIGTERM);
	for (int s = 0; s < JOB_STREAMS; s++)
		if (write_end[s] >= 0 && dup2(write_end[s], standard[s]) < 0)
			_exit(2);
	status = j->main(j->arg);
	fflush(NULL);
	_exit(status);
}

static int start(struct job *j, const struct jobs_watcher *w, struct err *e)
{
	const bool watched[] = {[JOB_OUT] = w && w->out, [JOB_ERR] = w && w->err};
	int write_end[JOB_STREAMS] = {-1, -1}, fds[2], ret = 0;

	for (int s = 0; s < JOB_STREAMS && !ret; s++) {
		ret = watched[s] ? pipe2(fds, O_CLOEXEC) : 0;
		if (ret || !watched[s])
			continue;
		j->fd[s] = fds[0];
		write_end[s] = fds[1];
	}
	fflush(NULL); /* the child must not print it as well */
	j->pid = ret ? -1 : fork();
	if (!j->pid)
		be_child(j, write_end);
	if (j->pid < 0) {
		err_set(e, "cannot start a process: %s", strerror(errno));
		j->pid = 0;
		close_fd(&j->fd[JOB_OUT]);
		close_fd(&j->fd[JOB_ERR]);
		ret = -1;
	} else {
		j->ends = (int)syscall(SYS_pidfd_open, j->pid, 0);
	}
	close_fd(&write_end[JOB_OUT]);
	close_fd(&write_end[JOB_ERR]);
	return ret;
}

/* Tells of each whole line in @j's buffer; at the @end also of one that is none. */
static void tell_lines(struct job *j, unsigned job, enum job_stream s, bool end,
		       const struct jobs_watcher *w)
{
	struct buf *b = &j->line[s];
	size_t from = 0;
	char *newline;

	while (from < b->len && (newline = memchr(b->p + from, '\n', b->len - from))) {
		*newline = '\0';
		w->line(w->arg, job, s, b->p + from);
		from = (size_t)(newline - b->p) + 1;
	}
	if (end && from < b->len) {
		w->line(w->arg, job, s, b->p + from);
		from = b->len;
	}
	if (from) {
		b->len -= from;
		memmove(b->p, b->p + from, b->len + 1); /* with its NUL */
	}
}

static void read_stream(struct job *j, unsigned job, enum job_stream s,
			const struct jobs_watcher *w)
{
	char piece[4096];
	const ssize_t n = read(j->fd[s], piece, sizeof(piece));

	if (n < 0 && errno == EINTR)
		return;
	if (n > 0)
		buf_append(&j->line[s], piece, (size_t)n);
	tell_lines(j, job, s, n <= 0, w);
	if (n > 0)
		return;
	close_fd(&j->fd[s]);
	buf_free(&j->line[s]);
}

static void reap(struct job *j)
{
	int status = 0;

	TEMP_FAILURE_RETRY(waitpid(j->pid, &status, 0));
	j->status = WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
	j->pid = 0;
	close_fd(&j->ends);
}

/* Waits until one of @count jobs says or does something, or a tick has passed, and tells of it. */
static void wait_for(struct job *jobs, unsigned count, const struct jobs_watcher *w)
{
	const nfds_t number = 1 + (nfds_t)count * FDS;
	struct pollfd *fds = xcalloc(number, sizeof(*fds)), *f = fds + 1;

	fds[0] = (struct pollfd){.fd = signals_fd(), .events = POLLIN};
	for (unsigned i = 0; i < count; i++, f += FDS) {
		for (int s = 0; s < JOB_STREAMS; s++)
			f[s] = (struct pollfd){.fd = jobs[i].fd[s], .events = POLLIN};
		f[JOB_STREAMS] = (struct pollfd){.fd = jobs[i].ends, .events = POLLIN};
	}
	if (poll(fds, number, TICK_MS) < 0)
		for (nfds_t i = 0; i < number; i++)
			fds[i].revents = 0;
	f = fds + 1;
	for (unsigned i = 0; i < count; i++, f += FDS) {
		struct job *j = &jobs[i];

		if (!runs(j))
			continue;
		for (int s = 0; s < JOB_STREAMS; s++)
			if (f[s].revents)
				read_stream(j, i, s, w);
		/* On a kernel without that descriptor the end of the output has to do. */
		if (f[JOB_STREAMS].revents || (j->pid && j->ends < 0 && !speaks(j)))
			reap(j);
		if (!runs(j) && w && w->ended)
			w->ended(w->arg, i);
	}
	free(fds);
	if (w && w->tick)
		w->tick(w->arg);
}

int jobs_run(struct job *jobs, unsigned count, unsigned at_once, const struct jobs_watcher *w,
	     struct err *e)
{
	unsigned started = 0, now;
	bool told = false;
	int ret = 0;

	for (unsigned i = 0; i < count; i++) {
		jobs[i].status = JOB_NOT_RUN;
		jobs[i].pid = 0;
		jobs[i].ends = jobs[i].fd[JOB_OUT] = jobs[i].fd[JOB_ERR] = -1;
	}
	for (;;) {
		now = 0;
		for (unsigned i = 0; i < started; i++)
			now += runs(&jobs[i]);
		while (!ret && !signals_pending() && started < count && now < at_once) {
			ret = start(&jobs[started], w, e);
			started += !ret;
			now += !ret;
		}
		if (!now)
			return ret;
		if ((ret || signals_pending()) && !told) {
			for (unsigned i = 0; i < started; i++)
				if (jobs[i].pid)
					kill(jobs[i].pid, SIGTERM);
			told = true;
		}
		wait_for(jobs, started, w);
	}
}
