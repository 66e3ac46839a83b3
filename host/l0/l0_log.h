/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What L0's kernel logs while a scenario flies (/dev/kmsg). A WARNING, BUG, Oops or a report of
 * lockdep, KASAN and their like is a finding of oracle "log" and fails the scenario that caused it,
 * whatever its guest says.
 */
#ifndef HOST_L0_L0_LOG_H
#define HOST_L0_L0_LOG_H

#include "host/snapshot/oracle.h"
#include "host/base/util.h"

#define L0_LOG		 "log" /* the oracle's name */
#define L0_COMPLAINT_MAX 160
#define L0_DEATH	 "L0 itself: "	  /* begins a finding that tells of it */
#define L0_CONSOLE	 "l0-console.txt" /* of a lab that failed, in its log directory */

/* What a line means (lab/l0-signs.def), the worse the greater. */
enum l0_sign { L0_QUIET, L0_COMPLAINT, L0_HANG, L0_CRASH };

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

/* What @record, as /dev/kmsg gives it, means if it is the kernel's; its text, cut to @size. */
enum l0_sign l0_log_line(const char *record, char *text, size_t size);

/* The same of a line, up to its end. */
enum l0_sign l0_log_sign(const char *line);

/*
 * L0_HANG or L0_CRASH if l0_log_read() met a record that says so, and that @line: nothing that L0
 * does from then on proves anything. Flights are refused then.
 */
enum l0_sign l0_log_death(const char **line);

/*
 * The same of @console, a text of lines: of the first that says so the @text, cut to @size.
 * L0_QUIET: none does.
 */
enum l0_sign l0_log_console(const char *console, char *text, size_t size);

#endif
