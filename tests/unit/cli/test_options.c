// SPDX-License-Identifier: BSD-2-Clause
// Command lines: the way from options to words, QEMU's and the lab's arguments, KVM's answers.
#include "tests/unit/unit.h"

#include "host/l0/kvm_probe.h"
#include "host/lab/lab.h"
#include "host/cli/commands.h"
#include "host/cli/plan.h"
#include "host/kvm/kvm_state.h"
#include "host/qemu/qemu_process.h"
#include "host/report/ktap.h"

#include <errno.h>
#include <linux/kvm.h>
#include <unistd.h>

static struct options o;

static int setup(void **state)
{
	(void)state;
	options_init(&o);
	unit_scenarios();
	o.scenario[o.scenarios++] = scenario_find("running", 7);
	o.scenario[o.scenarios++] = scenario_find("halted", 6);
	o.shown_command = "'a b' run";
	o.shown_replay = "'a b' replay --lab yes";
	return 0;
}

static void words(void **state)
{
	struct buf b = {0};
	struct err e = {0};

	(void)state;
	options_words(&o, NULL, REPEATED, &b);
	assert_string_equal(b.p, " --scenario running,halted --seed 1");
	b.len = 0;
	assert_int_equal(options_methods(&o, "post*,file", &e), 0);
	assert_int_equal(options_shard(&o, "2/3", &e), 0);
	o.irqchip = "split";
	o.without = "avx,la57";
	options_words(&o, NULL, REPEATED, &b);
	assert_string_equal(b.p, " --scenario running,halted --method 'post*,file'"
				 " --shard 2/3 --seed 1 --irqchip split --without avx,la57");
	b.len = 0;
	options_repro(&o, o.scenario[0], METHOD_POSTCOPY, NULL, &b);
	assert_string_equal(b.p, "'a b' run --scenario running --method postcopy --seed 1"
				 " --irqchip split --without avx,la57");
	b.len = 0;
	setup(state);
	o.accel = "tcg";
	o.machine = "q35";
	o.breakage = "digest";
	o.nudge_s = 0.5;
	o.timeout_s = 7;
	o.strict = o.keep = o.verbose = o.quiet = true;
	options_words(&o, o.scenario[1], REPEATED, &b);
	assert_string_equal(b.p,
			    " --scenario halted --seed 1 --timeout 7 --nudge 0.5 --strict"
			    " --accel tcg --machine q35 --keep --verbose --quiet --break digest");
	buf_free(&b);
}

/* A good value of @row; NULL: it takes none. */
static const char *sample(const struct option_row *row, char text[40])
{
	static const struct {
		const char *name, *value;
	} own[] = {{"for", "90"},
		   {"method", "post*,file"},
		   {"shard", "2/3"},
		   {"nudge", "0.25"},
		   {"order", "nested-last"},
		   {"save-order", "firecracker"},
		   {"no-cap", "exception-payload"},
		   {"freeze", "after=7"},
		   {"pages", "delay=30"},
		   {"each-param", "ept=0,1"},
		   {"every", "0.25"},
		   {"at", "0.5"}};

	for (size_t i = 0; i < ARRAY_SIZE(own); i++)
		if (!strcmp(own[i].name, row->name))
			return own[i].value;
	if (row->kind == KIND_NUMBER)
		snprintf(text, 40, "%llu", (unsigned long long)row->max);
	else if (row->arg && strchr(row->arg, '|') && row->kind != KIND_L0)
		snprintf(text, 40, "%s", strrchr(row->arg, '|') + 1);
	else
		snprintf(text, 40, "it-is");
	return row->arg ? text : NULL;
}

/* Sets @to to what @line says. */
static void parse(enum command command, char *line, struct options *to)
{
	struct err e = {0};

	options_init(to);
	to->command = command;
	for (char *at = line, *word; (word = options_next_word(&at));) {
		const struct option_row *row =
			option_find(1u << command, word + 2, strlen(word + 2));

		if (!row)
			fail_msg("no option %s", word);
		else if (option_read(to, row, row->arg ? options_next_word(&at) : NULL, &e))
			fail_msg("%s: %s", word, e.text);
	}
}

