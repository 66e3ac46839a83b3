// SPDX-License-Identifier: BSD-2-Clause
// The list of a kvm-unit-tests tree, and guests made of words.
#include "tests/unit/unit.h"
#include "tests/unit/tree.h"
#include "host/guest/unittests.h"

static const char list_text[] =
	"# comment = [not]\n"
	"[one]\nfile = a.flat\ntest_args = \"x* -y\"\nqemu_params = -cpu max,+vmx -m 2560\n"
	"groups = vmx\nsmp = 2\n\n"
	"[two]\nfile = a.flat\nextra_params = -cpu host -append 'b c' -enable-kvm\ngroups = vmx "
	"other\n"
	"[three]\nfile=b.flat\ntest_args = \"\"\"\n  d\n  e\n\"\"\"\ngroups = vmx\n"
	"check = /nowhere/at/all=Y\n"
	"[not-ours]\nfile = c.flat\ngroups = svm vmxx\n"
	"[model]\nfile = a.flat\nqemu_params = -cpu IvyBridge,+vmx\ngroups = vmx\n"
	"[device]\nfile = a.flat\nqemu_params = -device edu\ngroups = vmx\n"
	"[by-hand]\nfile = a.flat\ngroups = nodefault vmx\n"
	"[tcg]\nfile = a.flat\naccel = tcg\ngroups = vmx\n"
	"[old]\nfile = a.flat\narch = i386\ngroups = vmx\n"
	"[large]\nfile = a.flat\nqemu_params = -m 4g\ngroups = vmx";

static struct scenario list[UNITTESTS_MAX];

static struct scenario made[8]; /* which live on */

static const struct guest_words *words_of(unsigned i, const char *name)
{
	assert_string_equal(list[i].name, name);
	return &list[i].guest->words;
}

static void reads_list(void **state)
{
	const struct guest_words common = {.every_ms = 2};
	const struct guest_words *w;
	const char *dir = tree_root;
	struct err e = {0};

	(void)state;
	tree_begin();
	assert_int_equal(unittests_make(list, dir, "vmx", &common, &e), -1);
	assert_contains(e.text, "is no built kvm-unit-tests: it has no x86/unittests.cfg");
	assert_int_equal(write_file(dir, "unittests.cfg", list_text, strlen(list_text), 0666, &e),
			 0);
	assert_int_equal(unittests_make(list, dir, "none", &common, &e), -1);
	assert_contains(e.text, "no test of ");
	assert_int_equal(unittests_make(list, dir, "vmx", &common, &e), 9);

	w = words_of(0, "one");
	assert_string_equal(w->append, "x* -y");
	assert_contains(w->file, "/a.flat");
	assert_int_equal(w->memory_mib, 2560);
	assert_int_equal(w->vcpus, 2);
	assert_true(w->every_ms == 2);
	assert_null(w->skip);
	assert_null(guest_lacks(list[0].guest, &(struct driver){.values = true}));
	assert_string_equal(list[0].title, "a.flat x* -y");
	w = words_of(1, "two");
	assert_string_equal(w->append, "b c");
	assert_int_equal(w->memory_mib, GUEST_MEMORY_MIB);
	assert_int_equal(w->vcpus, 1);
	w = words_of(2, "three");
	assert_string_equal(w->append, "d   e");
	assert_contains(guest_lacks(list[2].guest, &(struct driver){.values = true}),
			"it wants 'Y' in /nowhere/at/all, where '' is");
	assert_non_null(words_of(3, "model")->cpu);
	assert_contains(guest_lacks(list[3].guest, &(struct driver){.values = true}), "CPU model");
	assert_null(guest_lacks(list[3].guest, &(struct driver){.values = false}));
	assert_string_equal(words_of(4, "device")->skip, "it wants QEMU's -device edu");
	assert_contains(words_of(5, "by-hand")->skip, "--scenario by-hand");
	assert_string_equal(words_of(6, "tcg")->skip, "it is for QEMU's accelerator tcg");
	assert_string_equal(words_of(7, "old")->skip, "it is for i386");
	assert_contains(words_of(8, "large")->skip, "it wants 4g of memory");
	tree_end();
}

static void makes_guests(void **state)
{
	struct guest_words w = {.file = "/some/where/my.elf", .append = "a=b"};
	struct err e = {0};
	unsigned n = 0;

	(void)state;
	assert_int_equal(guest_make(&made[n++], "my own.elf", &w, &e), 0);
	assert_string_equal(made[n - 1].name, "my_own_elf");
	assert_string_equal(made[n - 1].title, "my.elf a=b");
	assert_int_equal(guest_freezes(made[n - 1].guest), GUEST_FREEZES);
	w.every_exits = 3;
	assert_int_equal(guest_make(&made[n++], "x", &w, &e), 0);
	assert_int_equal(guest_freezes(made[n - 1].guest), GUEST_FREEZES_MAX);
	assert_contains(guest_lacks(made[n - 1].guest, &(struct driver){.values = false}), "exits");
	w.pass = "[";
	assert_int_equal(guest_make(&made[n++], "x", &w, &e), -1);
	assert_contains(e.text, "'[' is no regular expression");
	w.profile = "none";
	assert_int_equal(guest_make(&made[n++], "x", &w, &e), -1);
	assert_contains(e.text, "there is no profile 'none'");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_list),
		cmocka_unit_test(makes_guests),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
