// SPDX-License-Identifier: BSD-2-Clause
// The QEMU driver with a real QEMU: snapshots and restores of a tiny guest under TCG, which has no
// L2, so that this test alone takes any state for a good one. Skipped where there is no QEMU.
#include "host/snapshot/qemu_stream.h"
#include "tests/unit/unit.h"
#include "tests/unit/timeline.h"

#include "host/flight/flight.h"
#include "host/qemu/qemu_process.h"
#include "lib/sum.h"

#include <signal.h>
#include <unistd.h>

#define TEXT(x) #x
#define STR(x)	TEXT(x)

/*
 * A multiboot kernel that speaks the protocol: as many hops as its hello line says, each answered
 * with one byte, `e` for the last one. Its line templates change in place, so a restore that loses
 * memory or registers shows in the log; so does the sum (lib/sum.h), for which a \001 stands in the
 * lines. The digest is always the same.
 */
asm(".pushsection .rodata\n"
    ".code32\n"
    "stub_begin:\n"
    ".set base, 0x100000\n"
    "	.long 0x1badb002, 0x10000, -(0x1badb002 + 0x10000)\n"
    "	.long base, base, 0, 0, base + (stub_entry - stub_begin)\n"
    "stub_entry:\n"
    "	movl	$base + (stub_head - stub_begin), %esi\n"
    "	call	stub_print\n"
    "	movzbl	base + (stub_hops - stub_begin), %ebx\n"
    "	subl	$'0', %ebx\n"
    "1:	movl	$base + (stub_ready - stub_begin), %esi\n"
    "	call	stub_print\n"
    "2:	movw	$0x3fd, %dx\n"
    "	inb	%dx, %al\n"
    "	testb	$1, %al\n"
    "	jz	2b\n"
    "	movw	$0x3f8, %dx\n"
    "	inb	%dx, %al\n"
    "	cmpb	$'k', %al\n"
    "	je	6f\n"
    "	cmpb	$'e', %al\n"
    "	jne	2b\n"
    "	movl	$1, %ebx\n"
    "6:\n"
    "	movl	$base + (stub_hop - stub_begin), %esi\n"
    "	call	stub_print\n"
    "	addb	$2, base + (stub_ready - stub_begin) + 3\n"
    "	incb	base + (stub_ready - stub_begin) + 15\n"
    "	addb	$2, base + (stub_hop - stub_begin) + 3\n"
    "	incb	base + (stub_hop - stub_begin) + 13\n"
    "	decl	%ebx\n"
    "	jnz	1b\n"
    "	movb	base + (stub_ready - stub_begin) + 3, %al\n"
    "	movb	%al, base + (stub_tail - stub_begin) + 18\n"
    "	movl	$base + (stub_tail - stub_begin), %esi\n"
    "	call	stub_print\n"
    "	movw	$0xf4, %dx\n"
    "	xorb	%al, %al\n"
    "	outb	%al, %dx\n"
    "3:	hlt\n"
    "	jmp	3b\n"
    "stub_print:\n"
    "	movb	(%esi), %cl\n"
    "	incl	%esi\n"
    "	testb	%cl, %cl\n"
    "	jz	5f\n"
    "	cmpb	$1, %cl\n"
    "	je	7f\n"
    "	movl	$" STR(
	    SUM_BASE) ", %eax\n"
		      "	mull	base + (stub_sum - stub_begin)\n"
		      "	movzbl	%cl, %edi\n"
		      "	addl	%edi, %eax\n"
		      "	adcl	$0, %edx\n"
		      "	movl	$0xfffffffb, %edi\n" /* SUM_PRIME */
		      "	divl	%edi\n"
		      "	movl	%edx, base + (stub_sum - stub_begin)\n"
		      "	call	stub_byte\n"
		      "	jmp	stub_print\n"
		      "7:	movl	$base + (stub_sum_is - stub_begin), %edi\n"
		      "8:	movb	(%edi), %cl\n"
		      "	incl	%edi\n"
		      "	call	stub_byte\n"
		      "	cmpb	$'x', %cl\n"
		      "	jne	8b\n"
		      "	movl	$8, %edi\n"
		      "9:	roll	$4, base + (stub_sum - stub_begin)\n"
		      "	movl	base + (stub_sum - stub_begin), %eax\n"
		      "	andl	$15, %eax\n"
		      "	movb	base + (stub_digits - stub_begin)(%eax), %cl\n"
		      "	call	stub_byte\n"
		      "	decl	%edi\n"
		      "	jnz	9b\n"
		      "	movl	$0, base + (stub_sum - stub_begin)\n"
		      "	movb	$10, %cl\n"
		      "	call	stub_byte\n"
		      "	jmp	stub_print\n"
		      "stub_byte:\n"
		      "	movw	$0x3fd, %dx\n"
		      "4:	inb	%dx, %al\n"
		      "	testb	$0x20, %al\n"
		      "	jz	4b\n"
		      "	movw	$0x3f8, %dx\n"
		      "	movb	%cl, %al\n"
		      "	outb	%al, %dx\n"
		      "5:	ret\n"
		      "stub_sum: .long 0\n"
		      "stub_sum_is: .ascii \" sum=0x\"\n"
		      "stub_digits: .ascii \"0123456789abcdef\"\n"
		      "stub_ready: .asciz \"# @3 ready hop=1\\001\"\n"
		      "stub_hop: .asciz \"# @4 hop hop=1 failed=0 digest=0x5\\001\"\n"
		      "stub_head: .ascii \"KTAP version 1\\n1..1\\n# @1 hello protocol=2 "
		      "version=stub\"\n"
		      "	.ascii \" boot=multiboot sync=host hops=\"\n"
		      "stub_hops: .asciz \"3 seed=5\\001# @2 start scenario=running\\001\"\n"
		      "stub_tail: .ascii \"ok 1 - running\\n# @9 verdict word=PASS passed=1 "
		      "failed=0\"\n"
		      "	.asciz \" skipped=0 errors=0\\001\"\n"
		      "stub_end:\n"
		      "stub_size: .quad stub_end - stub_begin\n"
		      "stub_hops_at: .quad stub_hops - stub_begin\n"
		      ".code64\n"
		      ".popsection\n");