/* Each option of each command: what its words say is what was said, and is said again. */
static void each_option(void **state)
{
	(void)state;
	for (enum command c = 0; c < COMMANDS; c++)
		for (unsigned i = 0; i < option_row_count; i++) {
			const struct option_row *row = &option_rows[i];
			struct buf said = {0}, first = {0}, again = {0};
			struct options one, two;
			char text[40], *line;
			const char *value = sample(row, text);

			if (!(row->commands & 1u << c))
				continue;
			buf_printf(&said, " %s", row->word);
			if (value) {
				buf_printf(&said, " ");
				buf_shell_quote(&said, value);
			}
			line = xstrdup(said.p);
			parse(c, line, &one);
			options_words(&one, NULL, REPEATED, &first);
			if (!strstr(buf_text(&first), said.p) != (row->repeated == NEVER))
				fail_msg("'%s' became '%s'", said.p, buf_text(&first));
			if (first.p) {
				char *words = xstrdup(first.p);

				parse(c, words, &two);
				options_words(&two, NULL, REPEATED, &again);
				assert_string_equal(again.p, first.p);
				free(words);
			}
			free(line);
			buf_free(&said);
			buf_free(&first);
			buf_free(&again);
		}
}

/* What the commands take for granted is good, and said to a lab. */
static void defaults(void **state)
{
	struct err e = {0};

	(void)state;
	for (enum command c = 0; c < COMMANDS; c++)
		for (unsigned i = 0; i < COMMAND_DEFAULTS && commands[c].defaults[i].option; i++) {
			const char *name = commands[c].defaults[i].option;
			const struct option_row *row = option_find(~0u, name, strlen(name));

			options_init(&o);
			if (!row || !row->arg ||
			    option_read(&o, row, commands[c].defaults[i].value, &e))
				fail_msg("%s: --%s: %s", commands[c].name, name, e.text);
		}
}

static char *joined(char **args)
{
	struct buf b = {0};

	for (char **p = args; *p; p++) {
		buf_printf(&b, "%s|", *p);
		free(*p);
	}
	free(args);
	return b.p;
}

static void lab(void **state)
{
	char *text = joined(lab_args(&o, NULL, "/l a b/lab.sh", "/b in/midflight",
				     "/b in/midflight.elf", "/my log"));

	(void)state;
	assert_contains(text, "/l a b/lab.sh|run|--out|/my log|--timeout|");
	assert_contains(text, "|--put|/b in/midflight|--put|/b in/midflight.elf|--|./midflight|run|"
			      "--lab=no|--image=./midflight.elf|--log=out|"
			      "--shown-command='a b' run|--shown-replay='a b' replay --lab yes|"
			      "--shown-started=20");
	assert_contains(text, "Z|--shown-log=/my log|"
			      "--scenario|running,halted|--seed|1|");
	free(text);
	assert_true(lab_seconds(&o) >= 300);
	o.hops = 1000000;
	assert_int_equal(lab_seconds(&o), 86400);
}

static int position(const char *text, const char *part)
{
	const char *at = strstr(text, part);

	if (!at)
		fail_msg("'%s' does not contain '%s'", text, part);
	return (int)(at - text);
}

