// SPDX-License-Identifier: BSD-2-Clause
// Pages over a socket: what the source answers, and that no source can make who asks wait for ever.
#include "tests/unit/unit.h"

#include "host/pages/serve.h"

#include <pthread.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define ID	 0x1122334455667788ull
#define MEMORY	 (4ull * SNAPSHOT_PAGE)
#define PATIENCE (200 * NS_PER_MS)

static uint8_t memory[MEMORY];
static struct snapshot snapshot;
static const struct serve_source source = {.snapshot = &snapshot, .id = ID};
static char dir[] = "/tmp/midflight-serve.XXXXXX";
static struct sockaddr_un address = {.sun_family = AF_UNIX};

static int setup(void **state)
{
	(void)state;
	memset(memory + SNAPSHOT_PAGE, 0xa5, SNAPSHOT_PAGE);
	snapshot_set_memory(&snapshot, memory, sizeof(memory));
	if (!mkdtemp(dir))
		return -1;
	snprintf(address.sun_path, sizeof(address.sun_path), "%s/socket", dir);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	snapshot_free(&snapshot);
	unlink(address.sun_path);
	return rmdir(dir);
}

/* ---- a source that says what the test wants ----------------------------------------------- */

struct script {
	bool honest;	 /* serve_connection() */
	size_t bytes;	 /* of all answers together; then it hangs up, or */
	bool silent;	 /* waits until the other side hangs up */
	uint64_t status; /* of all but the first answer */
	uint64_t id;
	int listener;
	pthread_t thread;
	struct err e;
	int ret;
};

static void play(struct script *s, int fd)
{
	struct {
		uint64_t status;
		uint8_t page[SNAPSHOT_PAGE];
	} answer = {0};
	uint64_t request, hello[2] = {MEMORY, s->id};
	size_t left = s->bytes;
	char byte;

	memcpy(answer.page, "MFPAGES1", 8);
	memcpy(answer.page + 8, hello, sizeof(hello));
	while (left && recv(fd, &request, sizeof(request), MSG_WAITALL) == sizeof(request)) {
		size_t n = left < sizeof(answer) ? left : sizeof(answer);

		assert_int_equal(send(fd, &answer, n, MSG_NOSIGNAL), n);
		left -= n;
		answer.status = s->status;
	}
	if (s->silent)
		while (recv(fd, &byte, 1, 0) > 0)
			;
}

static void *source_main(void *arg)
{
	struct script *s = arg;
	int fd = accept(s->listener, NULL, NULL);

	if (s->honest)
		s->ret = serve_connection(&source, fd, &s->e);
	else
		play(s, fd);
	close(fd);
	return NULL;
}

