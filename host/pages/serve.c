// SPDX-License-Identifier: BSD-2-Clause
// The two ends of the socket over which a restored VM gets its pages from another process.
#include "host/pages/serve.h"
#include "host/base/cleanup.h"
#include "host/base/signals.h"

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define MAGIC	   "MFPAGES1"
#define MAGIC_LEN  8
#define STATUS_OK  0
#define STATUS_NOT 1

struct answer {
	uint64_t status;
	uint8_t page[SNAPSHOT_PAGE];
};

struct serve_client {
	int fd;
	int64_t timeout_ns;
	struct answer answer;
	bool dead; /* written once, after the reason */
	struct err reason;
};

/*
 * Waits until @fd has something, or can take something if @out. 1, 0 after @until_ns, -1 with
 * errno. Who waits for ever (the source host) is also woken by a signal for the runner: 0.
 */
static int wait_fd(int fd, bool out, int64_t until_ns)
{
	bool for_ever = until_ns == INT64_MAX;

	for (;;) {
		struct pollfd fds[] = {{.fd = fd, .events = out ? POLLOUT : POLLIN},
				       {.fd = signals_fd(), .events = POLLIN}};
		int n = poll(fds, for_ever ? 2 : 1, for_ever ? -1 : poll_ms(until_ns));

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -1;
		if (fds[0].revents)
			return 1;
		if (n && !signals_pending())
			continue;
		return 0;
	}
}

/* Moves all @len bytes. How many were moved: fewer at the end of the stream, after @until_ns, at a
 * signal (errno 0), or on an error (errno). */
static size_t move_all(int fd, void *p, size_t len, bool out, int64_t until_ns)
{
	size_t done = 0;

	errno = 0;
	while (done < len) {
		int ready = wait_fd(fd, out, until_ns);
		ssize_t n;

		if (ready <= 0) {
			if (!ready)
				errno = until_ns == INT64_MAX ? 0 : ETIMEDOUT;
			break;
		}
		n = out ? send(fd, (uint8_t *)p + done, len - done, MSG_NOSIGNAL | MSG_DONTWAIT)
			: recv(fd, (uint8_t *)p + done, len - done, MSG_DONTWAIT);
		if (n < 0 && (errno == EINTR || errno == EAGAIN))
			continue;
		if (n <= 0) {
			if (!n)
				errno = 0;
			break;
		}
		done += (size_t)n;
	}
	return done;
}

static int socket_at(const char *path, struct sockaddr_un *address, struct err *e)
{
	int fd;

	if (socket_address(path, address, e))
		return -1;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		err_set(e, "socket: %s", strerror(errno));
	return fd;
}

int serve_id(const char *path, uint64_t *id, struct err *e)
{
	auto_close int fd = open(path, O_RDONLY | O_CLOEXEC);
	const off_t end = fd < 0 ? -1 : lseek(fd, -(off_t)sizeof(*id), SEEK_END);

	if (end < 0 || read(fd, id, sizeof(*id)) != (ssize_t)sizeof(*id))
		return err_set(e, "cannot read the end of %s", path);
	*id = le64toh(*id);
	return 0;
}

/* ---- the source host ---------------------------------------------------------------------- */

static void make_answer(const struct serve_source *source, uint64_t gpa, struct answer *a)
{
	const uint64_t hello[] = {htole64(source->snapshot->memory_size), htole64(source->id)};
	const void *page = NULL;

	memset(a, 0, sizeof(*a));
	if (gpa == SERVE_HELLO) {
		memcpy(a->page, MAGIC, MAGIC_LEN);
		memcpy(a->page + MAGIC_LEN, hello, sizeof(hello));
		return;
	}
	if (gpa % SNAPSHOT_PAGE == 0)
		page = snapshot_page(source->snapshot, gpa);
	if (page)
		memcpy(a->page, page, sizeof(a->page));
	else
		a->status = htole64(STATUS_NOT);
}

int serve_connection(const struct serve_source *source, int fd, struct err *e)
{
	for (;;) {
		struct answer a;
		uint64_t gpa;
		size_t len, got = move_all(fd, &gpa, sizeof(gpa), false, INT64_MAX);
		int error = errno;

		if (signals_pending())
			return 1;
		if (!got && (!error || error == ECONNRESET))
			return 0;
		if (got != sizeof(gpa))
			return err_set(e, "a request of %zu bytes instead of %zu%s%s", got,
				       sizeof(gpa), error ? ": " : "",
				       error ? strerror(error) : "");
		make_answer(source, le64toh(gpa), &a);
		len = a.status ? sizeof(a.status) : sizeof(a);
		if (move_all(fd, &a, len, true, INT64_MAX) != len) {
			error = errno;
			if (signals_pending())
				return 1;
			return err_set(e, "cannot answer: %s", strerror(error));
		}
	}
}

