// SPDX-License-Identifier: BSD-2-Clause
// What a run shows while it lasts: whole lines of KTAP, with colours and progress on a terminal.
#include "host/report/screen.h"
#include "host/base/cleanup.h"

#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define COLUMNS	  80
#define COUNT_MAX 1000000
#define DRAW_NS	  (200 * NS_PER_MS)
#define SAY_NS	  (60 * 1000 * NS_PER_MS) /* between two plain lines of progress */

#define RED    "\033[31m"
#define GREEN  "\033[32m"
#define YELLOW "\033[33m"
#define CYAN   "\033[36m"
#define PLAIN  "\033[0m"

/* Whether a terminal that can move its cursor is behind @fd. */
static bool is_terminal(int fd)
{
	const char *term = getenv("TERM");

	return isatty(fd) && term && *term && strcmp(term, "dumb") != 0;
}

void screen_init(struct screen *s, bool quiet)
{
	const char *no_color = getenv("NO_COLOR");
	struct winsize size;

	*s = (struct screen){.out = stdout, .err = stderr, .columns = COLUMNS};
	s->brief = is_terminal(STDOUT_FILENO);
	s->colours = s->brief && (!no_color || !*no_color);
	s->progress = quiet ? SCREEN_NONE : is_terminal(STDERR_FILENO) ? SCREEN_LIVE : SCREEN_PLAIN;
	if (!ioctl(STDERR_FILENO, TIOCGWINSZ, &size) && size.ws_col)
		s->columns = size.ws_col;
}

void screen_time(int64_t ns, char *text, size_t size)
{
	const long long seconds = ns / (1000 * NS_PER_MS), minutes = (seconds + 30) / 60;

	if (seconds < 90)
		snprintf(text, size, "%lld s", seconds);
	else if (minutes < 90)
		snprintf(text, size, "%lld min", minutes);
	else
		snprintf(text, size, "%lld h %lld min", minutes / 60, minutes % 60);
}

bool screen_parse(char *line, struct screen_result *r)
{
	char *end, *at = line;
	unsigned long number;

	memset(r, 0, sizeof(*r));
	r->ok = strncmp(at, "not ", 4) != 0;
	at += r->ok ? 0 : 4;
	if (strncmp(at, "ok ", 3) != 0 || at[3] < '0' || at[3] > '9')
		return false;
	number = strtoul(at + 3, &end, 10);
	if (strncmp(end, " - ", 3) != 0 || number > COUNT_MAX)
		return false;
	r->number = (unsigned)number;
	r->name = end + 3;
	r->text = "";
	at = strstr(r->name, " # ");
	if (!at)
		return true;
	*at = '\0';
	at += 3;
	r->skip = !strncmp(at, "SKIP ", 5);
	r->todo = !strncmp(at, "TODO ", 5);
	r->text = at + (r->skip || r->todo ? 5 : 0);
	return true;
}

/* What the time so far and what is left come to. */
static void say_times(const struct screen *s, int64_t now, const char *of, struct buf *text)
{
	char words[40];
	int64_t left;

	screen_time(now - s->start_ns, words, sizeof(words));
	buf_printf(text, "%s%s", words, of);
	if (!s->done)
		return;
	/* Of runs that have just begun, and side by side, the first result tells nothing. */
	if (s->ahead && s->done * 20 < s->count)
		return;
	left = (s->last_ns - s->start_ns) / s->done * (s->count - s->done) - (now - s->last_ns);
	if (left < 1000 * NS_PER_MS) {
		buf_printf(text, ", soon done");
		return;
	}
	screen_time(left, words, sizeof(words));
	buf_printf(text, ", about %s left", words);
}

void screen_clear(struct screen *s)
{
	if (s->shown) {
		fputs("\r\033[K", s->err);
		fflush(s->err);
	}
	s->shown = false;
}

/* Draws what has changed. */
static void draw(struct screen *s)
{
	struct buf text = {0};

	if (s->progress != SCREEN_LIVE || !s->start_ns || s->done >= s->count)
		return;
	buf_printf(&text, "[%u/%u] %s%s%s, ", s->done + 1, s->count, s->names[s->done],
		   *s->note ? ": " : "", s->note);
	say_times(s, now_ns(), "", &text);
	if (text.len > s->columns - 1)
		text.p[s->columns - 1] = '\0';
	if (!s->shown || strcmp(text.p, buf_text(&s->drawn)) != 0) {
		fprintf(s->err, "\r\033[K%s", text.p);
		fflush(s->err);
	}
	s->shown = true;
	s->drawn_ns = now_ns();
	buf_free(&s->drawn);
	s->drawn = text;
}

void screen_tick(void *screen)
{
	struct screen *s = screen;

	if (now_ns() - s->drawn_ns >= DRAW_NS)
		draw(s);
}

