// SPDX-License-Identifier: BSD-2-Clause
// Small helpers of the runner: time, memory, growing buffers, whole reads and writes.
#include "host/base/cleanup.h"

#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

int64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000ll + ts.tv_nsec;
}

int poll_ms(int64_t deadline_ns)
{
	int64_t left = deadline_ns - now_ns();

	if (left <= 0)
		return 0;
	left = (left + NS_PER_MS - 1) / NS_PER_MS;
	return left > INT_MAX ? INT_MAX : (int)left;
}

static void __attribute__((noreturn)) out_of_memory(void)
{
	fputs("midflight: out of memory\n", stderr);
	exit(2);
}

void *xcalloc(size_t n, size_t size)
{
	void *p = calloc(n ? n : 1, size ? size : 1);

	if (!p)
		out_of_memory();
	return p;
}

void *xrealloc(void *p, size_t size)
{
	p = realloc(p, size ? size : 1);
	if (!p)
		out_of_memory();
	return p;
}

char *xstrdup(const char *s)
{
	char *p = strdup(s);

	if (!p)
		out_of_memory();
	return p;
}

char *xasprintf(const char *fmt, ...)
{
	va_list ap;
	char *p;

	va_start(ap, fmt);
	if (vasprintf(&p, fmt, ap) < 0)
		out_of_memory();
	va_end(ap);
	return p;
}

void buf_append(struct buf *b, const void *p, size_t len)
{
	if (b->len + len + 1 > b->cap) {
		b->cap = (b->len + len + 1) * 2;
		b->p = xrealloc(b->p, b->cap);
	}
	if (len)
		memcpy(b->p + b->len, p, len);
	b->len += len;
	b->p[b->len] = '\0';
}

void buf_printf(struct buf *b, const char *fmt, ...)
{
	va_list ap;
	char *p;
	int n;

	va_start(ap, fmt);
	n = vasprintf(&p, fmt, ap);
	va_end(ap);
	if (n < 0)
		out_of_memory();
	buf_append(b, p, (size_t)n);
	free(p);
}

void buf_free(struct buf *b)
{
	free(b->p);
	memset(b, 0, sizeof(*b));
}

const char *buf_text(const struct buf *b)
{
	return b->len ? b->p : "";
}

void make_printable(char *text)
{
	for (unsigned char *p = (unsigned char *)text; *p; p++)
		if ((*p < 0x20 && *p != '\n' && *p != '\t') || *p == 0x7f)
			*p = '?';
		else if (p[0] == 0xc2 && p[1] >= 0x80 && p[1] < 0xa0) /* U+0080 to U+009F */
			p[0] = p[1] = '?';
}

static ssize_t write_printable(void *to, const char *text, size_t len)
{
	auto_free char *copy = xasprintf("%.*s", (int)len, text);

	make_printable(copy);
	fputs(copy, to);
	return (ssize_t)len;
}

FILE *printable_stream(FILE *to)
{
	FILE *f = fopencookie(to, "w", (cookie_io_functions_t){.write = write_printable});

	if (!f || setvbuf(f, NULL, _IOLBF, 0))
		out_of_memory();
	return f;
}

int err_set(struct err *e, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	// cppcheck-suppress ctuuninitvar // it is written, not read
	vsnprintf(e->text, sizeof(e->text), fmt, ap);
	va_end(ap);
	make_printable(e->text); /* files and guests have their words in it */
	return -1;
}

FILE *open_plain(const char *path, struct err *e)
{
	const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct stat st;
	FILE *f = NULL;

	if (fd < 0 || fstat(fd, &st))
		err_errno(e, path);
	else if (!S_ISREG(st.st_mode))
		err_set(e, "%s: it is no plain file", path);
	else if (!(f = fdopen(fd, "r")))
		err_errno(e, path);
	if (fd >= 0 && !f)
		close(fd);
	return f;
}

int err_errno(struct err *e, const char *what)
{
	return err_set(e, "%s: %s", what, strerror(errno));
}

void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

