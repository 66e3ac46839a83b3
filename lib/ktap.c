/* SPDX-License-Identifier: BSD-2-Clause */
/* The only writer of result lines, so that no path can print PASS by accident. */
#include "lib/ktap.h"
#include "lib/cpu.h"
#include "lib/print.h"
#include "lib/string.h"
#include "lib/uart.h"

static const char *const words[] = {
	[KTAP_PASS] = "PASS",
	[KTAP_SKIP] = "SKIP",
	[KTAP_FAIL] = "FAIL",
	[KTAP_ERROR] = "ERROR",
};

static unsigned planned, done, seq;
static unsigned count[4];
static bool planned_yet, truncated;

static struct {
	const char *name;
	enum ktap_word word;
	unsigned failures;
	char reason[LINE_MAX / 2];
} test;

static void event_v(const char *name, const char *fmt, va_list ap)
{
	char text[LINE_MAX];

	format_v(text, sizeof(text), fmt, ap);
	if (!truncated)
		print_summed_line("# @%u %s %s", ++seq, name, text);
}

void ktap_event(const char *name, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	event_v(name, fmt, ap);
	va_end(ap);
}

void ktap_begin(unsigned tests)
{
	planned = tests;
	planned_yet = true;
	print_line("KTAP version 1");
	print_line("1..%u", tests);
}

void ktap_start(const char *name)
{
	memset(&test, 0, sizeof(test));
	test.name = name;
	ktap_event("start", "scenario=%s", name);
}

static void raise(enum ktap_word word)
{
	if (word > test.word)
		test.word = word;
}

void ktap_fail(const char *fmt, ...)
{
	char text[LINE_MAX];
	va_list ap;

	raise(KTAP_FAIL);
	test.failures++;
	va_start(ap, fmt);
	format_v(text, sizeof(text), fmt, ap);
	va_end(ap);
	ktap_event("fail", "scenario=%s %s", test.name, text);
}

void ktap_skip(const char *fmt, ...)
{
	va_list ap;

	if (test.word >= KTAP_SKIP)
		return;
	raise(KTAP_SKIP);
	va_start(ap, fmt);
	format_v(test.reason, sizeof(test.reason), fmt, ap);
	va_end(ap);
	ktap_event("skip", "scenario=%s reason=\"%s\"", test.name, test.reason);
}

unsigned ktap_failures(void)
{
	return test.failures;
}

bool ktap_check(const char *check, uint64_t expected, uint64_t found)
{
	if (expected == found)
		return true;
	ktap_fail("check=\"%s\" expected=0x%lx found=0x%lx", check, expected, found);
	return false;
}

void ktap_result(void)
{
	bool ok = test.word == KTAP_PASS || test.word == KTAP_SKIP;

	done++;
	count[test.word]++;
	if (truncated)
		return;
	if (test.word == KTAP_SKIP)
		print_line("ok %u - %s # SKIP %s", done, test.name, test.reason);
	else
		print_line("%s %u - %s", ok ? "ok" : "not ok", done, test.name);
}

void ktap_end(void)
{
	enum ktap_word word = KTAP_PASS;

	if (count[KTAP_ERROR] || done != planned || !done)
		word = KTAP_ERROR;
	else if (count[KTAP_FAIL])
		word = KTAP_FAIL;
	else if (!count[KTAP_PASS])
		word = KTAP_SKIP;
	ktap_event("verdict", "word=%s passed=%u failed=%u skipped=%u errors=%u", words[word],
		   count[KTAP_PASS], count[KTAP_FAIL], count[KTAP_SKIP], count[KTAP_ERROR]);
	machine_end();
}

void ktap_error_and_end(const char *fmt, ...)
{
	va_list ap;

	if (!planned_yet)
		ktap_begin(1);
	if (!test.name)
		test.name = "boot";
	raise(KTAP_ERROR);
	va_start(ap, fmt);
	event_v("error", fmt, ap);
	va_end(ap);
	while (done < planned)
		ktap_result();
	ktap_end();
}

void ktap_truncate(void)
{
	truncated = true;
}

/* A VMM may end the VM some time after the write; the next, rougher way must not overtake it. */
static void wait_for_end(void)
{
	for (unsigned i = 0; i < 20000000; i++)
		cpu_relax();
}

void machine_end(void)
{
	/* ACPI PM1a control: where QEMU (pc, q35) and Bochs have it, SLP_EN with S5's SLP_TYP. */
	static const struct {
		uint16_t port, value;
	} acpi[] = {{0x604, 0x2000}, {0xb004, 0x2000}};

	uart_flush();
	outb(0xf4, 0);
	wait_for_end();
	for (unsigned i = 0; i < sizeof(acpi) / sizeof(acpi[0]); i++)
		outw(acpi[i].port, acpi[i].value);
	wait_for_end();
	outb(0x64, 0xfe); /* keyboard controller: pulse reset */
	for (;;)
		asm volatile("cli; hlt");
}
