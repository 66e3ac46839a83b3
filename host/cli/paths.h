/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where this program finds what belongs to it. All is relative to its own directory DIR
 * (executable_dir()), so that the tree it was built in and any place it is installed in work alike:
 *
 *                 built                   installed
 *   L1's image    DIR/midflight.elf       DIR/../lib/midflight/midflight.elf
 *   the lab       DIR/../lab/lab.sh       DIR/../lib/midflight/lab/lab.sh
 *   logs          DIR/midflight-log       ./midflight-log
 *   cures         DIR/../fixes            none
 *
 * It was built there if the image lies beside it. Each result is the caller's to free.
 */
#ifndef HOST_CLI_PATHS_H
#define HOST_CLI_PATHS_H

#include "host/base/util.h"

/* Directory of this executable, its path; never freed. */
const char *executable_dir(void);
const char *executable_path(void);

/* The runner for L0, an x86-64: this program if it is for one, or else x86/midflight beside L1's
 * image. Never freed. */
const char *runner_in_lab(void);

/* L1's image: @given if that is not NULL, whether or not it is there. NULL with @e: none is there.
 */
char *image_path(const char *dir, const char *given, struct err *e);

/* The lab's script, in $MIDFLIGHT_LAB_DIR if that is set. NULL with @e: none is there. */
char *lab_script(const char *dir, struct err *e);

/* The directory of the cures of known bugs; NULL: it was not built here, and they are not
 * installed. */
char *fixes_dir(const char *dir);

/* The directory for logs, whether or not it is there. */
char *default_log(const char *dir);

#endif