/* What is to repeat to the instruction is not told when and where it is. */
static void lab_repeats(void **state)
{
	static const char file[] = "/some where/replay.json";
	const struct lab_job job = {.words = {"./midflight", "soak", "--seed", "it's"},
				    .state = "abc"};
	char *text;

	(void)state;
	o.command = CMD_SOAK;
	o.scenario_text = "r*";
	o.driver = "kvm";
	o.for_s = 600;
	o.orders = o.count_on = true;
	text = joined(lab_args(&o, NULL, "/lab.sh", "/midflight", "/l1.elf", "/my log"));
	assert_contains(text, "|--|./midflight|soak|--lab=no|--image=./l1.elf|--log=out|");
	assert_contains(text, "|--shown-log=LOG|--scenario|r*|--for|600|--orders|--count-on|"
			      "--seed|1|");
	assert_null(strstr(text, "--shown-started"));
	assert_null(strstr(text + position(text, "|--|"), "/my log"));
	free(text);
	assert_true(lab_seconds(&o) > 6000);

	text = joined(lab_args(&o, &job, "/lab.sh", "/b/midflight", "/b/l1.elf", "/log"));
	assert_string_equal(text, "/lab.sh|run|--out|/log|--timeout|86400|--put|/b/midflight|--put|"
				  "/b/l1.elf|--state|abc|--|./midflight|soak|--seed|it's|");
	free(text);

	options_init(&o);
	o.command = CMD_MINIMISE;
	o.file = file;
	o.shown_command = o.shown_replay = "x";
	text = joined(lab_args(&o, NULL, "/lab.sh", "/midflight", "/l1.elf", "/log"));
	assert_contains(text, "|--put|/some where/replay.json|--|./midflight|minimise|");
	assert_contains(text, "|--shown-log=LOG|./replay.json|");
	free(text);

	o.command = CMD_FUZZ;
	text = joined(lab_args(&o, NULL, "/lab.sh", "/midflight", "/l1.elf", "/log"));
	assert_contains(text, "|--record|--put|/midflight|");
	free(text);
	o.coverage = true;
	text = joined(lab_args(&o, NULL, "/lab.sh", "/midflight", "/l1.elf", "/log"));
	assert_contains(text, "|--coverage|--put|/midflight|");
	assert_null(strstr(text, "--record"));
	free(text);
}

static void lab_commands(void **state)
{
	char phase[] = "late=KVM_RUN 1", file[] = "/some where/a b", order[] = "/my/order.txt";
	struct err e = {0};
	char *text;

	(void)state;
	o.command = CMD_PAGES;
	o.driver = "kvm";
	o.order = order;
	assert_int_equal(options_pages(&o, phase, &e), 0);
	text = joined(lab_args(&o, NULL, "/lab.sh", "/midflight", "/l1.elf", "/log"));
	assert_contains(text, "|--put|/my/order.txt|--|./midflight|run|--lab=no|");
	assert_contains(text, "|--driver|kvm|--order|./order.txt|--pages|late=KVM_RUN 1|");
	free(text);

	options_init(&o);
	o.command = CMD_RESTORE;
	o.file = file;
	o.shown_command = "x restore";
	o.shown_replay = "x replay";
	text = joined(lab_args(&o, NULL, "/lab.sh", "/midflight", "/l1.elf", "/log"));
	assert_contains(text, "|--put|/some where/a b|--|./midflight|restore|--lab=no|");
	assert_contains(text, "|--shown-log=/log|./a b|");
	assert_null(strstr(text, "--scenario"));
	free(text);
}

static void qemu(void **state)
{
	struct err e = {0};
	struct vm_config config = {.qemu = "qemu-system-x86_64",
				   .machine = "pc",
				   .cpu = "host",
				   .accel = "kvm",
				   .image = "/a b/it's/l1.elf",
				   .cmdline = "scenario=running hops=3",
				   .memory_mib = 16,
				   .err = &e};
	static const char *const extra[] = {"-incoming", "defer", NULL};
	struct qemu q = {.config = &config};
	struct buf script = {0};
	char **args = qemu_args(&q, 5, 7, extra), *text, *dir;

	(void)state;
	text = joined(args);
	assert_contains(text, "|-machine|pc,accel=kvm|-cpu|host|-smp|1|-m|16M|-kernel|./l1.elf|"
			      "-append|scenario=running hops=3|");
	assert_contains(text, "|-chardev|socket,id=serial,fd=5|");
	assert_contains(text, "|-chardev|socket,id=qmp,fd=7|");
	assert_contains(text, "|-incoming|defer|");
	free(text);
	config.irqchip = "split";
	config.without = "avx,vmx-apicv-vid";
	q.enlightenments = ",hv-vapic=on";
	text = joined(qemu_args(&q, 5, 7, NULL));
	assert_contains(text, "|-machine|pc,accel=kvm,kernel-irqchip=split|"
			      "-cpu|host,hv-vapic=on,avx=off,vmx-apicv-vid=off|");
	assert_null(strstr(text, "-incoming"));
	free(text);
	dir = qemu_args_dir(&config);
	assert_string_equal(dir, "/a b/it's");
	free(dir);
	qemu_args_script(&q, &script);
	assert_contains(script.p, "cd '/a b/it'\\''s' && exec qemu-system-x86_64 ");
	assert_contains(script.p, "-append 'scenario=running hops=3'");
	buf_free(&script);
}