void screen_note(struct screen *s, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(s->note, sizeof(s->note), fmt, ap);
	va_end(ap);
	draw(s);
}

/* In a pipe: from time to time, behind a result. */
static void say_plain(struct screen *s)
{
	auto_buf struct buf text = {0};

	if (s->progress != SCREEN_PLAIN || s->last_ns - s->said_ns < SAY_NS || s->done >= s->count)
		return;
	s->said_ns = s->last_ns;
	say_times(s, s->last_ns, " of wall time", &text);
	fprintf(s->err, "# %u of %u results in %s\n", s->done, s->count, text.p);
	fflush(s->err);
}

/* How much of a result's @line stands in it: up to the last blank that fits, behind its `# SKIP `.
 */
static size_t shown_part(const struct screen *s, const char *line)
{
	const size_t len = strlen(line), least = strcspn(line, "#") + strlen("# SKIP ");
	size_t end = LINE_WIDTH;

	if (s->whole || len <= LINE_WIDTH)
		return len;
	while (end > least && line[end] != ' ')
		end--;
	return end > least ? end : len;
}

static void print_result(struct screen *s, const struct screen_result *r, const char *line)
{
	const char *colour = r->skip ? CYAN : r->todo ? YELLOW : r->ok ? GREEN : RED;
	const size_t len = strcspn(line, "#"), part = shown_part(s, line);

	if (s->colours)
		fprintf(s->out, "%s%.*s" PLAIN "%.*s\n", colour, (int)len, line, (int)(part - len),
			line + len);
	else
		fprintf(s->out, "%.*s\n", (int)part, line);
	if (line[part]) {
		auto_free char *rest = xasprintf("   %s", line + part);

		print_wrapped(s->out, "# ", rest);
	}
}

void screen_expect(struct screen *s, char *name)
{
	s->names = xrealloc(s->names, (s->count + 1) * sizeof(*s->names));
	s->names[s->count++] = name;
}

void screen_done(struct screen *s)
{
	s->last_ns = now_ns();
	s->done++;
	*s->note = '\0';
	say_plain(s);
}

/*
 * Whether @line is a detail of a known bug's result: below the first line, which may go on in
 * others with more blanks, all that is indented.
 */
static bool is_detail(struct screen *s, const char *line)
{
	const size_t blanks = *line == '#' ? strspn(line + 1, " ") : 0;

	if (blanks < 3)
		s->details = blanks && strstr(line, SCREEN_KNOWN) ? SHOW_FIRST : SHOW_ALL;
	else if (s->details == SHOW_FIRST && blanks == 3)
		s->details = SHOW_NONE;
	return s->details == SHOW_NONE;
}

static void take_line(struct screen *s)
{
	auto_free char *copy = xstrdup(buf_text(&s->line));
	struct screen_result result;

	screen_clear(s);
	if (!strncmp(copy, "1..", 3) && !s->start_ns)
		screen_begin(s);
	if (screen_parse(copy, &result)) {
		s->details = SHOW_ALL;
		print_result(s, &result, buf_text(&s->line));
		fflush(s->out);
		if (s->on_result)
			s->on_result(s->arg, &result);
		if (!s->ahead)
			screen_done(s);
	} else if (!s->brief || !is_detail(s, buf_text(&s->line))) {
		fprintf(s->out, "%s\n", buf_text(&s->line));
	}
	s->line.len = 0;
}

void screen_output(void *screen, const char *bytes, size_t len)
{
	struct screen *s = screen;

	while (len) {
		const char *newline = memchr(bytes, '\n', len);
		size_t part = newline ? (size_t)(newline - bytes) : len;

		buf_append(&s->line, bytes, part);
		if (newline)
			take_line(s);
		part += newline != NULL;
		bytes += part;
		len -= part;
	}
	fflush(s->out);
	screen_tick(s);
}

void screen_begin(struct screen *s)
{
	s->start_ns = s->last_ns = s->said_ns = now_ns();
}

void screen_line(struct screen *s, const char *line)
{
	buf_append(&s->line, line, strlen(line));
	take_line(s);
	fflush(s->out);
	screen_tick(s);
}

static ssize_t write_screen(void *screen, const char *bytes, size_t len)
{
	screen_output(screen, bytes, len);
	return (ssize_t)len;
}

FILE *screen_file(struct screen *s)
{
	FILE *f = fopencookie(s, "w", (cookie_io_functions_t){.write = write_screen});

	if (!f)
		exit(give_up("out of memory"));
	return f;
}

void screen_end(struct screen *s)
{
	if (s->line.len)
		take_line(s);
	screen_clear(s);
	buf_free(&s->line);
	buf_free(&s->drawn);
	for (unsigned i = 0; i < s->count; i++)
		free(s->names[i]);
	free(s->names);
	s->names = NULL;
	s->count = 0;
}
