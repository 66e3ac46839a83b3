// SPDX-License-Identifier: BSD-2-Clause
// What an image tells of its scenarios, and how it is refused when it makes no sense.
#include "tests/unit/unit.h"

#include <linux/kvm.h>
#include <sys/stat.h>
#include <unistd.h>

#define GOOD "name: b\nneeds: NEEDS(L2_APICV, VMX_CPU_MTF)\ntitle: b's\nproof: l2 halted\n"

static void refused(const char *text, const char *why)
{
	struct err e = {0};
	unsigned count;

	assert_int_equal(scenarios_parse(text, strlen(text), &e), -1);
	assert_contains(e.text, why);
	scenarios(&count);
	assert_int_equal(count, 0);
}

static void good(void **state)
{
	static const char text[] =
		"\0\0" GOOD "\0\0\0name: a\ntitle: a's\nproof: !l2 vmxon\n"
		"freeze: page\nact: nmi restored\nact: irq paused\nposts: yes\nquick: yes\n"
		"vcpus: 2\nproof1: l2\nbug: a thread: 2021\n";
	struct err e = {0};
	unsigned count;
	const struct scenario *s;

	(void)state;
	assert_int_equal(scenarios_parse(text, sizeof(text), &e), 0);
	s = scenarios(&count);
	assert_int_equal(count, 2);
	assert_string_equal(s[0].name, "a");
	assert_int_equal(s[0].freeze, AT_PAGE);
	assert_int_equal(s[0].acts, 2);
	assert_int_equal(s[0].act[0].what, ACT_NMI);
	assert_int_equal(s[0].act[0].when, WHEN_RESTORED);
	assert_int_equal(s[0].act[1].what, ACT_IRQ);
	assert_true(scenario_has_act(&s[0], ACT_IRQ));
	assert_false(scenario_has_act(&s[0], ACT_SMI));
	assert_string_equal(s[0].bug, "a thread: 2021");
	assert_true(s[0].posts && s[0].quick && !s[0].l2 && scenario_exact(&s[0]));
	assert_int_equal(s[0].vcpus, 2);
	assert_string_equal(s[0].proof1, "l2");
	assert_int_equal(s[1].vcpus, 1);
	assert_string_equal(s[1].needs, "L2_APICV, CPU_MTF");
	assert_true(s[1].l2 && !s[1].posts && !s[1].quick && !scenario_exact(&s[1]));
	assert_int_equal(s[1].mp_state, KVM_MP_STATE_HALTED);
	assert_ptr_equal(scenario_find("b", 1), &s[1]);
	assert_null(scenario_find("", 0));
	assert_null(scenario_find("bb", 2));
}

/* What an enlightened L1 flies as well, or alone, or not. */
static void enlightened(void **state)
{
	static const char text[] =
		"name: a\nneeds: NEEDS(L2_BASE)\ntitle: a's\nproof: l2 vmcs12 runnable\n\0"
		"name: b\nneeds: NEEDS(L2_ANY)\ntitle: b's\nproof: !l2 vmcs12 vmxon\n\0"
		"name: c\nneeds: NEEDS(L2_BASE)\ntitle: c's\nproof: l2\nordinary: yes\n\0"
		"name: d\nneeds: NEEDS(EVMCS, L2_BASE)\ntitle: d's\nproof: l2 evmcs\n\0"
		"name: e\nneeds: NEEDS(L2_APICV)\ntitle: e's\nproof: l2\n";
	struct err e = {0};
	const struct scenario *s;
	unsigned count;

	(void)state;
	assert_int_equal(scenarios_parse(text, sizeof(text), &e), 0);
	scenarios(&count);
	assert_int_equal(count, 7);
	assert_false(scenario_find("a", 1)->enlightened);
	s = scenario_find("a_evmcs", 7);
	assert_true(s->enlightened && s->second && s->l2);
	assert_string_equal(s->proof, "l2 runnable evmcs");
	assert_string_equal(s->title, "a's, by an enlightened VMCS");
	assert_string_equal(scenario_find("b_evmcs", 7)->proof, "!l2 vmxon");
	assert_null(scenario_find("c_evmcs", 7));
	s = scenario_find("d", 1);
	assert_true(s->enlightened && !s->second);
	assert_null(scenario_find("d_evmcs", 7));
	assert_null(scenario_find("e_evmcs", 7));
}

