// SPDX-License-Identifier: BSD-2-Clause
// A VM's saved state as a file (docs/snapshot-format.md). There is exactly one for a snapshot: the
// reader refuses every other layout, so that nothing in a file is unchecked. It first checks all of
// the file without allocating anything and only then copies it.
#include "host/snapshot/snapshot.h"
#include "host/base/cleanup.h"

#include <assert.h>
#include <ctype.h>
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_VERSION   1
#define HEADER_LEN     64
#define HEADER_SUMMED  56 /* bytes of the header before its checksum */
#define ENTRY_LEN      (SNAPSHOT_NAME_MAX + 24)
#define PAGE_ENTRY_LEN 16
#define CHECKSUM_LEN   8
#define TEMP_TRIES     100

/* Not text, and spoiled by whatever converts line ends or drops the eighth bit. */
static const uint8_t magic[8] = {0x89, 'M', 'F', 'S', 'N', 'A', 'P', '\n'};

struct header {
	uint64_t file_len, memory_size, page_list, pages;
	uint32_t sections;
};

/* Where the check of a file is. */
struct check {
	const uint8_t *p;
	uint64_t at, end; /* @end: where the file's checksum is */
	struct err *e;
};

static uint64_t checksum(const void *p, size_t len)
{
	return hash_bytes(0, p, len);
}

static uint64_t align16(uint64_t n)
{
	return (n + 15) & ~15ull;
}

/* ---- encoding ------------------------------------------------------------------------------- */

static void put(struct buf *b, uint64_t value, unsigned bytes)
{
	value = htole64(value);
	buf_append(b, &value, bytes);
}

static struct header layout(const struct snapshot *s)
{
	struct header h = {.memory_size = s->memory_size, .sections = s->sections};
	uint64_t at = HEADER_LEN + (uint64_t)s->sections * ENTRY_LEN;

	for (unsigned i = 0; i < s->sections; i++)
		at = align16(at + s->section[i].len);
	for (uint64_t i = 0; i < s->memory_size / SNAPSHOT_PAGE; i++)
		h.pages += snapshot_stored(s, i) != NULL;
	h.page_list = at;
	h.file_len = at + h.pages * (PAGE_ENTRY_LEN + SNAPSHOT_PAGE) + CHECKSUM_LEN;
	return h;
}

/* Makes room for @len bytes at once: growing by doubling would cost twice the guest's memory. */
static void reserve(struct buf *b, uint64_t len)
{
	if (b->cap - b->len > len)
		return;
	b->cap = b->len + len + 1;
	b->p = xrealloc(b->p, b->cap);
}

static void put_header(struct buf *file, const struct header *h)
{
	size_t start = file->len;

	buf_append(file, magic, sizeof(magic));
	put(file, FILE_VERSION, 4);
	put(file, HEADER_LEN, 4);
	put(file, h->file_len, 8);
	put(file, h->memory_size, 8);
	put(file, SNAPSHOT_PAGE, 4);
	put(file, h->sections, 4);
	put(file, h->page_list, 8);
	put(file, h->pages, 8);
	put(file, checksum(file->p + start, HEADER_SUMMED), 8);
}

static void put_sections(struct buf *file, const struct snapshot *s)
{
	uint64_t at = HEADER_LEN + (uint64_t)s->sections * ENTRY_LEN;

	for (unsigned i = 0; i < s->sections; i++) {
		const struct snapshot_section *section = &s->section[i];

		buf_append(file, section->name, SNAPSHOT_NAME_MAX);
		put(file, at, 8);
		put(file, section->len, 8);
		put(file, checksum(section->data, section->len), 8);
		at = align16(at + section->len);
	}
	for (unsigned i = 0; i < s->sections; i++) {
		const struct snapshot_section *section = &s->section[i];

		buf_append(file, section->data, section->len);
		buf_append(file, snapshot_zeros, align16(section->len) - section->len);
	}
}

static void put_pages(struct buf *file, const struct snapshot *s)
{
	uint64_t n = s->memory_size / SNAPSHOT_PAGE;

	for (uint64_t i = 0; i < n; i++) {
		const uint8_t *p = snapshot_stored(s, i);

		if (p) {
			put(file, i, 8);
			put(file, checksum(p, SNAPSHOT_PAGE), 8);
		}
	}
	for (uint64_t i = 0; i < n; i++) {
		const uint8_t *p = snapshot_stored(s, i);

		if (p)
			buf_append(file, p, SNAPSHOT_PAGE);
	}
}

void snapshot_encode(const struct snapshot *s, struct buf *file)
{
	struct header h = layout(s);
	size_t start = file->len;

	reserve(file, h.file_len);
	put_header(file, &h);
	put_sections(file, s);
	put_pages(file, s);
	put(file, checksum(file->p + start, file->len - start), CHECKSUM_LEN);
	assert(file->len - start == h.file_len);
}

