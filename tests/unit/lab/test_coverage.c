// SPDX-License-Identifier: BSD-2-Clause
// coverage.json is read, added up and judged; what is damaged is refused, and no function that did
// not run counts as reached.
#include "tests/unit/unit.h"

/* cmocka has a macro of this name. */
#pragma push_macro("fail")
#undef fail
#include "host/commands/cmd.h"
#pragma pop_macro("fail")
#include "host/lab/coverage.h"

#include <limits.h>
#include <sys/stat.h>
#include <unistd.h>

static char dir[] = "/tmp/midflight-unit-XXXXXX";
static struct err e;

#define SYMBOL(name, at, size, ran)                                         \
	"{\"name\": \"" name "\", \"section\": \".text\", \"at\": " at ", " \
	"\"size\": " size ", \"ran\": [" ran "]}"
#define MODULE(name, id, functions) \
	"{\"module\": \"" name "\", \"build_id\": \"" id "\", \"functions\": [" functions "]}"
#define FILE_OF(modules)                                                                \
	"{\"schema\": \"midflight-coverage\", \"version\": 1, \"kernel\": \"6.12.1\", " \
	"\"modules\": [" modules "]}"
#define KVM MODULE("kvm", "aa", SYMBOL("kvm_vcpu_ioctl", "0", "10", "[0, 10]"))
#define RUN(vmexit, cold)                                                                         \
	FILE_OF(KVM ", " MODULE(                                                                  \
		"kvm_intel", "bb",                                                                \
		SYMBOL("nested_vmx_vmexit", "0", "100", vmexit) ", " SYMBOL(                      \
			"nested_vmx_vmexit.cold", "100", "20",                                    \
			cold) "," SYMBOL("nested_zzz.constprop.0", "120", "8",                    \
					 "") ", " SYMBOL("nested_vmx_hardware_setup", "200", "8", \
							 "") ", " SYMBOL("vmx_other", "300", "8", \
									 "")))

static char *path_of(const char *name, const char *text)
{
	assert_int_equal(write_file(dir, name, text, strlen(text), 0755, &e), 0);
	return xasprintf("%s/%s", dir, name);
}

static int add(struct coverage *c, const char *text)
{
	char *path = path_of("run.json", text);
	const int ret = coverage_add(c, path, &e);

	free(path);
	return ret;
}

static const struct coverage_function *find(const struct coverage_functions *f, const char *name)
{
	for (size_t i = 0; i < f->count; i++)
		if (!strcmp(f->function[i].name, name))
			return &f->function[i];
	fail_msg("no function %s", name);
	return NULL;
}

static void adds_up(void **state)
{
	struct coverage c = {0};
	struct coverage_functions f;

	(void)state;
	assert_int_equal(add(&c, RUN("[0, 10], [50, 60]", "")), 0);
	assert_int_equal(add(&c, RUN("[5, 20]", "[1, 2]")), 0);
	assert_int_equal(c.runs, 2);
	coverage_functions(&c, &f);
	assert_int_equal(f.count, 5);
	assert_int_equal(find(&f, "nested_vmx_vmexit")->size, 120);
	assert_int_equal(find(&f, "nested_vmx_vmexit")->ran, 31);
	assert_int_equal(find(&f, "kvm_vcpu_ioctl")->ran, 10);
	coverage_functions_free(&f);
	coverage_free(&c);
}

static void joins(void **state)
{
	char *labs[] = {xasprintf("%s/lab-1", dir), xasprintf("%s/lab-2", dir),
			xasprintf("%s/lab-3", dir)}; /* which has died */
	static const char *const left[] = {RUN("[0, 10], [50, 60], [99, 100]", ""),
					   RUN("[5, 20]", "[19, 20]")};
	struct coverage c = {0};
	struct coverage_functions f;
	char *path = xasprintf("%s/" COVERAGE_FILE, dir);

	(void)state;
	assert_int_equal(coverage_join(dir, labs, 3, &e), 0);
	assert_int_equal(access(path, F_OK), -1);
	for (unsigned i = 0; i < 2; i++) {
		assert_int_equal(mkdir(labs[i], 0755), 0);
		assert_int_equal(
			write_file(labs[i], COVERAGE_FILE, left[i], strlen(left[i]), 0644, &e), 0);
	}
	assert_int_equal(coverage_join(dir, labs, 3, &e), 0);
	assert_int_equal(coverage_add(&c, dir, &e), 0);
	assert_int_equal(c.runs, 1);
	assert_string_equal(c.kernel, "6.12.1");
	coverage_functions(&c, &f);
	assert_int_equal(find(&f, "nested_vmx_vmexit")->ran, 32);
	assert_int_equal(find(&f, "nested_vmx_vmexit")->size, 120);
	assert_int_equal(find(&f, "kvm_vcpu_ioctl")->ran, 10);
	coverage_functions_free(&f);
	coverage_free(&c);
	assert_int_equal(write_file(labs[1], COVERAGE_FILE, "{}", 2, 0644, &e), 0);
	assert_int_equal(coverage_join(dir, labs, 3, &e), -1);
	assert_contains(e.text, "lab-2/coverage.json");
	for (unsigned i = 0; i < 3; i++) {
		char *file = xasprintf("%s/" COVERAGE_FILE, labs[i]);

		unlink(file);
		rmdir(labs[i]);
		free(file);
		free(labs[i]);
	}
	unlink(path);
	free(path);
}

