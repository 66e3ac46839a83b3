// SPDX-License-Identifier: BSD-2-Clause
// The relay's thread: a poll loop that never blocks on one socket. It works under the lock, except
// while it waits; what callers want is done under the lock as well.
#include "host/qemu/relay.h"
#include "host/base/cleanup.h"
#include "host/qemu/return_path.h"
#include "host/base/signals.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define FLOW_SIZE 65536
#define BACKLOG	  64
#define RETRY_MS  10 /* poll() cannot wait until a listener's queue has room */

enum side { SOURCE, DESTINATION };

/* One direction of a channel. */
struct flow {
	uint8_t bytes[FLOW_SIZE];
	size_t from, to; /* of the bytes that are not passed on yet */
	bool ended;	 /* nothing more comes in */
	bool done;	 /* the other side was told so, or is gone */
};

struct channel {
	int fd[2];	     /* by side; -1: not connected yet */
	struct flow flow[2]; /* by the side from which it comes */
	bool first;
};

struct relay {
	struct sockaddr_un listen, connect;
	size_t record_cap;
	uint64_t hold_at;
	struct page_names names;
	int listener, wake; /* listener -1: it has failed */
	int64_t start_ns;
	pthread_t thread;

	pthread_mutex_t lock; /* for all that follows */
	struct channel **channel;
	unsigned open, room;
	struct relay_stats stats;
	struct rp_decoder decoder; /* of the first channel */
	struct buf record;
	struct fetch *list;
	unsigned list_room;
	bool stop;
};

static void __attribute__((format(printf, 2, 3))) set_error(struct relay *r, const char *fmt, ...)
{
	va_list args;

	if (r->stats.error[0])
		return;
	va_start(args, fmt);
	vsnprintf(r->stats.error, sizeof(r->stats.error), fmt, args);
	va_end(args);
}

/* ---- one direction ------------------------------------------------------------------------ */

static void on_request(void *arg, const char *block, uint64_t offset, uint32_t length)
{
	struct relay *r = arg;
	struct fetch *f;

	(void)length;
	if (r->stats.page_requests == r->list_room) {
		r->list_room = r->list_room ? r->list_room * 2 : 64;
		r->list = xrealloc(r->list, r->list_room * sizeof(*r->list));
	}
	f = &r->list[r->stats.page_requests++];
	*f = (struct fetch){
		.order = r->stats.page_requests,
		.phase = "post-copy",
		.gpa = offset,
		.zero_ns = r->start_ns,
		.asked_ns = now_ns() - r->start_ns,
		.waited_ns = -1,
	};
	snprintf(f->name, sizeof(f->name), "%s",
		 rp_is_main_ram(block) ? page_names_find(&r->names, offset) : block);
}

/* What comes from @side has no taker any more; who sends it gets EPIPE. */
static void drop(struct channel *c, int side)
{
	struct flow *f = &c->flow[side];

	if (f->done)
		return;
	f->done = true;
	f->from = f->to = 0;
	shutdown(c->fd[side], SHUT_RD);
}

/* A socket failed with errno; that its peer is gone is no error of ours. */
static bool failed(struct relay *r, const char *what)
{
	if (errno == EAGAIN || errno == EINTR)
		return false;
	if (errno != EPIPE && errno != ECONNRESET)
		set_error(r, "%s: %s", what, strerror(errno));
	return true;
}

static void take(struct relay *r, struct channel *c, int side)
{
	struct flow *f = &c->flow[side];
	ssize_t n;

	if (f->ended || f->done || f->to == FLOW_SIZE)
		return;
	n = recv(c->fd[side], f->bytes + f->to, FLOW_SIZE - f->to, MSG_DONTWAIT);
	if (n > 0) {
		if (c->first && side == DESTINATION) {
			rp_feed(&r->decoder, f->bytes + f->to, (size_t)n, on_request, r);
			if (r->decoder.bad[0])
				set_error(r, "return path: %s", r->decoder.bad);
		}
		f->to += (size_t)n;
	} else if (!n) {
		f->ended = true;
	} else if (failed(r, "recv")) {
		f->ended = true;
		drop(c, !side);
	}
}

static void passed_on(struct relay *r, const struct channel *c, int side, size_t n)
{
	const struct flow *f = &c->flow[side];
	size_t room = r->record_cap - r->record.len;

	if (side == DESTINATION) {
		r->stats.to_source += n;
		return;
	}
	if (c->first && room)
		buf_append(&r->record, f->bytes + f->from, n < room ? n : room);
	r->stats.to_destination += n;
	r->stats.held = r->hold_at && r->stats.to_destination == r->hold_at;
}