/* ---- decoding ------------------------------------------------------------------------------- */

static uint64_t get(const uint8_t *p, unsigned bytes)
{
	uint64_t value = 0;

	memcpy(&value, p, bytes);
	return le64toh(value);
}

static int check_sum(const char *what, const uint8_t *p, size_t len, uint64_t recorded,
		     struct err *e)
{
	uint64_t sum = checksum(p, len);

	if (sum == recorded)
		return 0;
	return err_set(e,
		       "%s: checksum 0x%016" PRIx64 " does not match 0x%016" PRIx64 " in the file",
		       what, sum, recorded);
}

/* What must be right before any other field means anything. */
static int check_start(const uint8_t *p, size_t len, struct err *e)
{
	if (memcmp(p, magic, len < sizeof(magic) ? len : sizeof(magic)))
		return err_set(e, "no snapshot file: it does not begin with the magic bytes");
	if (len >= 12 && get(p + 8, 4) != FILE_VERSION)
		return err_set(e, "version %" PRIu64 ", this midflight reads version %d",
			       get(p + 8, 4), FILE_VERSION);
	if (len < HEADER_LEN)
		return err_set(e, "truncated: %zu bytes, the header alone has %d", len, HEADER_LEN);
	if (get(p + 12, 4) != HEADER_LEN)
		return err_set(e, "header of %" PRIu64 " bytes, that of version %d has %d",
			       get(p + 12, 4), FILE_VERSION, HEADER_LEN);
	return check_sum("header", p, HEADER_SUMMED, get(p + HEADER_SUMMED, 8), e);
}

static int check_memory(const struct header *h, uint64_t page_size, struct err *e)
{
	if (page_size != SNAPSHOT_PAGE)
		return err_set(e, "pages of %" PRIu64 " bytes, expected %d", page_size,
			       SNAPSHOT_PAGE);
	if (h->memory_size % SNAPSHOT_PAGE)
		return err_set(e, "memory of %" PRIu64 " bytes is not whole pages", h->memory_size);
	if (h->memory_size > SNAPSHOT_MEMORY_MAX)
		return err_set(e, "memory of %" PRIu64 " bytes, at most %llu are supported",
			       h->memory_size, SNAPSHOT_MEMORY_MAX);
	if (h->pages > h->memory_size / SNAPSHOT_PAGE)
		return err_set(e, "%" PRIu64 " pages stored, memory has %llu", h->pages,
			       (unsigned long long)h->memory_size / SNAPSHOT_PAGE);
	return 0;
}

/* Checks the header of a file of @len bytes, of which only the header need be at @p. */
static int check_header(const uint8_t *p, size_t len, struct header *h, struct err *e)
{
	if (check_start(p, len, e))
		return -1;
	h->file_len = get(p + 16, 8);
	h->memory_size = get(p + 24, 8);
	h->sections = (uint32_t)get(p + 36, 4);
	h->page_list = get(p + 40, 8);
	h->pages = get(p + 48, 8);
	if (len < h->file_len)
		return err_set(e, "truncated: %zu bytes, the header says %" PRIu64, len,
			       h->file_len);
	if (len > h->file_len)
		return err_set(e, "trailing bytes: %zu bytes, the header says %" PRIu64, len,
			       h->file_len);
	if (h->sections > SNAPSHOT_SECTIONS_MAX)
		return err_set(e, "%u sections, at most %d are supported", h->sections,
			       SNAPSHOT_SECTIONS_MAX);
	if (len < HEADER_LEN + (uint64_t)h->sections * ENTRY_LEN + CHECKSUM_LEN)
		return err_set(e, "a table of %u sections does not fit into %zu bytes", h->sections,
			       len);
	return check_memory(h, get(p + 32, 4), e);
}

static const uint8_t *table_entry(const uint8_t *file, unsigned i)
{
	return file + HEADER_LEN + (size_t)i * ENTRY_LEN;
}

static int check_name(const struct check *c, unsigned i)
{
	const char *name = (const char *)table_entry(c->p, i);
	size_t len = strnlen(name, SNAPSHOT_NAME_MAX);

	if (!len || len == SNAPSHOT_NAME_MAX)
		return err_set(c->e, "section %u: its name %s", i,
			       len ? "does not end in a NUL" : "is empty");
	for (size_t k = 0; k < SNAPSHOT_NAME_MAX; k++)
		if (k < len ? !isprint((unsigned char)name[k]) : name[k])
			return err_set(c->e, "section %u: byte 0x%02x %s its name", i,
				       (uint8_t)name[k], k < len ? "in" : "behind");
	for (unsigned k = 0; k < i; k++)
		if (!strcmp(name, (const char *)table_entry(c->p, k)))
			return err_set(c->e, "section '%s' is there twice, as section %u and %u",
				       name, k, i);
	return 0;
}

