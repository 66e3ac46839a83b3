/* SPDX-License-Identifier: BSD-2-Clause */
/* A made-up /proc, /sys, /dev and whatever else, in a directory of its own. */
#ifndef TESTS_TREE_H
#define TESTS_TREE_H

#include <ftw.h>
#include <sys/stat.h>
#include <unistd.h>

static char tree_root[64];

static inline void tree_begin(void)
{
	snprintf(tree_root, sizeof(tree_root), "/tmp/midflight-tree.XXXXXX");
	assert_non_null(mkdtemp(tree_root));
}

static inline int tree_remove(const char *path, const struct stat *st, int type, struct FTW *f)
{
	(void)st;
	(void)type;
	(void)f;
	return remove(path);
}

static inline void tree_end(void)
{
	assert_int_equal(nftw(tree_root, tree_remove, 8, FTW_DEPTH | FTW_PHYS), 0);
}

static inline void tree_bytes(const char *path, const void *p, size_t len)
{
	char *full = xasprintf("%s%s", tree_root, path), *slash = strrchr(full, '/');
	struct err e;

	*slash = '\0';
	if (make_dirs(full, &e) || write_file(full, slash + 1, p, len, 0666, &e))
		fail_msg("%s", e.text);
	free(full);
}

static inline void tree_file(const char *path, const char *text)
{
	tree_bytes(path, text, strlen(text));
}

/* A shell script; its path is good until the next one. */
static inline const char *tree_program(const char *path, const char *script)
{
	static char full[256];
	char *text = xasprintf("#!/bin/sh\n%s\n", script);

	tree_file(path, text);
	free(text);
	snprintf(full, sizeof(full), "%s%s", tree_root, path);
	assert_int_equal(chmod(full, 0755), 0);
	return full;
}

#endif
