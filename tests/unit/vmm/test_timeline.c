// SPDX-License-Identifier: BSD-2-Clause
// Timelines: lanes, what belongs to which hop, what becomes one event, room, threads, the file.
#include "tests/unit/unit.h"

#include "host/kvm/kvm_vm.h"
#include "host/qemu/qmp.h"
#include "host/vmm/timeline.h"

#include <errno.h>
#include <jansson.h>
#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>

#define SHORT NS_PER_MS

static struct timeline *t;
static json_t *file;

static int setup(void **state)
{
	(void)state;
	t = timeline_create();
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	timeline_free(t);
	json_decref(file);
	file = NULL;
	return 0;
}

/* The file of the hop that is over. */
static void take(void)
{
	char *text = timeline_take(t, "running.postcopy", "kvm");

	json_decref(file);
	file = json_loads(text, 0, NULL);
	assert_non_null(file);
	free(text);
}

static const json_t *lane(const char *name)
{
	const json_t *l;
	size_t i;

	json_array_foreach(json_object_get(file, "lanes"), i, l) {
		if (!strcmp(json_string_value(json_object_get(l, "name")), name))
			return json_object_get(l, "events");
	}
	return NULL;
}

static void expect(const char *name, size_t i, double from, double to, const char *kind,
		   const char *text)
{
	const json_t *e = json_array_get(lane(name), i);

	assert_non_null(e);
	assert_string_equal(json_string_value(json_object_get(e, "text")), text);
	assert_string_equal(json_string_value(json_object_get(e, "kind")), kind);
	if (from >= 0)
		assert_true(json_real_value(json_object_get(e, "from_us")) == from);
	if (to >= 0)
		assert_true(json_real_value(json_object_get(e, "to_us")) == to);
}

static size_t count(const char *name)
{
	return json_array_size(lane(name));
}

/* Without a recorder nothing happens. */
static void off(void **state)
{
	(void)state;
	timeline_begin(NULL, 1);
	timeline_end(NULL);
	timeline_phase(NULL, "stop");
	timeline_span(NULL, LANE_PAGES, TIMELINE_PAGE, 1, 2, "x");
	timeline_add(NULL, LANE_PAGES, TIMELINE_PAGE, 1, 2, "x");
	timeline_often(NULL, LANE_PAGES, TIMELINE_PAGE, 1, 2, 3, "x");
	timeline_instant(NULL, LANE_PAGES, TIMELINE_PAGE, "x");
	assert_int_equal(timeline_over(NULL), 0);
	timeline_free(NULL);
}

static void shape(void **state)
{
	const int64_t start = now_ns() + NS_PER_MS;
	const char *names[] = {"runner",  "vCPU 0", "vCPU 1", "pages",
			       "network", "QMP",    "L1/L2",  "interrupts"};
	const json_t *l;
	size_t i;

	(void)state;
	timeline_begin(t, 3);
	for (unsigned n = LANES; n-- > 0;)
		timeline_span(t, n, (enum timeline_kind)n, start, start + 12349, "event %u", n);
	assert_int_equal(timeline_over(t), 0);
	timeline_end(t);
	assert_int_equal(timeline_over(t), 3);
	take();
	assert_int_equal(timeline_over(t), 0);
	assert_string_equal(json_string_value(json_object_get(file, "schema")),
			    "midflight-timeline");
	assert_int_equal(json_integer_value(json_object_get(file, "version")), 1);
	assert_string_equal(json_string_value(json_object_get(file, "result")), "running.postcopy");
	assert_string_equal(json_string_value(json_object_get(file, "driver")), "kvm");
	assert_int_equal(json_integer_value(json_object_get(file, "hop")), 3);
	assert_int_equal(json_integer_value(json_object_get(file, "dropped")), 0);
	assert_int_equal(json_array_size(json_object_get(file, "lanes")), LANES);
	json_array_foreach(json_object_get(file, "lanes"), i, l) {
		assert_string_equal(json_string_value(json_object_get(l, "name")), names[i]);
	}
	expect("runner", 0, -1, -1, "phase", "event 0");
	expect("vCPU 0", 0, -1, -1, "ioctl", "event 1");
	expect("vCPU 1", 0, -1, -1, "run", "event 2");
	expect("pages", 0, -1, -1, "page", "event 3");
	expect("network", 0, -1, -1, "guest", "event 4");
	expect("QMP", 0, -1, -1, "interrupt", "event 5");
	expect("L1/L2", 0, -1, -1, "qmp", "event 6");
	expect("interrupts", 0, -1, -1, "network", "event 7");
}

