// SPDX-License-Identifier: BSD-2-Clause
// The relay between two ends that the test plays itself, over real unix sockets. A receive time-out
// ends a test that would hang; nothing else depends on time.
#include "tests/unit/unit.h"

#include "host/qemu/relay.h"

#include <endian.h>
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#define LIMIT_S 10
#define LARGE	(8u << 20)

static char dir[64];
static struct relay_config config;
static struct relay *relay;
static struct relay_stats stats;
static struct err err;
static int listener, ends[16]; /* all that a test has opened */
static unsigned n_ends;

/* ---- the two ends ------------------------------------------------------------------------- */

static struct sockaddr_un address(const char *path)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};

	snprintf(a.sun_path, sizeof(a.sun_path), "%s", path);
	return a;
}

static int keep(int fd)
{
	struct timeval limit = {.tv_sec = LIMIT_S};

	assert_true(fd >= 0);
	assert_true(n_ends < ARRAY_SIZE(ends));
	ends[n_ends++] = fd;
	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)), 0);
	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit)), 0);
	return fd;
}

static void close_end(int fd)
{
	for (unsigned i = 0; i < n_ends; i++)
		if (ends[i] == fd)
			ends[i] = ends[--n_ends];
	close(fd);
}

static int source(void)
{
	struct sockaddr_un a = address(config.listen);
	int fd = keep(socket(AF_UNIX, SOCK_STREAM, 0));

	assert_int_equal(connect(fd, (struct sockaddr *)&a, sizeof(a)), 0);
	return fd;
}

static int destination(void)
{
	return keep(accept(listener, NULL, NULL));
}

static void say(int fd, const void *p, size_t len)
{
	assert_int_equal(send(fd, p, len, MSG_NOSIGNAL), len);
}

static void hear(int fd, const char *text)
{
	char got[256] = "";

	assert_int_equal(recv(fd, got, strlen(text), MSG_WAITALL), strlen(text));
	assert_string_equal(got, text);
}

static void hear_end(int fd)
{
	char byte;

	assert_int_equal(recv(fd, &byte, 1, 0), 0);
}

/* Closed in whatever way. */
static void hear_closed(int fd)
{
	char byte;
	ssize_t n = recv(fd, &byte, 1, 0);

	if (n)
		assert_true(n < 0 && errno == ECONNRESET);
}

static void hear_nothing(int fd)
{
	char byte;

	assert_int_equal(recv(fd, &byte, 1, MSG_DONTWAIT), -1);
	assert_int_equal(errno, EAGAIN);
}