#define HOPS 3

extern const char stub_begin[];
extern const uint64_t stub_size, stub_hops_at;

static char dir[] = "/tmp/midflight unit-XXXXXX";
static char *image;
static struct flight_result r;

/* Writes the image, for @hops hops. */
static int write_image(unsigned hops)
{
	char *copy = xcalloc(1, stub_size);
	struct err e = {0};
	int ret;

	memcpy(copy, stub_begin, stub_size);
	copy[stub_hops_at] = (char)('0' + hops);
	ret = write_file(dir, "stub.elf", copy, stub_size, 0644, &e);
	free(copy);
	return ret;
}

static void fly_by(enum method method, bool control, const char *machine)
{
	struct flight_config config = {
		.driver = &qemu_driver,
		.scenario = scenario_find("running", 7),
		.control = control,
		.method = method,
		.hops = method == METHOD_SAVEVM ? 2 : HOPS, /* it has L1 make one more */
		.seed = 5,
		.timeout_ns = 30000 * NS_PER_MS,
		.nudge_ns = 20000 * NS_PER_MS,
		.miss_limit = 3,
		.any_state = true,
		.keep_snapshot = true,
		.hop_files = true,
		.vm = {.qemu = "qemu-system-x86_64",
		       .machine = machine,
		       .cpu = "max",
		       .accel = "tcg",
		       .image = image,
		       .dir = dir,
		       .memory_mib = 16},
	};

	if (system("command -v qemu-system-x86_64 > /dev/null")) {
		print_message("# NOTE no qemu-system-x86_64 here\n");
		skip();
	}
	if (write_image(method == METHOD_RESET ? 2 : HOPS))
		fail_msg("cannot write the image");
	flight_run(&config, &r);
}

static void fly(bool control, const char *machine)
{
	fly_by(METHOD_FILE, control, machine);
}

static int done(void **state)
{
	(void)state;
	timelines_remove(dir, HOPS);
	flight_result_free(&r);
	return 0;
}

static void expect(enum word word, const char *why)
{
	if (r.verdict.word != word)
		fail_msg("%s (%s), expected %s; %s", word_name(r.verdict.word),
			 r.verdict.findings ? r.verdict.finding[0] : "", word_name(word),
			 buf_text(&r.messages));
	if (why)
		assert_contains(r.verdict.finding[0], why);
}

static void control(void **state)
{
	(void)state;
	fly(true, "pc");
	expect(WORD_PASS, NULL);
	assert_int_equal(r.taken, 0);
}