static void give(struct relay *r, struct channel *c, int side)
{
	struct flow *f = &c->flow[side];
	size_t len = f->to - f->from;

	if (f->done || (side == SOURCE && r->stats.held))
		return;
	if (side == SOURCE && r->hold_at && len > r->hold_at - r->stats.to_destination)
		len = r->hold_at - r->stats.to_destination;
	if (len) {
		ssize_t n =
			send(c->fd[!side], f->bytes + f->from, len, MSG_DONTWAIT | MSG_NOSIGNAL);

		if (n > 0) {
			passed_on(r, c, side, (size_t)n);
			f->from += (size_t)n;
		} else if (n < 0 && failed(r, "send")) {
			drop(c, side);
		}
	}
	if (f->from < f->to)
		return;
	f->from = f->to = 0;
	if (f->ended && !f->done && !(side == SOURCE && r->stats.held)) {
		f->done = true;
		shutdown(c->fd[!side], SHUT_WR);
	}
}

/* ---- channels ----------------------------------------------------------------------------- */

static bool is_over(const struct channel *c)
{
	return c->flow[SOURCE].done && c->flow[DESTINATION].done;
}

static void cut(struct channel *c)
{
	for (int side = SOURCE; side <= DESTINATION; side++) {
		c->flow[side].done = true;
		if (c->fd[side] >= 0)
			shutdown(c->fd[side], SHUT_RDWR);
	}
}

static void close_channel(struct channel *c)
{
	close_fd(&c->fd[SOURCE]);
	close_fd(&c->fd[DESTINATION]);
	free(c);
}

/* Never waits: tried again later if the destination's queue is full. */
static void connect_channel(struct relay *r, struct channel *c)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd >= 0 && !connect(fd, (struct sockaddr *)&r->connect, sizeof(r->connect))) {
		c->fd[DESTINATION] = fd;
		return;
	}
	if (fd < 0 || errno != EAGAIN) {
		set_error(r, "cannot connect to %s: %s", r->connect.sun_path, strerror(errno));
		cut(c);
	}
	close_fd(&fd);
}

static void accept_channel(struct relay *r)
{
	int fd = accept4(r->listener, NULL, NULL, SOCK_CLOEXEC);
	struct channel *c;

	if (fd < 0) {
		if (errno == EAGAIN || errno == EINTR || errno == ECONNABORTED)
			return;
		set_error(r, "accept: %s", strerror(errno));
		close_fd(&r->listener);
		return;
	}
	if (r->open == r->room) {
		r->room += 16;
		r->channel = xrealloc(r->channel, r->room * sizeof(struct channel *));
	}
	c = xcalloc(1, sizeof(*c));
	c->fd[SOURCE] = fd;
	c->fd[DESTINATION] = -1;
	c->first = !r->stats.channels++;
	r->channel[r->open++] = c;
	connect_channel(r, c);
}

/* What to poll for, with fd -1 if nothing: an end that is not asked for would be told for ever. */
static struct pollfd interest(const struct relay *r, const struct channel *c, int side)
{
	const struct flow *in = &c->flow[side], *out = &c->flow[!side];
	bool held = r->stats.held;
	struct pollfd p = {.fd = -1};

	if (c->fd[DESTINATION] < 0 || is_over(c))
		return p;
	if (!in->ended && !in->done && in->to < FLOW_SIZE && !(side == SOURCE && held))
		p.events |= POLLIN;
	if (!out->done && out->from < out->to && !(side == DESTINATION && held))
		p.events |= POLLOUT;
	/* Without events: whether it closes altogether, see serve(). */
	if (p.events || ((in->ended || in->done) && !out->done && !(side == SOURCE && held)))
		p.fd = c->fd[side];
	return p;
}

/* @fds: of both sides, as poll() filled them. */
static void serve(struct relay *r, struct channel *c, const struct pollfd *fds)
{
	if (c->fd[DESTINATION] < 0) {
		if (!is_over(c))
			connect_channel(r, c);
		return;
	}
	for (int side = SOURCE; side <= DESTINATION; side++) {
		const struct flow *in = &c->flow[side];

		if (fds[side].revents)
			take(r, c, side);
		/* Who sends nothing more and is gone doesn't receive either. */
		if ((in->ended || in->done) && (fds[side].revents & (POLLHUP | POLLERR)))
			drop(c, !side);
	}
	give(r, c, SOURCE);
	give(r, c, DESTINATION);
}

