// SPDX-License-Identifier: BSD-2-Clause
// Where this program finds what belongs to it: in the tree it was built in, or installed.
#include "host/cli/paths.h"
#include "host/base/cleanup.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define INSTALLED "../lib/midflight"
#define IMAGE	  "midflight.elf"
#define LAB	  "lab/lab.sh"
#define LOG	  "midflight-log"

const char *executable_path(void)
{
	static char path[PATH_MAX];
	ssize_t n;

	if (!*path) {
		n = readlink("/proc/self/exe", path, sizeof(path) - 1);
		if (n <= 0)
			snprintf(path, sizeof(path), "./midflight");
	}
	return path;
}

const char *executable_dir(void)
{
	static char dir[PATH_MAX];
	char *slash;

	if (!*dir) {
		snprintf(dir, sizeof(dir), "%s", executable_path());
		slash = strrchr(dir, '/');
		if (slash == dir)
			slash++;
		if (slash)
			*slash = '\0';
	}
	return dir;
}

static bool built_here(const char *dir)
{
	auto_free char *path = xasprintf("%s/" IMAGE, dir);

	return !access(path, F_OK);
}

const char *runner_in_lab(void)
{
#ifdef __x86_64__
	return executable_path();
#else
	static char *path;

	if (!path)
		path = xasprintf("%s/%s/x86/midflight", executable_dir(),
				 built_here(executable_dir()) ? "." : INSTALLED);
	return path;
#endif
}

char *image_path(const char *dir, const char *given, struct err *e)
{
	auto_free char *path = NULL;

	if (given)
		return xstrdup(given);
	if (built_here(dir))
		return xasprintf("%s/" IMAGE, dir);
	path = xasprintf("%s/" INSTALLED "/" IMAGE, dir);
	if (!access(path, F_OK))
		return keep(path);
	err_set(e,
		"L1's image is missing: there is no %s/" IMAGE " (`make` builds it) and no %s "
		"(`make install`); --image names another",
		dir, path);
	return NULL;
}

char *lab_script(const char *dir, struct err *e)
{
	const char *named = getenv("MIDFLIGHT_LAB_DIR");
	auto_free char *path =
		named && *named ? xasprintf("%s/lab.sh", named)
				: xasprintf("%s/%s/" LAB, dir, built_here(dir) ? ".." : INSTALLED);

	if (!access(path, X_OK))
		return keep(path);
	err_set(e, "no lab at %s: %s; MIDFLIGHT_LAB_DIR names its directory", path,
		strerror(errno));
	return NULL;
}

char *fixes_dir(const char *dir)
{
	return built_here(dir) ? xasprintf("%s/../fixes", dir) : NULL;
}

char *default_log(const char *dir)
{
	return built_here(dir) ? xasprintf("%s/" LOG, dir) : xstrdup(LOG);
}