/* Until @cond on the stats is true. */
#define await(cond)                                                    \
	do {                                                           \
		int64_t until = now_ns() + LIMIT_S * 1000 * NS_PER_MS; \
                                                                       \
		for (;;) {                                             \
			relay_stats(relay, &stats);                    \
			if (cond)                                      \
				break;                                 \
			if (now_ns() > until)                          \
				fail_msg("still not: %s", #cond);      \
			sched_yield();                                 \
		}                                                      \
	} while (0)

static int setup(void **state)
{
	struct sockaddr_un a;

	(void)state;
	strcpy(dir, "/tmp/relay-XXXXXX");
	assert_non_null(mkdtemp(dir));
	config = (struct relay_config){.listen = xasprintf("%s/in", dir),
				       .connect = xasprintf("%s/out", dir),
				       .record_cap = 1 << 20};
	a = address(config.connect);
	listener = keep(socket(AF_UNIX, SOCK_STREAM, 0));
	assert_int_equal(bind(listener, (struct sockaddr *)&a, sizeof(a)), 0);
	assert_int_equal(listen(listener, 1), 0);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	relay_stop(relay);
	relay = NULL;
	assert_int_equal(access(config.listen, F_OK), -1);
	while (n_ends)
		close_end(ends[0]);
	unlink(config.connect);
	assert_int_equal(rmdir(dir), 0);
	free((char *)config.listen);
	free((char *)config.connect);
	return 0;
}

static void start(void)
{
	relay = relay_start(&config, &err);
	if (!relay)
		fail_msg("%s", err.text);
}

/* ---- passing on --------------------------------------------------------------------------- */

static void several_channels(void **state)
{
	int src[4], dst[4];
	struct buf copy = {0};

	(void)state;
	start();
	relay_stats(relay, &stats);
	assert_false(stats.closed);
	for (unsigned i = 0; i < 4; i++) {
		src[i] = source();
		dst[i] = destination();
	}
	for (unsigned i = 4; i--;) {
		char text[16];

		snprintf(text, sizeof(text), "forward %u", i);
		say(src[i], text, strlen(text));
		hear(dst[i], text);
		/* Not decoded as a return path but on the first. */
		if (i) {
			snprintf(text, sizeof(text), "back %u", i);
			say(dst[i], text, strlen(text));
			hear(src[i], text);
		}
	}
	await(stats.to_destination == 4 * 9 && stats.to_source == 3 * 6);
	assert_int_equal(stats.channels, 4);
	assert_false(stats.closed);
	assert_false(stats.held);
	assert_string_equal(stats.error, "");
	buf_append(&copy, "before ", 7);
	relay_stream(relay, &copy);
	assert_string_equal(buf_text(&copy), "before forward 0");
	buf_free(&copy);
	for (unsigned i = 0; i < 4; i++) {
		close_end(src[i]);
		hear_end(dst[i]);
		assert_int_equal(send(dst[i], "x", 1, MSG_NOSIGNAL), -1);
		assert_int_equal(errno, EPIPE);
		close_end(dst[i]);
	}
	await(stats.closed);
	assert_string_equal(stats.error, "");
}

static void half_close(void **state)
{
	int src, dst;

	(void)state;
	start();
	src = source();
	dst = destination();
	say(src, "all", 3);
	shutdown(src, SHUT_WR);
	hear(dst, "all");
	hear_end(dst);
	say(dst, "\0\2\0\4abcd", 8);
	assert_int_equal(recv(src, (char[8]){0}, 8, MSG_WAITALL), 8);
	relay_stats(relay, &stats);
	assert_false(stats.closed);
	shutdown(dst, SHUT_WR);
	hear_end(src);
	await(stats.closed);
	assert_int_equal(stats.to_destination, 3);
	assert_int_equal(stats.to_source, 8);
	assert_string_equal(stats.error, "");
}

static void half_close_of_the_destination(void **state)
{
	int src, dst;

	(void)state;
	start();
	src = source();
	dst = destination();
	shutdown(dst, SHUT_WR);
	hear_end(src);
	say(src, "more", 4);
	hear(dst, "more");
	close_end(src);
	hear_end(dst);
	await(stats.closed);
}

static void last_words_of_a_destination_that_dies(void **state)
{
	char *block = xcalloc(LARGE, 1);
	int src, dst;

	(void)state;
	start();
	src = source();
	dst = destination();
	/* It leaves most unread, so that the relay is refused in the midst. */
	while (send(src, block, 65536, MSG_DONTWAIT | MSG_NOSIGNAL) > 0)
		;
	say(dst, "\0\1\0\4\0\0\0\1", 8);
	close_end(dst);
	assert_int_equal(recv(src, block, 8, MSG_WAITALL), 8);
	assert_int_equal(block[7], 1);
	hear_closed(src);
	await(stats.closed);
	assert_int_equal(send(src, "x", 1, MSG_NOSIGNAL), -1);
	assert_int_equal(errno, EPIPE);
	assert_int_equal(stats.to_source, 8);
	assert_string_equal(stats.error, "");
	free(block);
}

struct writer {
	int fd;
	size_t sent;
};

static void *write_large(void *arg)
{
	struct writer *w = arg;
	uint8_t *p = xcalloc(LARGE, 1);

	for (size_t i = 0; i < LARGE; i++)
		p[i] = (uint8_t)(i * 7 + (i >> 12));
	while (w->sent < LARGE) {
		ssize_t n = send(w->fd, p + w->sent, LARGE - w->sent, MSG_NOSIGNAL);

		if (n <= 0)
			break;
		w->sent += (size_t)n;
	}
	shutdown(w->fd, SHUT_WR);
	free(p);
	return NULL;
}

static void large_with_a_slow_reader(void **state)
{
	struct buf got = {0}, copy = {0};
	struct writer w = {0};
	pthread_t thread;
	char bytes[4099];
	ssize_t n;
	int dst;

	(void)state;
	start();
	w.fd = source();
	dst = destination();
	assert_int_equal(pthread_create(&thread, NULL, write_large, &w), 0);
	/* While one direction is full the other goes on. */
	for (unsigned i = 0; i < 50; i++) {
		int before = (int)got.len;

		say(dst, "\0\2\0\4abcd", 8);
		assert_int_equal(recv(w.fd, bytes, 8, MSG_WAITALL), 8);
		n = recv(dst, bytes, i + 1, 0);
		assert_true(n > 0);
		buf_append(&got, bytes, (size_t)n);
		assert_true((int)got.len > before);
	}
	while ((n = recv(dst, bytes, sizeof(bytes), 0)) > 0)
		buf_append(&got, bytes, (size_t)n);
	pthread_join(thread, NULL);
	assert_int_equal(n, 0);
	assert_int_equal(w.sent, LARGE);
	assert_int_equal(got.len, LARGE);
	for (size_t i = 0; i < LARGE; i++)
		if ((uint8_t)got.p[i] != (uint8_t)(i * 7 + (i >> 12)))
			fail_msg("byte %zu is wrong", i);
	await(stats.to_destination == LARGE);
	assert_int_equal(stats.to_source, 50 * 8);
	relay_stream(relay, &copy);
	assert_int_equal(copy.len, config.record_cap);
	assert_memory_equal(copy.p, got.p, copy.len);
	buf_free(&copy);
	buf_free(&got);
}

static void record_cap(void **state)
{
	struct buf copy = {0};
	int src, dst;

	(void)state;
	config.record_cap = 5;
	start();
	src = source();
	dst = destination();
	say(src, "abc", 3);
	hear(dst, "abc");
	say(src, "defgh", 5);
	hear(dst, "defgh");
	relay_stream(relay, &copy);
	assert_string_equal(buf_text(&copy), "abcde");
	buf_free(&copy);
}

/* ---- hold and cut ------------------------------------------------------------------------- */

static void hold(void **state)
{
	int src[2], dst[2];

	(void)state;
	config.hold_at = 10;
	start();
	for (unsigned i = 0; i < 2; i++) {
		src[i] = source();
		dst[i] = destination();
	}
	say(src[0], "123456", 6);
	hear(dst[0], "123456");
	relay_stats(relay, &stats);
	assert_false(stats.held);
	say(src[1], "abcdefgh", 8);
	hear(dst[1], "abcd");
	await(stats.held);
	assert_int_equal(stats.to_destination, 10);
	say(src[0], "789", 3);
	shutdown(src[0], SHUT_WR);
	/* The other direction is free; when this has come, the rest would have come as well. */
	for (unsigned i = 0; i < 3; i++) {
		say(dst[0], "\0\2\0\4abcd", 8);
		assert_int_equal(recv(src[0], (char[8]){0}, 8, MSG_WAITALL), 8);
	}
	hear_nothing(dst[0]);
	hear_nothing(dst[1]);
	relay_stats(relay, &stats);
	assert_true(stats.held);
	assert_int_equal(stats.to_destination, 10);
}

static void hold_in_a_large_stream(void **state)
{
	struct writer w = {0};
	pthread_t thread;
	char bytes[8192];
	size_t got = 0;
	ssize_t n = 1;
	int dst;

	(void)state;
	config.hold_at = 1234567;
	start();
	w.fd = source();
	dst = destination();
	assert_int_equal(pthread_create(&thread, NULL, write_large, &w), 0);
	while (got < config.hold_at && n > 0) {
		n = recv(dst, bytes, sizeof(bytes), 0);
		got += n > 0 ? (size_t)n : 0;
	}
	await(stats.held);
	assert_int_equal(got, config.hold_at);
	assert_int_equal(stats.to_destination, config.hold_at);
	hear_nothing(dst);
	relay_cut(relay);
	hear_closed(dst);
	pthread_join(thread, NULL);
	assert_true(w.sent < LARGE);
	await(stats.closed);
	assert_int_equal(stats.to_destination, config.hold_at);
}

/* The source dies while held: the destination does not hear of it before all is cut. */
static void source_dies_while_held(void **state)
{
	int src, dst;

	(void)state;
	config.hold_at = 2;
	start();
	src = source();
	dst = destination();
	say(src, "1234", 4);
	hear(dst, "12");
	await(stats.held);
	close_end(src);
	relay_stats(relay, &stats);
	assert_false(stats.closed);
	hear_nothing(dst);
	relay_cut(relay);
	hear_closed(dst);
	await(stats.closed);
	assert_int_equal(stats.to_destination, 2);
}

/* The destination dies while held: the source hears of it at once. */
static void destination_dies_while_held(void **state)
{
	int src, dst;

	(void)state;
	config.hold_at = 2;
	start();
	src = source();
	dst = destination();
	say(src, "1234", 4);
	hear(dst, "12");
	await(stats.held);
	close_end(dst);
	hear_closed(src);
	await(stats.closed);
	assert_true(stats.held);
	assert_string_equal(stats.error, "");
}

static void cut_and_again(void **state)
{
	int src[2], dst[2];

	(void)state;
	start();
	for (unsigned i = 0; i < 2; i++) {
		src[i] = source();
		dst[i] = destination();
		say(src[i], "x", 1);
		hear(dst[i], "x");
	}
	relay_cut(relay);
	relay_stats(relay, &stats);
	assert_true(stats.closed);
	for (unsigned i = 0; i < 2; i++) {
		hear_closed(src[i]);
		hear_closed(dst[i]);
		assert_int_equal(send(src[i], "x", 1, MSG_NOSIGNAL), -1);
		assert_int_equal(send(dst[i], "x", 1, MSG_NOSIGNAL), -1);
	}
	src[0] = source();
	dst[0] = destination();
	say(src[0], "again", 5);
	hear(dst[0], "again");
	await(stats.to_destination == 7);
	assert_int_equal(stats.channels, 3);
	assert_false(stats.closed);
}

/* ---- what is missing ---------------------------------------------------------------------- */

static void source_never_connects(void **state)
{
	struct fetch *list;
	struct buf copy = {0};

	(void)state;
	start();
	relay_cut(relay);
	relay_stats(relay, &stats);
	assert_int_equal(stats.channels, 0);
	assert_false(stats.closed);
	assert_int_equal(relay_requests(relay, &list), 0);
	free(list);
	relay_stream(relay, &copy);
	assert_int_equal(copy.len, 0);
}

static void destination_does_not_listen(void **state)
{
	(void)state;
	close_end(listener);
	start();
	hear_closed(source());
	await(stats.closed);
	assert_int_equal(stats.channels, 1);
	assert_contains(stats.error, "cannot connect to /tmp/relay-");
	assert_contains(stats.error, "/out: Connection refused");
}

/* Its queue of connections is full: the relay tries again. */
static void destination_is_slow_to_accept(void **state)
{
	int src[5];

	(void)state;
	start();
	for (unsigned i = 0; i < ARRAY_SIZE(src); i++) {
		src[i] = source();
		say(src[i], "hello", 5);
	}
	await(stats.channels == ARRAY_SIZE(src));
	for (unsigned i = 0; i < ARRAY_SIZE(src); i++)
		hear(destination(), "hello");
	await(stats.to_destination == 25);
	assert_string_equal(stats.error, "");
}

static void bad_paths(void **state)
{
	struct relay_config bad = config;
	char longer[200];

	(void)state;
	memset(longer, 'x', sizeof(longer) - 1);
	longer[sizeof(longer) - 1] = '\0';
	bad.listen = longer;
	assert_null(relay_start(&bad, &err));
	assert_contains(err.text, "path is longer than 107 bytes: xxx");
	bad = config;
	bad.connect = longer;
	assert_null(relay_start(&bad, &err));
	assert_contains(err.text, "path is longer than 107 bytes: xxx");
	assert_int_equal(access(bad.listen, F_OK), -1);
	bad = config;
	bad.listen = "/nonexistent/socket";
	assert_null(relay_start(&bad, &err));
	assert_contains(err.text, "cannot make the socket /nonexistent/socket: No such file");
	/* What belongs to somebody else stays. */
	bad = config;
	bad.listen = config.connect;
	assert_null(relay_start(&bad, &err));
	assert_contains(err.text, "Address already in use");
	assert_int_equal(access(config.connect, F_OK), 0);
}

/* ---- page requests ------------------------------------------------------------------------ */

static void request(int fd, const char *name, uint64_t offset)
{
	struct {
		uint16_t type, len;
		uint64_t offset;
		uint32_t length;
		uint8_t name_len;
		char name[64];
	} __attribute__((packed)) m = {.offset = htobe64(offset), .length = htobe32(4096)};
	size_t len = 12 + (name ? 1 + strlen(name) : 0);

	m.type = htobe16(name ? 3 : 4);
	m.len = htobe16((uint16_t)len);
	if (name) {
		m.name_len = (uint8_t)strlen(name);
		memcpy(m.name, name, strlen(name));
	}
	say(fd, &m, 4 + len);
}

static void requests(void **state)
{
	static const struct {
		const char *name;
		uint64_t gpa;
	} expected[] = {
		{"MSR bitmap", 0x5000},
		{"other", 0x7000},
		{"virtual-APIC page", 0x6000},
		{"0000:00:02.0/vga.vram", 0x5000},
		{"0000:00:02.0/vga.vram", 0x6000},
	};
	int64_t begin = now_ns(), before = 0;
	struct page_names names = {0};
	struct fetch *list;
	int src, dst, other;

	(void)state;
	page_names_add(&names, "MSR bitmap", 0x5000, 1);
	page_names_add(&names, "virtual-APIC page", 0x6000, 1);
	config.names = &names;
	start();
	page_names_free(&names);
	src = source();
	dst = destination();
	source();
	other = destination();
	request(dst, "pc.ram", 0x5000);
	request(dst, NULL, 0x7000);
	request(dst, "/objects/mem", 0x6000);
	request(dst, "0000:00:02.0/vga.vram", 0x5000);
	request(dst, NULL, 0x6000);
	request(other, "pc.ram", 0x5000);
	await(stats.page_requests == 5);
	assert_int_equal(relay_requests(relay, &list), 5);
	for (unsigned i = 0; i < 5; i++) {
		const struct fetch *f = &list[i];

		assert_int_equal(f->order, i + 1);
		assert_string_equal(f->phase, "post-copy");
		assert_string_equal(f->name, expected[i].name);
		assert_int_equal(f->gpa, expected[i].gpa);
		assert_true(f->zero_ns >= begin && f->zero_ns <= now_ns());
		assert_true(f->asked_ns >= before && f->asked_ns <= now_ns() - begin);
		before = f->asked_ns;
		assert_int_equal(f->waited_ns, -1);
		assert_string_equal(f->via, "");
		assert_false(f->vcpu);
		assert_int_equal(f->tid, 0);
	}
	free(list);
	for (unsigned i = 0; i < 1000; i++)
		request(dst, NULL, (uint64_t)i << 12);
	/* The rest is not decoded, but it goes through. */
	say(dst, "\xff\xff garbage", 10);
	for (size_t left = 16 + 7 + 16 + 13 + 16 + 22 + 16 + 1000 * 16 + 10; left;) {
		char bytes[512];
		ssize_t n = recv(src, bytes, left < sizeof(bytes) ? left : sizeof(bytes), 0);

		assert_true(n > 0);
		left -= (size_t)n;
	}
	await(stats.error[0]);
	assert_string_equal(stats.error, "return path: message of unknown type 65535");
	assert_int_equal(stats.page_requests, 1005);
	assert_int_equal(relay_requests(relay, &list), 1005);
	assert_int_equal(list[1004].gpa, 999 << 12);
	free(list);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(several_channels),
		TEST(half_close),
		TEST(half_close_of_the_destination),
		TEST(last_words_of_a_destination_that_dies),
		TEST(large_with_a_slow_reader),
		TEST(record_cap),
		TEST(hold),
		TEST(hold_in_a_large_stream),
		TEST(source_dies_while_held),
		TEST(destination_dies_while_held),
		TEST(cut_and_again),
		TEST(source_never_connects),
		TEST(destination_does_not_listen),
		TEST(destination_is_slow_to_accept),
		TEST(bad_paths),
		TEST(requests),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
