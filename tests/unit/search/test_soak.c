// SPDX-License-Identifier: BSD-2-Clause
// What a soak flies, and the bound on what share of it fails.
#include "tests/unit/unit.h"

#include "host/search/search.h"
#include "host/kvm/kvm_state.h"

#include <math.h>

#define NUMBERS 2000

static struct options o;

/* One of each kind: of any instant, of an exact one, with a posting, with an act. */
static int begin(void **state)
{
	static const char about[] = "name: exact\ntitle: x\nproof: l2\nfreeze: port\n"
				    "\0name: plain\ntitle: x\nproof: l2 runnable\n"
				    "\0name: posted\ntitle: x\nproof: l2 halted\nposts: yes\n"
				    "\0name: refill\ntitle: x\nproof: l2\nact: refill paused\n";
	struct err e = {0};
	unsigned count;
	const struct scenario *table;

	(void)state;
	options_init(&o);
	o.command = CMD_SOAK;
	o.driver = "kvm";
	o.for_s = 60;
	if (scenarios_parse(about, sizeof(about), &e))
		fail_msg("%s", e.text);
	table = scenarios(&count);
	for (unsigned i = 0; i < count; i++)
		o.scenario[o.scenarios++] = &table[i];
	return 0;
}

static void near(double a, double b)
{
	if (fabs(a - b) > 1e-6)
		fail_msg("%.9f is not %.9f", a, b);
}

/* K of N: the quantile 0.95 of the beta distribution with K + 1 and N - K. */
static void bound(void **state)
{
	(void)state;
	near(bound_upper(0, 0), 1);
	near(bound_upper(0, 1), 0.95);
	near(bound_upper(0, 10), 0.258865551);
	near(bound_upper(0, 1000), 1 - pow(0.05, 1 / 1000.0));
	near(bound_upper(0, 4000000), 7.489328e-7);
	near(bound_upper(1, 2), 0.974679434); /* sqrt(0.95) */
	near(bound_upper(1, 10), 0.394163302);
	near(bound_upper(5, 10), 0.777558899);
	near(bound_upper(9, 10), 0.994883803); /* 0.95^(1/10) */
	near(bound_upper(10, 10), 1);
	near(bound_upper(11, 10), 1);
	for (unsigned k = 0; k < 50; k++)
		assert_true(bound_upper(k, 50) > k / 50.0 &&
			    bound_upper(k, 50) < bound_upper(k + 1, 50));
	assert_true(bound_upper(50000, 100000) > 0.5 && bound_upper(50000, 100000) < 0.51);
}

static bool same(const struct choice *a, const struct choice *b)
{
	return a->scenario == b->scenario && a->post == b->post && a->hops == b->hops &&
	       a->seed == b->seed && !strcmp(a->order, b->order) && !strcmp(a->pages, b->pages) &&
	       !strcmp(a->freeze, b->freeze);
}

/* The same number of the same seed, in whatever order; another number or seed is another choice. */
static void repeats(void **state)
{
	struct choice c[100], again;
	unsigned alike = 0;

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(c); i++)
		choice_make(&c[i], &o, i);
	for (unsigned i = ARRAY_SIZE(c); i-- > 0;) {
		choice_make(&again, &o, i);
		assert_true(same(&c[i], &again));
		alike += i && same(&c[i], &c[i - 1]);
	}
	assert_int_equal(alike, 0);
	o.seed++;
	for (unsigned i = 0; i < ARRAY_SIZE(c); i++) {
		choice_make(&again, &o, i);
		alike += same(&c[i], &again);
	}
	assert_int_equal(alike, 0);
}

/* Every choice can be flown, and every kind of choice comes. */
static void covers(void **state)
{
	unsigned scenario[4] = {0}, post[POSTS] = {0}, hops[CHOICE_HOPS + 1] = {0}, exact_after = 0;
	unsigned eager = 0, remote = 0, delay = 0, after = 0, small = 0, large = 0;

	(void)state;
	for (unsigned i = 0; i < NUMBERS; i++) {
		struct choice c;
		struct options one;

		choice_make(&c, &o, i);
		one = choice_options(&c, &o);
		assert_true(one.freeze.at == FREEZE_NOW || one.freeze.at == FREEZE_AFTER);
		/* As `run` would refuse it otherwise. */
		if (c.scenario->posts || c.scenario->acts)
			assert_int_equal(one.freeze.at, FREEZE_NOW);
		if (scenario_has_act(c.scenario, ACT_REFILL))
			assert_int_equal(one.pages_config.mode, PAGES_EAGER);
		assert_int_equal(one.command, CMD_RUN);
		assert_int_equal(one.hops, c.hops);
		assert_int_equal(one.pages_config.seed, c.seed);
		assert_string_equal(one.order, "qemu");
		assert_string_equal(one.pages, c.pages);
		assert_string_equal(one.freeze_text, c.freeze);
		scenario[c.scenario - o.scenario[0]]++;
		post[c.post] += c.scenario->posts;
		assert_true(c.hops == 1 || !scenario_exact(c.scenario));
		hops[c.hops]++;
		eager += one.pages_config.mode == PAGES_EAGER;
		remote += one.pages_config.mode == PAGES_REMOTE;
		delay += one.pages_config.mode == PAGES_DELAY;
		after += one.freeze.at == FREEZE_AFTER;
		exact_after += one.freeze.at == FREEZE_AFTER && scenario_exact(c.scenario);
		small += one.freeze.at == FREEZE_AFTER && one.freeze.value < 10000;
		large += one.freeze.at == FREEZE_AFTER && one.freeze.value > 30000000;
	}
	for (unsigned i = 0; i < ARRAY_SIZE(scenario); i++)
		assert_true(scenario[i] > NUMBERS / 5);
	for (unsigned i = 0; i < POSTS; i++)
		assert_true(post[i] > 0);
	for (unsigned i = 1; i <= CHOICE_HOPS; i++)
		assert_true(hops[i] > NUMBERS / 30);
	assert_int_equal(eager + remote + delay, NUMBERS);
	assert_true(eager > NUMBERS / 2 && remote > 100 && delay > 100);
	assert_true(after > NUMBERS / 5 && exact_after > 100 && small > 20 && large > 20);
}

static void orders(void **state)
{
	const char *names = order_names();
	char name[32], words[400];
	struct buf b = {0};

	(void)state;
	o.orders = true;
	while (word_next(&names, '|', name, sizeof(name))) {
		struct choice c;
		unsigned i = 0;

		do
			choice_make(&c, &o, i++);
		while (i < NUMBERS && strcmp(c.order, name) != 0);
		assert_string_equal(c.order, name);
	}
	/* A replay's words name the order that was drawn, and nothing of the soak. */
	for (unsigned i = 0; i < 20; i++) {
		struct choice c;
		struct options one;

		choice_make(&c, &o, i);
		one = choice_options(&c, &o);
		b.len = 0;
		options_words(&one, c.scenario, REPEATED, &b);
		snprintf(words, sizeof(words), " --scenario %s --loops %u --seed %llu --driver kvm",
			 c.scenario->name, c.hops, (unsigned long long)c.seed);
		assert_contains(b.p, words);
		if (strcmp(c.order, "qemu") != 0)
			assert_contains(b.p, c.order);
		assert_null(strstr(b.p, "--for"));
		assert_null(strstr(b.p, "--orders"));
	}
	buf_free(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bound),
		cmocka_unit_test_setup(repeats, begin),
		cmocka_unit_test_setup(covers, begin),
		cmocka_unit_test_setup(orders, begin),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
