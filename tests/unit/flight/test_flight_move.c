// SPDX-License-Identifier: BSD-2-Clause
// Hops by methods that are more than stop, save and restore, against a VM that is played here.
#include "tests/unit/played.h"
#include "tests/unit/timeline.h"

#include <linux/kvm.h>
#include <time.h>

#define HOPS 2

/* Where the guest is; what a snapshot keeps. */
struct guest {
	unsigned hop, seq, futures;
	char byte; /* in the serial port's buffer */
};

static struct play {
	unsigned misses;       /* moves that do not find L2 */
	unsigned lacks;	       /* calls of use() that find nothing */
	unsigned other_digest; /* the future with another digest, from 1; of hop 1 */
	bool no_digest;	       /* L1 tells none */
	bool original_fails;   /* the original of a background snapshot */
	bool boots_itself;     /* at the byte of the last hop */
	bool early;	       /* its log begins again before the reset is heard of */
	unsigned move_fails;   /* move() that ends as VM_HARNESS */
} play;

static struct vm {
	struct guest g, saved;
	bool running, dead_process;
	unsigned hops; /* that L1 was told of */
	unsigned used, moves, saves, restores, backs, quits, resets, retries, keeps, ends, goes;
	enum method method;
} vm;

#define event(...) played_event(&vm.g.seq, __VA_ARGS__)

static void ready(void)
{
	event("ready hop=%u%s", vm.g.hop,
	      strstr(played.config->cmdline, " wait=1") ? " wait=1" : "");
}

static void boot(void)
{
	vm.g = (struct guest){.hop = 1};
	buf_printf(&played.out, "KTAP version 1\n1..1\n");
	event("hello protocol=2 version=v boot=multiboot sync=host hops=%u seed=7", vm.hops);
	event("start scenario=running");
	ready();
}

static void *create(const struct vm_config *config)
{
	const char *hops = strstr(config->cmdline, "hops=");

	memset(&vm, 0, sizeof(vm));
	memset(&played, 0, sizeof(played));
	played.config = config;
	vm.hops = hops ? (unsigned)strtoul(hops + 5, NULL, 10) : 0;
	return &vm;
}

static int start(void *p)
{
	(void)p;
	boot();
	vm.running = true;
	return VM_OK;
}

static void finish(unsigned failed)
{
	buf_printf(&played.out, "%s 1 - running\n", failed ? "not ok" : "ok");
	event("verdict word=%s passed=%u failed=%u skipped=0 errors=0", failed ? "FAIL" : "PASS",
	      !failed, !!failed);
	played.ended = true;
	played.end.how = END_ORDERLY;
}

/* The guest takes the byte and comes to its next `ready` or to its end. */
static void take_byte(void)
{
	const char byte = vm.g.byte;
	const unsigned failed = byte == 'e' && play.original_fails;

	vm.g.byte = 0;
	if (byte == 'r') {
		event("missed hop=%u", vm.g.hop);
		ready();
		return;
	}
	if (play.boots_itself && vm.g.hop == vm.hops) {
		boot();
		return;
	}
	if (failed)
		event("fail scenario=running check=original expected=1 found=0");
	if (play.no_digest)
		event("hop hop=%u failed=0", vm.g.hop);
	else
		event("hop hop=%u failed=%u digest=0x%x", vm.g.hop, failed,
		      vm.g.hop == 1 && play.other_digest &&
				      play.other_digest == 1 + vm.backs + vm.restores
			      ? 0xbad
			      : 0x600d + vm.g.hop);
	if (vm.g.hop++ == vm.hops || byte == 'e')
		finish(failed);
	else
		ready();
}

static int cont(void *p)
{
	assert_false(vm.running);
	assert_false(vm.dead_process);
	vm.running = true;
	if (vm.g.byte) {
		take_byte();
		played_wait(p, 0); /* as QEMU's: what is sent meanwhile is delivered */
	}
	return VM_OK;
}

