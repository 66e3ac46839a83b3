/* SPDX-License-Identifier: BSD-2-Clause */
/* Files of a directory that may come from anybody. */
#ifndef HOST_BASE_BELOW_H
#define HOST_BASE_BELOW_H

#include "host/base/util.h"

/* Whether @path is relative, has no `.` and `..` and nothing empty in it. */
bool path_is_below(const char *path);

/*
 * Appends all of file @path, below directory @dir, up to @max bytes. Anything that is or leads
 * elsewhere (absolute, `..`, a link) or is no plain file is refused. 0, or -1 with @e filled.
 */
int read_below(int dir, const char *path, size_t max, struct buf *bytes, struct err *e);

#endif
