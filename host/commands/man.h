/* SPDX-License-Identifier: BSD-2-Clause */
/* The manual page midflight(1). */
#ifndef HOST_COMMANDS_MAN_H
#define HOST_COMMANDS_MAN_H

#include "host/base/util.h"

#include <time.h>

/* Appends the page as roff with the macros of man(7), dated @when. */
void man_page(struct buf *page, time_t when);

#endif
