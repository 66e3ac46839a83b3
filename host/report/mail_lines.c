// SPDX-License-Identifier: BSD-2-Clause
// Lines of a mail: what is written may be a guest's, and has to fit.
#include "host/report/mail_lines.h"
#include "host/base/cleanup.h"

#define TAB 8

/* What a path may stand between. */
#define ENDS " \t\n'\",;:=()<>[]"

/* Directories that are alike on all machines; the names in others are the user's. */
static bool is_common(const char *path)
{
	static const char *const common[] = {"/dev/", "/proc/", "/sys/",
					     "/usr/", "/lib/",	"/boot/"};

	for (size_t i = 0; i < ARRAY_SIZE(common); i++)
		if (!strncmp(path, common[i], strlen(common[i])))
			return true;
	return false;
}

/*
 * Where the last name of the absolute path at @path, @len long, begins; @path if all of it may be
 * told. Of the directory of a user not even that is: then it is the end.
 */
static const char *last_name(const char *path, size_t len)
{
	const char *end, *slash;

	if (len < 2 || *path != '/' || path[1] == '/' || is_common(path))
		return path;
	end = path + len - (path[len - 1] == '/');
	slash = memrchr(path, '/', (size_t)(end - path));
	return !strncmp(path, "/home/", 6) && slash == path + 5 ? path + len : slash + 1;
}

/* ASCII, a `?` for each other character. */
static char *plain(const char *text)
{
	char *copy = xasprintf("%s", text), *to = copy;

	for (const char *from = text, *p; *from;) {
		for (p = last_name(from, strcspn(from, ENDS)); *p && !strchr(ENDS, *p); p++)
			if (*p > ' ' && *p <= '~')
				*to++ = *p;
			else if ((*p & 0xc0) !=
				 0x80) /* the others of a character of several bytes */
				*to++ = '?';
		for (; *p && strchr(ENDS, *p); p++)
			*to++ = *p == '\t' ? ' ' : *p;
		from = p;
	}
	*to = '\0';
	return copy;
}

/* One line of @len characters at @p. */
static void flow_line(struct buf *mail, const char *first, const char *next, const char *p,
		      size_t len)
{
	const char *indent = first;

	do {
		const size_t room = MAIL_COLUMNS - strlen(indent);
		size_t take = len;

		if (len > room) {
			for (take = room; take && p[take] != ' '; take--)
				;
			if (!take) /* no word of a text is as long as that, but a number may be */
				take = room;
		}
		buf_printf(mail, "%s%.*s", indent, (int)take, p);
		while (mail->p[mail->len - 1] == ' ')
			mail->p[--mail->len] = '\0';
		buf_printf(mail, "\n");
		while (take < len && p[take] == ' ')
			take++;
		p += take;
		len -= take;
		indent = next;
	} while (len);
}

void mail_flow(struct buf *mail, const char *first, const char *next, const char *text)
{
	auto_free char *copy = plain(text);

	for (const char *p = copy; *p;) {
		const size_t len = strcspn(p, "\n");

		if (len)
			flow_line(mail, first, next, p, len);
		p += len + (p[len] == '\n');
	}
}

void mail_printf(struct buf *mail, const char *first, const char *next, const char *fmt, ...)
{
	auto_free char *text = NULL;
	va_list args;

	va_start(args, fmt);
	if (vasprintf(&text, fmt, args) < 0)
		text = NULL;
	va_end(args);
	for (char *p = text; p && *p; p++)
		if (*p == '\n')
			*p = ' ';
	mail_flow(mail, first, next, text ? text : "?");
}

/* ---- what must stay the same -------------------------------------------------------------- */

/* The columns of @len characters at @p. */
static size_t columns(const char *p, size_t len)
{
	size_t at = 0;

	for (size_t i = 0; i < len; i++)
		at += p[i] == '\t' ? TAB - at % TAB : 1;
	return at;
}

/* The column in which the last line of @mail ends. */
static size_t column(const struct buf *mail)
{
	const char *line = memrchr(mail->p, '\n', mail->len);

	line = line ? line + 1 : mail->p;
	return columns(line, (size_t)(mail->p + mail->len - line));
}

void mail_command(struct buf *mail, const char *indent, char *const *words)
{
	const size_t most = MAIL_COLUMNS - strlen(" \\");

	for (unsigned i = 0; words[i]; i++) {
		auto_free char *word = plain(last_name(words[i], strlen(words[i])));
		auto_buf struct buf quoted = {0};

		buf_shell_quote(&quoted, word);
		if (!i)
			buf_printf(mail, "%s", indent);
		else if (column(mail) + 1 + quoted.len <= most)
			buf_printf(mail, " ");
		else
			buf_printf(mail, " \\\n%s  ", indent);
		/* A word that fits no line goes on at the beginning of the next one. */
		for (const char *p = quoted.p; *p; p++) {
			if (column(mail) >= most - 4 && p != quoted.p && p[1] &&
			    !strchr("'\\", *p) && p[-1] != '\\')
				buf_printf(mail, *quoted.p == '\'' ? "'\\\n'" : "\\\n");
			buf_append(mail, p, 1);
		}
	}
	buf_printf(mail, "\n");
}

/* The last blank of @line at which it can be broken and fits, or NULL. */
static const char *code_break(const char *line)
{
	const char *best = NULL;
	bool quoted = false;

	for (const char *p = line + 1; *p && columns(line, (size_t)(p - line)) <= MAIL_COLUMNS;
	     p++) {
		quoted ^= *p == '"';
		if (*p == ' ' && !quoted && !strchr("\t /", p[-1]))
			best = p;
	}
	return best;
}

/* One line, which is changed. */
static bool code_line(struct buf *mail, const char *text)
{
	auto_free char *line = xstrdup(text);
	const char *mark = *text == '+' ? "+" : *text == '-' ? "-" : "";

	while (columns(line, strlen(line)) > MAIL_COLUMNS) {
		const char *at = code_break(line), *comment = strstr(line, "//");
		char *rest;

		if (!at)
			return false;
		rest = xasprintf("%s%s%s%s", mark, comment == line ? "" : "\t\t",
				 comment && comment < at ? "// " : "", at + 1);
		buf_printf(mail, "%.*s\n", (int)(at - line), line);
		free(line);
		line = rest;
	}
	buf_printf(mail, "%s\n", line);
	return true;
}

bool mail_code(struct buf *mail, const char *text)
{
	auto_buf struct buf lines = {0};

	for (const char *p = text; *p; p += strcspn(p, "\n"), p += *p == '\n') {
		auto_free char *line = xasprintf("%.*s", (int)strcspn(p, "\n"), p);

		make_printable(line);
		if (!code_line(&lines, line))
			return false;
	}
	buf_append(mail, buf_text(&lines), lines.len);
	return true;
}
