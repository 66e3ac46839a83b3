// SPDX-License-Identifier: BSD-2-Clause
// Reads L0's kernel log from /dev/kmsg, one record a read (Documentation/ABI/testing/dev-kmsg).
#include "host/l0/l0_log.h"
#include "host/base/cleanup.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define RECORD_MAX 8192
#define TEXT_MAX   (1u << 20)
#define FACILITY   3 /* the priority's bits from here are the facility; 0 is the kernel */

static int log_fd = -1;
static enum l0_sign death; /* that a record told of */
static char death_line[L0_COMPLAINT_MAX];

#define CRASH	  L0_CRASH
#define HANG	  L0_HANG
#define COMPLAINT L0_COMPLAINT
static const struct {
	enum l0_sign sign;
	const char *text;
} signs[] = {
#define L0_SIGN(sign, text) {sign, text},
#include "lab/l0-signs.def"
};

enum l0_sign l0_log_sign(const char *line)
{
	const size_t len = strcspn(line, "\n");

	for (size_t i = 0; i < ARRAY_SIZE(signs); i++)
		if (memmem(line, len, signs[i].text, strlen(signs[i].text)))
			return signs[i].sign;
	return L0_QUIET;
}

enum l0_sign l0_log_line(const char *record, char *text, size_t size)
{
	const char *line = strchr(record, ';');
	char *end;
	unsigned long priority = strtoul(record, &end, 10);
	enum l0_sign sign;

	if (!line || end == record || *end != ',' || priority >> FACILITY)
		return L0_QUIET;
	/* What follows the line's end are key=value pairs. */
	sign = l0_log_sign(++line);
	if (sign != L0_QUIET)
		snprintf(text, size, "%.*s", (int)strcspn(line, "\n"), line);
	return sign;
}

enum l0_sign l0_log_console(const char *console, char *text, size_t size)
{
	while (*console) {
		const size_t len = strcspn(console, "\n");
		const enum l0_sign sign = l0_log_sign(console);

		if (sign >= L0_HANG) {
			const size_t time = *console == '[' ? strcspn(console, "]\n") + 1 : 0;
			const size_t from = time < len ? time + strspn(console + time, " ") : 0;

			snprintf(text, size, "%.*s", (int)(len - from), console + from);
			return sign;
		}
		console += len + (console[len] == '\n');
	}
	return L0_QUIET;
}

enum l0_sign l0_log_death(const char **line)
{
	*line = death_line;
	return death;
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
	death = L0_QUIET;
	memset(past, 0, sizeof(*past));
	while ((got = next_record(record, sizeof(record)))) {
		if (got < 0 || l0_log_line(record, text, sizeof(text)) == L0_QUIET)
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
	auto_close int fd = open("/sys/kernel/debug/clear_warn_once", O_WRONLY | O_CLOEXEC);

	return fd < 0 ? -1 : write_all(fd, "1", 1);
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
	if (text->len > TEXT_MAX)
		buf_printf(text, "(L0's log is longer: what follows was read and is not kept)\n");
}

void l0_log_read(struct oracle_report *report, struct buf *text)
{
	char record[RECORD_MAX], found[sizeof(report->finding[0].text)];
	enum l0_sign sign;
	int got;

	while ((got = next_record(record, sizeof(record)))) {
		if (got < 0) {
			oracle_add(report, L0_LOG, "log overrun", "L0 logs faster than we read");
			continue;
		}
		append_record(text, record);
		sign = l0_log_line(record, found, sizeof(found));
		if (sign != L0_QUIET)
			oracle_add(report, L0_LOG, "L0's log", "%s", found);
		if (sign >= L0_HANG && !death) {
			death = sign;
			snprintf(death_line, sizeof(death_line), "%s", found);
		}
	}
}