static void *thread_main(void *arg)
{
	struct relay *r = arg;
	struct pollfd *fds = NULL;
	unsigned room = 0;

	pthread_mutex_lock(&r->lock);
	while (!r->stop) {
		unsigned open = r->open, left = 0;
		int timeout = -1;
		eventfd_t wakes;

		if (!fds || open > room) {
			room = open + 16;
			fds = xrealloc(fds, (2 + 2 * room) * sizeof(*fds));
		}
		fds[0] = (struct pollfd){.fd = r->wake, .events = POLLIN};
		fds[1] = (struct pollfd){.fd = r->listener, .events = POLLIN};
		for (unsigned i = 0; i < open; i++) {
			for (int side = SOURCE; side <= DESTINATION; side++)
				fds[2 + 2 * i + side] = interest(r, r->channel[i], side);
			if (r->channel[i]->fd[DESTINATION] < 0)
				timeout = RETRY_MS;
		}
		pthread_mutex_unlock(&r->lock);
		if (poll(fds, 2 + 2 * open, timeout) < 0)
			memset(fds, 0, (2 + 2 * open) * sizeof(*fds));
		pthread_mutex_lock(&r->lock);
		eventfd_read(r->wake, &wakes);
		for (unsigned i = 0; i < open; i++)
			serve(r, r->channel[i], &fds[2 + 2 * i]);
		if (fds[1].revents)
			accept_channel(r);
		for (unsigned i = 0; i < r->open; i++) {
			if (is_over(r->channel[i]))
				close_channel(r->channel[i]);
			else
				r->channel[left++] = r->channel[i];
		}
		r->open = left;
	}
	pthread_mutex_unlock(&r->lock);
	free(fds);
	return NULL;
}

/* ---- for callers -------------------------------------------------------------------------- */

void relay_stats(struct relay *r, struct relay_stats *s)
{
	hold_lock(&r->lock);
	*s = r->stats;
	s->closed = s->channels;
	for (unsigned i = 0; i < r->open; i++)
		s->closed &= is_over(r->channel[i]);
}

void relay_cut(struct relay *r)
{
	hold_lock(&r->lock);
	for (unsigned i = 0; i < r->open; i++)
		cut(r->channel[i]);
	eventfd_write(r->wake, 1);
}

void relay_stream(struct relay *r, struct buf *copy)
{
	hold_lock(&r->lock);
	if (r->record.len)
		buf_append(copy, r->record.p, r->record.len);
}

unsigned relay_requests(struct relay *r, struct fetch **list)
{
	const unsigned *count = &r->stats.page_requests;

	hold_lock(&r->lock);
	*list = xcalloc(*count, sizeof(**list));
	if (*count)
		memcpy(*list, r->list, *count * sizeof(**list));
	return *count;
}

/* ---- start and stop ----------------------------------------------------------------------- */

static int start_listening(struct relay *r, struct err *e)
{
	const char *path = r->listen.sun_path;

	r->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (r->listener < 0)
		return err_errno(e, "socket");
	if (bind(r->listener, (struct sockaddr *)&r->listen, sizeof(r->listen)))
		return err_set(e, "cannot make the socket %s: %s", path, strerror(errno));
	if (!listen(r->listener, BACKLOG))
		return 0;
	err_set(e, "cannot listen at %s: %s", path, strerror(errno));
	unlink(path);
	return -1;
}

static int start_thread(struct relay *r, struct err *e)
{
	int ret = signals_free_thread(&r->thread, thread_main, r);

	if (!ret)
		return 0;
	unlink(r->listen.sun_path);
	return err_set(e, "cannot start the relay's thread: %s", strerror(ret));
}

static void destroy(struct relay *r)
{
	for (unsigned i = 0; i < r->open; i++)
		close_channel(r->channel[i]);
	close_fd(&r->listener);
	close_fd(&r->wake);
	pthread_mutex_destroy(&r->lock);
	page_names_free(&r->names);
	buf_free(&r->record);
	free(r->list);
	free(r->channel);
	free(r);
}

struct relay *relay_start(const struct relay_config *config, struct err *e)
{
	struct relay *r = xcalloc(1, sizeof(*r));

	r->record_cap = config->record_cap;
	r->hold_at = config->hold_at;
	page_names_copy(&r->names, config->names);
	r->start_ns = now_ns();
	pthread_mutex_init(&r->lock, NULL);
	r->listener = -1;
	r->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (r->wake < 0)
		err_errno(e, "eventfd");
	else if (!socket_address(config->listen, &r->listen, e) &&
		 !socket_address(config->connect, &r->connect, e) && !start_listening(r, e) &&
		 !start_thread(r, e))
		return r;
	destroy(r);
	return NULL;
}

void relay_stop(struct relay *r)
{
	if (!r)
		return;
	pthread_mutex_lock(&r->lock);
	r->stop = true;
	eventfd_write(r->wake, 1);
	pthread_mutex_unlock(&r->lock);
	pthread_join(r->thread, NULL);
	unlink(r->listen.sun_path);
	destroy(r);
}