/* In tenths of microseconds, written as such, in order of the beginning. */
static void times(void **state)
{
	int64_t begin;
	char *text;

	(void)state;
	timeline_begin(t, 1);
	begin = now_ns();
	timeline_span(t, LANE_VCPU, TIMELINE_IOCTL, begin + 2000000, begin + 2012340, "later");
	timeline_span(t, LANE_VCPU, TIMELINE_IOCTL, begin - 5000000000, begin + 1000000, "first");
	timeline_end(t);
	text = timeline_take(t, "r", "kvm");
	file = json_loads(text, 0, NULL);
	expect("vCPU 0", 0, 0.0, -1, "ioctl", "first");
	expect("vCPU 0", 1, -1, -1, "ioctl", "later");
	for (const char *p = text; (p = strstr(p, "_us\":"));) {
		p += strlen("_us\":");
		p += strspn(p, "0123456789");
		assert_true(*p++ == '.');
		assert_int_equal(strspn(p, "0123456789"), 1);
	}
	free(text);
}

/* An event belongs to the hop in which it ends; before the first there is none. */
static void hops(void **state)
{
	int64_t before = now_ns(), between;

	(void)state;
	timeline_instant(t, LANE_GUEST, TIMELINE_GUEST, "boot");
	timeline_begin(t, 1);
	timeline_span(t, LANE_GUEST, TIMELINE_GUEST, before, before, "of the boot");
	timeline_instant(t, LANE_GUEST, TIMELINE_GUEST, "one");
	between = now_ns();
	timeline_begin(t, 2);
	timeline_instant(t, LANE_GUEST, TIMELINE_GUEST, "two");
	timeline_span(t, LANE_GUEST, TIMELINE_GUEST, between, between, "told late");
	timeline_add(t, LANE_PAGES, TIMELINE_PAGE, now_ns(), now_ns(), "added");
	assert_int_equal(timeline_over(t), 1);
	take();
	assert_int_equal(count("L1/L2"), 2);
	expect("L1/L2", 0, -1, -1, "guest", "one");
	expect("L1/L2", 1, -1, -1, "guest", "told late");
	expect("pages", 0, -1, -1, "page", "added");
	timeline_span(t, LANE_GUEST, TIMELINE_GUEST, between, between, "told too late");
	timeline_add(t, LANE_PAGES, TIMELINE_PAGE, now_ns(), now_ns(), "added to none");
	timeline_end(t);
	timeline_instant(t, LANE_GUEST, TIMELINE_GUEST, "afterwards");
	assert_int_equal(timeline_over(t), 2);
	take();
	assert_int_equal(count("L1/L2"), 1);
	expect("L1/L2", 0, -1, -1, "guest", "two");
	assert_null(lane("pages"));
	timeline_end(t);
	assert_int_equal(timeline_over(t), 0);
}

/* Another try of a hop: only the last one is kept, and what the hop before has yet to get. */
static void another_try(void **state)
{
	(void)state;
	timeline_begin(t, 1);
	timeline_instant(t, LANE_GUEST, TIMELINE_GUEST, "one");
	timeline_begin(t, 2);
	timeline_instant(t, LANE_GUEST, TIMELINE_GUEST, "a miss");
	timeline_begin(t, 2);
	assert_int_equal(timeline_over(t), 1);
	timeline_instant(t, LANE_GUEST, TIMELINE_GUEST, "a hit");
	take();
	expect("L1/L2", 0, -1, -1, "guest", "one");
	timeline_end(t);
	take();
	assert_int_equal(count("L1/L2"), 1);
	expect("L1/L2", 0, -1, -1, "guest", "a hit");
	/* One that nobody has taken gives way. */
	timeline_begin(t, 3);
	timeline_begin(t, 4);
	timeline_begin(t, 5);
	assert_int_equal(timeline_over(t), 4);
}