static void begin(struct script *s)
{
	unlink(address.sun_path);
	s->listener = socket(AF_UNIX, SOCK_STREAM, 0);
	assert_int_equal(bind(s->listener, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(listen(s->listener, 1), 0);
	assert_int_equal(pthread_create(&s->thread, NULL, source_main, s), 0);
}

static void end(struct script *s)
{
	pthread_join(s->thread, NULL);
	close(s->listener);
}

static struct serve_client *meet(struct err *e)
{
	return serve_connect(address.sun_path, MEMORY, ID, PATIENCE, e);
}

/* ---- tests -------------------------------------------------------------------------------- */

static void pages(void **state)
{
	struct script s = {.honest = true};
	struct serve_client *c;
	struct err e = {0};
	const uint8_t *page;

	(void)state;
	begin(&s);
	c = meet(&e);
	assert_non_null(c);
	for (unsigned i = 0; i < MEMORY / SNAPSHOT_PAGE; i++) {
		page = serve_page(c, i * SNAPSHOT_PAGE);
		assert_non_null(page);
		assert_memory_equal(page, memory + i * SNAPSHOT_PAGE, SNAPSHOT_PAGE);
	}
	assert_false(serve_dead(c, &e));
	assert_null(serve_page(c, MEMORY));
	assert_true(serve_dead(c, &e));
	assert_contains(e.text, "it has no such page, page at 0x4000");
	serve_disconnect(c);
	end(&s);
	assert_int_equal(s.ret, 0);
}

static void odd_address(void **state)
{
	struct script s = {.honest = true};
	struct serve_client *c;
	struct err e = {0};

	(void)state;
	begin(&s);
	c = meet(&e);
	assert_null(serve_page(c, 8));
	assert_true(serve_dead(c, &e));
	serve_disconnect(c);
	end(&s);
}

/* The source must not take half a request for one. */
static void short_request(void **state)
{
	struct script s = {.honest = true};
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	(void)state;
	begin(&s);
	assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(send(fd, "abc", 3, 0), 3);
	close(fd);
	end(&s);
	assert_int_equal(s.ret, -1);
	assert_contains(s.e.text, "a request of 3 bytes instead of 8");
}

/* Requests and answers in pieces, as a stream may deliver them. */
static void in_pieces(void **state)
{
	struct script s = {.honest = true};
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);
	const uint64_t gpa = SNAPSHOT_PAGE;
	uint8_t answer[8 + SNAPSHOT_PAGE];

	(void)state;
	begin(&s);
	assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	for (unsigned i = 0; i < sizeof(gpa); i++)
		assert_int_equal(send(fd, (const uint8_t *)&gpa + i, 1, 0), 1);
	for (unsigned i = 0; i < sizeof(answer); i += 8)
		assert_int_equal(recv(fd, answer + i, 8, MSG_WAITALL), 8);
	assert_memory_equal(answer + 8, memory + SNAPSHOT_PAGE, SNAPSHOT_PAGE);
	close(fd);
	end(&s);
	assert_int_equal(s.ret, 0);
}

/* One greeting, then @extra bytes of the next answer. */
static void dies_after(size_t extra, bool silent, const char *why)
{
	struct script s = {.bytes = 8 + SNAPSHOT_PAGE + extra, .silent = silent, .id = ID};
	int64_t start = now_ns();
	struct serve_client *c;
	struct err e = {0};

	begin(&s);
	c = meet(&e);
	assert_non_null(c);
	assert_null(serve_page(c, SNAPSHOT_PAGE));
	assert_true(serve_dead(c, &e));
	assert_contains(e.text, why);
	assert_contains(e.text, "page at 0x1000");
	assert_null(serve_page(c, 0)); /* and at once from now on */
	serve_disconnect(c);
	end(&s);
	assert_true(now_ns() - start < 10 * PATIENCE);
}

static void dead(void **state)
{
	(void)state;
	dies_after(0, false, "");
	dies_after(5, false, "it closed the connection");
	dies_after(8, false, "it closed the connection in a page");
	dies_after(8 + 4095, false, "it closed the connection in a page");
}

static void silent(void **state)
{
	(void)state;
	dies_after(0, true, "timed out");
	dies_after(3, true, "timed out");
	dies_after(8 + 100, true, "timed out");
}

static void odd_status(void **state)
{
	struct script s = {.bytes = 2 * (8 + SNAPSHOT_PAGE), .status = 77, .id = ID};
	struct serve_client *c;
	struct err e = {0};

	(void)state;
	begin(&s);
	c = meet(&e);
	assert_null(serve_page(c, 0));
	assert_true(serve_dead(c, &e));
	assert_contains(e.text, "unknown status");
	serve_disconnect(c);
	end(&s);
}

static void strangers(void **state)
{
	struct script other = {.bytes = 8 + SNAPSHOT_PAGE, .id = 5};
	struct script closed = {.bytes = 0};
	struct err e = {0};
	char far[300];

	(void)state;
	begin(&other);
	assert_null(meet(&e));
	assert_contains(e.text, "another snapshot (checksum 0x0000000000000005, not 0x1122");
	end(&other);
	begin(&closed);
	assert_null(meet(&e));
	end(&closed);
	assert_null(meet(&e)); /* nobody listens any more */
	assert_contains(e.text, "cannot connect to");
	memset(far, 'x', sizeof(far));
	far[sizeof(far) - 1] = '\0';
	assert_null(serve_connect(far, MEMORY, ID, PATIENCE, &e));
	assert_contains(e.text, "path is longer than");
}

static void identity(void **state)
{
	char *file = xasprintf("%s/file", dir);
	struct err e = {0};
	struct buf bytes = {0};
	uint64_t id = 0, want;

	(void)state;
	assert_int_equal(serve_id(file, &id, &e), -1);
	assert_int_equal(snapshot_write(&snapshot, file, &e), 0);
	assert_int_equal(serve_id(file, &id, &e), 0);
	snapshot_encode(&snapshot, &bytes);
	memcpy(&want, bytes.p + bytes.len - sizeof(want), sizeof(want));
	assert_true(id == want);
	buf_free(&bytes);
	unlink(file);
	free(file);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pages),	 cmocka_unit_test(odd_address),
		cmocka_unit_test(short_request), cmocka_unit_test(in_pieces),
		cmocka_unit_test(dead),		 cmocka_unit_test(silent),
		cmocka_unit_test(odd_status),	 cmocka_unit_test(strangers),
		cmocka_unit_test(identity),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
