// SPDX-License-Identifier: BSD-2-Clause
// Which scenarios a command line means.
#include "tests/unit/unit.h"

#include "host/cli/select.h"

static struct options o;
static struct err e;

static int setup(void **state)
{
	static const char about[] =
		"name: halted\nfamily: halted.c\nneeds: NEEDS(L2_APICV)\n"
		"title: a posted interrupt wakes L2\nproof: l2\nquick: yes\n"
		"\0name: halted_nmi\nfamily: halted_woken.c\ntitle: an NMI wakes L2\nproof: l2\n"
		"\0name: inject_irq\nfamily: inject.c\ntitle: L1 injects an interrupt\nproof: l2\n"
		"\0name: inject_nmi\nfamily: inject.c\nneeds: NEEDS(L2_BASE)\ntitle: L1 injects an "
		"NMI\n"
		"proof: l2 vmcs12\n"
		"\0name: running\nfamily: running.c\ntitle: L2 runs, uninterrupted\nproof: "
		"l2\nquick: yes\n";

	(void)state;
	if (scenarios_parse(about, sizeof(about), &e))
		fail_msg("%s", e.text);
	return 0;
}

static int fresh(void **state)
{
	(void)state;
	options_init(&o);
	o.command = CMD_RUN;
	return 0;
}

/* What @o means, in order. */
static void means(const char *want)
{
	struct buf names = {0};

	o.scenarios = 0;
	if (select_scenarios(&o, &e))
		fail_msg("%s", e.text);
	for (unsigned i = 0; i < o.scenarios; i++)
		buf_printf(&names, "%s ", o.scenario[i]->name);
	assert_string_equal(buf_text(&names), want);
	buf_free(&names);
}

static void refused(const char *why)
{
	o.scenarios = 0;
	assert_int_equal(select_scenarios(&o, &e), -1);
	assert_contains(e.text, why);
}

static void names(void **state)
{
	static char first[] = "halted", second[] = "inject*", wrong[] = "haltd";
	static char *files[] = {first, second};

	(void)state;
	means("halted running ");
	o.driver = "kvm";
	means("halted halted_nmi inject_irq inject_nmi inject_nmi_evmcs running ");
	o.scenario_text = "running,halted";
	means("running halted ");
	assert_string_equal(o.scenario_text, "running,halted");
	/* Without an option, and beside it. */
	o.files = files;
	o.file_count = 2;
	means("running halted inject_irq inject_nmi ");
	assert_null(o.scenario_text);
	means("halted inject_irq inject_nmi ");
	files[0] = wrong;
	refused("there is no scenario 'haltd'; did you mean 'halted'? (`midflight list`");
	files[0] = first;
	o.scenario_text = "";
	o.file_count = 0;
	refused("--scenario: empty");
	o.scenario_text = "x/init.mf";
	refused("what is 'x/init.mf'? A program: midflight fuzz FILE");
}

static void groups(void **state)
{
	(void)state;
	o.in_group = "inject"; /* a family, whatever the driver flies unasked */
	means("inject_irq inject_nmi ");
	o.in_group = "interrupts"; /* a word of titles: uninterrupted is another */
	means("halted inject_irq ");
	o.in_group = "nmi"; /* of names */
	means("halted_nmi inject_nmi ");
	o.in_group = "L2_APICV"; /* of needs */
	means("halted ");
	o.in_group = "running";
	o.scenario_text = "halted";
	refused("--group running leaves no scenario");
	o.scenario_text = "*";
	means("running ");
	assert_null(o.scenario_text);
	o.in_group = "injekt";
	refused("there is no group 'injekt'; did you mean 'inject'?");
	o.in_group = "";
	refused("there is no group ''");
}

static void excluded(void **state)
{
	(void)state;
	o.driver = "kvm";
	o.exclude = "halted*,running";
	means("inject_irq inject_nmi inject_nmi_evmcs ");
	o.exclude = "*_evmcs,halted";
	means("halted_nmi inject_irq inject_nmi running ");
	o.in_group = "nmi";
	means("halted_nmi inject_nmi ");
	o.exclude = "*";
	o.in_group = NULL;
	o.scenario_text = "running";
	refused("--exclude leaves no scenario");
	o.exclude = "runing";
	refused("there is no scenario 'runing'; did you mean 'running'?");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(names, fresh),
		cmocka_unit_test_setup(groups, fresh),
		cmocka_unit_test_setup(excluded, fresh),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}
