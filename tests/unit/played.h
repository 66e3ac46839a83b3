/* SPDX-License-Identifier: BSD-2-Clause */
/* Flights with a VM that the test plays itself, which has a driver and a serial port of its own. */
#ifndef TESTS_UNIT_PLAYED_H
#define TESTS_UNIT_PLAYED_H

#include "tests/unit/log.h"

#include "host/flight/flight.h"

#include <dirent.h>
#include <time.h>
#include <unistd.h>

static char played_dir[] = "/tmp/midflight-unit-XXXXXX";
static struct flight_result r;

/* Of the VM that is played: what its driver knows whatever else it does. */
static struct {
	const struct vm_config *config;
	struct buf out; /* what its serial port has yet to send */
	bool ended;
	struct vm_end end;
} played;

/* One line of the guest's log. */
static inline void __attribute__((format(printf, 2, 3)))
played_event(unsigned *seq, const char *fmt, ...)
{
	char text[256];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	buf_printf(&played.out, "# @%u %s\n", ++*seq, text);
}

/* Sends all that there is, which may grow meanwhile; false: there was nothing. */
static inline bool played_send(void)
{
	struct buf now = played.out;
	bool any = now.len;

	memset(&played.out, 0, sizeof(played.out));
	if (any) {
		char *text = summed(buf_text(&now));

		played.config->on_serial(played.config->arg, text, strlen(text));
		free(text);
	}
	buf_free(&now);
	return any;
}

/* ---- time, which stands before libc's: no machine is too busy for a test -----------------------
 */

#define PLAYED_NS_PER_S (1000 * NS_PER_MS)
static int64_t played_ns = PLAYED_NS_PER_S;

int clock_gettime(clockid_t id, struct timespec *ts)
{
	(void)id;
	played_ns += 1000; /* a look takes time, too */
	*ts = (struct timespec){played_ns / PLAYED_NS_PER_S, played_ns % PLAYED_NS_PER_S};
	return 0;
}

int nanosleep(const struct timespec *nap, struct timespec *left)
{
	(void)left;
	played_ns += nap->tv_sec * PLAYED_NS_PER_S + nap->tv_nsec;
	return 0;
}

/* ---- calls of the driver that are the same for all ------------------------------------------ */

static inline void played_destroy(void *vm)
{
	(void)vm;
	buf_free(&played.out);
}

static inline int played_wait(void *vm, int64_t until_ns)
{
	const struct timespec nap = {.tv_nsec = 1000000};

	(void)vm;
	if (played_send())
		return VM_OK;
	if (played.ended)
		return VM_ENDED;
	if (until_ns > now_ns())
		nanosleep(&nap, NULL);
	return VM_OK;
}

static inline const struct vm_end *played_end(void *vm)
{
	(void)vm;
	return &played.end;
}

static inline void played_describe(void *vm, struct buf *text)
{
	(void)vm;
	buf_printf(text, "RIP=0x1234\n");
}

static inline const char *played_messages(void *vm)
{
	(void)vm;
	return "a message";
}

#define PLAYED_CALLS                                                               \
	.destroy = played_destroy, .end = played_end, .describe = played_describe, \
	.messages = played_messages

/* ---- tests ---------------------------------------------------------------------------------- */

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