/* A socket that nobody listens on is left from a process that died. */
static int bind_at(const char *path, struct err *e)
{
	struct sockaddr_un address;
	int fd = socket_at(path, &address, e);
	struct stat st;

	if (fd < 0)
		return -1;
	if (!lstat(path, &st) && S_ISSOCK(st.st_mode)) {
		auto_close int probe = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

		if (probe >= 0 && connect(probe, (struct sockaddr *)&address, sizeof(address)) &&
		    errno == ECONNREFUSED)
			unlink(path);
	}
	if (!bind(fd, (struct sockaddr *)&address, sizeof(address)) && !listen(fd, 1))
		return fd;
	err_set(e, "cannot listen on %s: %s", path, strerror(errno));
	close(fd);
	return -1;
}

int serve(const struct serve_source *source, const char *path, void (*ready)(void), struct err *e)
{
	auto_close int listener = bind_at(path, e);
	int ret = 0;

	if (listener < 0)
		return -1;
	ready();
	while (ret >= 0 && wait_fd(listener, false, INT64_MAX) == 1 && !signals_pending()) {
		struct err why = {0};
		auto_close int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);

		if (fd < 0) {
			if (errno == EINTR || errno == ECONNABORTED)
				continue;
			ret = err_set(e, "accept: %s", strerror(errno));
			break;
		}
		/* A client that talks nonsense is cut off; the next one may be better. */
		if (serve_connection(source, fd, &why) < 0)
			fprintf(stderr, "midflight: %s\n", why.text);
	}
	unlink(path);
	return ret;
}

/* ---- who asks ----------------------------------------------------------------------------- */

static const void *died(struct serve_client *c, const char *what, uint64_t gpa)
{
	err_set(&c->reason, "the source of pages: %s, page at 0x%llx", what,
		(unsigned long long)gpa);
	__atomic_store_n(&c->dead, true, __ATOMIC_RELEASE);
	return NULL;
}

const void *serve_page(void *client, uint64_t gpa)
{
	struct serve_client *c = client;
	int64_t until = now_ns() + c->timeout_ns;
	uint64_t request = htole64(gpa);
	const size_t status_len = sizeof(c->answer.status);

	if (__atomic_load_n(&c->dead, __ATOMIC_ACQUIRE))
		return NULL;
	if (move_all(c->fd, &request, sizeof(request), true, until) != sizeof(request) ||
	    move_all(c->fd, &c->answer.status, status_len, false, until) != status_len)
		return died(c, errno ? strerror(errno) : "it closed the connection", gpa);
	if (c->answer.status == htole64(STATUS_NOT))
		return died(c, "it has no such page", gpa);
	if (c->answer.status)
		return died(c, "its answer has an unknown status", gpa);
	if (move_all(c->fd, c->answer.page, SNAPSHOT_PAGE, false, until) != SNAPSHOT_PAGE)
		return died(c, errno ? strerror(errno) : "it closed the connection in a page", gpa);
	return c->answer.page;
}

bool serve_dead(const struct serve_client *client, struct err *e)
{
	if (!__atomic_load_n(&client->dead, __ATOMIC_ACQUIRE))
		return false;
	*e = client->reason;
	return true;
}

static int check_hello(const uint8_t *page, uint64_t memory_size, uint64_t id, struct err *e)
{
	uint64_t number[2];

	memcpy(number, page + MAGIC_LEN, sizeof(number));
	if (memcmp(page, MAGIC, MAGIC_LEN))
		return err_set(e, "what answers is no source of pages");
	if (le64toh(number[0]) != memory_size || le64toh(number[1]) != id)
		return err_set(
			e, "the source serves another snapshot (checksum 0x%016llx, not 0x%016llx)",
			(unsigned long long)le64toh(number[1]), (unsigned long long)id);
	return 0;
}

struct serve_client *serve_connect(const char *path, uint64_t memory_size, uint64_t id,
				   int64_t timeout_ns, struct err *e)
{
	struct serve_client *c = xcalloc(1, sizeof(*c));
	struct sockaddr_un address;
	const void *page;

	c->timeout_ns = timeout_ns;
	c->fd = socket_at(path, &address, e);
	if (c->fd < 0) {
		free(c);
		return NULL;
	}
	if (connect(c->fd, (struct sockaddr *)&address, sizeof(address))) {
		err_set(e, "cannot connect to %s: %s", path, strerror(errno));
	} else {
		page = serve_page(c, SERVE_HELLO);
		if (page && !check_hello(page, memory_size, id, e))
			return c;
		if (!page)
			*e = c->reason;
	}
	serve_disconnect(c);
	return NULL;
}

void serve_disconnect(struct serve_client *client)
{
	close(client->fd);
	free(client);
}
