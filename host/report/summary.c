// SPDX-License-Identifier: BSD-2-Clause
// The end of a run: how many results of which word, what that means, and what to do next.
#include "host/report/ktap.h"
#include "host/base/cleanup.h"

#include <string.h>
#include <unistd.h>

#define REASONS_SHOWN 20
#define NAMES_WIDTH   400 /* bytes of names of results */

/* ---- the table ------------------------------------------------------------------------------ */

/* A row of the table; @text goes on below itself where it is long. */
static void print_row(const struct report *r, const char *row, unsigned count, const char *text)
{
	auto_buf struct buf line = {0};

	buf_printf(&line, "  %-8s %5u%s%.*s", row, count, *text ? "  " : "",
		   (int)strcspn(text, "\n"), text);
	print_wrapped(r->out, "# ", line.p);
}

/* As much of @names as is told, up to the end of a name. */
static void print_names(const struct report *r, const char *row, unsigned count,
			const struct buf *names)
{
	size_t len = names->len;
	auto_buf struct buf text = {0};

	if (len > NAMES_WIDTH)
		for (len = NAMES_WIDTH; len && names->p[len] != ',';)
			len--;
	buf_printf(&text, "%.*s%s", (int)len, buf_text(names), len < names->len ? ", ..." : "");
	print_row(r, row, count, text.p);
}

static void print_bug(const struct report *r, unsigned i)
{
	auto_buf struct buf text = {0};

	buf_printf(&text, KNOWN_LINK "%s", r->bug[i].known->id);
	if (r->bug[i].hops && !r->bug[i].failed)
		buf_printf(&text, " (in %u %s, not seen by the guest itself)", r->bug[i].hops,
			   r->bug[i].unit);
	else if (r->bug[i].hops)
		buf_printf(&text, " (%u of %u %s)", r->bug[i].failed, r->bug[i].hops,
			   r->bug[i].unit);
	print_row(r, "known", r->bug[i].results, text.p);
}

/* One row each, a row for each known bug and for each reason of a SKIP. */
static void print_table(const struct report *r)
{
	unsigned rest = 0;

	print_row(r, "pass", r->passed, "");
	print_names(r, "fail", r->failed, &r->failed_names);
	if (r->errors)
		print_names(r, "error", r->errors, &r->error_names);
	for (unsigned i = 0; i < r->bugs; i++)
		print_bug(r, i);
	if (!r->bugs)
		print_row(r, "known", 0, "");
	if (r->unmet)
		print_names(r, "not met", r->unmet, &r->unmet_names);
	for (unsigned i = 0; i < r->skips && i < REASONS_SHOWN; i++)
		print_row(r, "skip", r->skip[i].count,
			  *r->skip[i].reason ? r->skip[i].reason : "no reason");
	for (unsigned i = REASONS_SHOWN; i < r->skips; i++)
		rest += r->skip[i].count;
	if (rest || !r->skips)
		print_row(r, "skip", rest, rest ? "other reasons" : "");
	if (r->results < r->lines)
		print_row(r, "not run", r->lines - r->results, "");
}

static void print_counts(const struct report *r)
{
	auto_buf struct buf line = {0};

	buf_printf(&line, "midflight: %u passed, %u failed", r->passed, r->failed);
	if (r->errors)
		buf_printf(&line, ", %u errors (the harness or L1, not KVM)", r->errors);
	if (r->skipped)
		buf_printf(&line, ", %u skipped", r->skipped);
	if (r->bugs)
		buf_printf(&line, ", %u known KVM bug%s found", r->bugs, r->bugs > 1 ? "s" : "");
	buf_printf(&line, "%s",
		   r->interrupted	   ? "; interrupted"
		   : r->results < r->lines ? "; cut off"
					   : "");
	print_wrapped(r->out, "# ", line.p);
}

/* ---- what it means -------------------------------------------------------------------------- */

static void print_meaning(const struct report *r)
{
	auto_buf struct buf line = {0};

	if (r->failed)
		buf_printf(&line, "What failed is no known KVM bug: failure.txt of each says what "
				  "was expected. ");
	else if (r->errors)
		buf_printf(
			&line,
			"An error says nothing of KVM: failure.txt of each says what went wrong. ");
	else if (r->passed && !r->interrupted && r->results == r->lines)
		buf_printf(&line, "KVM kept the guests alive in all that flew%s. ",
			   r->known ? ", but for those under known" : "");
	else if (r->skipped && r->skipped == r->results)
		buf_printf(&line,
			   "All was skipped: `midflight doctor` says what this machine can do. ");
	if (r->known)
		buf_printf(
			&line,
			"`not ok ... # TODO` is a bug of this kernel that Midflight knows; it %s. ",
			r->options->strict ? "counts (--strict)"
			: report_status(r)
				? "does not count (--strict: it does)"
				: "does not count, so the exit status is 0 (--strict: 1)");
	if (r->unmet)
		buf_printf(&line, "Those under not met passed, though a known bug makes them fail "
				  "elsewhere. ");
	if (!line.len)
		return;
	line.p[line.len - 1] = '\0'; /* the blank */
	print_wrapped(r->out, "# ", line.p);
}

/* How many bytes of @command the program is, with the quotes of a shell. */
static int program_length(const char *command)
{
	bool quoted = false;
	int i = 0;

	for (; command[i] && (quoted || command[i] != ' '); i++) {
		if (command[i] == '\'')
			quoted = !quoted;
		else if (command[i] == '\\' && command[i + 1] && !quoted)
			i++;
	}
	return i;
}

/* `PROGRAM @command PATH`, and what for; the path is that of @file in the log directory, NULL:
 * none. */
static void print_next(const struct report *r, const char *first, const char *command,
		       const char *file, const char *what)
{
	auto_free char *path = file ? xasprintf("%s%s%s", r->log, *file ? "/" : "", file) : NULL;
	auto_free char *here = file && *file ? xasprintf("%s/%s", r->dir ?: "", file) : NULL;
	auto_buf struct buf line = {0};

	if (here && (!r->dir || access(here, F_OK)))
		return;
	buf_printf(&line, "%s%.*s %s", first, program_length(r->options->shown_replay),
		   r->options->shown_replay, command);
	if (path) {
		buf_printf(&line, " ");
		buf_shell_quote(&line, path);
	}
	buf_printf(&line, "    # %s", what);
	print_lines(r->out, "# ", line.p);
}

/* Commands are not wrapped: they are there to be copied. */
static void print_commands(const struct report *r)
{
	auto_free char *replay = xasprintf("%s/replay.json", r->worst ?: "");
	auto_free char *snapshot = xasprintf("%s/snapshot.bin", r->worst ?: "");

	if (!r->options->shown_replay)
		return;
	print_next(r, "next: ", "report", "", "one HTML page: the timeline of each restore");
	if (r->worst) {
		print_next(r, "      ", "replay", replay, "that result again");
		print_next(r, "      ", "inspect", snapshot, "the saved state");
	}
	if (strcmp(r->options->driver, "kvm") && !r->options->guest.file)
		print_next(r, "      ", "run --driver kvm", NULL,
			   "every scenario, each at one exact instant");
}

void report_summary(const struct report *r)
{
	if (r->options->quiet)
		return;
	print_table(r);
	print_counts(r);
	print_meaning(r);
	if (r->log)
		fprintf(r->out, "# logs: %s (index.txt says what lies where)\n", r->log);
	if (r->log && r->passed + r->failed + r->known && !r->options->part)
		print_commands(r);
}