static int stop(void *p)
{
	(void)p;
	vm.running = false;
	return VM_OK;
}

static int send_byte(void *p, char byte)
{
	(void)p;
	if (byte == 'g') {
		assert_true(vm.running);
		vm.goes++;
		return VM_OK;
	}
	vm.keeps += byte == 'k';
	vm.retries += byte == 'r';
	vm.ends += byte == 'e';
	vm.g.byte = byte;
	if (vm.running)
		take_byte();
	return VM_OK;
}

static int l2_active(void *p)
{
	(void)p;
	return -1;
}

static int look(void *p, struct saved_state *state)
{
	(void)p;
	*state = (struct saved_state){.nested = true,
				      .flags = KVM_STATE_NESTED_GUEST_MODE,
				      .mp_state = KVM_MP_STATE_RUNNABLE};
	if (play.misses) {
		play.misses--;
		state->flags = 0;
	}
	return VM_OK;
}

static int save(void *p, struct saved_vm *to, struct saved_state *state)
{
	(void)p;
	(void)to;
	assert_false(vm.running);
	vm.saves++;
	vm.saved = vm.g;
	return look(p, state);
}

/* What the serial port has sent is with the runner before a snapshot is gone back to. */
static void go_back(void)
{
	assert_int_equal(played.out.len, 0);
	vm.g = vm.saved;
	vm.running = played.ended = false;
}

static int back(void *p)
{
	(void)p;
	assert_false(vm.running);
	played.out.len = 0; /* QEMU's serial port was stopped with the VM */
	vm.backs++;
	go_back();
	return VM_OK;
}

static int quit(void *p)
{
	(void)p;
	vm.quits++;
	played.out.len = 0;
	vm.dead_process = true;
	return VM_OK;
}

static int restore(void *p, const struct saved_vm *from)
{
	(void)p;
	(void)from;
	assert_true(vm.dead_process || played.ended);
	vm.restores++;
	vm.dead_process = false;
	go_back();
	return VM_OK;
}

static int nmi(void *p)
{
	(void)p;
	return VM_OK;
}

static int use(void *p, enum method m, uint64_t random)
{
	(void)p;
	(void)random;
	vm.used++;
	vm.method = m;
	if (play.lacks) {
		play.lacks--;
		err_set(played.config->err, "method %s: not here", method_name(m));
		return VM_LACKS;
	}
	return VM_OK;
}

static int move(void *p, struct saved_state *state)
{
	assert_true(vm.running);
	vm.moves++;
	if (play.move_fails == vm.moves) {
		err_set(played.config->err, "played failure");
		return VM_HARNESS;
	}
	vm.saved = vm.g;
	vm.running = method_info(vm.method)->kind != KIND_LIVE;
	return look(p, state);
}

static int reset(void *p)
{
	(void)p;
	vm.resets++;
	played.out.len = 0;
	boot();
	return VM_OK;
}

/* What the guest says first may come before the reset is heard of. */
static int reset_itself(void *p, char byte)
{
	assert_true(vm.running);
	assert_int_equal(byte, 'c');
	played.out.len = 0;
	reset(p);
	if (play.early)
		played_send();
	return VM_OK;
}

static void moved(void *p, struct move_record *record)
{
	(void)p;
	*record = (struct move_record){.rounds = (int)vm.moves};
}

static size_t saved_file(void *p, struct buf *file)
{
	(void)p;
	(void)file;
	return 77;
}

static const struct driver fake = {
	.name = "fake",
	PLAYED_CALLS,
	.create = create,
	.start = start,
	.restore = restore,
	.stop = stop,
	.cont = cont,
	.l2_active = l2_active,
	.save = save,
	.quit = quit,
	.send = send_byte,
	.nmi = nmi,
	.wait = played_wait,
	.use = use,
	.move = move,
	.back = back,
	.reset = reset,
	.reset_itself = reset_itself,
	.look = look,
	.moved = moved,
	.saved_file = saved_file,
};

