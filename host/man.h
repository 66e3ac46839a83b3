/* SPDX-License-Identifier: BSD-2-Clause */
/* The manual page midflight(1). */
#ifndef HOST_MAN_H
#define HOST_MAN_H

#include "host/util.h"

#include <time.h>

/* Appends the page as roff with the macros of man(7), dated @when. */
void man_page(struct buf *page, time_t when);

#endif
