// SPDX-License-Identifier: BSD-2-Clause
// The hop logic against a VM that is played here, with everything that can go wrong.
#include "tests/unit/played.h"
#include "tests/unit/timeline.h"

#include <linux/kvm.h>
#include <sys/stat.h>
#include <time.h>

#define HOPS 3

/* What the played VM does wrong; hops count from 1, 0 is never. */
static struct play {
	unsigned inactive, no_l2, wrong_mp_state; /* snapshots of hop 1 that miss, by their cause */
	bool pause;				  /* method pause */
	bool no_stats, stats_lie;
	unsigned silent_at; /* no event after the byte of this hop ... */
	bool nudge_helps;   /* ... until an NMI comes; then it was lost */
	bool not_due;	    /* NMIs find that nothing was due */
	unsigned cured;	    /* so many tries are flown again as an NMI may have cured them */
	int64_t wakes_ns;   /* after so long a silence it goes on by itself */
	uint64_t quiet;	    /* ticks for which L1 says that it will be silent, 1 a millisecond */
	unsigned die_at;    /* the VM ends at this hop's byte */
	int die_how;
	unsigned die_in_restore, refuse_restore, signal_at;
	bool taken;
	bool end_reset, never_end, truncate;
	unsigned odd_ready; /* the guest is ready for this hop at once */
	bool flood;	    /* fail events without end */
	bool expects;	    /* L1 names a vector before each `ready` */
	bool fetches;	    /* each restored VM asks for two pages */
	unsigned more;	    /* hops beside HOPS */
} play;

static struct vm {
	unsigned hop, seq;
	bool running, silent;
	/* what the hop logic did */
	unsigned stops, saves, quits, restores, keeps, retries, nmis;
	bool dead_process;
	int64_t wakes_ns;
} vm;

#define event(...) played_event(&vm.seq, __VA_ARGS__)

static void expects(void)
{
	if (play.expects)
		event("expect hop=%u vector=0x7%u notification=0xf2", vm.hop, vm.hop);
	if (play.quiet)
		event("expect hop=%u quiet=%llu", vm.hop, (unsigned long long)play.quiet);
}

static void *create(const struct vm_config *config)
{
	memset(&vm, 0, sizeof(vm));
	memset(&played, 0, sizeof(played));
	played.config = config;
	return &vm;
}

static int start(void *p)
{
	(void)p;
	buf_printf(&played.out, "KTAP version 1\n1..1\n");
	event("hello protocol=2 version=v boot=multiboot sync=host hops=%u seed=7",
	      HOPS + play.more);
	event("start scenario=halted");
	vm.hop = 1;
	expects();
	event("ready hop=%u", play.odd_ready ? play.odd_ready : 1);
	vm.running = true;
	return VM_OK;
}

static int end_vm(int how, const char *text)
{
	played.ended = true;
	played.end.how = (unsigned)how;
	snprintf(played.end.text, sizeof(played.end.text), "%s", text);
	return VM_ENDED;
}

static int restore(void *p, const struct saved_vm *from)
{
	(void)p;
	assert_true(vm.dead_process);
	assert_string_equal(from->stream.p, "snapshot");
	vm.restores++;
	if (play.refuse_restore == vm.hop) {
		err_set(played.config->err, "restore: Invalid argument");
		return play.taken ? VM_TAKEN : VM_HARNESS;
	}
	if (play.die_in_restore == vm.hop)
		return end_vm(END_ORDERLY, "QEMU exited with status 1");
	vm.dead_process = false;
	return VM_OK;
}

static int stop(void *p)
{
	(void)p;
	vm.stops++;
	vm.running = false;
	return VM_OK;
}

static int cont(void *p)
{
	(void)p;
	assert_false(vm.running);
	assert_false(vm.dead_process);
	vm.running = true;
	return VM_OK;
}

static int l2_active(void *p)
{
	(void)p;
	if (play.no_stats)
		return -1;
	if (play.inactive) {
		play.inactive--;
		return 0;
	}
	return 1;
}