int socket_address(const char *path, struct sockaddr_un *address, struct err *e)
{
	*address = (struct sockaddr_un){.sun_family = AF_UNIX};
	if (strlen(path) >= sizeof(address->sun_path))
		return err_set(e, "the socket's path is longer than %zu bytes: %s",
			       sizeof(address->sun_path) - 1, path);
	strcpy(address->sun_path, path);
	return 0;
}

int write_all(int fd, const void *p, size_t len)
{
	const char *c = p;

	while (len) {
		ssize_t n = TEMP_FAILURE_RETRY(write(fd, c, len));

		if (n < 0)
			return -1;
		c += n;
		len -= (size_t)n;
	}
	return 0;
}

int write_file(const char *dir, const char *name, const void *p, size_t len, int mode,
	       struct err *e)
{
	auto_free char *path = xasprintf("%s/%s", dir, name);
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, (mode_t)mode), ret;

	if (fd < 0)
		return err_set(e, "cannot create %s: %s", path, strerror(errno));
	ret = write_all(fd, p, len);
	if (close(fd) || ret) /* it, too, may tell of a disk that is full */
		return err_set(e, "cannot write %s: %s", path, strerror(errno));
	return 0;
}

int read_file(const char *dir, const char *name, struct buf *bytes, struct err *e)
{
	auto_free char *path = xasprintf("%s/%s", dir, name);
	auto_fclose FILE *f = fopen(path, "re");
	char piece[65536];
	size_t n;

	while (f && (n = fread(piece, 1, sizeof(piece), f)))
		buf_append(bytes, piece, n);
	if (!f || ferror(f))
		return err_set(e, "cannot read %s: %s", path, strerror(errno));
	return 0;
}

int write_path(const char *path, const void *p, size_t len, struct err *e)
{
	const char *slash = strrchr(path, '/');
	auto_free char *dir = slash ? xasprintf("%.*s", (int)(slash - path), path) : xstrdup(".");

	return write_file(dir, slash ? slash + 1 : path, p, len, 0666, e);
}

int check_writable(const char *path, struct err *e)
{
	const char *slash = strrchr(path, '/');
	auto_free char *dir =
		slash ? xasprintf("%.*s", (int)(slash - path) + 1, path) : xstrdup(".");
	struct stat st;

	if (!*path || (slash && !slash[1]) || (!stat(path, &st) && S_ISDIR(st.st_mode)))
		return err_set(e, "%s is no name of a file", *path ? path : "''");
	if (access(dir, W_OK | X_OK))
		return err_set(e, "cannot write %s: %s", path, strerror(errno));
	return 0;
}

int make_dirs(const char *path, struct err *e)
{
	auto_free char *copy = xstrdup(path);
	struct stat st;

	for (char *p = copy + 1; p[-1]; p++) {
		char c = *p;

		if (c != '/' && c != '\0')
			continue;
		*p = '\0';
		if (mkdir(copy, 0777) && errno != EEXIST)
			return err_set(e, "cannot make directory %s: %s", copy, strerror(errno));
		*p = c;
	}
	if (stat(path, &st) || !S_ISDIR(st.st_mode))
		return err_set(e, "%s is not a directory", path);
	return 0;
}

void buf_shell_quote(struct buf *b, const char *s)
{
	static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
				    "0123456789-_./,:=+@%";

	if (*s && strspn(s, plain) == strlen(s)) {
		buf_append(b, s, strlen(s));
		return;
	}
	buf_append(b, "'", 1);
	for (; *s; s++) {
		if (*s == '\'')
			buf_append(b, "'\\''", 4);
		else
			buf_append(b, s, 1);
	}
	buf_append(b, "'", 1);
}

void buf_shell_option(struct buf *b, const char *option, const char *path)
{
	if (!path)
		return;
	buf_printf(b, " --%s ", option);
	buf_shell_quote(b, path);
}

static void print_part(FILE *f, const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)text[i];

		if (c != '\r')
			fputc((c < 0x20 && c != '\t') || c >= 0x7f ? '?' : c, f);
	}
	fputc('\n', f);
}

