// SPDX-License-Identifier: BSD-2-Clause
// What belongs to the program is found in the tree it was built in and where it is installed.
#include "tests/unit/unit.h"

#include "host/cli/paths.h"

#include <sys/stat.h>
#include <unistd.h>

static char root[] = "/tmp/midflight-paths.XXXXXX";
static char *dir; /* of the executable */

static void file(const char *path, int mode)
{
	char *whole = xasprintf("%s/%s", root, path);
	struct err e = {0};
	FILE *f;

	*strrchr(whole, '/') = '\0';
	if (make_dirs(whole, &e))
		fail_msg("%s", e.text);
	whole[strlen(whole)] = '/';
	f = fopen(whole, "w");
	assert_non_null(f);
	fclose(f);
	assert_int_equal(chmod(whole, mode), 0);
	free(whole);
}

static int setup(void **state)
{
	(void)state;
	unsetenv("MIDFLIGHT_LAB_DIR");
	strcpy(strrchr(root, '.'), ".XXXXXX");
	assert_non_null(mkdtemp(root));
	dir = xasprintf("%s/bin", root);
	assert_int_equal(mkdir(dir, 0755), 0);
	return 0;
}

static int teardown(void **state)
{
	char *remove = xasprintf("rm -rf '%s'", root);
	int status = system(remove);

	(void)state;
	unsetenv("MIDFLIGHT_LAB_DIR");
	free(remove);
	free(dir);
	return status;
}

/* @path is @root and @end; frees @path. */
static void assert_path(char *path, const char *end)
{
	char *want = xasprintf("%s/%s", root, end);

	assert_non_null(path);
	assert_string_equal(path, want);
	free(want);
	free(path);
}

static void built(void **state)
{
	struct err e = {0};

	(void)state;
	file("bin/midflight.elf", 0644);
	file("lab/lab.sh", 0755);
	/* One that is installed elsewhere is not taken instead. */
	file("lib/midflight/midflight.elf", 0644);
	file("lib/midflight/lab/lab.sh", 0755);
	assert_path(image_path(dir, NULL, &e), "bin/midflight.elf");
	assert_path(lab_script(dir, &e), "bin/../lab/lab.sh");
	assert_path(default_log(dir), "bin/midflight-log");
}

static void installed(void **state)
{
	struct err e = {0};
	char *log = default_log(dir);

	(void)state;
	file("lib/midflight/midflight.elf", 0444);
	file("lib/midflight/lab/lab.sh", 0555);
	file("lab/lab.sh", 0755); /* what lies about beside bin/ is not ours */
	assert_path(image_path(dir, NULL, &e), "bin/../lib/midflight/midflight.elf");
	assert_path(lab_script(dir, &e), "bin/../lib/midflight/lab/lab.sh");
	assert_string_equal(log, "midflight-log");
	free(log);
}

static void given(void **state)
{
	struct err e = {0};
	char *image = image_path(dir, "some/where.elf", &e);
	char *lab = xasprintf("%s/mine", root);

	(void)state;
	assert_string_equal(image, "some/where.elf");
	free(image);
	file("mine/lab.sh", 0755);
	setenv("MIDFLIGHT_LAB_DIR", lab, 1);
	assert_path(lab_script(dir, &e), "mine/lab.sh");
	free(lab);
}

static void missing(void **state)
{
	struct err e = {0};

	(void)state;
	assert_null(image_path(dir, NULL, &e));
	assert_contains(e.text, "/bin/midflight.elf");
	assert_contains(e.text, "/bin/../lib/midflight/midflight.elf");
	assert_contains(e.text, "--image");
	assert_null(lab_script(dir, &e));
	assert_contains(e.text, "/lib/midflight/lab/lab.sh: No such file");
	file("lib/midflight/lab/lab.sh", 0644);
	assert_null(lab_script(dir, &e));
	assert_contains(e.text, "Permission denied");
	setenv("MIDFLIGHT_LAB_DIR", "/nonexistent", 1);
	assert_null(lab_script(dir, &e));
	assert_contains(e.text, "/nonexistent/lab.sh");
}

static void executable(void **state)
{
	(void)state;
	assert_int_equal(access(executable_path(), X_OK), 0);
	assert_contains(executable_path(), executable_dir());
	assert_string_equal(strrchr(executable_path(), '/'), "/test_paths");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(built, setup, teardown),
		cmocka_unit_test_setup_teardown(installed, setup, teardown),
		cmocka_unit_test_setup_teardown(given, setup, teardown),
		cmocka_unit_test_setup_teardown(missing, setup, teardown),
		cmocka_unit_test(executable),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
