// SPDX-License-Identifier: BSD-2-Clause
// One missing page, by userfaultfd.
#include "host/pages/pages.h"

#include <errno.h>
#include <linux/userfaultfd.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#define PAGE 4096

struct page_trap {
	void *page;
	uint8_t copy[PAGE];
	int uffd, end; /* end: an eventfd */
	pthread_t thread;
	void (*touched)(void *arg);
	void *arg;
};

static void give_back(struct page_trap *t)
{
	struct uffdio_copy copy = {
		.dst = (uintptr_t)t->page, .src = (uintptr_t)t->copy, .len = PAGE};
	struct uffdio_range range = {(uintptr_t)t->page, PAGE};

	int ret;

	do {
		copy.copy = 0;
		ret = ioctl(t->uffd, UFFDIO_COPY, &copy);
	} while (ret && errno == EAGAIN);
	if (ret) { /* the guest would read zeros */
		perror("midflight: UFFDIO_COPY");
		abort();
	}
	ioctl(t->uffd, UFFDIO_UNREGISTER, &range);
}

static void *wait_for_touch(void *arg)
{
	struct page_trap *t = arg;
	struct pollfd fds[] = {{.fd = t->uffd, .events = POLLIN}, {.fd = t->end, .events = POLLIN}};
	struct uffd_msg msg;

	TEMP_FAILURE_RETRY(poll(fds, 2, -1));
	if (read(t->uffd, &msg, sizeof(msg)) == (ssize_t)sizeof(msg))
		t->touched(t->arg);
	give_back(t);
	return NULL;
}

static int arm(struct page_trap *t, struct err *e)
{
	struct uffdio_register reg = {.range = {(uintptr_t)t->page, PAGE},
				      .mode = UFFDIO_REGISTER_MODE_MISSING};
	const char *why;
	int ret;

	t->end = eventfd(0, EFD_CLOEXEC);
	t->uffd = pages_open_uffd(&why);
	if (t->end < 0 || t->uffd < 0)
		return err_set(e, "%s", t->uffd < 0 ? why : "cannot make an eventfd");
	memcpy(t->copy, t->page, PAGE);
	if (ioctl(t->uffd, UFFDIO_REGISTER, &reg))
		return err_errno(e, "userfaultfd does not take the page");
	if (madvise(t->page, PAGE, MADV_DONTNEED))
		return err_errno(e, "madvise");
	ret = pthread_create(&t->thread, NULL, wait_for_touch, t);
	if (!ret)
		return 0;
	give_back(t);
	return err_set(e, "cannot start a thread: %s", strerror(ret));
}

static void destroy(struct page_trap *t)
{
	close_fd(&t->uffd);
	close_fd(&t->end);
	free(t);
}

struct page_trap *page_trap_arm(void *page, void (*touched)(void *arg), void *arg, struct err *e)
{
	struct page_trap *t = xcalloc(1, sizeof(*t));

	t->page = page;
	t->touched = touched;
	t->arg = arg;
	if (!arm(t, e))
		return t;
	destroy(t);
	return NULL;
}

void page_trap_disarm(struct page_trap *t)
{
	const uint64_t one = 1;

	if (write(t->end, &one, sizeof(one)) < 0)
		return; /* cannot be: an eventfd takes it */
	pthread_join(t->thread, NULL);
	destroy(t);
}