static int save(void *p, struct saved_vm *to, struct saved_state *state)
{
	(void)p;
	assert_false(vm.running);
	vm.saves++;
	to->stream.len = 0;
	buf_append(&to->stream, "snapshot", 8);
	*state = (struct saved_state){.nested = true,
				      .flags = KVM_STATE_NESTED_GUEST_MODE,
				      .mp_state = KVM_MP_STATE_HALTED};
	if (play.stats_lie)
		state->flags = 0;
	if (play.no_l2) {
		play.no_l2--;
		state->flags = 0;
	} else if (play.wrong_mp_state) {
		play.wrong_mp_state--;
		state->mp_state = KVM_MP_STATE_RUNNABLE;
	}
	return VM_OK;
}

static int quit(void *p)
{
	(void)p;
	vm.quits++;
	vm.dead_process = true;
	return VM_OK;
}

static void finish(unsigned failed)
{
	buf_printf(&played.out, "%s 1 - halted\n", failed ? "not ok" : "ok");
	if (!play.truncate)
		event("verdict word=%s passed=%u failed=%u skipped=0 errors=0",
		      failed ? "FAIL" : "PASS", !failed, !!failed);
	if (!play.never_end)
		end_vm(play.end_reset ? END_RESET : END_ORDERLY, "the end");
}

static void next_hop(unsigned failed)
{
	static unsigned failed_sum;

	failed_sum = vm.hop == 1 ? failed : failed_sum + failed;
	event("hop hop=%u failed=%u", vm.hop, failed);
	if (vm.hop++ == HOPS + play.more)
		finish(failed_sum);
	else {
		expects();
		event("ready hop=%u", vm.hop);
	}
}

static int send_byte(void *p, char byte)
{
	(void)p;
	assert_true(vm.running);
	if (byte == 'r') {
		vm.retries++;
		event("missed hop=%u", vm.hop);
		event("ready hop=%u", vm.hop);
		return VM_OK;
	}
	assert_int_equal(byte, 'k');
	vm.keeps++;
	if (play.die_at == vm.hop)
		end_vm(play.die_how, "played end");
	else if (play.silent_at == vm.hop) {
		vm.silent = true;
		vm.wakes_ns = play.wakes_ns ? now_ns() + play.wakes_ns : 0;
	} else
		next_hop(0);
	return VM_OK;
}

/* The NMI has met an L2 that was about to wake: the guest wants that hop again. */
static void cure(void)
{
	vm.silent = false;
	event("nudged hop=%u lost=0 activity_state=1", vm.hop);
	event("missed hop=%u nudged=1", vm.hop);
	event("ready hop=%u", vm.hop);
	if (!--play.cured)
		play.silent_at = 0;
}

static int nmi(void *p)
{
	(void)p;
	assert_true(vm.running);
	vm.nmis++;
	if (vm.silent && play.cured) {
		cure();
		return VM_OK;
	}
	if (play.not_due)
		event("nudged hop=%u lost=0", vm.hop);
	if (!vm.silent || !play.nudge_helps)
		return VM_OK;
	vm.silent = false;
	event("fail scenario=halted check=\"lost wake-up\" expected=1 found=0");
	event("nudged hop=%u lost=1", vm.hop);
	next_hop(1);
	return VM_OK;
}

static int wait_for(void *p, int64_t until_ns)
{
	struct timespec nap = {.tv_nsec = 1000000};

	(void)p;
	if (play.signal_at == vm.hop)
		return VM_SIGNAL;
	if (played_send())
		return VM_OK;
	if (played.ended)
		return VM_ENDED;
	if (vm.silent && vm.wakes_ns && now_ns() >= vm.wakes_ns) {
		vm.silent = false;
		next_hop(0);
		return VM_OK;
	}
	if (play.flood)
		event("fail scenario=halted check=flood");
	if (until_ns > now_ns())
		nanosleep(&nap, NULL);
	return VM_OK;
}

