// SPDX-License-Identifier: BSD-2-Clause
// Has files come out of the lab while it runs (lab/keep).
#include "host/lab/keep.h"

#include <errno.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#define OUT_ENV "MIDFLIGHT_LAB_OUT" /* set by the lab: what comes out of it at the end */
#define OUT	"out"		    /* what `keep` calls that directory */

int keep_files(const char *log, const char *first, const char *last)
{
	const char *out = getenv(OUT_ENV);
	char *argv[] = {xstrdup("keep"), xasprintf(OUT "/%s", first), xasprintf(OUT "/%s", last),
			NULL};
	int ret = 0, status = 0;
	pid_t pid;

	if (out && !strcmp(out, log)) {
		ret = posix_spawnp(&pid, argv[0], NULL, NULL, argv, environ) ? -1 : 0;
		while (!ret && waitpid(pid, &status, 0) < 0)
			if (errno != EINTR)
				ret = -1;
	}
	for (size_t i = 0; i < ARRAY_SIZE(argv); i++)
		free(argv[i]);
	return ret || status ? -1 : 0;
}