static void probe(void **state)
{
	struct kvm_probe p = {
		.api_version = KVM_API_VERSION, .nested_state = 8320, .cpuid = true, .vmx = true};

	(void)state;
	assert_null(kvm_probe_missing(&p));
	assert_null(kvm_probe_advice(&p));
	p.nested_state = 0;
	assert_contains(kvm_probe_missing(&p), "KVM_CAP_NESTED_STATE is 0");
	p.vmx = false;
	assert_contains(kvm_probe_missing(&p), "CPUID.1:ECX.VMX is 0");
	assert_contains(kvm_probe_advice(&p), "nested=1");
	p.svm = true;
	assert_contains(kvm_probe_missing(&p), "SVM, not VMX");
	p.cpuid = false;
	assert_contains(kvm_probe_missing(&p), "CPUID");
	p.api_version = -ENOTTY;
	assert_contains(kvm_probe_missing(&p), "API version");
	p.open_errno = ENOENT;
	assert_contains(kvm_probe_missing(&p), "there is no /dev/kvm");
	p.open_errno = EACCES;
	assert_contains(kvm_probe_missing(&p), "may not be opened");
	assert_contains(kvm_probe_advice(&p), "group kvm");
}

static void quoting(void **state)
{
	struct buf b = {0};

	(void)state;
	buf_shell_quote(&b, "plain-1.0/x");
	buf_printf(&b, " ");
	buf_shell_quote(&b, "");
	buf_printf(&b, " ");
	buf_shell_quote(&b, "a 'b' $c");
	assert_string_equal(b.p, "plain-1.0/x '' 'a '\\''b'\\'' $c'");
	buf_free(&b);
}

static void directories(void **state)
{
	char dir[] = "/tmp/midflight-unit-XXXXXX";
	char *deep, *mid;
	struct err e = {0};

	(void)state;
	assert_non_null(mkdtemp(dir));
	mid = xasprintf("%s/a b", dir);
	deep = xasprintf("%s/a b//c/", dir);
	assert_int_equal(make_dirs(deep, &e), 0);
	assert_int_equal(make_dirs(deep, &e), 0);
	assert_int_equal(write_file(deep, "f", "x", 1, 0644, &e), 0);
	free(deep);
	deep = xasprintf("%s/c/f", mid);
	assert_int_equal(make_dirs(deep, &e), -1);
	assert_contains(e.text, "is not a directory");
	unlink(deep);
	*strrchr(deep, '/') = '\0';
	rmdir(deep);
	rmdir(mid);
	rmdir(dir);
	free(deep);
	free(mid);
	assert_int_equal(write_file("/dev", "full", "x", 1, 0644, &e), -1);
	assert_contains(e.text, "/dev/full: No space left");
}

static void freeze_words(void **state)
{
	static const struct {
		const char *text;
		int ret, at;
		int64_t value;
	} cases[] = {{"now", 0, FREEZE_NOW, 0},
		     {"port", 0, FREEZE_PORT, 0},
		     {"time=5", 0, FREEZE_TIME, 5000},
		     {"exits=7", 0, FREEZE_EXITS, 7},
		     {"after=0", 0, FREEZE_AFTER, 0},
		     {"after=60000000000", 0, FREEZE_AFTER, 60000000000},
		     {"after=60000000001", -1, FREEZE_NOW, 0},
		     {"steps=9", 0, FREEZE_STEPS, 9},
		     {"steps=0", -1, FREEZE_NOW, 0},
		     {"after=", -1, FREEZE_NOW, 0},
		     {"exits=0", -1, 0, 0},
		     {"time=", -1, 0, 0},
		     {"time=60000001", -1, 0, 0},
		     {"then", -1, 0, 0},
		     {"port=1", -1, 0, 0},
		     {"", -1, 0, 0}};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct options opts;
		struct err e = {0};

		options_init(&opts);
		assert_int_equal(options_freeze(&opts, cases[i].text, &e), cases[i].ret);
		assert_int_equal(*e.text != 0, cases[i].ret != 0);
		if (cases[i].ret)
			continue;
		assert_int_equal(opts.freeze.at, cases[i].at);
		assert_int_equal(opts.freeze.value, cases[i].value);
	}
}

