// SPDX-License-Identifier: BSD-2-Clause
// SIGINT, SIGTERM, SIGHUP as a file descriptor, so that every wait can end in order.
#include "host/base/signals.h"

#include <signal.h>
#include <stddef.h>
#include <sys/signalfd.h>
#include <unistd.h>

static int fd = -1;
static int seen;
static sigset_t old_mask;

int signals_init(void)
{
	sigset_t mask;

	if (fd >= 0)
		return 0;
	sigemptyset(&mask);
	sigaddset(&mask, SIGINT);
	sigaddset(&mask, SIGTERM);
	sigaddset(&mask, SIGHUP);
	if (sigprocmask(SIG_BLOCK, &mask, &old_mask))
		return -1;
	signal(SIGPIPE, SIG_IGN);
	fd = signalfd(-1, &mask, SFD_NONBLOCK | SFD_CLOEXEC);
	return fd < 0 ? -1 : 0;
}

int signals_fd(void)
{
	return fd;
}

int signals_pending(void)
{
	struct signalfd_siginfo info;

	if (fd < 0)
		return 0;
	while (read(fd, &info, sizeof(info)) == (ssize_t)sizeof(info))
		seen = (int)info.ssi_signo;
	return seen;
}

void signals_restore(void)
{
	signal(SIGPIPE, SIG_DFL);
	if (fd >= 0)
		sigprocmask(SIG_SETMASK, &old_mask, NULL);
}

int signals_free_thread(pthread_t *thread, void *(*main)(void *arg), void *arg)
{
	sigset_t all, before;
	int ret;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	ret = pthread_create(thread, NULL, main, arg);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return ret;
}