static void judges(void **state)
{
	struct coverage c = {0};
	struct coverage_functions f;

	(void)state;
	assert_int_equal(add(&c, RUN("[0, 1]", "")), 0);
	coverage_functions(&c, &f);
	assert_true(find(&f, "nested_vmx_vmexit")->path);
	assert_null(find(&f, "nested_vmx_vmexit")->reason);
	assert_true(find(&f, "nested_zzz")->path);
	assert_int_equal(find(&f, "nested_zzz")->ran, 0);
	assert_null(find(&f, "nested_zzz")->reason);
	assert_true(find(&f, "nested_vmx_hardware_setup")->path);
	assert_non_null(find(&f, "nested_vmx_hardware_setup")->reason);
	assert_false(find(&f, "vmx_other")->path);
	coverage_functions_free(&f);
	coverage_free(&c);
}

static void refuse(const char *text, const char *why)
{
	struct coverage c = {0};

	assert_int_equal(add(&c, RUN("[0, 1]", "")), 0);
	assert_int_equal(add(&c, text), -1);
	assert_contains(e.text, why);
	assert_contains(e.text, "run.json");
	assert_int_equal(c.runs, 1);
	coverage_free(&c);
}

#define OTHER(functions) FILE_OF(KVM ", " MODULE("kvm_intel", "bb", functions))

static void refuses(void **state)
{
	struct coverage c = {0};

	(void)state;
	refuse("", "run.json");
	refuse("[]", "is no midflight-coverage");
	refuse("{\"schema\": \"midflight-coverage\", \"version\": 2}", "of version 1");
	refuse("{\"schema\": \"midflight-coverage\", \"version\": 1}", "no good 'kernel'");
	refuse("{\"schema\": \"midflight-coverage\", \"version\": 1, \"kernel\": \"\\u001b[2J\", "
	       "\"modules\": []}",
	       "the kernel has an odd name");
	refuse(FILE_OF(KVM), "has not 2 modules");
	refuse(FILE_OF(KVM ", " KVM ", " KVM), "has not 2 modules");
	refuse(FILE_OF(KVM ", 1"), "is no object");
	refuse(FILE_OF(KVM ", " MODULE("kvm_intel", "", "")), "odd name or build id");
	refuse(FILE_OF(KVM ", " MODULE("kvm_intel", "cc", "")), "different kernels");
	refuse(OTHER(""), "other functions");
	refuse(OTHER("{}"), "no good 'name'");
	refuse(OTHER(SYMBOL("a\\n", "0", "1", "")), "odd name");
	refuse(OTHER(SYMBOL("", "0", "1", "")), "odd name");
	refuse(OTHER(SYMBOL("a", "0", "0", "")), "too large, or empty");
	refuse(OTHER(SYMBOL("a", "0", "99999999999", "")), "too large, or empty");
	refuse(OTHER(SYMBOL("a", "99999999999", "1", "")), "too large, or empty");
	refuse(OTHER(SYMBOL("a", "-1", "1", "")), "no good 'at'");
	refuse(OTHER(SYMBOL("a", "0", "67000000", "") "," SYMBOL("b", "0", "67000000", "")),
	       "b is too large");
	refuse(OTHER(SYMBOL("a", "0", "4", "[0, 5]")), "no good 'ran'");
	refuse(OTHER(SYMBOL("a", "0", "4", "[2, 2]")), "no good 'ran'");
	refuse(OTHER(SYMBOL("a", "0", "4", "[-1, 2]")), "no good 'ran'");
	refuse(OTHER(SYMBOL("a", "0", "4", "[2, 3], [1, 2]")), "no good 'ran'");
	refuse(OTHER(SYMBOL("a", "0", "4", "[1]")), "no good 'ran'");
	refuse(OTHER(SYMBOL("a", "0", "4", "7")), "no good 'ran'");
	refuse(OTHER(SYMBOL("a", "0", "4", "[0, \"4\"]")), "no good 'ran'");
	assert_int_equal(coverage_add(&c, dir, &e), -1);
	assert_contains(e.text, "coverage.json");
}

