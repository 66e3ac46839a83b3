// SPDX-License-Identifier: BSD-2-Clause
// What the machine is said to be, from trees of files that are made up.
#include "tests/unit/unit.h"

#include "host/l0/environment.h"
#include "host/base/json.h"
#include "tests/unit/tree.h"

#include <sys/stat.h>
#include <unistd.h>
#include <midflight_version.h>

static const char *text(const json_t *env, const char *object, const char *key)
{
	const char *s = json_string_value(
		json_object_get(object ? json_object_get(env, object) : env, key));

	assert_non_null(s);
	return s;
}

static void all_there(void **state)
{
	static const unsigned char notes[] = {
		4, 0, 0, 0, 4, 0, 0, 0, 1, 0, 0, 0, 'G', 'N', 'U', 0, 9,    9,	  9,	9,
		4, 0, 0, 0, 3, 0, 0, 0, 3, 0, 0, 0, 'G', 'N', 'U', 0, 0xab, 0x0c, 0xde, 0};
	struct buf lines = {0};
	json_t *env;

	(void)state;
	tree_begin();
	tree_file("/proc/cpuinfo",
		  "processor\t: 0\nmodel name\t: A CPU @ 2 GHz\nmicrocode\t: 0x2b0004\nflags\t\t: "
		  "fpu vmx\n\nprocessor\t: 1\nmodel name\t: Another\n");
	tree_file("/etc/os-release", "NAME=\"X\"\nPRETTY_NAME=\"A Linux 12 (b)\"\n");
	tree_file("/sys/module/kvm_intel/parameters/nested", "Y\n");
	tree_file("/sys/module/kvm_intel/parameters/enable_apicv", "N\n");
	tree_file("/sys/module/kvm/parameters/halt_poll_ns", "200000\n");
	tree_bytes("/sys/module/kvm/notes/.note.gnu.build-id", notes, sizeof(notes));
	env = environment_json_at(tree_root, tree_program("/bin/qemu", "echo QEMU 9.9; echo more"));
	assert_string_equal(text(env, NULL, "cpu"), "A CPU @ 2 GHz");
	assert_string_equal(text(env, NULL, "microcode"), "0x2b0004");
	assert_string_equal(text(env, NULL, "distribution"), "A Linux 12 (b)");
	assert_string_equal(text(env, NULL, "qemu"), "QEMU 9.9");
	assert_string_equal(text(env, NULL, "midflight"), MIDFLIGHT_VERSION);
	assert_true(*text(env, NULL, "kernel") && *text(env, NULL, "kernel_version"));
	assert_string_equal(text(env, "kvm_parameters", "kvm_intel.nested"), "Y");
	assert_string_equal(text(env, "kvm_parameters", "kvm_intel.enable_apicv"), "N");
	assert_string_equal(text(env, "kvm_parameters", "kvm.halt_poll_ns"), "200000");
	assert_string_equal(text(env, "modules", "kvm"), "ab0cde");
	assert_string_equal(text(env, "modules", "kvm_intel"), "");
	assert_true(json_is_object(json_object_get(env, "vmx")));
	environment_text(env, &lines);
	assert_contains(lines.p, "CPU: A CPU @ 2 GHz, microcode 0x2b0004\n");
	assert_contains(lines.p, "\nQEMU: QEMU 9.9\n");
	assert_contains(lines.p, "build IDs: kvm ab0cde\n");
	assert_contains(lines.p, "parameters: kvm.halt_poll_ns=200000 kvm_intel.enable_apicv=N "
				 "kvm_intel.nested=Y\n");
	buf_free(&lines);
	json_decref(env);
	tree_end();
}

static void nothing_there(void **state)
{
	struct buf lines = {0};
	json_t *env;

	(void)state;
	tree_begin();
	env = environment_json_at(tree_root, NULL);
	assert_string_equal(text(env, NULL, "cpu"), "");
	assert_string_equal(text(env, NULL, "distribution"), "");
	assert_string_equal(text(env, "modules", "kvm"), "");
	assert_int_equal(json_object_size(json_object_get(env, "kvm_parameters")), 0);
	assert_true(json_is_null(json_object_get(env, "qemu")));
	environment_text(env, &lines);
	assert_null(strstr(lines.p, "CPU"));
	assert_null(strstr(lines.p, "QEMU"));
	json_decref(env);
	lines.len = 0;
	environment_text(NULL, &lines);
	assert_int_equal(lines.len, 0);
	buf_free(&lines);
	tree_end();
}

/* Whatever stands in the files, no byte behind their end is looked at (the sanitizers see to it).
 */
static void odd_files(void **state)
{
	uint64_t seed = 1;

	(void)state;
	tree_begin();
	for (unsigned i = 0; i < 200; i++) {
		uint8_t notes[] = {4, 0, 0,   0,   3,	0, 0,	 0,    3,    0,
				   0, 0, 'G', 'N', 'U', 0, 0xab, 0x0c, 0xde, 0};
		char release[] = "PRETTY_NAME=\"A Linux\"\nPRETTY_NAME='";

		tree_bytes("/sys/module/kvm/notes/.note.gnu.build-id", notes,
			   mutate(notes, sizeof(notes), i ? 3 : 0, &seed));
		tree_bytes("/etc/os-release", release,
			   mutate((uint8_t *)release, sizeof(release) - 1, i ? 4 : 0, &seed));
		json_decref(environment_json_at(tree_root, NULL));
	}
	tree_end();
}

static void qemu(void **state)
{
	char *line;

	(void)state;
	tree_begin();
	assert_null(environment_qemu("/nonexistent/qemu"));
	assert_null(environment_qemu("midflight-has-no-such-qemu"));
	assert_null(environment_qemu(tree_program("/bin/silent", "exit 1")));
	assert_null(environment_qemu(tree_program("/bin/stderr", "echo no >&2")));
	/* It is not waited for once it has told. */
	line = environment_qemu(tree_program("/bin/slow", "echo QEMU 1; exec sleep 1000"));
	assert_string_equal(line, "QEMU 1");
	free(line);
	/* A long line in several parts. */
	line = environment_qemu(
		tree_program("/bin/long", "printf %5000s x; printf 'y\\nz'; exec sleep 1000"));
	assert_int_equal(strlen(line), 5001);
	free(line);
	tree_end();
}

/* Long lists go on in lines of their own. */
static void wraps(void **state)
{
	json_t *env = json_object(), *vmx = json_object();
	struct buf lines = {0};

	(void)state;
	for (unsigned i = 0; i < 20; i++) {
		char key[40];

		snprintf(key, sizeof(key), "IA32_VMX_NUMBER_%u", i);
		json_set(vmx, key, json_hex(0xfedcba9876543210 + i));
	}
	json_set(vmx, "not_a_text", json_integer(1));
	json_set(env, "vmx", vmx);
	environment_text(env, &lines);
	assert_contains(lines.p, "KVM offers to L1: IA32_VMX_NUMBER_0=0xfedcba9876543210 ");
	assert_contains(lines.p, "\n  IA32_VMX_NUMBER_2");
	assert_contains(lines.p, "IA32_VMX_NUMBER_19=0xfedcba9876543223\n");
	assert_null(strstr(lines.p, "not_a_text"));
	for (const char *p = lines.p; *p; p += strcspn(p, "\n") + 1)
		assert_true(strcspn(p, "\n") <= 100);
	buf_free(&lines);
	json_decref(env);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_there), cmocka_unit_test(nothing_there),
		cmocka_unit_test(odd_files), cmocka_unit_test(qemu),
		cmocka_unit_test(wraps),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