static unsigned fetches(void *p, struct fetch **list)
{
	const struct fetch served = {.name = "EPT table",
				     .phase = "KVM_RUN 1",
				     .via = "walk of L2's EPT",
				     .zero_ns = now_ns(),
				     .waited_ns = NS_PER_MS};
	const struct fetch lost = {.name = "MSR bitmap",
				   .phase = "KVM_SET_REGS",
				   .zero_ns = now_ns(),
				   .asked_ns = NS_PER_MS,
				   .waited_ns = -1,
				   .too_early = true};

	(void)p;
	if (!play.fetches)
		return 0;
	*list = xcalloc(2, sizeof(**list));
	(*list)[0] = served;
	(*list)[1] = lost;
	return 2;
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
	.wait = wait_for,
	.fetches = fetches,
};

static void fly_with(bool control, bool control_passed)
{
	struct flight_config config = {
		.driver = &fake,
		.scenario = scenario_find("halted", 6),
		.control = control,
		.control_passed = control_passed,
		.hops = HOPS + play.more,
		.seed = 7,
		.timeout_ns = 200 * NS_PER_MS,
		.nudge_ns = 20 * NS_PER_MS,
		.tsc_khz = 1,
		.method = play.pause ? METHOD_PAUSE : METHOD_FILE,
		.miss_limit = 8,
		.hop_files = true,
		.vm = {.dir = played_dir, .pages = &(struct pages_config){.mode = PAGES_REMOTE}},
	};

	flight_run(&config, &r);
}

static void fly(bool control)
{
	fly_with(control, false);
}

static int done(void **state)
{
	(void)state;
	timelines_remove(played_dir, HOPS);
	flight_result_free(&r);
	memset(&play, 0, sizeof(play));
	return 0;
}

static void control(void **state)
{
	(void)state;
	fly(true);
	expect(WORD_PASS, NULL);
	assert_int_equal(vm.keeps, HOPS);
	assert_int_equal(vm.stops + vm.saves + vm.quits + vm.restores + vm.nmis, 0);
	assert_int_equal(r.taken, 0);
}

static void snapshots(void **state)
{
	(void)state;
	fly(false);
	expect(WORD_PASS, NULL);
	assert_int_equal(vm.keeps, HOPS);
	assert_int_equal(vm.quits, HOPS);
	assert_int_equal(vm.restores, HOPS);
	assert_int_equal(r.taken, HOPS);
	assert_int_equal(r.l2_active, HOPS);
	assert_int_equal(r.hop[HOPS - 1].bytes, 8);
	play.no_stats = true;
	flight_result_free(&r);
	fly(false);
	expect(WORD_PASS, NULL);
	assert_int_equal(r.hop[0].kvm_says, -1);
}

/* A snapshot that did not find L2 on the CPU in the wanted state never counts. */
static void missed(void **state)
{
	(void)state;
	play.inactive = 2;
	play.wrong_mp_state = 2;
	fly(false);
	expect(WORD_PASS, NULL);
	assert_int_equal(r.missed, 4);
	assert_int_equal(vm.retries, 4);
	assert_int_equal(r.hop[0].missed, 4);
	assert_int_equal(vm.saves, HOPS + 2);
	assert_int_equal(r.taken, HOPS);
	assert_int_equal(r.log.missed, 4);
	flight_result_free(&r);
	play.no_stats = true;
	play.no_l2 = 1;
	fly(false);
	expect(WORD_PASS, NULL);
	assert_int_equal(r.missed, 1);
	assert_int_equal(vm.quits, HOPS + 1); /* what was saved is restored, even after a miss */
}

/* Method pause: everything is saved and looked at, and the same process goes on. */
static void pause_only(void **state)
{
	(void)state;
	play.pause = true;
	play.no_stats = true;
	play.no_l2 = 2;
	fly(false);
	expect(WORD_PASS, NULL);
	assert_int_equal(r.taken, HOPS);
	assert_int_equal(r.l2_active, HOPS);
	assert_int_equal(r.missed, 2);
	assert_int_equal(vm.saves, HOPS + 2);
	assert_int_equal(vm.quits, 0);
	assert_int_equal(vm.restores, 0);
}

static void miss_limit(void **state)
{
	(void)state;
	play.no_stats = true;
	play.no_l2 = 1000;
	fly(false);
	expect(WORD_ERROR, "could not catch L2 on the CPU: 8 snapshots missed, the last: L2 not");
	assert_int_equal(vm.quits, 7);
}