void print_lines(FILE *f, const char *prefix, const char *text)
{
	while (*text) {
		size_t len = strcspn(text, "\n");

		fputs(prefix, f);
		print_part(f, text, len);
		text += len + (text[len] == '\n');
	}
}

/* How much of the @len bytes at @text fits into @room, up to a blank behind the first @least. */
static size_t fitting(const char *text, size_t len, size_t least, size_t room)
{
	size_t end = len;

	for (size_t i = least + 1; i < len && len > room; i++)
		if ((i <= room || end == len) && text[i] == ' ')
			end = i;
	return end;
}

void print_wrapped(FILE *f, const char *prefix, const char *text)
{
	const size_t room = LINE_WIDTH - strlen(prefix);

	while (*text) {
		size_t len = strcspn(text, "\n"), indent = strspn(text, " |");
		size_t part = fitting(text, len, indent, room);
		const char *line = text;

		fputs(prefix, f);
		print_part(f, text, part);
		text += len + (text[len] == '\n');
		for (const char *at = line + part; at < line + len; at += part) {
			at += strspn(at, " ");
			if (at == line + len)
				break;
			part = fitting(at, (size_t)(line + len - at), 0,
				       room > indent + 8 ? room - indent - 4 : 8);
			fprintf(f, "%s%.*s    ", prefix, (int)indent, line);
			print_part(f, at, part);
		}
	}
}

bool word_next(const char **list, char separator, char *word, size_t size)
{
	const char *from = *list, *to = strchrnul(from, separator);

	if (!*from)
		return false;
	snprintf(word, size, "%.*s", (int)(to - from), from);
	*list = to + (*to != '\0');
	return true;
}

bool word_in(const char *list, char separator, const char *word)
{
	size_t len = strlen(word);

	for (const char *to; *list; list = to + (*to != '\0')) {
		to = strchrnul(list, separator);
		if ((size_t)(to - list) == len && !memcmp(list, word, len))
			return true;
	}
	return false;
}

uint64_t big_endian(const uint8_t *p, size_t size)
{
	uint64_t value = 0;

	while (size--)
		value = value << 8 | *p++;
	return value;
}

uint64_t hash_bytes(uint64_t seed, const void *p, size_t len)
{
	return XXH3_64bits_withSeed(p, len, seed);
}

uint64_t random_next(uint64_t *state)
{
	uint64_t z = *state += 0x9e3779b97f4a7c15;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
	z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
	return z ^ (z >> 31);
}

uint64_t random_below(uint64_t *state, uint64_t n)
{
	return (random_next(state) >> 11) % n;
}

/* Decimal number of @len digits at @s, without a leading zero. */
bool parse_decimal(const char *s, size_t len, uint64_t *value)
{
	uint64_t v = 0;

	if (!len || (len > 1 && *s == '0'))
		return false;
	for (; len; len--, s++) {
		unsigned digit = (unsigned char)*s - '0';

		if (digit > 9 || v > (UINT64_MAX - digit) / 10)
			return false;
		v = v * 10 + digit;
	}
	*value = v;
	return true;
}

bool parse_number(const char *text, uint64_t *value)
{
	size_t len;

	if (strncmp(text, "0x", 2))
		return parse_decimal(text, strlen(text), value);
	text += 2;
	len = strlen(text);
	if (!len || len > 16 || strspn(text, "0123456789abcdefABCDEF") != len)
		return false;
	*value = strtoull(text, NULL, 16);
	return true;
}

void report_time(char text[REPORT_TIME])
{
	const time_t now = time(NULL);
	struct tm utc;

	*text = '\0';
	if (gmtime_r(&now, &utc))
		strftime(text, REPORT_TIME, "%Y-%m-%dT%H:%M:%SZ", &utc);
}

int give_up(const char *text)
{
	fprintf(stderr, "midflight: %s\n", text);
	return 2;
}

int give_up_on(const char *path, const struct err *e)
{
	struct err all;

	err_set(&all, "%s: %s", path, e->text);
	return give_up(all.text);
}