static void fly(enum method method)
{
	struct flight_config config = {
		.driver = &fake,
		.scenario = scenario_find("running", 7),
		.method = method,
		.hops = HOPS,
		.seed = 7,
		.timeout_ns = 200 * NS_PER_MS,
		.nudge_ns = 100 * NS_PER_MS,
		.miss_limit = 4,
		.hop_files = true,
		.vm = {.dir = played_dir},
	};

	flight_run(&config, &r);
}

static int done(void **state)
{
	(void)state;
	timelines_remove(played_dir, HOPS);
	flight_result_free(&r);
	memset(&play, 0, sizeof(play));
	return 0;
}

static void live(void **state)
{
	(void)state;
	fly(METHOD_PRECOPY);
	expect(WORD_PASS, NULL);
	assert_int_equal(vm.moves, HOPS);
	assert_int_equal(vm.goes, HOPS);
	assert_int_equal(vm.keeps, HOPS);
	assert_int_equal(vm.saves + vm.restores + vm.quits, 0);
	assert_int_equal(r.taken, HOPS);
	assert_int_equal(r.l2_active, HOPS);
	assert_int_equal(r.hop[1].move.rounds, HOPS);
	for (unsigned hop = 1; hop <= HOPS; hop++) {
		char *text = xasprintf("precopy, 0 bytes, rounds: %u, downtime 0.0 ms", hop);

		assert_lane(played_dir, hop, "runner", "run;prepare;migration;cont;keep;");
		assert_lane(played_dir, hop, "network", text);
		free(text);
	}
}

/* What was moved without L2 only goes on, and the hop is tried again. */
static void live_misses(void **state)
{
	(void)state;
	play.misses = 2;
	fly(METHOD_PRECOPY);
	expect(WORD_PASS, NULL);
	assert_int_equal(vm.moves, HOPS + 2);
	assert_int_equal(vm.retries, 2);
	assert_int_equal(vm.saves + vm.restores + vm.quits, 0);
	assert_int_equal(r.hop[0].missed, 2);
	assert_int_equal(r.taken, HOPS);
	assert_int_equal(r.log.missed, 2);
	flight_result_free(&r);
	play.misses = 1000;
	fly(METHOD_PRECOPY);
	expect(WORD_ERROR, "could not catch L2 on the CPU: 4 snapshots missed");
	flight_result_free(&r);
	memset(&play, 0, sizeof(play));
	play.move_fails = 2;
	fly(METHOD_PRECOPY);
	expect(WORD_ERROR, "played failure (hop 2 of 2, phase migration)");
}

static void stay(void **state)
{
	(void)state;
	play.misses = 1;
	fly(METHOD_KILLED);
	expect(WORD_PASS, NULL);
	assert_int_equal(vm.moves, HOPS + 1);
	assert_int_equal(vm.retries, 1);
	assert_int_equal(vm.restores, 0);
	assert_int_equal(r.taken, HOPS);
	flight_result_free(&r);
	play.misses = 1000;
	fly(METHOD_KILLED);
	expect(WORD_ERROR, "could not catch L2: 4 misses");
}

/* Original and copy both pass; the log that counts is the copy's. */
static void forks(void **state)
{
	(void)state;
	play.misses = 1;
	fly(METHOD_BACKGROUND);
	expect(WORD_PASS, NULL);
	assert_int_equal(vm.ends, HOPS);
	assert_int_equal(vm.restores, HOPS);
	assert_int_equal(vm.retries, 1);
	assert_int_equal(r.taken, HOPS);
	assert_int_equal(r.log.hops_done, HOPS);
	assert_int_equal(r.hop[0].bytes, 77);
	assert_null(r.log.damage);
}

static void original_fails(void **state)
{
	(void)state;
	play.original_fails = true;
	fly(METHOD_BACKGROUND);
	expect(WORD_FAIL, NULL);
	assert_int_equal(r.log.hops_done, HOPS); /* the copies went on all the same */
	assert_int_equal(r.log.fails, 1);	 /* the first original's */
	assert_string_equal(r.log.fail[0].check, "original");
}

