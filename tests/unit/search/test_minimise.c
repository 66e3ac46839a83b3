// SPDX-License-Identifier: BSD-2-Clause
// Which smaller options `midflight minimise` tries, in which order, and when it ends.
#include "tests/unit/unit.h"

#include "host/search/search.h"

static struct options o;
static struct minimise m;
static struct buf tried;

/* What the failure needs. */
static struct {
	unsigned hops;
	int64_t steps; /* 0: at any moment */
	int64_t after; /* -1: also the scenario's own instant */
	const char *order;
	bool kick, late, never;
} needs;

static bool fails(void *arg, const struct options *now, const char *what)
{
	(void)arg;
	buf_printf(&tried, "%s; ", what);
	return !needs.never && now->hops >= needs.hops && (!needs.kick || now->kick) &&
	       (!needs.late || now->pages_config.mode != PAGES_EAGER) &&
	       (!needs.order || !strcmp(now->order, needs.order)) &&
	       (!needs.steps ||
		(now->freeze.at == FREEZE_STEPS && now->freeze.value >= needs.steps)) &&
	       (needs.after < 0 ||
		(now->freeze.at == FREEZE_AFTER && now->freeze.value >= needs.after));
}

static int begin(void **state)
{
	static char remote[] = "remote";
	struct err e = {0};

	(void)state;
	options_init(&o);
	o.command = CMD_RUN;
	o.hops = 5;
	o.seed = 77;
	o.order = "legacy";
	o.kick = true;
	o.timeout_s = 5;
	assert_int_equal(options_freeze(&o, "after=601354", &e), 0);
	assert_int_equal(options_pages(&o, remote, &e), 0);
	memset(&needs, 0, sizeof(needs));
	needs.after = -1;
	needs.hops = 1;
	m = (struct minimise){.fails = fails};
	return 0;
}

static int end(void **state)
{
	(void)state;
	buf_free(&tried);
	return 0;
}

/* It needs nothing of all that. */
static void nothing(void **state)
{
	(void)state;
	minimise(&m, &o);
	assert_string_equal(tried.p,
			    "--order qemu; --pages eager; no --kick; --no-oracles; --seed 1; "
			    "no --timeout, no --nudge; --loops 1; --freeze now; ");
	assert_int_equal(m.tries, 8);
	assert_string_equal(o.order, "qemu");
	assert_string_equal(o.pages, "eager");
	assert_string_equal(o.freeze_text, "now");
	assert_int_equal(o.hops, 1);
	assert_int_equal(o.seed, 1);
	assert_int_equal(o.pages_config.seed, 1);
	assert_false(o.kick);
	assert_true(o.no_oracles);
}

/* What it needs stays. */
static void needed(void **state)
{
	(void)state;
	needs.kick = needs.late = true;
	needs.order = "legacy";
	minimise(&m, &o);
	/* Where pages come late there are no oracles. */
	assert_string_equal(tried.p, "--order qemu; --pages eager; no --kick; --seed 1; "
				     "no --timeout, no --nudge; --loops 1; --freeze now; "
				     "--order qemu; --pages eager; no --kick; ");
	assert_string_equal(o.order, "legacy");
	assert_string_equal(o.pages, "remote");
	assert_true(o.kick);
	assert_int_equal(o.hops, 1);
}

static void hops(void **state)
{
	(void)state;
	o.hops = 20;
	needs.hops = 7;
	minimise(&m, &o);
	assert_int_equal(o.hops, 7);
	assert_contains(tried.p, "--loops 1; --loops 10; --loops 5; --loops 7; --loops 6; ");
}

/* The first moment, to an instruction of the lab. */
static void moment(void **state)
{
	const int64_t first[] = {0, 1, 1234, 250000, 601353, 601354};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(first); i++) {
		begin(state);
		needs.after = first[i];
		minimise(&m, &o);
		assert_int_equal(o.freeze.at, FREEZE_AFTER);
		assert_true(o.freeze.value >= first[i]);
		if (o.freeze.value >= first[i] + MINIMISE_STEP_NS)
			fail_msg("%lld for %lld", (long long)o.freeze.value, (long long)first[i]);
		assert_true(m.tries <= 12 + MINIMISE_AFTER_TRIES);
		/* What the text says is what it is, wherever that text lies. */
		snprintf(m.text[!m.used], sizeof(m.text[0]), "after=%lld",
			 (long long)o.freeze.value);
		assert_string_equal(m.text[!m.used], o.freeze_text);
	}
}

/* The same by instructions. */
static void stepped(void **state)
{
	struct err e = {0};

	(void)state;
	assert_int_equal(options_freeze(&o, "steps=987", &e), 0);
	needs.steps = 444;
	minimise(&m, &o);
	assert_string_equal(o.freeze_text, "steps=444");
	assert_contains(tried.p, "--freeze now; --freeze steps=400; --freeze steps=600; ");
}

/* It ends, whatever the answers are. */
static void bounded(void **state)
{
	uint64_t random = 5;
	struct err e = {0};

	(void)state;
	needs.never = true;
	assert_int_equal(options_freeze(&o, "after=60000000000", &e), 0);
	o.hops = 1000000;
	minimise(&m, &o);
	assert_true(m.tries <= MINIMISE_TRIES);
	assert_int_equal(o.freeze.value, 60000000000);
	assert_int_equal(o.hops, 1000000);
	for (int i = 0; i < 2000; i++) {
		char when[40];

		begin(state);
		snprintf(when, sizeof(when), "after=%llu",
			 (unsigned long long)(random_next(&random) % 60000000000));
		assert_int_equal(options_freeze(&o, when, &e), 0);
		o.hops = 1 + (unsigned)(random_next(&random) % 1000000);
		needs.hops = 1 + (unsigned)(random_next(&random) % 2000000);
		needs.after = (int64_t)(random_next(&random) % 60000000000) - 1;
		minimise(&m, &o);
		assert_true(m.tries <= MINIMISE_TRIES);
	}
}

static void between(int64_t low, int64_t high, int64_t want)
{
	assert_int_equal(round_between(low, high), want);
}

static void rounds(void **state)
{
	uint64_t random = 3;

	(void)state;
	between(-1, 601354, 300000);
	between(0, 601354, 300000);
	between(300000, 601354, 400000);
	between(200000, 300000, 250000);
	between(248000, 249000, 248500);
	between(5, 7, 6);
	between(-1, 1, 0);
	between(1234, 1240, 1237);
	for (int i = 0; i < 10000; i++) {
		const int64_t low = (int64_t)(random_next(&random) % 60000000000) - 1;
		const int64_t high = low + 2 + (int64_t)(random_next(&random) % 60000000000);
		const int64_t middle = round_between(low, high);

		assert_true(middle > low && middle < high);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(nothing, begin, end),
		cmocka_unit_test_setup_teardown(needed, begin, end),
		cmocka_unit_test_setup_teardown(hops, begin, end),
		cmocka_unit_test_setup_teardown(moment, begin, end),
		cmocka_unit_test_setup_teardown(stepped, begin, end),
		cmocka_unit_test_setup_teardown(bounded, begin, end),
		cmocka_unit_test(rounds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