static void stats_disagree(void **state)
{
	(void)state;
	play.stats_lie = true;
	fly(false);
	expect(WORD_ERROR, "statistics say that L2 is active");
	flight_result_free(&r);
	fly_with(false, true);
	expect(WORD_FAIL, "the control comes by this state, so KVM does not save it");
}

/* Whether the flight left file @name. */
static bool left(const char *name)
{
	char *path = xasprintf("%s/%s", played_dir, name);
	const bool is = !access(path, R_OK);

	free(path);
	return is;
}

static void hang(void **state)
{
	(void)state;
	play.silent_at = 2;
	fly(false);
	expect(WORD_HANG, "no progress for 0 s (hop 2 of 3, phase run)");
	assert_true(vm.nmis >= 2);
	assert_contains(r.details.p, "# @5 ready hop=2 sum=");
	assert_contains(r.details.p, "RIP=0x1234");
	assert_contains(r.details.p, "state saved now: L2 active, vCPU halted");
	assert_true(left("snapshot.bin") && left("now.bin")); /* neither for the other */
	assert_string_equal(r.messages.p, "a message");
}

static void hang_in_control(void **state)
{
	(void)state;
	play.silent_at = 1;
	play.not_due = true; /* answers to nudges are no progress */
	fly(true);
	expect(WORD_HANG, "hop 1 of 3");
}

static void flood(void **state)
{
	(void)state;
	play.silent_at = 1;
	play.flood = true;
	fly(true);
	expect(WORD_HANG, "hop 1 of 3");
	assert_contains(r.verdict.finding[1], "checks had failed before");
}

static void nudge(void **state)
{
	(void)state;
	play.silent_at = 2;
	play.nudge_helps = true;
	fly(false);
	expect(WORD_FAIL, NULL);
	assert_true(r.verdict.complete);
	assert_int_equal(r.log.lost, 1);
	assert_int_equal(vm.nmis, 1);
	assert_int_equal(r.taken, HOPS);
	assert_int_equal(failed_hops(&r.log), 1);
}

/* A hop that an NMI of ours may have cured is no pass: it is flown again, and counted. */
static void cured(void **state)
{
	(void)state;
	play.silent_at = 2;
	play.cured = 2;
	fly(false);
	expect(WORD_PASS, NULL);
	assert_int_equal(r.cured, 2);
	assert_int_equal(vm.nmis, 2);
	assert_int_equal(r.taken, HOPS);
	assert_int_equal(r.l2_active, HOPS);
	assert_int_equal(vm.restores, HOPS + 2);
	flight_result_free(&r);
	play.silent_at = 2;
	play.cured = 100;
	fly(false);
	expect(WORD_ERROR, "an NMI of the host's met L2 in hop 2, 3 times");
	assert_int_equal(r.taken, 1);
	flight_result_free(&r);
	fly(true);
	expect(WORD_ERROR, "met L2 in hop 2, 3 times");
}

/* A guest that has said how long it will be silent is neither nudged before nor called hung. */
static void quiet(void **state)
{
	(void)state;
	play.silent_at = 2;
	play.wakes_ns = 300 * NS_PER_MS;
	play.quiet = 60000;
	fly(false);
	expect(WORD_PASS, NULL);
	assert_int_equal(vm.nmis, 0);
	flight_result_free(&r);
	play.quiet = 1;
	fly(false);
	expect(WORD_HANG, "no progress");
	assert_true(vm.nmis > 0);
}

static void crash(void **state)
{
	(void)state;
	play.die_at = 2;
	play.die_how = END_CRASH;
	fly(false);
	expect(WORD_CRASH, "played end (hop 2 of 3, phase run)");
	flight_result_free(&r);
	play.die_how = END_RESET;
	fly(true);
	expect(WORD_CRASH, "the guest reset itself: played end");
	flight_result_free(&r);
	play.die_how = END_ORDERLY;
	fly(false);
	expect(WORD_FAIL, "log truncated: no verdict line after event 5");
}

static void truncated(void **state)
{
	(void)state;
	play.truncate = true;
	fly(false);
	expect(WORD_FAIL, "log truncated: no verdict line after event 8");
}

