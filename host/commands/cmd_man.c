// SPDX-License-Identifier: BSD-2-Clause
// `midflight man`: prints the manual page, from the tables of commands and options.
#include "host/commands/cmd.h"
#include "host/cli/commands.h"
#include "host/base/cleanup.h"

#include <stdlib.h>
#include <string.h>
#include <midflight_version.h>

#define EXIT_STATUS "Exit status: "
#define EXAMPLES    "Examples:\n"
#define LINE	    70

static const char *const description[] = {
#define PARAGRAPH(text) text,
#include "host/commands/man.def"
};

static const struct concept environment[] = {
#define ENVIRONMENT(name, text) {name, text},
#include "host/commands/man.def"
};

static const struct concept files[] = {
#define FILES(name, text) {name, text},
#include "host/commands/man.def"
};

/*
 * @len bytes of @text for roff: `x` becomes bold, and all that roff could mistake is escaped. With
 * @wrap a line of the source ends at the blank behind which the next word would be too long for it.
 */
static void escape(struct buf *page, const char *text, size_t len, bool wrap)
{
	size_t column = 0;
	static const char *const glyphs[128] = {
		['\\'] = "\\e",	 ['-'] = "\\-",	  ['\''] = "\\(aq",
		['^'] = "\\(ha", ['~'] = "\\(ti", ['"'] = "\\(dq",
	};
	bool bold = false;

	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)text[i];
		bool first = !page->len || page->p[page->len - 1] == '\n';

		if (wrap && c == ' ' && column + strcspn(text + i + 1, " ") > LINE)
			c = '\n';
		column = c == '\n' ? 0 : column + 1;
		if (c == '`') {
			bold = !bold;
			buf_printf(page, bold ? "\\fB" : "\\fR");
		} else if (c == '.' && first) {
			buf_printf(page, "\\&.");
		} else if (c < 128 && glyphs[c]) {
			buf_printf(page, "%s", glyphs[c]);
		} else {
			buf_append(page, &c, 1);
		}
	}
	if (bold)
		buf_printf(page, "\\fR");
}

static void string(struct buf *page, const char *text)
{
	escape(page, text, strlen(text), false);
}

/* A line of prose, or several. */
static void prose(struct buf *page, const char *text, size_t len)
{
	escape(page, text, len, true);
	buf_printf(page, "\n");
}

/* Text as it stands, without the two blanks that --help has before each line. */
static void verbatim(struct buf *page, const char *text, size_t len)
{
	buf_printf(page, ".nf\n");
	for (size_t i = 0; i < len;) {
		size_t n = strcspn(text + i, "\n"), indent = strspn(text + i, " ");

		if (n > len - i)
			n = len - i;
		indent = indent > 2 ? 2 : indent;
		if (n > indent)
			escape(page, text + i + indent, n - indent, false);
		buf_printf(page, "\n");
		i += n + 1;
	}
	buf_printf(page, ".fi\n");
}

/* The paragraph at *@at: its length; *@at goes on to the next. 0: there is none. */
static size_t paragraph(const char **at, const char **from)
{
	const char *end;

	*from = *at += strspn(*at, "\n");
	end = strstr(*at, "\n\n");
	*at += end ? (size_t)(end - *at) : strlen(*at);
	return (size_t)(*at - *from);
}

static bool starts(const char *text, const char *with)
{
	return !strncmp(text, with, strlen(with));
}

/* The paragraphs of a command's help that come behind its options. */
static const char *behind(const struct command_info *c)
{
	const char *v = strchr(c->text, '\v');

	return v ? v + 1 : "";
}

/* Whether @c takes it, and its arguments do not say so themselves. */
static bool in_synopsis(const struct option_row *row, enum command c)
{
	const char *args = commands[c].args ? commands[c].args : "";
	const char *there = strstr(args, row->name);

	return row->commands & 1u << c && row->help &&
	       !(there && there - args >= 2 && !strncmp(there - 2, "--", 2));
}

/* One word of a synopsis, with a blank that no line ends at. */
static void synopsis_option(struct buf *page, const struct option_row *o)
{
	buf_printf(page, "[\\fB");
	string(page, "--");
	string(page, o->name);
	buf_printf(page, "\\fR");
	if (o->arg) {
		buf_printf(page, "\\ \\fI");
		string(page, o->arg);
		buf_printf(page, "\\fR");
	}
	buf_printf(page, "]\\&\n");
}

static void one_command(struct buf *page, enum command c)
{
	const struct command_info *info = &commands[c];
	const char *at = behind(info), *from;
	size_t len;

	buf_printf(page, ".SS ");
	string(page, info->name);
	buf_printf(page, "\n\\fBmidflight ");
	string(page, info->name);
	buf_printf(page, "\\fR\n");
	for (unsigned i = 0; i < option_row_count; i++)
		if (in_synopsis(&option_rows[i], c))
			synopsis_option(page, &option_rows[i]);
	if (info->args)
		prose(page, info->args, strlen(info->args));
	buf_printf(page, ".PP\n");
	prose(page, info->text, strcspn(info->text, "\v"));
	while ((len = paragraph(&at, &from)) > 0) {
		if (starts(from, EXIT_STATUS) || starts(from, EXAMPLES))
			continue;
		buf_printf(page, ".PP\n");
		if (*from == ' ')
			verbatim(page, from, len);
		else
			prose(page, from, len);
	}
}

