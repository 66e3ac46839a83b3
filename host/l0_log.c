// SPDX-License-Identifier: BSD-2-Clause
// Reads L0's kernel log from /dev/kmsg, one record a read (Documentation/ABI/testing/dev-kmsg).
#include "host/l0_log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define RECORD_MAX 8192
#define TEXT_MAX   (1u << 20)
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
					    "INFO: suspicious",
					    "INFO: task ",
					    "detected stall",
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

/* The next record, 0: there is none, -1: some were lost. */
static int next_record(char *record, size_t size)
{
	ssize_t len;

	if (log_fd < 0)
		return 0;
	len = read(log_fd, record, size - 1);
	if (len < 0 && errno == EPIPE)
		return -1;
	record[len > 0 ? len : 0] = '\0';
	return len > 0;
}

void l0_log_use(int fd, struct l0_past *past)
{
	char record[RECORD_MAX], text[L0_COMPLAINT_MAX];
	int got;

	log_fd = fd;
	memset(past, 0, sizeof(*past));
	while ((got = next_record(record, sizeof(record)))) {
		if (got < 0 || !l0_log_line(record, text, sizeof(text)))
			continue;
		past->complaints++;
		memcpy(past->last, text, sizeof(text));
	}
}

int l0_log_begin(struct l0_past *past)
{
	if (log_fd < 0)
		log_fd = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	if (log_fd < 0)
		return -1;
	l0_log_use(log_fd, past);
	return 0;
}

int l0_log_rearm(void)
{
	int fd = open("/sys/kernel/debug/clear_warn_once", O_WRONLY | O_CLOEXEC), ret;

	if (fd < 0)
		return -1;
	ret = write_all(fd, "1", 1);
	close(fd);
	return ret;
}

/* `[    1.234567] text`, from `priority,sequence,microseconds,...;text`. */
static void append_record(struct buf *text, const char *record)
{
	const char *line = strchr(record, ';');
	unsigned long long us = 0;

	if (!line || text->len > TEXT_MAX)
		return;
	sscanf(record, "%*u,%*u,%llu", &us);
	line++;
	buf_printf(text, "[%5llu.%06llu] %.*s\n", us / 1000000, us % 1000000,
		   (int)strcspn(line, "\n"), line);
}

void l0_log_read(struct oracle_report *report, struct buf *text)
{
	char record[RECORD_MAX], found[sizeof(report->finding[0].text)];
	int got;

	while ((got = next_record(record, sizeof(record)))) {
		if (got < 0) {
			oracle_add(report, L0_LOG, "log overrun", "L0 logs faster than we read");
			continue;
		}
		append_record(text, record);
		if (l0_log_line(record, found, sizeof(found)))
			oracle_add(report, L0_LOG, "L0's log", "%s", found);
	}
}