static void snapshots(void **state)
{
	(void)state;
	fly(false, "pc");
	expect(WORD_PASS, NULL);
	assert_int_equal(r.taken, 3);
	assert_int_equal(r.l2_active, 0);
	assert_false(r.hop[0].state.nested);
	assert_true(r.hop[2].bytes > 100000);
	assert_string_equal(r.log.version_text, "stub");
	assert_lane(dir, 2, "runner", "run;stop;snapshot;quit;restore;cont;keep;");
	assert_lane(dir, 2, "QMP", "event STOP (QEMU 2);");
	assert_lane(dir, 2, "QMP", "QEMU 3 starts;");
	assert_lane(dir, 2, "QMP", ";cont (QEMU 3);");
	assert_lane(dir, 2, "network", "file, ");
	flight_result_free(&r);
	fly(false, "q35");
	expect(WORD_PASS, NULL);
}

/* What each method of moving a VM must have told of itself. */
static void methods(void **state)
{
	static const struct {
		enum method method;
		bool counts, says; /* rounds and bytes; QEMU's words */
	} list[] = {
		{METHOD_FILE, true, false},
		{METHOD_PIPE, true, false},
		{METHOD_PAUSE, true, false},
		{METHOD_PRECOPY, true, false},
		{METHOD_PRECOPY_LIMITED, true, false},
		{METHOD_PRECOPY_MULTIFD, true, false},
		{METHOD_PRECOPY_AUTO_CONVERGE, true, false},
		{METHOD_PRECOPY_XBZRLE, true, false},
		{METHOD_KILLED, false, true},
		{METHOD_CANCELLED, false, true},
		{METHOD_DISK_FULL, false, true},
		{METHOD_CORRUPTED, true, true},
		{METHOD_RESET, false, false},
		{METHOD_PING_PONG, false, false},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(list); i++) {
		print_message("# %s\n", method_name(list[i].method));
		fly_by(list[i].method, false, "pc");
		expect(WORD_PASS, NULL);
		assert_int_equal(r.taken, HOPS);
		for (unsigned n = 0; n < HOPS; n++) {
			assert_true(r.hop[n].taken);
			assert_true(!list[i].counts || r.hop[n].move.rounds >= 1);
			assert_true(!list[i].counts || r.hop[n].move.bytes > 100000);
			if (list[i].method != METHOD_PING_PONG)
				assert_int_equal(*r.hop[n].move.said != '\0', list[i].says);
		}
		flight_result_free(&r);
	}
	fly_by(METHOD_SAVEVM, false, "pc");
	expect(WORD_PASS, NULL);
	assert_int_equal(r.taken, 2);
}

/* Methods that need userfaultfd. */
static void userfault(void **state)
{
	(void)state;
	if (geteuid()) {
		print_message("# NOTE userfaultfd is for root here\n");
		skip();
	}
	fly_by(METHOD_POSTCOPY, false, "pc");
	expect(WORD_PASS, NULL);
	assert_int_equal(r.taken, HOPS);
	/* The VM ends before the last hop's migration does. */
	for (unsigned n = 0; n < HOPS; n++) {
		assert_true(r.hop[n].fetches > 0);
		assert_true(r.hop[n].move.bytes > 0);
		assert_true(n == HOPS - 1 || r.hop[n].move.rounds >= 1);
		assert_lane(dir, n + 1, "network", " asked for;");
		assert_lane(dir, n + 1, "network", "postcopy, ");
		assert_lane(dir, n + 1, "QMP", "migrate-start-postcopy (QEMU ");
	}
	flight_result_free(&r);
	fly_by(METHOD_BACKGROUND, false, "pc");
	expect(WORD_PASS, NULL);
	assert_int_equal(r.taken, HOPS);
	assert_true(r.hop[0].move.bytes > 100000);
}