/* A record without the path is no proof of anything. */
static void lacks(void **state)
{
	static const char *const texts[] = {
		FILE_OF(KVM ", " MODULE("kvm_intel", "bb", "")),
		FILE_OF(KVM ", " KVM),
		FILE_OF(MODULE("kvm", "aa", SYMBOL("other", "0", "1", "[0, 1]")) ", " MODULE(
			"kvm_intel", "bb", SYMBOL("nested_x", "0", "1", "[0, 1]"))),
		FILE_OF(KVM ", " MODULE("kvm_intel", "bb", SYMBOL("nested_x", "0", "1", "[0, 1]"))),
	};
	char file[PATH_MAX];
	char *files[] = {file};
	struct options o;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		char *path = path_of("run.json", texts[i]);

		snprintf(file, sizeof(file), "%s", path);
		options_init(&o);
		o.files = files;
		o.file_count = 1;
		assert_int_equal(cmd_coverage(&o), i == ARRAY_SIZE(texts) - 1 ? 0 : 2);
		free(path);
	}
}

static void survives_mutations(void **state)
{
	static const char text[] = RUN("[0, 10], [50, 60]", "[1, 2]");
	char *path = path_of("run.json", text);
	uint64_t seed = 1;
	unsigned good = 0;

	(void)state;
	for (unsigned i = 0; i < 3000; i++) {
		uint8_t copy[sizeof(text)];
		struct coverage c = {0};
		struct coverage_functions f;
		size_t len;

		memcpy(copy, text, sizeof(text));
		len = mutate(copy, sizeof(text) - 1, 1 + i % 4, &seed);
		assert_int_equal(write_file(dir, "run.json", copy, len, 0644, &e), 0);
		if (coverage_add(&c, path, &e))
			continue;
		good++;
		coverage_functions(&c, &f);
		coverage_functions_free(&f);
		coverage_free(&c);
	}
	assert_in_range(good, 1, 2999);
	free(path);
}

/* ---- debug information: readelf and addr2line are scripts of ours ------------------------------
 */

static void tool(const char *name, const char *script)
{
	free(path_of(name, script));
}

/* Of byte 50 on nested_inner is inlined into nested_vmx_vmexit, and does not run; before it does.
 */
#define ADDR2LINE                                                                         \
	"#!/bin/sh\n"                                                                     \
	"while read -r a; do\n"                                                           \
	"  echo 0x000000000000$a\n"                                                       \
	"  if [ $((a)) -ge 50 ] && [ $((a)) -lt 100 ]; then\n"                            \
	"    printf 'nested_inner\\n/src/nested.c:%d (discriminator 2)\\n' $((a / 10))\n" \
	"  fi\n"                                                                          \
	"  printf 'nested_vmx_vmexit\\n/src/nested.c:99\\n'\n"                            \
	"done\n"

static int debug_info(struct coverage_functions *f)
{
	struct coverage c = {0};
	char *file = path_of("kvm-intel.ko", "");
	int ret;

	assert_int_equal(add(&c, RUN("[0, 10], [55, 65]", "")), 0);
	coverage_functions(&c, f);
	ret = coverage_debug_info(&c, file, f, &e);
	coverage_free(&c);
	free(file);
	return ret;
}

static void knows_inlined(void **state)
{
	struct coverage_functions f;
	const struct coverage_function *inner;

	(void)state;
	tool("readelf", "#!/bin/sh\necho '    Build ID: bb'\n");
	tool("addr2line", ADDR2LINE);
	assert_int_equal(debug_info(&f), 0);
	inner = find(&f, "nested_inner");
	assert_false(inner->symbol);
	assert_true(inner->path);
	assert_int_equal(inner->size, 50);
	assert_int_equal(inner->ran, 10);
	assert_int_equal(inner->lines, 5);
	assert_string_equal(inner->line[0].file, "nested.c");
	assert_int_equal(inner->line[1].line, 6);
	assert_int_equal(inner->line[1].ran, 5);
	assert_int_equal(inner->line[2].ran, 0);
	assert_int_equal(find(&f, "nested_vmx_vmexit")->size, 120);
	coverage_functions_free(&f);
}

#define LINE_OF(number, ran_bytes)                                                        \
	{                                                                                 \
		.file = (char[]){"nested.c"}, .line = number, .size = 4, .ran = ran_bytes \
	}

static void judge_line(const char *kernel, const char *function, unsigned number, bool listed)
{
	struct coverage_line line = LINE_OF(number, 0);
	struct coverage_function one = {.module = "kvm_intel",
					.name = (char *)(uintptr_t)function,
					.line = &line,
					.lines = 1};
	const struct coverage_functions f = {&one, 1};
	size_t count;
	struct coverage_source_line *list = coverage_source(&f, kernel, "kvm_intel", &count);

	assert_int_equal(count, 1);
	assert_false(list->ran);
	assert_int_equal(list->reason != NULL, listed);
	free(list);
	assert_null(coverage_source(&f, kernel, "kvm", &count));
	assert_int_equal(count, 0);
}