static void phases(void **state)
{
	(void)state;
	timeline_phase(t, "start");
	timeline_phase(t, "run");
	timeline_begin(t, 1);
	timeline_phase(t, "run");
	timeline_phase(t, "stop");
	timeline_phase(t, "restore");
	timeline_begin(t, 2);
	take();
	assert_int_equal(count("runner"), 3);
	expect("runner", 0, 0.0, -1, "phase", "run");
	expect("runner", 1, -1, -1, "phase", "stop");
	expect("runner", 2, -1, -1, "phase", "restore");
	timeline_end(t);
	take();
	assert_int_equal(count("runner"), 1);
	expect("runner", 0, 0.0, -1, "phase", "restore");
}

/* Serial output is one exit a byte. */
static void merging(void **state)
{
	int64_t at;

	(void)state;
	timeline_begin(t, 1);
	at = now_ns();
#define RUN(ns, text)                                                                        \
	timeline_often(t, LANE_VCPU, TIMELINE_RUN, at, at + (ns), SHORT, "KVM_RUN%s", text); \
	at += (ns)
	timeline_span(t, LANE_VCPU, TIMELINE_RUN, at, at, "KVM_RUN (serial port)");
	for (int i = 0; i < 57; i++) {
		RUN(1000, " (serial port)");
	}
	RUN(1000, " (port 0xe5)");
	RUN(2 * SHORT, " (port 0xe5)"); /* long ones stand alone */
	RUN(1000, " (port 0xe5)");
	RUN(1000, " (port 0xe5)");
	at += 2 * SHORT; /* as what comes after a while */
	RUN(1000, " (port 0xe5)");
	RUN(1000, "");
	RUN(1000, "");
#undef RUN
	timeline_end(t);
	take();
	assert_int_equal(count("vCPU 0"), 7);
	expect("vCPU 0", 0, -1, -1, "run", "KVM_RUN (serial port)");
	expect("vCPU 0", 1, -1, -1, "run", "KVM_RUN x57 (serial port)");
	expect("vCPU 0", 2, -1, -1, "run", "KVM_RUN (port 0xe5)");
	expect("vCPU 0", 3, -1, -1, "run", "KVM_RUN (port 0xe5)");
	expect("vCPU 0", 4, -1, -1, "run", "KVM_RUN x2 (port 0xe5)");
	expect("vCPU 0", 5, -1, -1, "run", "KVM_RUN (port 0xe5)");
	expect("vCPU 0", 6, -1, -1, "run", "KVM_RUN x2");
}

/* One lane that overflows takes no room from the others; text of any length and any bytes. */
static void room(void **state)
{
	char text[2 * TIMELINE_TEXT_MAX];

	(void)state;
	timeline_begin(t, 1);
	for (unsigned i = 0; i < TIMELINE_LANE_MAX + 7; i++)
		timeline_instant(t, LANE_GUEST, TIMELINE_GUEST, "fail %u", i);
	memset(text, 0xff, sizeof(text));
	text[sizeof(text) - 1] = '\0';
	timeline_instant(t, LANE_QMP, TIMELINE_QMP, "%s", text);
	timeline_end(t);
	take();
	assert_int_equal(count("L1/L2"), TIMELINE_LANE_MAX);
	assert_int_equal(json_integer_value(json_object_get(file, "dropped")), 7);
	memset(text, '?', sizeof(text));
	text[TIMELINE_TEXT_MAX - 1] = '\0';
	expect("QMP", 0, -1, -1, "qmp", text);
}

static void *talk(void *arg)
{
	unsigned lane_number = *(const unsigned *)arg;

	for (unsigned i = 0; i < TIMELINE_LANE_MAX; i++)
		timeline_instant(t, lane_number, TIMELINE_RUN, "%u", i);
	return NULL;
}

