/* SPDX-License-Identifier: BSD-2-Clause */
/* A run in one lab. */
#ifndef HOST_RUN_RUN_LAB_H
#define HOST_RUN_RUN_LAB_H

#include "host/cli/plan.h"
#include "host/report/screen.h"
#include "host/run/setup.h"

/*
 * The lab flies @plan; what it prints comes through @screen, which is ended, and its files into the
 * log directory of @setup, which is taken. What was told is kept, however it ends: an L0 that dies
 * is a CRASH, one that comes to no end a HANG of the flight that was on. The exit status.
 */
int run_lab(const struct options *o, const struct setup *setup, const struct plan *plan,
	    struct screen *screen);

#endif
