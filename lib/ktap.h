/* SPDX-License-Identifier: BSD-2-Clause */
/* KTAP results and host events on the serial line; docs/protocol.md is the contract. */
#ifndef LIB_KTAP_H
#define LIB_KTAP_H

#include <stdbool.h>
#include <stdint.h>

/* A scenario's outcome; later ones are worse, and an outcome never improves. */
enum ktap_word { KTAP_PASS, KTAP_SKIP, KTAP_FAIL, KTAP_ERROR };

/* Prints the version line and the plan for @tests tests. */
void ktap_begin(unsigned tests);

/* Prints event @name with formatted `key=value` pairs. */
void ktap_event(const char *name, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Starts test @name. */
void ktap_start(const char *name);

/* Prints a `fail` event for the current test and marks it failed. Starts with `check="..."`. */
void ktap_fail(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* Marks the current test skipped (if nothing worse happened), with a reason. */
void ktap_skip(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* Number of `fail` events of the current test so far. */
unsigned ktap_failures(void);

/* True if the expected value was found; else prints `fail check=... expected=... found=...`. */
bool ktap_check(const char *check, uint64_t expected, uint64_t found);

/* Prints the result line of the current test. */
void ktap_result(void);

/* Prints the verdict and ends the VM. */
void ktap_end(void) __attribute__((noreturn));

/* L1 or its environment is broken: prints an `error` event, all missing results, the verdict. */
void ktap_error_and_end(const char *fmt, ...) __attribute__((format(printf, 1, 2), noreturn));

/* break=truncate: from now on nothing is printed any more. */
void ktap_truncate(void);

/* Ends the VM: isa-debug-exit, ACPI power-off, reset. */
void machine_end(void) __attribute__((noreturn));

#endif