static void threads(void **state)
{
	unsigned number[LANES];
	pthread_t thread[LANES];

	(void)state;
	timeline_begin(t, 1);
	for (unsigned i = 1; i < LANES; i++) {
		number[i] = i;
		assert_int_equal(pthread_create(&thread[i], NULL, talk, &number[i]), 0);
	}
	for (unsigned i = 0; i < 100; i++)
		timeline_phase(t, i & 1 ? "a" : "b");
	for (unsigned i = 1; i < LANES; i++)
		pthread_join(thread[i], NULL);
	timeline_end(t);
	take();
	assert_int_equal(count("runner"), 100);
	for (size_t i = 0; i < TIMELINE_LANE_MAX; i++) {
		char text[16];

		snprintf(text, sizeof(text), "%zu", i);
		expect("vCPU 1", i, -1, -1, "run", text);
		expect("interrupts", i, -1, -1, "run", text);
	}
	assert_int_equal(json_integer_value(json_object_get(file, "dropped")), 0);
}

/* A command answered, one refused, events. */
static void qmp_commands(void **state)
{
	static const char answers[] = "{\"event\":\"MIGRATION\",\"data\":{\"status\":\"active\"}}\n"
				      "{\"event\":\"STOP\"}\n{\"return\":{},\"id\":1}\n";
	static const char refusal[] = "{\"error\":{\"desc\":\"no\"},\"id\":2}\n";
	struct qmp q = {.timeline = t};
	struct err e = {0};
	int fds[2];

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	qmp_open(&q, fds[0], 2);
	timeline_begin(t, 1);
	assert_int_equal(qmp_send(&q, "query-status", NULL, -1, &e), 0);
	assert_int_equal(write_all(fds[1], answers, strlen(answers)), 0);
	assert_int_equal(qmp_receive(&q, &e), 1);
	assert_int_equal(qmp_send(&q, "migrate", NULL, -1, &e), 0);
	assert_int_equal(write_all(fds[1], refusal, strlen(refusal)), 0);
	assert_int_equal(qmp_receive(&q, &e), 1);
	timeline_end(t);
	qmp_close(&q);
	close(fds[1]);
	take();
	assert_int_equal(count("QMP"), 4);
	expect("QMP", 0, -1, -1, "qmp", "query-status (QEMU 2)");
	expect("QMP", 1, -1, -1, "qmp", "event MIGRATION active (QEMU 2)");
	expect("QMP", 2, -1, -1, "qmp", "event STOP (QEMU 2)");
	expect("QMP", 3, -1, -1, "qmp", "migrate (QEMU 2): refused");
}

static void exits(void **state)
{
	static const struct {
		unsigned reason;
		uint16_t port;
		int error;
		const char *text;
	} rows[] = {
		{KVM_EXIT_IO, 0x3fd, 0, "serial port"},
		{KVM_EXIT_IO, 0xe5, 0, "freeze point"},
		{KVM_EXIT_IO, 0x80, 0, "port 0x80"},
		{KVM_EXIT_IO, 0x3f8, EINTR, "interrupted"},
		{KVM_EXIT_IO, 0x3f8, ENOENT, "No such file or directory"},
		{KVM_EXIT_MMIO, 0, 0, "KVM_EXIT_MMIO"},
		{KVM_EXIT_INTERNAL_ERROR, 0, 0, "KVM_EXIT_INTERNAL_ERROR"},
		{KVM_EXIT_S390_SIEIC, 0, 0, "KVM exit 13"},
		{12345, 0, 0, "KVM exit 12345"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct kvm_run run = {.exit_reason = rows[i].reason, .io.port = rows[i].port};
		char text[64];

		kvm_exit_text(&run, rows[i].error, text, sizeof(text));
		assert_string_equal(text, rows[i].text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(off),
		cmocka_unit_test_setup_teardown(shape, setup, teardown),
		cmocka_unit_test_setup_teardown(times, setup, teardown),
		cmocka_unit_test_setup_teardown(hops, setup, teardown),
		cmocka_unit_test_setup_teardown(another_try, setup, teardown),
		cmocka_unit_test_setup_teardown(phases, setup, teardown),
		cmocka_unit_test_setup_teardown(merging, setup, teardown),
		cmocka_unit_test_setup_teardown(room, setup, teardown),
		cmocka_unit_test_setup_teardown(threads, setup, teardown),
		cmocka_unit_test_setup_teardown(qmp_commands, setup, teardown),
		cmocka_unit_test(exits),
	};

	return cmocka_run_group_tests_name("timeline", tests, NULL, NULL);
}