/* Rows of coverage_lines.def: of a release, of any, of a range, of a pattern. */
static void judges_lines(void **state)
{
	(void)state;
	judge_line("6.12.117+deb13-cloud-amd64", "handle_invept", 5995, true);
	judge_line("6.12.117", "handle_invept", 5995, true);
	judge_line("6.12.117", "handle_invept", 5994, false);
	judge_line("6.12.117", "handle_invvpid", 5995, false);
	judge_line("6.12.1170", "handle_invept", 5995, false);
	judge_line("6.12.117.1", "handle_invept", 5995, false);
	judge_line("6.12", "handle_invept", 5995, false);
	judge_line("6.12.117", "enter_vmx_operation", 5394, true);
	judge_line("6.12.117", "enter_vmx_operation", 5395, false);
	judge_line("6.12.117", "nested_cache_shadow_vmcs12", 759, true);
	judge_line("7.3.4", "nested_vmx_hardware_setup", 1, true);
}

/* A line of two functions is one, that of the larger part; what ran is judged. */
static void puts_lines_together(void **state)
{
	struct coverage_line inner[] = {LINE_OF(5, 4), LINE_OF(6, 1), LINE_OF(7, 0)};
	struct coverage_line setup[] = {LINE_OF(6, 0), LINE_OF(8, 0)};
	struct coverage_function two[] = {
		{.module = "kvm_intel", .name = (char[]){"inner"}, .line = inner, .lines = 3},
		{.module = "kvm_intel",
		 .name = (char[]){"nested_vmx_hardware_setup"},
		 .line = setup,
		 .lines = 2},
	};
	size_t count;
	struct coverage_source_line *list;

	(void)state;
	setup[0].size = 9;
	list = coverage_source(&(struct coverage_functions){two, 2}, "7.3", "kvm_intel", &count);
	assert_int_equal(count, 4);
	for (unsigned i = 0; i < 4; i++)
		assert_int_equal(list[i].line, 5 + i);
	assert_true(list[0].ran && list[1].ran && !list[2].ran && !list[3].ran);
	assert_string_equal(list[1].function, "nested_vmx_hardware_setup");
	assert_null(list[1].reason);
	assert_null(list[2].reason);
	assert_non_null(list[3].reason);
	free(list);
}

static void refuses_debug_info(const char *readelf, const char *addr2line, const char *why)
{
	struct coverage_functions f;

	tool("readelf", readelf);
	tool("addr2line", addr2line);
	assert_int_equal(debug_info(&f), -1);
	assert_contains(e.text, why);
	coverage_functions_free(&f);
}

static void doubts_debug_info(void **state)
{
	struct coverage_functions f;

	(void)state;
	refuses_debug_info("#!/bin/sh\necho 'Build ID: cc'\n", ADDR2LINE,
			   "not of a module that ran");
	refuses_debug_info("#!/bin/sh\n", ADDR2LINE, "build id unknown");
	refuses_debug_info("#!/bin/sh\nexit 1\n", ADDR2LINE, "readelf cannot read");
	refuses_debug_info("#!/bin/sh\necho 'Build ID: bb'\n", "#!/bin/sh\nexit 1\n",
			   "addr2line cannot read");
	/* Nonsense is no line and no function. */
	tool("readelf", "#!/bin/sh\necho 'Build ID: bb'\n");
	tool("addr2line", "#!/bin/sh\nyes '0x\n??\n0x\nx\n:\n::::\n' | head -n 9000\n");
	assert_int_equal(debug_info(&f), 0);
	coverage_functions_free(&f);
	tool("addr2line", "#!/bin/sh\nhead -c 100000 /dev/zero\n");
	assert_int_equal(debug_info(&f), 0);
	coverage_functions_free(&f);
}

static int begin(void **state)
{
	char *path;

	(void)state;
	if (!mkdtemp(dir))
		return -1;
	path = xasprintf("%s:%s", dir, getenv("PATH"));
	setenv("PATH", path, 1);
	free(path);
	return 0;
}

static int end(void **state)
{
	static const char *const files[] = {"run.json", "readelf", "addr2line", "kvm-intel.ko"};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		char *path = xasprintf("%s/%s", dir, files[i]);

		unlink(path);
		free(path);
	}
	return rmdir(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(adds_up),	 cmocka_unit_test(joins),
		cmocka_unit_test(judges),	 cmocka_unit_test(refuses),
		cmocka_unit_test(lacks),	 cmocka_unit_test(survives_mutations),
		cmocka_unit_test(knows_inlined), cmocka_unit_test(doubts_debug_info),
		cmocka_unit_test(judges_lines),	 cmocka_unit_test(puts_lines_together),
	};

	return cmocka_run_group_tests(tests, begin, end);
}
