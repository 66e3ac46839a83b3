/* SPDX-License-Identifier: BSD-2-Clause */
/* The tests of a built kvm-unit-tests as guests, by its own list. */
#ifndef HOST_GUEST_UNITTESTS_H
#define HOST_GUEST_UNITTESTS_H

#include "host/guest/guest.h"

#define UNITTESTS_GROUP "vmx"
#define UNITTESTS_MAX	512

/*
 * Makes a scenario of each test of @group in @dir/x86/unittests.cfg (or @dir/unittests.cfg, with
 * the images beside it), with what @common says of all guests. The number of @list, which has room
 * for UNITTESTS_MAX, or -1 with @e filled: there is no such file, or none of that group in it.
 */
int unittests_make(struct scenario *list, const char *dir, const char *group,
		   const struct guest_words *common, struct err *e);

/* The path of that list, which the caller frees. */
char *unittests_path(const char *dir);

#endif
