/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What L0's kernel logs while a scenario flies (/dev/kmsg). A WARNING, BUG, Oops or a report of
 * lockdep, KASAN and their like is a finding of oracle "log" and fails the scenario that caused it,
 * whatever its guest says.
 */
#ifndef HOST_L0_LOG_H
#define HOST_L0_LOG_H

#include "host/oracle.h"
#include "host/util.h"

#define L0_LOG		 "log" /* the oracle's name */
#define L0_COMPLAINT_MAX 160

/* Complaints from before the run. */
struct l0_past {
	unsigned complaints;
	char last[L0_COMPLAINT_MAX];
};

/*
 * Reads L0's log to its end, so that l0_log_read() finds only what is new; @past says what was
 * there. -1: cannot be read (no /dev/kmsg, not permitted; errno).
 */
int l0_log_begin(struct l0_past *past);

/* The same with @fd for /dev/kmsg: a read gives one record, EAGAIN when there is none. For tests.
 */
void l0_log_use(int fd, struct l0_past *past);

/*
 * Has warnings that L0 gives only once come again (debugfs, clear_warn_once). -1 with errno: they
 * do not, and one that was given before will not be seen.
 */
int l0_log_rearm(void);

/*
 * Adds a finding for each complaint since, and for lines that were lost. All that was logged since
 * is appended to @text. Nothing if l0_log_begin() failed.
 */
void l0_log_read(struct oracle_report *report, struct buf *text);

/* Whether @record, as /dev/kmsg gives it, is a complaint of the kernel; its text, cut to @size. */
bool l0_log_line(const char *record, char *text, size_t size);

#endif