/* Goes on to the next multiple of 16; only zeros may be in between. */
static int skip_padding(struct check *c)
{
	uint64_t to = align16(c->at);

	if (to > c->end)
		return err_set(c->e,
			       "offset %" PRIu64 ": the file's checksum begins within the padding",
			       c->end);
	for (; c->at < to; c->at++)
		if (c->p[c->at])
			return err_set(c->e, "offset %" PRIu64 ": byte 0x%02x in the padding",
				       c->at, c->p[c->at]);
	return 0;
}

/* That section @what is at @offset, right behind what precedes it, and ends within the file. */
static int check_extent(const struct check *c, const char *what, uint64_t offset, uint64_t len)
{
	uint64_t left = c->end - c->at;

	if (offset != c->at)
		return err_set(c->e, "%s: offset %" PRIu64 ", expected %" PRIu64, what, offset,
			       c->at);
	if (len > SNAPSHOT_SECTION_MAX)
		return err_set(c->e, "%s: %" PRIu64 " bytes, at most %u are supported", what, len,
			       SNAPSHOT_SECTION_MAX);
	if (len > left)
		return err_set(c->e, "%s: %" PRIu64 " bytes, only %" PRIu64 " are left for it",
			       what, len, left);
	return 0;
}

static int check_section(struct check *c, unsigned i)
{
	const uint8_t *entry = table_entry(c->p, i);
	uint64_t offset = get(entry + SNAPSHOT_NAME_MAX, 8);
	uint64_t len = get(entry + SNAPSHOT_NAME_MAX + 8, 8);
	uint64_t sum = get(entry + SNAPSHOT_NAME_MAX + 16, 8);
	char what[SNAPSHOT_NAME_MAX + 16];

	if (check_name(c, i))
		return -1;
	snprintf(what, sizeof(what), "section '%s'", (const char *)entry);
	if (check_extent(c, what, offset, len) || check_sum(what, c->p + offset, len, sum, c->e))
		return -1;
	c->at += len;
	return skip_padding(c);
}

/* That the page list is where the header says and that it and its pages fill the file. */
static int check_page_area(const struct check *c, const struct header *h)
{
	uint64_t left = c->end - c->at;

	if (h->page_list != c->at)
		return err_set(c->e, "page list at offset %" PRIu64 ", expected %" PRIu64,
			       h->page_list, c->at);
	if (h->pages > left / (PAGE_ENTRY_LEN + SNAPSHOT_PAGE))
		return err_set(c->e,
			       "%" PRIu64 " pages stored, only %" PRIu64 " bytes are left for them",
			       h->pages, left);
	if (h->pages * (PAGE_ENTRY_LEN + SNAPSHOT_PAGE) != left)
		return err_set(c->e, "%" PRIu64 " bytes behind the last page belong to nothing",
			       left - h->pages * (PAGE_ENTRY_LEN + SNAPSHOT_PAGE));
	return 0;
}

static int check_page(const struct check *c, const struct header *h, uint64_t i)
{
	const uint8_t *entry = c->p + h->page_list + i * PAGE_ENTRY_LEN;
	const uint8_t *data = c->p + h->page_list + h->pages * PAGE_ENTRY_LEN + i * SNAPSHOT_PAGE;
	uint64_t number = get(entry, 8), before = i ? get(entry - PAGE_ENTRY_LEN, 8) : 0;
	char what[40];

	snprintf(what, sizeof(what), "page 0x%" PRIx64, number);
	if (number >= h->memory_size / SNAPSHOT_PAGE)
		return err_set(c->e, "%s is out of range, memory has 0x%llx pages", what,
			       (unsigned long long)h->memory_size / SNAPSHOT_PAGE);
	if (i && number == before)
		return err_set(c->e, "%s is there twice", what);
	if (i && number < before)
		return err_set(c->e, "%s is out of order, it follows page 0x%" PRIx64, what,
			       before);
	if (!memcmp(data, snapshot_zeros, SNAPSHOT_PAGE))
		return err_set(c->e, "%s is all zeros, such pages are left out", what);
	return check_sum(what, data, SNAPSHOT_PAGE, get(entry + 8, 8), c->e);
}

/* The file's own checksum comes last: the checks before it say better what is wrong. */
static int check_file(const uint8_t *p, size_t len, struct header *h, struct err *e)
{
	struct check c = {.p = p, .e = e};

	if (check_header(p, len, h, e))
		return -1;
	c.at = HEADER_LEN + (uint64_t)h->sections * ENTRY_LEN;
	c.end = len - CHECKSUM_LEN;
	for (unsigned i = 0; i < h->sections; i++)
		if (check_section(&c, i))
			return -1;
	if (check_page_area(&c, h))
		return -1;
	for (uint64_t i = 0; i < h->pages; i++)
		if (check_page(&c, h, i))
			return -1;
	return check_sum("file", p, c.end, get(p + c.end, CHECKSUM_LEN), e);
}