static void option_tag(struct buf *page, int letter, const char *name, const char *arg)
{
	buf_printf(page, ".TP\n");
	if (letter)
		buf_printf(page, "\\fB\\-%c\\fR, ", letter);
	buf_printf(page, "\\fB\\-\\-");
	string(page, name);
	buf_printf(page, "\\fR");
	if (arg) {
		buf_printf(page, " \\fI");
		string(page, arg);
		buf_printf(page, "\\fR");
	}
	buf_printf(page, "\n");
}

static void one_option(struct buf *page, const struct option_row *row)
{
	const char *comma = "";

	option_tag(page, row->letter, row->name, row->arg);
	prose(page, row->help, strlen(row->help));
	buf_printf(page, ".br\nCommands:\n");
	for (enum command c = 0; c < COMMANDS; c++)
		if (row->commands & 1u << c) {
			buf_printf(page, "%s", comma);
			string(page, commands[c].name);
			comma = ",\n";
		}
	buf_printf(page, "\n");
}

static void options(struct buf *page)
{
	buf_printf(page, ".SH OPTIONS\n");
	for (unsigned i = 0; i < option_row_count; i++)
		if (option_rows[i].help)
			one_option(page, &option_rows[i]);
	option_tag(page, '?', "help", NULL);
	buf_printf(page, "Print the commands, or with a command its options.\n");
	option_tag(page, 0, "usage", NULL);
	buf_printf(page, "The same in short.\n");
	option_tag(page, 'V', "version", NULL);
	buf_printf(page, "Print the version; without a command.\n");
}

static void exit_status(struct buf *page)
{
	buf_printf(page, ".SH EXIT STATUS\n");
	for (enum command c = 0; c < COMMANDS; c++) {
		const char *at = behind(&commands[c]), *from;
		size_t len;

		while (commands[c].title && (len = paragraph(&at, &from)) > 0)
			if (starts(from, EXIT_STATUS)) {
				buf_printf(page, ".TP\n.B ");
				string(page, commands[c].name);
				buf_printf(page, "\n");
				prose(page, from + strlen(EXIT_STATUS), len - strlen(EXIT_STATUS));
			}
	}
}

static void examples(struct buf *page)
{
	const char *between = "";

	buf_printf(page, ".SH EXAMPLES\n");
	for (enum command c = 0; c < COMMANDS; c++) {
		const char *at = behind(&commands[c]), *from;
		size_t len;

		while (commands[c].title && (len = paragraph(&at, &from)) > 0)
			if (starts(from, EXAMPLES)) {
				buf_printf(page, "%s", between);
				verbatim(page, from + strlen(EXAMPLES), len - strlen(EXAMPLES));
				between = ".PP\n";
			}
	}
}

static void entries(struct buf *page, const char *section, const char *font,
		    const struct concept *e, unsigned count)
{
	buf_printf(page, ".SH %s\n", section);
	for (unsigned i = 0; i < count; i++) {
		buf_printf(page, ".TP\n.%s ", font);
		string(page, e[i].name);
		buf_printf(page, "\n");
		prose(page, e[i].text, strlen(e[i].text));
	}
}

void man_page(struct buf *page, time_t when)
{
	struct tm tm;
	char date[20] = "";

	if (gmtime_r(&when, &tm))
		strftime(date, sizeof(date), "%Y-%m-%d", &tm);
	buf_printf(page, ".TH MIDFLIGHT 1 %s \"midflight ", date);
	string(page, MIDFLIGHT_VERSION);
	buf_printf(page,
		   "\"\n"
		   ".nh\n"
		   ".ad l\n"
		   ".SH NAME\n"
		   "midflight \\- tests that KVM keeps nested guests alive over save and restore\n"
		   ".SH SYNOPSIS\n"
		   ".B midflight\n"
		   ".I COMMAND\n"
		   ".RI [ OPTION ...]\n"
		   ".SH DESCRIPTION\n");
	for (size_t i = 0; i < ARRAY_SIZE(description); i++) {
		buf_printf(page, i ? ".PP\n" : "");
		prose(page, description[i], strlen(description[i]));
	}
	entries(page, "CONCEPTS", "B", concepts, concept_count);
	buf_printf(page, ".SH COMMANDS\n");
	for (enum command c = 0; c < COMMANDS; c++)
		if (commands[c].title)
			one_command(page, c);
	options(page);
	exit_status(page);
	entries(page, "ENVIRONMENT", "B", environment, ARRAY_SIZE(environment));
	entries(page, "FILES", "I", files, ARRAY_SIZE(files));
	examples(page);
	buf_printf(page, ".SH SEE ALSO\n"
			 ".BR qemu\\-system\\-x86_64 (1),\n"
			 ".BR userfaultfd (2)\n"
			 ".PP\n"
			 "Linux, Documentation/virt/kvm/api.rst: KVM_GET_NESTED_STATE\n");
}

int cmd_man(struct options *o)
{
	const char *epoch = getenv("SOURCE_DATE_EPOCH"); /* the same page for the same sources */
	auto_buf struct buf page = {0};
	uint64_t when = (uint64_t)time(NULL);

	(void)o;
	if (epoch && (!parse_number(epoch, &when) || when > UINT32_MAX))
		return give_up("SOURCE_DATE_EPOCH is no time in seconds");
	man_page(&page, (time_t)when);
	fputs(page.p, stdout);
	return 0;
}