static void method_words(void **state)
{
	struct options opts;
	struct err e = {0};

	(void)state;
	options_init(&opts);
	assert_int_equal(opts.methods, 1);
	assert_int_equal(opts.method[0], METHOD_FILE);
	/* In the table's order, each once. */
	assert_int_equal(options_methods(&opts, "pause,postcopy*,pause,file", &e), 0);
	assert_int_equal(opts.methods, 4);
	assert_int_equal(opts.method[0], METHOD_FILE);
	assert_int_equal(opts.method[1], METHOD_POSTCOPY);
	assert_int_equal(opts.method[2], METHOD_POSTCOPY_PREEMPT);
	assert_int_equal(opts.method[3], METHOD_PAUSE);
	assert_int_equal(options_methods(&opts, "all", &e), 0);
	assert_int_equal(opts.methods, METHODS);
	assert_int_equal(options_methods(&opts, "file,no-such", &e), -1);
	assert_contains(e.text, "no-such");
	assert_int_equal(options_methods(&opts, "", &e), -1);
	assert_int_equal(options_methods(&opts, ",", &e), -1);
}

static void shard_words(void **state)
{
	static const char *const bad[] = {"",	    "1",    "0/1",   "2/1",
					  "1/1001", "1/2x", "-1/2",  "1/ 2",
					  "+1/2",   "1//2", "1/2/3", "4294967297/4294967298"};
	struct options opts;
	struct err e = {0};

	(void)state;
	options_init(&opts);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		assert_int_equal(options_shard(&opts, bad[i], &e), -1);
		assert_int_equal(opts.shard.n, 0);
	}
	assert_int_equal(options_shard(&opts, "1000/1000", &e), 0);
	assert_int_equal(opts.shard.k, 1000);
}

/* As many labs as asked for, or as there are CPUs, which is not asking. */
static void jobs_words(void **state)
{
	static const char *const bad[] = {"", "0", "10001", "-1", "2x", "automatic"};
	const struct option_row *row = option_find(1u << CMD_RUN, "jobs", 4);
	struct options opts;
	struct err e = {0};

	(void)state;
	options_init(&opts);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_int_equal(option_read(&opts, row, bad[i], &e), -1);
	assert_int_equal(option_read(&opts, row, "auto", &e), 0);
	assert_in_range(opts.jobs, 1, 4);
	assert_true(opts.jobs_auto);
	assert_int_equal(option_read(&opts, row, "7", &e), 0);
	assert_int_equal(opts.jobs, 7);
	assert_false(opts.jobs_auto);
}