/* What this QEMU lacks is a SKIP that says what. */
static void lacks(void **state)
{
	static const struct {
		enum method method;
		const char *why;
	} list[] = {
		{METHOD_MAPPED_RAM, "this QEMU has no migration capability mapped-ram"},
		{METHOD_CPR_TRANSFER, "aux-ram-share"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(list); i++) {
		fly_by(list[i].method, false, "pc");
		if (r.verdict.word == WORD_PASS)
			print_message("# NOTE this QEMU has %s\n", method_name(list[i].method));
		else
			expect(WORD_SKIP, list[i].why);
		flight_result_free(&r);
	}
}

/* The real stream, cut and changed: refused with a reason or read, nothing worse. */
static void real_stream(void **state)
{
	char *path = xasprintf("%s/snapshot.bin", dir);
	uint8_t *bytes = xcalloc(1, 4 << 20), *copy;
	struct saved_state s;
	struct err e = {0};
	uint64_t seed = 4;
	size_t len;
	FILE *f;

	(void)state;
	fly(false, "pc");
	f = fopen(path, "rb");
	assert_non_null(f);
	len = fread(bytes, 1, 4 << 20, f);
	fclose(f);
	free(path);
	if (qemu_stream_parse(bytes, len, 0, &s, &e))
		fail_msg("%s", e.text);
	for (size_t cut = 1; cut < len; cut += 1 + cut / 8)
		assert_int_equal(qemu_stream_parse(bytes, len - cut, 0, &s, &e), -1);
	copy = xcalloc(1, len);
	for (int i = 0; i < 60; i++) {
		size_t skipped = i % 2 ? len - 100000 : 0, left;

		memcpy(copy, bytes, len);
		left = mutate(copy + skipped, len - skipped, 20, &seed);
		e.text[0] = '\0';
		if (qemu_stream_parse(copy, skipped + left, 0, &s, &e))
			assert_true(*e.text);
	}
	free(copy);
	free(bytes);
}

static void does_not_start(void **state)
{
	(void)state;
	fly(true, "no-such-machine");
	expect(WORD_ERROR, "QEMU does not start");
	assert_contains(r.messages.p, "machine type");
}

static void no_serial(void *arg, const char *bytes, size_t len)
{
	(void)arg;
	(void)bytes;
	(void)len;
}

/* A QEMU that dies: what killed it is named, and calls say that it is gone. */
static void killed(void **state)
{
	struct err e = {0};
	struct vm_config config = {.qemu = "qemu-system-x86_64",
				   .machine = "pc",
				   .cpu = "max",
				   .accel = "tcg",
				   .image = image,
				   .cmdline = "",
				   .dir = dir,
				   .memory_mib = 16,
				   .deadline_ns = 30000 * NS_PER_MS,
				   .err = &e,
				   .on_serial = no_serial};
	struct qemu *q;
	int ret;

	(void)state;
	if (system("command -v qemu-system-x86_64 > /dev/null")) {
		print_message("# NOTE no qemu-system-x86_64 here\n");
		skip();
	}
	q = qemu_driver.create(&config);
	assert_int_equal(qemu_driver.start(q), VM_OK);
	assert_int_equal(kill(q->now->pid, SIGSEGV), 0);
	do
		ret = qemu_driver.wait(q, now_ns() + config.deadline_ns);
	while (ret == VM_OK);
	assert_int_equal(ret, VM_ENDED);
	assert_int_equal(qemu_driver.end(q)->how, END_CRASH);
	assert_contains(qemu_driver.end(q)->text, "killed by signal 11");
	assert_int_equal(qemu_driver.stop(q), VM_ENDED);
	assert_int_equal(qemu_driver.quit(q), VM_ENDED);
	qemu_driver.destroy(q);
}

static int setup(void **state)
{
	(void)state;
	unit_scenarios();
	if (!mkdtemp(dir))
		return -1;
	signal(SIGPIPE, SIG_IGN); /* as signals_init() does */
	image = xasprintf("%s/stub.elf", dir);
	return write_image(HOPS);
}

static int teardown(void **state)
{
	static const char *const names[] = {
		"serial.log", "snapshot.bin", "qmp.jsonl",    "qemu.cmdline", "qemu.stderr",
		"stub.elf",   "branch-1.log", "branch-2.log", "branch-3.log", "branch-4.log"};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		char *path = xasprintf("%s/%s", dir, names[i]);

		unlink(path);
		free(path);
	}
	free(image);
	return rmdir(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(control, done),
		cmocka_unit_test_teardown(snapshots, done),
		cmocka_unit_test_teardown(methods, done),
		cmocka_unit_test_teardown(userfault, done),
		cmocka_unit_test_teardown(lacks, done),
		cmocka_unit_test_teardown(real_stream, done),
		cmocka_unit_test_teardown(does_not_start, done),
		cmocka_unit_test_teardown(killed, done),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
