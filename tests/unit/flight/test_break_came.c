// SPDX-License-Identifier: BSD-2-Clause
// What is said of a breakage: noticed, not noticed, refused, or never made.
#include "tests/unit/unit.h"

#include "host/flight/break_came.h"
#include "host/flight/known.h"

static struct flight_config c;
static struct flight_result r;

static void expect(enum break_came came, const char *words)
{
	struct buf text = {0};

	assert_int_equal(break_came(&c, &r), came);
	break_came_text("deliver_int", &c, &r, &text);
	assert_string_equal(buf_text(&text), words);
	buf_free(&text);
}

static void start(void)
{
	memset(&c, 0, sizeof(c));
	memset(&r, 0, sizeof(r));
	c.broken = "lapic";
	c.method = METHOD_RESET; /* by which no bug is known */
	r.proved = 1;
}

#define BROKEN ", broken on purpose (lapic): "

static void kinds(void **state)
{
	(void)state;
	start();
	expect(BREAK_UNNOTICED, BROKEN "nobody noticed");
	r.verdict.word = WORD_FAIL;
	expect(BREAK_NOTICED, BROKEN "noticed");
	r.ended_mute = true;
	expect(BREAK_ENDED, BROKEN "KVM ended the VM before the guest ran on");
	snprintf(r.refused, sizeof(r.refused), "KVM_SET_NESTED_STATE: Invalid argument");
	expect(BREAK_REFUSED, BROKEN "KVM refused the restore before it could matter");
	r.proved = 0;
	expect(BREAK_NOT_MET, BROKEN "the flight ended before");
	r.verdict.word = WORD_SKIP;
	expect(BREAK_NOTHING, BROKEN "there is nothing of the kind");
	r.log.skipped = 1;
	expect(BREAK_NOT_MET, BROKEN "the flight ended before");
	c.control = true;
	expect(BREAK_NONE, "");
}

/* L1's own breakage is in the control, too. */
static void of_l1(void **state)
{
	(void)state;
	start();
	c.broken = NULL;
	expect(BREAK_NONE, "");
	c.breakage = "digest";
	c.control = true;
	r.proved = 0;
	r.verdict.word = WORD_FAIL;
	expect(BREAK_NOTICED, ", broken on purpose (digest): noticed");
}

/* What fails unbroken proves nothing. */
static void known_anyway(void **state)
{
	(void)state;
	start();
	c.method = METHOD_FILE;
	r.verdict.word = WORD_FAIL;
	known_kernel_set("6.12.107");
	expect(BREAK_NOTICED,
	       BROKEN "noticed, or it is injected-software-event-not-saved, by which "
		      "this fails unbroken");
	r.verdict.word = WORD_PASS;
	expect(BREAK_UNNOTICED, BROKEN "nobody noticed");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(kinds),
		cmocka_unit_test(of_l1),
		cmocka_unit_test(known_anyway),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