static void savevm(void **state)
{
	(void)state;
	play.misses = 1;
	fly(METHOD_SAVEVM);
	expect(WORD_PASS, NULL);
	assert_int_equal(vm.hops, HOPS + 1);
	assert_int_equal(vm.saves, HOPS);
	assert_int_equal(vm.backs, HOPS);
	assert_int_equal(vm.restores, HOPS);
	assert_int_equal(vm.retries, 1);
	assert_int_equal(r.taken, HOPS);
	assert_int_equal(r.log.hops_done, HOPS + 1);
	/* What L1 does behind the last hop belongs to that one. */
	assert_lane(played_dir, HOPS, "L1/L2", "verdict word=PASS");
	assert_int_equal(timelines_remove(played_dir, HOPS + 1), HOPS);
}

static void digests(void **state)
{
	(void)state;
	for (unsigned n = 2; n <= 3; n++) {
		play.other_digest = n;
		fly(METHOD_SAVEVM);
		expect(WORD_FAIL, "L2 digest 0xbad, in the future before it was 0x600e");
		flight_result_free(&r);
	}
	play.other_digest = 0;
	play.no_digest = true;
	fly(METHOD_SAVEVM);
	expect(WORD_ERROR, "the guest has told no digest of L2");
}

static void resets(void **state)
{
	(void)state;
	play.misses = 1;
	fly(METHOD_RESET);
	expect(WORD_PASS, NULL);
	assert_int_equal(vm.resets, HOPS);
	assert_int_equal(vm.retries, 1);
	assert_int_equal(r.taken, HOPS);
	assert_null(r.log.damage);
	assert_lane(played_dir, HOPS, "runner", "stop;reset;timeline;run;");
	assert_lane(played_dir, HOPS, "L1/L2", "hello ");
	assert_int_equal(timelines_remove(played_dir, HOPS + 1), HOPS);
	for (unsigned early = 0; early < 2; early++) {
		flight_result_free(&r);
		play.early = early;
		vm.resets = 0;
		fly(METHOD_RESET_CF9);
		expect(WORD_PASS, NULL);
		assert_int_equal(vm.resets, HOPS);
		assert_int_equal(r.taken, HOPS);
		assert_null(r.log.damage);
		timelines_remove(played_dir, HOPS + 1);
	}
	flight_result_free(&r);
	play.boots_itself = true; /* the log begins again, but not by our doing */
	fly(METHOD_RESET);
	assert_true(r.verdict.word > WORD_ERROR);
	assert_contains(r.log.damage, "the VM booted again");
}

static void lacks(void **state)
{
	(void)state;
	play.lacks = 1000;
	fly(METHOD_PRECOPY);
	expect(WORD_SKIP, "method precopy: not here");
	assert_int_equal(vm.moves, 0);
	assert_int_equal(vm.used, 1);
	flight_result_free(&r);
	play.lacks = 1;
	fly(METHOD_SAVEVM);
	expect(WORD_SKIP, "method savevm: not here");
	flight_result_free(&r);
	play.lacks = 3; /* ping-pong goes on to the next one */
	fly(METHOD_PING_PONG);
	expect(WORD_PASS, NULL);
	assert_int_equal(vm.used, HOPS + 3);
	flight_result_free(&r);
	play.lacks = 1000;
	fly(METHOD_PING_PONG);
	expect(WORD_SKIP, "not here");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(live, done),
		cmocka_unit_test_teardown(live_misses, done),
		cmocka_unit_test_teardown(stay, done),
		cmocka_unit_test_teardown(forks, done),
		cmocka_unit_test_teardown(original_fails, done),
		cmocka_unit_test_teardown(savevm, done),
		cmocka_unit_test_teardown(digests, done),
		cmocka_unit_test_teardown(resets, done),
		cmocka_unit_test_teardown(lacks, done),
	};

	return cmocka_run_group_tests(tests, played_setup, played_teardown);
}
