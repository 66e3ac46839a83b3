// SPDX-License-Identifier: BSD-2-Clause
// Scenarios about one exact instant: what the hop logic asks a driver to do, call by call.
#include "tests/unit/played.h"
#include "tests/unit/state.h"

#include <linux/kvm.h>

static struct vm {
	struct buf calls;
	unsigned seq, disproofs, blocked_after, vcpus;
	bool needs_nmi, nothing_to_break, refuse, fails;
	bool l2;
	uint64_t restored_hash;
	bool answered, ends_early; /* FREEZE_AFTER: all bytes are there; it ends before */
} vm;

#define event(...) played_event(&vm.seq, __VA_ARGS__)

static void call(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
static void call(const char *fmt, ...)
{
	char text[100];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	buf_printf(&vm.calls, "%s%s", vm.calls.len ? ", " : "", text);
}

static void *create(const struct vm_config *config)
{
	memset(&played, 0, sizeof(played));
	played.config = config;
	vm.vcpus = strstr(config->cmdline, " vcpus=2") ? config->vcpus : 0;
	return &vm;
}

static int start(void *p)
{
	(void)p;
	buf_printf(&played.out, "KTAP version 1\n1..1\n");
	event("hello protocol=2 version=v boot=multiboot sync=host hops=1 seed=7");
	event("start scenario=x");
	event("ready hop=1 wait=1");
	event("expect hop=1 vector=0x41 notification=0xf2 descriptor=0x2040");
	event("expect hop=1 page=0x3000");
	if (vm.fails)
		event("fail scenario=x check=early");
	return VM_OK;
}

static int restore(void *p, const struct saved_vm *from)
{
	(void)p;
	assert_true(from->value.sections);
	vm.restored_hash = snapshot_hash(&from->value);
	call("restore");
	if (!vm.refuse)
		return VM_OK;
	err_set(played.config->err, "KVM_SET_NESTED_STATE: Invalid argument");
	return VM_REFUSED;
}

static int stop(void *p)
{
	(void)p;
	call("stop");
	return VM_OK;
}

static void finish(void);

static int stop_at(void *p, const struct freeze *freeze, const char *bytes)
{
	(void)p;
	if (freeze->at == FREEZE_PAGE)
		call("page 0x%llx", (unsigned long long)freeze->value);
	else if (freeze->at == FREEZE_AFTER)
		call("after %lld %s", (long long)freeze->value, bytes);
	else
		call("%s%s%s", freeze->at == FREEZE_READ ? "read" : "port", *bytes ? " " : "",
		     bytes);
	vm.answered = freeze->at == FREEZE_AFTER;
	if (!vm.ends_early)
		return VM_OK;
	finish();
	played_send();
	return VM_ENDED;
}

static int cont(void *p)
{
	(void)p;
	call("cont");
	if (vm.answered)
		finish();
	return VM_OK;
}

static int l2_active(void *p)
{
	(void)p;
	return 0; /* these scenarios do not ask for an active L2 */
}

/* Both vCPUs of a sample: VMXON was executed, if that is not to be disproved; the second sleeps. */
static struct snapshot sample(void)
{
	const struct kvm_mp_state halted = {.mp_state = KVM_MP_STATE_HALTED};
	struct snapshot s = state_sample();
	struct kvm_nested_state *nested = state_section(&s, "NESTED_STATE");
	struct kvm_vcpu_events *events = state_section(&s, "VCPU_EVENTS");

	nested->flags = vm.l2 ? KVM_STATE_NESTED_GUEST_MODE : 0;
	if (vm.disproofs)
		nested->hdr.vmx.vmxon_pa = ~0ull;
	vm.disproofs -= vm.disproofs != 0;
	if (vm.nothing_to_break)
		events->nmi.pending = events->nmi.injected = 0;
	snapshot_add(&s, "vcpu1.REGS", "", 0);
	snapshot_add(&s, "vcpu1.MP_STATE", &halted, sizeof(halted));
	return s;
}

static uint64_t sample_hash(void)
{
	struct snapshot s = sample();
	const uint64_t hash = snapshot_hash(&s);

	snapshot_free(&s);
	return hash;
}

static int save(void *p, struct saved_vm *to, struct saved_state *state)
{
	(void)p;
	call("save");
	snapshot_free(&to->value);
	to->value = sample();
	*state = (struct saved_state){.nested = true,
				      .flags = vm.l2 ? KVM_STATE_NESTED_GUEST_MODE : 0};
	return VM_OK;
}

static int quit(void *p)
{
	(void)p;
	call("quit");
	return VM_OK;
}

static void finish(void)
{
	event("hop hop=1 failed=0");
	buf_printf(&played.out, "ok 1 - x\n");
	event("verdict word=PASS passed=1 failed=0 skipped=0 errors=0");
	played.ended = true;
	played.end.how = END_ORDERLY;
}

static int send_byte(void *p, char byte)
{
	(void)p;
	call("%c", byte);
	if (byte == 'g')
		return VM_OK;
	if (byte == 'r') {
		event("missed hop=1");
		event("ready hop=1 wait=1");
		return VM_OK;
	}
	if (!vm.needs_nmi)
		finish();
	return VM_OK;
}

static int nmi(void *p)
{
	(void)p;
	call("nmi");
	finish();
	return VM_OK;
}

static int blocked(void *p)
{
	(void)p;
	if (vm.blocked_after) {
		vm.blocked_after--;
		return 0;
	}
	call("blocked");
	return 1;
}

static int act(void *p, const struct act_config *config, bool live)
{
	(void)p;
	call("act %u 0x%x 0x%x 0x%llx 0x%llx%s", config->act, config->vector, config->notification,
	     (unsigned long long)config->pi_desc, (unsigned long long)config->page,
	     live ? " live" : "");
	return VM_OK;
}

static int oracles(void *p, const struct snapshot *saved, struct oracle_report *report)
{
	(void)p;
	(void)report;
	assert_true(saved->sections);
	call("oracles");
	return VM_OK;
}

static int64_t span(void *p)
{
	(void)p;
	return 4321;
}

static const struct driver fake = {
	.name = "fake",
	PLAYED_CALLS,
	.values = true,
	.create = create,
	.start = start,
	.restore = restore,
	.stop = stop,
	.stop_at = stop_at,
	.cont = cont,
	.l2_active = l2_active,
	.save = save,
	.quit = quit,
	.send = send_byte,
	.nmi = nmi,
	.wait = played_wait,
	.blocked = blocked,
	.act = act,
	.oracles = oracles,
	.span = span,
};

/* Flies scenario x, which has the lines @about beside those that each has. */
static bool control_passed;

static void fly(const char *about, bool control, const char *broken)
{
	char *text = xasprintf("name: x\ntitle: t\nproof: vmxon\n%s", about);
	struct flight_config config = {
		.driver = &fake,
		.control = control,
		.control_passed = control_passed,
		.hops = 1,
		.seed = 7,
		.timeout_ns = 200 * NS_PER_MS,
		.nudge_ns = 100 * NS_PER_MS,
		.miss_limit = 8,
		.broken = broken,
		.vm = {.dir = played_dir},
	};
	struct err e = {0};

	if (scenarios_parse(text, strlen(text), &e))
		fail_msg("%s", e.text);
	free(text);
	config.scenario = scenario_find("x", 1);
	config.oracles = config.scenario->freeze == AT_PORT && !broken;
	buf_printf(&vm.calls, "%s", "");
	flight_run(&config, &r);
}

static const char *const states[] = {"l2", "runnable", "vmxon"};

/* Flies it with FREEZE_AFTER; @config has what else is asked for. */
static void fly_after(struct flight_config config)
{
	static const char about[] = "name: x\ntitle: t\nproof: vmxon\nfreeze: port\n";
	struct err e = {0};

	if (scenarios_parse(about, strlen(about), &e))
		fail_msg("%s", e.text);
	config.driver = &fake;
	config.scenario = scenario_find("x", 1);
	config.hops = 1;
	config.seed = 7;
	config.timeout_ns = 200 * NS_PER_MS;
	config.nudge_ns = 100 * NS_PER_MS;
	config.freeze = (struct freeze){FREEZE_AFTER, 1234};
	config.vm.dir = played_dir;
	config.states = states;
	config.state_count = ARRAY_SIZE(states);
	flight_run(&config, &r);
}

static int done(void **state)
{
	(void)state;
	control_passed = false;
	flight_result_free(&r);
	buf_free(&played.out);
	buf_free(&vm.calls);
	memset(&vm, 0, sizeof(vm));
	return 0;
}

static void called(enum word word, const char *calls)
{
	expect(word, NULL);
	assert_string_equal(vm.calls.p, calls);
}

static void port(void **state)
{
	(void)state;
	fly("freeze: port\n", false, NULL);
	called(WORD_PASS, "port g, save, oracles, quit, restore, cont, k");
	assert_int_equal(vm.restored_hash, sample_hash());
}

static void port_control(void **state)
{
	(void)state;
	fly("freeze: port\n", true, NULL);
	called(WORD_PASS, "g, k");
}

static void page(void **state)
{
	(void)state;
	fly("freeze: page\n", false, NULL);
	called(WORD_PASS, "port g, page 0x3000, save, quit, restore, cont, k");
}

static void asleep(void **state)
{
	(void)state;
	vm.blocked_after = 3;
	fly("freeze: blocked\n", false, NULL);
	called(WORD_PASS, "g, blocked, stop, save, quit, restore, cont, k");
}

/* The vCPU of a guest that failed never sleeps: the snapshot is taken and judged all the same. */
static void not_asleep(void **state)
{
	(void)state;
	vm.fails = true;
	fly("freeze: blocked\n", false, NULL);
	assert_int_equal(r.verdict.word, WORD_FAIL);
}

static void acts(void **state)
{
	(void)state;
	fly("freeze: port\nact: irq paused\n", false, NULL);
	called(WORD_PASS, "port g, save, act 2 0x41 0xf2 0x2040 0x3000, save, oracles, "
			  "quit, restore, cont, k");
}

static void acts_restored(void **state)
{
	(void)state;
	fly("freeze: port\nact: nmi restored\n", false, NULL);
	called(WORD_PASS, "port g, save, oracles, quit, restore, "
			  "act 1 0x41 0xf2 0x2040 0x3000, cont, k");
}

static void acts_live(void **state)
{
	(void)state;
	fly("freeze: blocked\nact: init blocked\n", false, NULL);
	called(WORD_PASS, "g, blocked, stop, save, quit, restore, cont, blocked, "
			  "act 3 0x41 0xf2 0x2040 0x3000 live, k");
}

/* The control's act comes at the same instant, and nothing is saved. */
static void acts_control(void **state)
{
	(void)state;
	fly("freeze: port\nact: nmi restored\n", true, NULL);
	called(WORD_PASS, "port g, act 1 0x41 0xf2 0x2040 0x3000, cont, k");
}

static void acts_live_control(void **state)
{
	(void)state;
	fly("freeze: blocked\nact: irq blocked\n", true, NULL);
	called(WORD_PASS, "g, blocked, act 2 0x41 0xf2 0x2040 0x3000 live, k");
}

/* Here the act is what leads to the freeze, so a control stops there as well. */
static void acts_first(void **state)
{
	(void)state;
	fly("freeze: page\nact: smi first\n", false, NULL);
	called(WORD_PASS, "port g, act 5 0x41 0xf2 0x2040 0x3000, port, page 0x3000, save, "
			  "quit, restore, cont, k");
}

static void acts_first_control(void **state)
{
	(void)state;
	fly("freeze: page\nact: smi first\n", true, NULL);
	called(WORD_PASS, "port g, act 5 0x41 0xf2 0x2040 0x3000, port, cont, k");
}

static void acts_asleep(void **state)
{
	(void)state;
	vm.blocked_after = 2;
	fly("freeze: port\nact: irq asleep\n", false, NULL);
	called(WORD_PASS, "g, blocked, stop, act 2 0x41 0xf2 0x2040 0x3000, port, save, "
			  "oracles, quit, restore, cont, k");
}

/* Then KVM completes the access: only behind that is saved. */
static void acts_out(void **state)
{
	(void)state;
	fly("freeze: port\nact: intercept out\n", false, NULL);
	called(WORD_PASS, "read g, act 12 0x41 0xf2 0x2040 0x3000, stop, save, oracles, quit, "
			  "restore, cont, k");
}

static void acts_out_control(void **state)
{
	(void)state;
	fly("freeze: port\nact: nmi out\n", true, NULL);
	called(WORD_PASS, "read g, act 1 0x41 0xf2 0x2040 0x3000, stop, cont, k");
}

/* The whole way: to the mark, restored there, all bytes sent, frozen, proofs tried, restored. */
static void after(void **state)
{
	(void)state;
	vm.l2 = true;
	fly_after((struct flight_config){.oracles = true});
	called(WORD_PASS, "stop, save, quit, restore, after 1234 gk, save, "
			  "oracles, quit, restore, cont");
	assert_int_equal(r.hop[0].states, 5);
	assert_int_equal(r.taken, 1);
	assert_int_not_equal(r.trace, 0);
}

/* The oracles speak of an L2. */
static void after_in_l1(void **state)
{
	(void)state;
	fly_after((struct flight_config){.oracles = true});
	called(WORD_PASS, "stop, save, quit, restore, after 1234 gk, save, "
			  "quit, restore, cont");
}

static void after_control(void **state)
{
	(void)state;
	fly_after((struct flight_config){.control = true});
	called(WORD_PASS, "stop, save, quit, restore, g, k, cont");
	assert_int_equal(r.taken, 0);
	assert_int_equal(r.after_ns, 4321);
}

static void after_broken(void **state)
{
	(void)state;
	fly_after((struct flight_config){.broken = "lapic"});
	called(WORD_PASS, "stop, save, quit, restore, after 1234 gk, save, "
			  "quit, restore, cont");
}

/* A sweep saves at the mark ... */
static void after_saved(void **state)
{
	(void)state;
	fly_after((struct flight_config){.save_hop = 1});
	called(WORD_PASS, "stop, save");
	assert_true(r.saved);
}

/* ... and begins each flight from there. */
static void after_resumed(void **state)
{
	static const char log[] =
		"KTAP version 1\n1..1\n"
		"# @1 hello protocol=2 version=v boot=multiboot sync=host hops=1 seed=7\n"
		"# @2 start scenario=x\n"
		"# @3 ready hop=1 wait=1\n";
	char *sent = summed(log);
	struct flight_resume from = {.log = {sent, strlen(sent), 0}};
	struct snapshot s = sample();

	(void)state;
	vm.seq = 3;
	snapshot_encode(&s, &from.snapshot);
	snapshot_free(&s);
	fly_after((struct flight_config){.resume = &from});
	called(WORD_PASS, "restore, after 1234 gk, save, quit, restore, cont");
	buf_free(&from.snapshot);
	free(sent);
}

/* A moment that never came is no pass. */
static void after_the_end(void **state)
{
	(void)state;
	vm.ends_early = true;
	fly_after((struct flight_config){0});
	assert_int_equal(r.verdict.word, WORD_ERROR);
	assert_contains(r.verdict.finding[0], OFFSET_BEHIND_END);
}

static void second_vcpu(void **state)
{
	(void)state;
	fly("freeze: port\nvcpus: 2\nproof1: halted\n", false, NULL);
	called(WORD_PASS, "port g, save, oracles, quit, restore, cont, k");
	assert_int_equal(vm.vcpus, 2);
}

static void disproved(void **state)
{
	(void)state;
	vm.disproofs = 1;
	fly("freeze: port\n", false, NULL);
	called(WORD_PASS, "port g, save, quit, restore, cont, r, "
			  "port g, save, oracles, quit, restore, cont, k");
	assert_int_equal(r.missed, 1);
}

/* An instant that is exact is not tried for ever; the last reason is told. */
static void never_proved(void **state)
{
	(void)state;
	vm.disproofs = 100;
	fly("freeze: port\n", false, NULL);
	assert_int_equal(r.verdict.word, WORD_ERROR);
	assert_contains(r.verdict.finding[0], "in this state: 3 snapshots missed");
	assert_contains(r.verdict.finding[0], "'vmxon'");
}

/* If the control has come by, it is KVM that does not save it; unless L1 failed on its way. */
static void never_saved(void **state)
{
	(void)state;
	control_passed = true;
	vm.disproofs = 100;
	fly("freeze: port\n", false, NULL);
	assert_int_equal(r.verdict.word, WORD_FAIL);
	assert_contains(r.verdict.finding[0], "in this state: 3 snapshots missed");
	assert_contains(r.verdict.finding[0], "so KVM does not save it");
	done(state);
	control_passed = true;
	vm.disproofs = 100;
	vm.fails = true;
	fly("freeze: port\n", false, NULL);
	assert_null(strstr(r.verdict.finding[0], "so KVM does not save it"));
}

static void broken(void **state)
{
	(void)state;
	fly("freeze: port\n", false, "lapic");
	assert_int_not_equal(vm.restored_hash, sample_hash());
	called(WORD_PASS, "port g, save, quit, restore, cont, k");
}

static void nothing(void **state)
{
	(void)state;
	vm.nothing_to_break = true;
	fly("freeze: port\n", false, "nmi-pending");
	called(WORD_SKIP, "port g, save");
	assert_contains(r.verdict.finding[0],
			"nothing to break: there is nothing to break in VCPU_EVENTS");
}

/* What only an NMI of ours brought on does not count, however well the guest fares. */
static void nudged(void **state)
{
	(void)state;
	vm.needs_nmi = true;
	fly("freeze: port\n", false, NULL);
	called(WORD_FAIL, "port g, save, oracles, quit, restore, cont, k, nmi");
	assert_contains(r.verdict.finding[0], "went on only behind 1 NMI of the host's");
}

static void refused(void **state)
{
	(void)state;
	vm.refuse = true;
	fly("freeze: port\n", false, NULL);
	assert_int_equal(r.verdict.word, WORD_FAIL);
	assert_string_equal(r.refused, "KVM_SET_NESTED_STATE: Invalid argument");
}

static int teardown(void **state)
{
	static const char nothing_left[] = "\0";
	struct err e = {0};

	scenarios_parse(nothing_left, sizeof(nothing_left), &e); /* frees the table */
	return played_teardown(state);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(port, done),
		cmocka_unit_test_teardown(port_control, done),
		cmocka_unit_test_teardown(page, done),
		cmocka_unit_test_teardown(asleep, done),
		cmocka_unit_test_teardown(not_asleep, done),
		cmocka_unit_test_teardown(acts, done),
		cmocka_unit_test_teardown(acts_restored, done),
		cmocka_unit_test_teardown(acts_live, done),
		cmocka_unit_test_teardown(acts_control, done),
		cmocka_unit_test_teardown(acts_live_control, done),
		cmocka_unit_test_teardown(acts_first, done),
		cmocka_unit_test_teardown(acts_first_control, done),
		cmocka_unit_test_teardown(acts_asleep, done),
		cmocka_unit_test_teardown(acts_out, done),
		cmocka_unit_test_teardown(acts_out_control, done),
		cmocka_unit_test_teardown(after, done),
		cmocka_unit_test_teardown(after_in_l1, done),
		cmocka_unit_test_teardown(after_control, done),
		cmocka_unit_test_teardown(after_broken, done),
		cmocka_unit_test_teardown(after_saved, done),
		cmocka_unit_test_teardown(after_resumed, done),
		cmocka_unit_test_teardown(after_the_end, done),
		cmocka_unit_test_teardown(second_vcpu, done),
		cmocka_unit_test_teardown(disproved, done),
		cmocka_unit_test_teardown(never_proved, done),
		cmocka_unit_test_teardown(never_saved, done),
		cmocka_unit_test_teardown(broken, done),
		cmocka_unit_test_teardown(nothing, done),
		cmocka_unit_test_teardown(refused, done),
		cmocka_unit_test_teardown(nudged, done),
	};

	return cmocka_run_group_tests(tests, played_setup, teardown);
}