/* All shards together give each result once, and a control only where it is needed. */
static void shards(void **state)
{
	struct err e = {0};
	unsigned seen[2][METHODS] = {{0}};

	assert_int_equal(options_methods(&o, "all", &e), 0);
	o.shard.n = 5;
	for (o.shard.k = 1; o.shard.k <= o.shard.n; o.shard.k++) {
		struct plan p;

		plan_make(&p, &o);
		assert_int_equal(p.planned, 2 * METHODS);
		for (unsigned i = 0; i < p.count; i++) {
			const struct plan_item *item = &p.item[i];

			if (!item->control)
				seen[item->scenario == o.scenario[1]][item->method]++;
			/* Its scenario's control is the nearest one in front of it. */
			if (!item->control && i)
				assert_ptr_equal(item->scenario, p.item[i - 1].scenario);
		}
		plan_free(&p);
	}
	for (unsigned s = 0; s < 2; s++)
		for (unsigned m = 0; m < METHODS; m++)
			assert_int_equal(seen[s][m], 1);
	setup(state);
	o.shard = (struct shard){2, 2};
	{
		struct plan p;
		char *name;

		plan_make(&p, &o); /* one result each: halted's alone, with its control */
		assert_int_equal(p.count, 2);
		name = plan_name(&o, &p.item[0]);
		assert_string_equal(name, "halted.control");
		free(name);
		o.method_text = "file";
		name = plan_name(&o, &p.item[1]);
		assert_string_equal(name, "halted.file");
		free(name);
		name = plan_key(&p.item[1]);
		assert_string_equal(name, "halted");
		free(name);
		plan_free(&p);
	}
	setup(state);
	{
		struct plan p;

		assert_int_equal(options_methods(&o, "all", &e), 0);
		o.method_text = "all";
		o.only = "halted.pause";
		plan_make(&p, &o);
		assert_int_equal(p.count, 2);
		assert_true(p.item[0].control && p.item[0].scenario == o.scenario[1]);
		assert_int_equal(p.item[1].method, METHOD_PAUSE);
		plan_free(&p);
		o.only = "running.control";
		plan_make(&p, &o);
		assert_int_equal(p.count, 1);
		assert_true(p.item[0].control && p.item[0].scenario == o.scenario[0]);
		plan_free(&p);
		o.only = "no-such";
		plan_make(&p, &o);
		assert_int_equal(p.count, 0);
		plan_free(&p);
	}
	assert_true(plan_names("running") && plan_names("running.control"));
	assert_true(plan_names("halted.paused.pause") && plan_names("halted.ping-pong"));
	assert_true(plan_names("halted.nested-last"));
	assert_false(plan_names("halted.nested-first-last") || plan_names("src") ||
		     plan_names(".."));
	assert_false(plan_names("halted.") || plan_names(""));
}

/* What KVM refuses in QEMU's order flies in the scenario's second one, too: once, and only there.
 */
static void second_orders(void **state)
{
	static const struct {
		const char *driver, *order, *methods, *second; /* second: its name */
	} t[] = {
		{"kvm", "qemu", "file,pause", "running.selftests.file"},
		{"kvm", "nested-last", "file", NULL},
		{"kvm", "qemu", "pause", NULL},
		{"qemu", "qemu", "file", NULL},
	};

	for (size_t i = 0; i < ARRAY_SIZE(t); i++) {
		struct plan p;
		unsigned seconds = 0;
		struct scenario twice;
		struct err e = {0};

		setup(state);
		twice = *o.scenario[0];
		twice.order = "selftests";
		o.scenario[0] = &twice;
		o.command = CMD_RUN;
		o.driver = t[i].driver;
		o.order = t[i].order;
		assert_int_equal(options_methods(&o, t[i].methods, &e), 0);
		o.method_text = t[i].methods;
		plan_make(&p, &o); /* the other scenario has none */
		for (unsigned n = 0; n < p.count; n++) {
			char *name = plan_name(&o, &p.item[n]);

			if (p.item[n].order) {
				assert_string_equal(name, t[i].second);
				assert_string_equal(p.item[n].order, "selftests");
				seconds++;
			}
			free(name);
		}
		assert_int_equal(seconds, t[i].second != NULL);
		plan_free(&p);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(freeze_words),
		cmocka_unit_test(method_words),
		cmocka_unit_test(second_orders),
		cmocka_unit_test(shard_words),
		cmocka_unit_test(jobs_words),
		cmocka_unit_test_setup(shards, setup),
		cmocka_unit_test_setup(words, setup),
		cmocka_unit_test(each_option),
		cmocka_unit_test(defaults),
		cmocka_unit_test_setup(lab, setup),
		cmocka_unit_test_setup(lab_repeats, setup),
		cmocka_unit_test_setup(lab_commands, setup),
		cmocka_unit_test(qemu),
		cmocka_unit_test(probe),
		cmocka_unit_test(quoting),
		cmocka_unit_test(directories),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