static void bad(void **state)
{
	(void)state;
	refused("", "no scenario");
	refused("title: x\nproof: l2\n", "name, title or proof is missing");
	refused("name: x\nproof: l2\n", "name, title or proof is missing");
	refused("name: x\ntitle: y\n", "name, title or proof is missing");
	refused(GOOD "freeze: never\n", "'freeze: never' makes no sense");
	refused(GOOD "act: none paused\n", "makes no sense");
	refused(GOOD "act1: nmi paused\n", "act1 without a second vCPU");
	refused(GOOD "act: nmi\n", "'act: nmi' makes no sense");
	refused(GOOD "act: nmi sometimes\n", "makes no sense");
	refused(GOOD "act: dance restored\n", "makes no sense");
	refused(GOOD "posts: no\n", "makes no sense");
	refused(GOOD "vcpus: 3\n", "'vcpus: 3' makes no sense");
	refused(GOOD "proof1: l2\n", "proof1 without a second vCPU");
	refused(GOOD "vcpus: 2\nproof1: asleep\n", "there is no such term");
	refused(GOOD "colour: red\n", "'colour: red' makes no sense");
	refused(GOOD "nonsense\n", "'nonsense' has no key");
	refused("name: x\ntitle: y\nproof: l2 nonsense\n",
		"about scenario x: proof: in 'nonsense': there is no such term");
}

/* Any bytes are taken or refused, without harm. */
static void mutated(void **state)
{
	uint64_t seed = 1;

	(void)state;
	for (unsigned i = 0; i < 3000; i++) {
		uint8_t text[2 * sizeof(GOOD)] = GOOD "act: nmi restored\n";
		size_t len = mutate(text, strlen((char *)text), 4, &seed);
		struct err e = {0};

		scenarios_parse((char *)text, len, &e);
	}
}

static void load(const char *bytes, size_t len, const char *why)
{
	char path[] = "/tmp/midflight-unit-XXXXXX";
	int fd = mkstemp(path);
	struct err e = {0};

	assert_true(fd >= 0 && write(fd, bytes, len) == (ssize_t)len);
	close(fd);
	assert_int_equal(scenarios_load(path, &e), -1);
	assert_contains(e.text, why);
	unlink(path);
}

static void files(void **state)
{
	struct err e = {0};
	char self[65536];
	size_t len;
	FILE *f = fopen("/proc/self/exe", "re");

	(void)state;
	assert_int_equal(scenarios_load("/nonexistent", &e), -1);
	assert_contains(e.text, "/nonexistent");
	load("", 0, "size that makes sense");
	load("#!/bin/sh\n", 10, "no section .debug_scenarios");
	/* An ELF file without the section, whole and cut: its section headers are beyond the end.
	 */
	assert_int_equal(scenarios_load("/proc/self/exe", &e), -1);
	assert_non_null(f);
	len = fread(self, 1, sizeof(self), f);
	fclose(f);
	load(self, len, "no section .debug_scenarios");
	load(self, 70, "no section .debug_scenarios");
	/* Nobody writes to it: to open it must not wait. */
	assert_int_equal(mkfifo("/tmp/midflight-unit-fifo", 0600), 0);
	assert_int_equal(scenarios_load("/tmp/midflight-unit-fifo", &e), -1);
	unlink("/tmp/midflight-unit-fifo");
	assert_contains(e.text, "fifo: it is no plain file");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(good),	   cmocka_unit_test(enlightened), cmocka_unit_test(bad),
		cmocka_unit_test(mutated), cmocka_unit_test(files),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
