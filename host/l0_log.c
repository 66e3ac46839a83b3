// SPDX-License-Identifier: BSD-2-Clause
// Reads L0's kernel log from /dev/kmsg, one record a read (Documentation/ABI/testing/dev-kmsg).
#include "host/oracle.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LOG	   "log"
#define RECORD_MAX 8192
#define FACILITY   3 /* the priority's bits from here are the facility; 0 is the kernel */

static int log_fd = -1;

bool l0_log_line(const char *record, char *text, size_t size)
{
	static const char *const signs[] = {"WARNING:",
					    "BUG:",
					    "kernel BUG at",
					    "Oops",
					    "general protection",
					    "INFO: possible",
					    "KASAN",
					    "UBSAN",
					    "unchecked MSR access"};
	const char *line = strchr(record, ';');
	char *end;
	unsigned long priority = strtoul(record, &end, 10);

	if (!line || end == record || *end != ',' || priority >> FACILITY)
		return false;
	line++;
	for (unsigned i = 0; i < ARRAY_SIZE(signs); i++) {
		const char *found = strstr(line, signs[i]);

		/* What follows the line's end are key=value pairs. */
		if (!found || strcspn(line, "\n") < (size_t)(found - line))
			continue;
		snprintf(text, size, "%.*s", (int)strcspn(line, "\n"), line);
		return true;
	}
	return false;
}

int l0_log_begin(void)
{
	if (log_fd < 0)
		log_fd = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	return log_fd < 0 || lseek(log_fd, 0, SEEK_END) < 0 ? -1 : 0;
}

void l0_log_read(struct oracle_report *report)
{
	char record[RECORD_MAX], text[sizeof(report->finding[0].text)];
	ssize_t len;

	while (log_fd >= 0) {
		len = read(log_fd, record, sizeof(record) - 1);
		if (len < 0 && errno == EPIPE) {
			oracle_add(report, LOG, "log overrun", "L0 logs faster than we read");
			continue;
		}
		if (len <= 0)
			return;
		record[len] = '\0';
		if (l0_log_line(record, text, sizeof(text)))
			oracle_add(report, LOG, "L0's log", "%s", text);
	}
}
