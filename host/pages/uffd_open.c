// SPDX-License-Identifier: BSD-2-Clause
// Opens a userfaultfd, where that is allowed; says what it can do.
#include "host/pages/pages.h"
#include "host/pages/uffd.h"
#include "host/base/cleanup.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Newer than the headers of Debian 12. */
#ifndef USERFAULTFD_IOC_NEW
#define USERFAULTFD_IOC_NEW _IO(0xAA, 0x00)
#endif

/* The kernel itself must be able to fault: that's what KVM does. So no UFFD_USER_MODE_ONLY. */
static int open_any(const char **why)
{
	int fd = (int)syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK), error = errno;
	auto_close int dev = fd < 0 ? open("/dev/userfaultfd", O_RDWR | O_CLOEXEC) : -1;

	if (dev >= 0)
		fd = ioctl(dev, USERFAULTFD_IOC_NEW, O_CLOEXEC | O_NONBLOCK);
	if (fd >= 0)
		return fd;
	if (error == ENOSYS)
		*why = "this kernel has no userfaultfd: it needs CONFIG_USERFAULTFD=y";
	else if (error == EPERM)
		*why = "userfaultfd for faults in the kernel is not permitted: run as root, give "
		       "CAP_SYS_PTRACE, set sysctl vm.unprivileged_userfaultfd=1, or allow this "
		       "user to open /dev/userfaultfd (Linux 6.1); in a container its seccomp "
		       "profile must allow userfaultfd as well";
	else
		*why = "userfaultfd cannot be opened: too many open files or no memory";
	return -1;
}

int pages_open_uffd(const char **why)
{
	struct uffdio_api api = {.api = UFFD_API, .features = UFFD_FEATURE_THREAD_ID};
	int fd = open_any(why);

	if (fd < 0)
		return -1;
	if (!ioctl(fd, UFFDIO_API, &api))
		return fd;
	close(fd);
	*why = "this kernel's userfaultfd doesn't tell which thread waits "
	       "(UFFD_FEATURE_THREAD_ID): it needs Linux 4.14 or newer";
	return -1;
}

const char *pages_unavailable(void)
{
	const char *why = NULL;
	auto_close int fd = pages_open_uffd(&why);

	return fd < 0 ? why : NULL;
}

#define PAGE 4096ull

const char *pages_cannot_lose(void)
{
	struct uffdio_register reg = {.mode = UFFDIO_REGISTER_MODE_MISSING};
	void *page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	const char *why = NULL;
	auto_close int fd = pages_open_uffd(&why);

	reg.range = (struct uffdio_range){(uintptr_t)page, PAGE};
	if (fd < 0)
		;
	else if (page == MAP_FAILED || ioctl(fd, UFFDIO_REGISTER, &reg))
		why = "userfaultfd does not take a page";
	else if (!(reg.ioctls & 1ull << _UFFDIO_POISON))
		why = "this kernel's userfaultfd cannot take a page away for good "
		      "(UFFDIO_POISON): it needs Linux 6.6 or newer";
	if (page != MAP_FAILED)
		munmap(page, PAGE);
	return why;
}