int snapshot_decode(struct snapshot *s, const void *file, size_t len, struct err *e)
{
	const uint8_t *p = file, *data;
	struct header h;

	if (check_file(p, len, &h, e))
		return -1;
	for (unsigned i = 0; i < h.sections; i++) {
		const uint8_t *entry = table_entry(p, i);

		snapshot_add(s, (const char *)entry, p + get(entry + SNAPSHOT_NAME_MAX, 8),
			     get(entry + SNAPSHOT_NAME_MAX + 8, 8));
	}
	snapshot_alloc_memory(s, h.memory_size);
	data = p + h.page_list + h.pages * PAGE_ENTRY_LEN;
	for (uint64_t i = 0; i < h.pages; i++, data += SNAPSHOT_PAGE)
		s->page[get(p + h.page_list + i * PAGE_ENTRY_LEN, 8)] =
			memcpy(xrealloc(NULL, SNAPSHOT_PAGE), data, SNAPSHOT_PAGE);
	return 0;
}

/* ---- files ---------------------------------------------------------------------------------- */

/* Makes a new file beside @path, whose name is *@temp then. Its descriptor, or -1 with errno. */
static int open_temp(const char *path, char **temp)
{
	int fd = -1;

	for (unsigned i = 0; i < TEMP_TRIES; i++) {
		free(*temp);
		*temp = xasprintf("%s.%ld.%u.tmp", path, (long)getpid(), i);
		fd = open(*temp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
		if (fd >= 0 || errno != EEXIST)
			break;
	}
	return fd;
}

/* Writes, syncs and closes. 0, or -1 with errno. */
static int fill_and_close(int fd, const struct buf *file)
{
	int ret = write_all(fd, file->p, file->len), error;

	ret = ret ?: fsync(fd);
	error = errno;
	if (close(fd) && !ret)
		return -1;
	errno = error;
	return ret;
}

int snapshot_write(const struct snapshot *s, const char *path, struct err *e)
{
	auto_buf struct buf file = {0};
	auto_free char *temp = NULL;
	struct stat st;
	int fd;

	/* A rename would put a file in the place of a device. */
	if (!stat(path, &st) && !S_ISREG(st.st_mode))
		return err_set(e, "cannot write %s: not a regular file", path);
	fd = open_temp(path, &temp);
	if (fd < 0)
		return err_set(e, "cannot create %s: %s", temp, strerror(errno));
	snapshot_encode(s, &file);
	if (!fill_and_close(fd, &file) && !rename(temp, path))
		return 0;
	err_set(e, "cannot write %s (%zu bytes): %s", path, file.len, strerror(errno));
	unlink(temp);
	return -1;
}

/* Reads up to @len bytes from the start of the file; their number, or -1 with errno. */
static ssize_t read_start(int fd, uint8_t *p, size_t len)
{
	size_t done = 0;
	ssize_t n = 0;

	while (done < len &&
	       (n = TEMP_FAILURE_RETRY(pread(fd, p + done, len - done, (off_t)done))) > 0)
		done += (size_t)n;
	return n < 0 ? -1 : (ssize_t)done;
}

/* The header is checked first, so that memory is taken only for what is a snapshot. */
static int read_fd(struct snapshot *s, int fd, struct err *e)
{
	uint8_t head[HEADER_LEN];
	auto_free uint8_t *p = NULL;
	struct header h;
	struct stat st;
	ssize_t n;

	if (fstat(fd, &st))
		return err_set(e, "cannot read: %s", strerror(errno));
	if (!S_ISREG(st.st_mode))
		return err_set(e, "not a regular file");
	n = read_start(fd, head, sizeof(head));
	if (n < 0)
		return err_set(e, "cannot read: %s", strerror(errno));
	if (check_header(head, n < HEADER_LEN ? (size_t)n : (size_t)st.st_size, &h, e))
		return -1;
	p = xrealloc(NULL, h.file_len);
	n = read_start(fd, p, h.file_len);
	if (n < 0)
		return err_set(e, "cannot read: %s", strerror(errno));
	return snapshot_decode(s, p, (size_t)n, e);
}

int snapshot_read(struct snapshot *s, const char *path, struct err *e)
{
	/* Without O_NONBLOCK a FIFO would block before it can be refused. */
	auto_close int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct err why = {0};

	if (fd < 0)
		return err_set(e, "cannot open %s: %s", path, strerror(errno));
	return read_fd(s, fd, &why) ? err_set(e, "%s: %s", path, why.text) : 0;
}