static void reset_after_verdict(void **state)
{
	(void)state;
	play.end_reset = true;
	fly(false);
	expect(WORD_PASS, NULL);
}

static void never_ends(void **state)
{
	(void)state;
	play.never_end = true;
	fly(false);
	expect(WORD_ERROR, "does not end after its verdict");
}

static void restore_trouble(void **state)
{
	(void)state;
	play.die_in_restore = 2;
	fly(false);
	expect(WORD_CRASH, "QEMU exited with status 1 (hop 2 of 3, phase restore)");
	flight_result_free(&r);
	play.die_in_restore = 0;
	play.refuse_restore = 3;
	fly(false);
	expect(WORD_ERROR, "restore: Invalid argument (hop 3 of 3, phase restore)");
	flight_result_free(&r);
	play.taken = true;
	fly(false);
	expect(WORD_FAIL, "restore: Invalid argument (hop 3 of 3)");
	assert_string_equal(r.refused, "");
}

static void odd_hop(void **state)
{
	(void)state;
	play.odd_ready = HOPS + 1;
	fly(false);
	expect(WORD_FAIL, "ready for hop 4 of 3");
	assert_contains(r.verdict.finding[1], "log damaged: hop 4 is ready");
}

static void interrupted(void **state)
{
	(void)state;
	play.signal_at = 2;
	fly(false);
	assert_true(r.interrupted);
	expect(WORD_ERROR, "interrupted");
}

/* Removes what tells of the two pages of each hop. How many such files there were. */
static unsigned pages_remove(void)
{
	unsigned found = 0;

	for (unsigned i = 0; i < 2 * HOPS; i++) {
		char *name = xasprintf("pages-%u.%s", i / 2 + 1, i % 2 ? "json" : "txt");
		char *path = xasprintf("%s/%s", played_dir, name);
		struct buf text = {0};
		struct err e = {0};

		if (!read_file(played_dir, name, &text, &e)) {
			found += strstr(buf_text(&text), "EPT table") &&
				 strstr(buf_text(&text), "MSR bitmap");
			unlink(path);
		}
		buf_free(&text);
		free(path);
		free(name);
	}
	return found;
}

/* A hop's file tells all up to the next one, though what the restored VM asked for comes later. */
static void timelines(void **state)
{
	(void)state;
	play.expects = play.fetches = true;
	fly(false);
	expect(WORD_PASS, NULL);
	for (unsigned hop = 1; hop <= HOPS; hop++) {
		char *text;

		assert_true(r.hop[hop - 1].timeline);
		assert_lane(played_dir, hop, "runner", "run;stop;snapshot;quit;restore;cont;keep;");
		assert_lane(played_dir, hop, "runner", "run;");
		assert_lane(played_dir, hop, "L1/L2", "hop failed=0;");
		assert_lane(played_dir, hop, "pages",
			    "EPT table, in KVM_RUN 1, by walk of L2's EPT;");
		assert_lane(played_dir, hop, "pages",
			    "MSR bitmap, in KVM_SET_REGS, too early, never came;");
		assert_lane(played_dir, hop, "network", NULL);
		/* The vector of the hop, not the next one's, which is told before its `ready`. */
		text = xasprintf("L1 expects vector=0x7%u notification=0xf2;"
				 "L1 has checked what became of 0x7%u, 0 failed;",
				 hop, hop);
		assert_lane(played_dir, hop, "interrupts", text);
		free(text);
	}
	assert_lane(played_dir, 3, "L1/L2", "verdict word=PASS");
	assert_int_equal(timelines_remove(played_dir, HOPS + 1), HOPS);
	assert_int_equal(pages_remove(), 2 * HOPS);
	flight_result_free(&r);
	fly(true); /* a control has none */
	expect(WORD_PASS, NULL);
	assert_int_equal(pages_remove(), 0);
	assert_int_equal(timelines_remove(played_dir, HOPS), 0);
	assert_false(r.hop[0].timeline);
}

