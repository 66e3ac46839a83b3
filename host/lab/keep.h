/* SPDX-License-Identifier: BSD-2-Clause */
/* Files that come out of the lab while it runs. */
#ifndef HOST_LAB_KEEP_H
#define HOST_LAB_KEEP_H

#include "host/base/util.h"

/*
 * If this is in the lab and directory @log what comes out of it: has @first and then @last, names
 * in
 * @log, come out now. 0, or -1: they did not.
 */
int keep_files(const char *log, const char *first, const char *last);

#endif
