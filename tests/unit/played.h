/* SPDX-License-Identifier: BSD-2-Clause */
/* Flights with a VM that the test plays itself, which has a driver and a serial port of its own. */
#ifndef TESTS_UNIT_PLAYED_H
#define TESTS_UNIT_PLAYED_H

#include "tests/unit/log.h"

#include "host/flight/flight.h"

#include <dirent.h>
#include <unistd.h>

static char played_dir[] = "/tmp/midflight-unit-XXXXXX";
static struct flight_result r;

/* One line of the guest's log into @out, what its serial port has yet to send. */
static inline void __attribute__((format(printf, 3, 4)))
played_event(struct buf *out, unsigned *seq, const char *fmt, ...)
{
	char text[256];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	buf_printf(out, "# @%u %s\n", ++*seq, text);
}

/* Sends all of @out, which may grow meanwhile; false: nothing was there. */
static inline bool played_send(const struct vm_config *config, struct buf *out)
{
	struct buf now = *out;
	bool any = now.len;

	memset(out, 0, sizeof(*out));
	if (any) {
		char *text = summed(buf_text(&now));

		config->on_serial(config->arg, text, strlen(text));
		free(text);
	}
	buf_free(&now);
	return any;
}

static inline void expect(enum word word, const char *why)
{
	const char *finding = r.verdict.findings ? r.verdict.finding[0] : "";

	if (r.verdict.word != word)
		fail_msg("%s (%s), expected %s", word_name(r.verdict.word), finding,
			 word_name(word));
	if (why)
		assert_contains(finding, why);
}

static inline int played_setup(void **state)
{
	(void)state;
	unit_scenarios();
	return mkdtemp(played_dir) ? 0 : -1;
}

/* Removes the flights' directory with their files. */
static inline int played_teardown(void **state)
{
	const struct dirent *file;
	DIR *d = opendir(played_dir);

	(void)state;
	while (d && (file = readdir(d)))
		unlinkat(dirfd(d), file->d_name, 0);
	if (d)
		closedir(d);
	return rmdir(played_dir);
}

#endif