/* Of a hop that was flown again the last try; of a flight that ends early all there is. */
static void timelines_of_trouble(void **state)
{
	char *texts;

	(void)state;
	play.inactive = 3;
	play.silent_at = 2;
	play.nudge_helps = true;
	play.refuse_restore = 3;
	fly(false);
	expect(WORD_FAIL, NULL);
	assert_int_equal(r.hop[0].missed, 3);
	texts = timeline_lane(played_dir, 1, "runner");
	assert_non_null(texts);
	assert_null(strstr(texts, "retry"));
	assert_contains(texts, "restore");
	free(texts);
	assert_lane(played_dir, 2, "interrupts", "NMI to a silent VM;NMI taken: lost=1;");
	assert_lane(played_dir, 2, "L1/L2", "fail check=lost wake-up expected=1 found=0;");
	assert_lane(played_dir, 3, "runner", "quit;restore;");
	assert_true(r.hop[2].timeline);
	assert_int_equal(timelines_remove(played_dir, HOPS), HOPS);
}

/* A long flight keeps the last ones, and those of hops with failed checks. */
static void many_timelines(void **state)
{
	char *text;

	(void)state;
	play.more = TIMELINES_KEPT;
	play.silent_at = 2;
	play.nudge_helps = true;
	fly(false);
	expect(WORD_FAIL, NULL);
	assert_int_equal(r.taken, TIMELINES_KEPT + HOPS);
	for (unsigned i = 1; i <= TIMELINES_KEPT + HOPS; i++) {
		bool there = i == 2 || i > HOPS;

		assert_int_equal(r.hop[i - 1].timeline, there);
		text = timeline_lane(played_dir, i, "runner");
		assert_int_equal(text != NULL, there);
		free(text);
	}
	assert_int_equal(timelines_remove(played_dir, TIMELINES_KEPT + HOPS), TIMELINES_KEPT + 1);
}

/* A file that cannot be written is told of on stderr, and no more. */
static void timeline_not_written(void **state)
{
	char *path = xasprintf("%s/timeline-2.json", played_dir);

	(void)state;
	assert_int_equal(mkdir(path, 0700), 0);
	fly(false);
	rmdir(path);
	free(path);
	expect(WORD_PASS, NULL);
	assert_true(r.hop[0].timeline);
	assert_false(r.hop[1].timeline);
	assert_true(r.hop[2].timeline);
	assert_int_equal(timelines_remove(played_dir, HOPS), HOPS - 1);
}

/* Without a directory nothing is flown. */
static void no_log(void **state)
{
	struct flight_config config = {.driver = &fake,
				       .scenario = scenario_find("halted", 6),
				       .hops = 1,
				       .vm = {.dir = "/dev/null/no"}};

	(void)state;
	flight_run(&config, &r);
	expect(WORD_ERROR, "cannot create /dev/null/no/serial.log");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(control, done),
		cmocka_unit_test_teardown(snapshots, done),
		cmocka_unit_test_teardown(missed, done),
		cmocka_unit_test_teardown(miss_limit, done),
		cmocka_unit_test_teardown(pause_only, done),
		cmocka_unit_test_teardown(stats_disagree, done),
		cmocka_unit_test_teardown(hang, done),
		cmocka_unit_test_teardown(hang_in_control, done),
		cmocka_unit_test_teardown(flood, done),
		cmocka_unit_test_teardown(nudge, done),
		cmocka_unit_test_teardown(cured, done),
		cmocka_unit_test_teardown(quiet, done),
		cmocka_unit_test_teardown(crash, done),
		cmocka_unit_test_teardown(truncated, done),
		cmocka_unit_test_teardown(reset_after_verdict, done),
		cmocka_unit_test_teardown(never_ends, done),
		cmocka_unit_test_teardown(restore_trouble, done),
		cmocka_unit_test_teardown(odd_hop, done),
		cmocka_unit_test_teardown(interrupted, done),
		cmocka_unit_test_teardown(timelines, done),
		cmocka_unit_test_teardown(timelines_of_trouble, done),
		cmocka_unit_test_teardown(many_timelines, done),
		cmocka_unit_test_teardown(timeline_not_written, done),
		cmocka_unit_test_teardown(no_log, done),
	};

	return cmocka_run_group_tests(tests, played_setup, played_teardown);
}
