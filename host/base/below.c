// SPDX-License-Identifier: BSD-2-Clause
// Files of a directory that may come from anybody: no link in it leads out of it.
#include "host/base/below.h"
#include "host/base/cleanup.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

bool path_is_below(const char *path)
{
	for (;;) {
		const size_t len = strcspn(path, "/");

		if (!len || (len == 1 && *path == '.') || (len == 2 && !strncmp(path, "..", 2)))
			return false;
		if (!path[len])
			return true;
		path += len + 1;
	}
}

/* Opens @path below @dir, part by part: none may be a link. -1: @e is filled. */
static int open_below(int dir, const char *path, struct err *e)
{
	const int flags = O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK;
	auto_free char *copy = xstrdup(path);
	char *part = copy;
	int fd = dir;

	if (!path_is_below(path))
		return err_set(
			e,
			"the path is refused: it does not lead plainly below the run's directory");
	for (bool last = false; fd >= 0 && !last;) {
		const size_t len = strcspn(part, "/");
		int next;

		last = !part[len];
		part[len] = '\0';
		next = openat(fd, part, last ? flags : flags | O_DIRECTORY);
		if (next < 0)
			err_set(e, "%s",
				errno == ELOOP ? "it is a link, which is refused"
					       : strerror(errno));
		if (fd != dir)
			close(fd);
		fd = next;
		part += len + 1;
	}
	return fd;
}

static int read_open(int fd, size_t max, struct buf *bytes, struct err *e)
{
	struct stat st;
	char part[65536];
	ssize_t n;

	if (fstat(fd, &st))
		return err_errno(e, "fstat");
	if (!S_ISREG(st.st_mode))
		return err_set(e, "it is no plain file");
	while ((n = read(fd, part, sizeof(part))) > 0) {
		if (bytes->len + (size_t)n > max)
			return err_set(e, "it is larger than %zu bytes", max);
		buf_append(bytes, part, (size_t)n);
	}
	return n < 0 ? err_errno(e, "read") : 0;
}

int read_below(int dir, const char *path, size_t max, struct buf *bytes, struct err *e)
{
	auto_close const int fd = open_below(dir, path, e);

	return fd < 0 ? -1 : read_open(fd, max, bytes, e);
}
