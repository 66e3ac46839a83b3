/* SPDX-License-Identifier: BSD-2-Clause */
/* Small helpers of the runner: time, memory, growing buffers, whole reads and writes. */
#ifndef HOST_BASE_UTIL_H
#define HOST_BASE_UTIL_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
/* The row of @table, an array, whose @member is the text @key, or NULL. */
#define table_find(table, member, key)                                                        \
	({                                                                                    \
		__typeof__(&(table)[0]) found_ = (table);                                     \
		while (found_ < (table) + ARRAY_SIZE(table) && strcmp(found_->member, (key))) \
			found_++;                                                             \
		found_ < (table) + ARRAY_SIZE(table) ? found_ : NULL;                         \
	})

#define NS_PER_MS 1000000ll
#define NS_PER_US 1000ll

/* Monotonic time in nanoseconds. */
int64_t now_ns(void);

/* Milliseconds until @deadline_ns for poll(): rounded up, 0 if it has passed. */
int poll_ms(int64_t deadline_ns);

/* Allocation that never returns NULL: without memory the runner ends with exit status 2. */
void *xcalloc(size_t n, size_t size);
void *xrealloc(void *p, size_t size);
char *xstrdup(const char *s);
char *xasprintf(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* Bytes that grow; a NUL stands behind the last one once anything was appended. */
struct buf {
	char *p;
	size_t len, cap;
};
void buf_append(struct buf *b, const void *p, size_t len);
void buf_printf(struct buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void buf_free(struct buf *b);
/* The text in @b, "" if it is empty. */
const char *buf_text(const struct buf *b);

/* Control characters, which a terminal would obey, become `?`; newlines and tabs stay. */
void make_printable(char *text);

/* A stream that writes to @to what make_printable() leaves of it, line by line. */
FILE *printable_stream(FILE *to);

/*
 * The text of the last error, without control characters; functions that take one fill it when they
 * return a negative value.
 */
struct err {
	char text[1024];
};
/* Sets it. Returns -1. */
int err_set(struct err *e, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* The same, but the value is @value: NULL, false, VM_TIMEOUT, ... */
#define err_as(value, ...) (err_set(__VA_ARGS__), (value))

/* "@what: the text of errno". Returns -1. */
int err_errno(struct err *e, const char *what);

/* Opens @path, a plain file and no FIFO that nobody writes to, to be read. NULL: @e is filled. */
FILE *open_plain(const char *path, struct err *e);

/* Closes *@fd, unless that is -1, which it is then. */
void close_fd(int *fd);

struct sockaddr_un;
/* The @address of the unix socket at @path. 0, or -1 with @e filled: that is too long. */
int socket_address(const char *path, struct sockaddr_un *address, struct err *e);

/* Writes all of @p. 0, or -1 with errno. */
int write_all(int fd, const void *p, size_t len);

/* Replaces file @dir/@name. 0, or -1 with @e filled (disk full, not permitted, ...). */
int write_file(const char *dir, const char *name, const void *p, size_t len, int mode,
	       struct err *e);

/* The same for file @path, which all may read. */
int write_path(const char *path, const void *p, size_t len, struct err *e);

/* Appends all of file @dir/@name. 0, or -1 with @e filled. */
int read_file(const char *dir, const char *name, struct buf *bytes, struct err *e);

/* Whether a file @path can be written by write_file(). 0, or -1 with @e filled. */
int check_writable(const char *path, struct err *e);

/* Makes directory @path and its parents. 0, or -1 with @e filled. */
int make_dirs(const char *path, struct err *e);

/* Appends @s quoted for sh, where that is needed. */
void buf_shell_quote(struct buf *b, const char *s);

/* Appends " --OPTION PATH", the path quoted; nothing if path is NULL. */
void buf_shell_option(struct buf *b, const char *option, const char *path);

/* Prints @text on @f, each line with @prefix before it, control characters shown as `?`. */
void print_lines(FILE *f, const char *prefix, const char *text);

#define LINE_WIDTH 120 /* bytes of a line that people read */

/*
 * The same, but a line that would be longer than LINE_WIDTH goes on below, indented by 4 more than
 * it is itself (`|` and blanks). It is broken at blanks alone: a longer word stays whole.
 */
void print_wrapped(FILE *f, const char *prefix, const char *text);

/*
 * A list of words with @separator between them. word_next() copies the next word, cut to @size, and
 * moves *@list behind it; false: there is none. Two separators in a row have an empty word between
 * them, a last one has none behind it.
 */
bool word_next(const char **list, char separator, char *word, size_t size);

/* Whether @word is one of such a list, to the letter. */
bool word_in(const char *list, char separator, const char *word);

/* The number in the @size bytes at @p, the highest first. */
uint64_t big_endian(const uint8_t *p, size_t size);

/* Hash (XXH3) of @len bytes, with that of what came before as @seed. */
uint64_t hash_bytes(uint64_t seed, const void *p, size_t len);

/* Next number of a seeded sequence (splitmix64); the same below @n. */
uint64_t random_next(uint64_t *state);
uint64_t random_below(uint64_t *state, uint64_t n);

/* Strict: the whole of @text is a decimal or 0x number of 64 bits. */
bool parse_number(const char *text, uint64_t *value);

/* The same of @len digits at @s, decimal alone. */
bool parse_decimal(const char *s, size_t len, uint64_t *value);

#define REPORT_TIME 24 /* bytes of a time in ISO 8601, UTC */
/* The time now. */
void report_time(char text[REPORT_TIME]);

/* Prints `midflight: TEXT` on stderr; 2, the exit status of a failure that is nobody's but ours. */
int give_up(const char *text);
/* The same of @e about @path, a name from the user. */
int give_up_on(const char *path, const struct err *e);

#endif
