// SPDX-License-Identifier: BSD-2-Clause
// Snapshot files: round trips, and that no damaged or hostile file gets through. Offsets are those
// of docs/snapshot-format.md.
#include "tests/unit/unit.h"

#include "host/snapshot/snapshot.h"

#include <dirent.h>
#include <endian.h>
#include <errno.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#define HEADER	  64
#define ENTRY	  64
#define E_OFFSET  40 /* in a table entry */
#define E_LENGTH  48
#define E_SUM	  56
#define H_VERSION 8
#define H_LENGTH  12
#define H_FILE	  16
#define H_MEMORY  24
#define H_PAGE	  32
#define H_COUNT	  36
#define H_LIST	  40
#define H_PAGES	  48
#define H_SUM	  56

/* Stand-ins for the C library's, to make snapshot_write() fail where a disk would. */
static enum { FAIL_NONE, FAIL_WRITE, FAIL_FSYNC, FAIL_RENAME } failing;

ssize_t write(int fd, const void *p, size_t len)
{
	if (failing == FAIL_WRITE) {
		if (len < 1000) {
			errno = ENOSPC;
			return -1;
		}
		len /= 2; /* a disk that fills up takes a part first */
	}
	return syscall(SYS_write, fd, p, len);
}

int fsync(int fd)
{
	if (failing == FAIL_FSYNC) {
		errno = ENOSPC;
		return -1;
	}
	return (int)syscall(SYS_fsync, fd);
}

int rename(const char *from, const char *to)
{
	if (failing == FAIL_RENAME) {
		errno = EACCES;
		return -1;
	}
	return (int)syscall(SYS_rename, from, to);
}

static void put64(uint8_t *p, uint64_t value)
{
	value = htole64(value);
	memcpy(p, &value, 8);
}

static void put32(uint8_t *p, uint32_t value)
{
	value = htole32(value);
	memcpy(p, &value, 4);
}

static uint64_t get64(const uint8_t *p)
{
	uint64_t value;

	memcpy(&value, p, 8);
	return le64toh(value);
}

/* Makes the checksums of header and file right again. */
static void seal(uint8_t *p, size_t len)
{
	put64(p + H_SUM, XXH3_64bits(p, H_SUM));
	put64(p + len - 8, XXH3_64bits(p, len - 8));
}

static void fill(uint8_t *p, size_t len, uint64_t seed)
{
	for (size_t i = 0; i < len; i++)
		p[i] = (uint8_t)random_next(&seed);
}

/* 16 pages of memory of which 1, 5 and 15 are not zero. */
static void add_memory(struct snapshot *s)
{
	uint8_t *memory = xcalloc(16, SNAPSHOT_PAGE);

	fill(memory + 1 * SNAPSHOT_PAGE, SNAPSHOT_PAGE, 1);
	memory[5 * SNAPSHOT_PAGE] = 1;
	memory[16 * SNAPSHOT_PAGE - 1] = 2;
	snapshot_set_memory(s, memory, 16 * SNAPSHOT_PAGE);
	free(memory);
}

static struct snapshot sample(void)
{
	struct snapshot s = {0};
	uint8_t regs[150];

	fill(regs, sizeof(regs), 7);
	snapshot_add(&s, "cpu0/regs", regs, sizeof(regs));
	snapshot_add(&s, "vm/nothing", NULL, 0);
	snapshot_add(&s, "cpu0/mp_state", regs, 4);
	add_memory(&s);
	return s;
}

/* Offsets in sample()'s file. */
#define DATA	(HEADER + 3 * ENTRY)
#define LIST	(DATA + 160 + 16)
#define PAGES	(LIST + 3 * 16)
#define SUM	(PAGES + 3 * SNAPSHOT_PAGE)
#define ALL	(SUM + 8)
#define ENTRY_2 (HEADER + 2 * ENTRY)

static void assert_same(const struct snapshot *a, const struct snapshot *b)
{
	assert_int_equal(a->sections, b->sections);
	for (unsigned i = 0; i < a->sections; i++) {
		assert_string_equal(a->section[i].name, b->section[i].name);
		assert_int_equal(a->section[i].len, b->section[i].len);
		assert_memory_equal(a->section[i].data, b->section[i].data, a->section[i].len);
	}
	assert_int_equal(a->memory_size, b->memory_size);
	for (uint64_t gpa = 0; gpa < a->memory_size; gpa += SNAPSHOT_PAGE)
		assert_memory_equal(snapshot_page(a, gpa), snapshot_page(b, gpa), SNAPSHOT_PAGE);
}

static void assert_empty(const struct snapshot *s)
{
	static const struct snapshot empty;

	assert_memory_equal(s, &empty, sizeof(empty));
}

/* Decodes a copy of its own, so that a read too far shows. */
static int decode(struct snapshot *s, const void *p, size_t len, struct err *e)
{
	uint8_t *copy = malloc(len ? len : 1);
	int ret;

	assert_non_null(copy);
	memcpy(copy, p, len);
	ret = snapshot_decode(s, len ? copy : copy + 1, len, e);
	free(copy);
	return ret;
}

static void assert_refused(const void *p, size_t len, const char *why)
{
	struct snapshot s = {0};
	struct err e = {0};

	if (!decode(&s, p, len, &e))
		fail_msg("taken, expected '%s'", why);
	assert_true(*e.text);
	assert_contains(e.text, why);
	assert_empty(&s);
}

static void round_trip_of(struct snapshot *s)
{
	struct buf file = {0}, again = {0};
	struct snapshot back = {0};
	struct err e = {0};

	snapshot_encode(s, &file);
	if (decode(&back, file.p, file.len, &e))
		fail_msg("%s", e.text);
	assert_same(s, &back);
	snapshot_encode(&back, &again);
	assert_int_equal(file.len, again.len);
	assert_memory_equal(file.p, again.p, file.len);
	buf_free(&file);
	buf_free(&again);
	snapshot_free(&back);
	assert_empty(&back);
	snapshot_free(s);
}

static void round_trips(void **state)
{
	struct snapshot s = {0};

	(void)state;
	round_trip_of(&s);
	s = sample();
	round_trip_of(&s);
	add_memory(&s);
	round_trip_of(&s);
	for (size_t len = 1; len < SNAPSHOT_NAME_MAX; len++) {
		char name[SNAPSHOT_NAME_MAX] = {0};

		memset(name, 'x', len);
		snapshot_add(&s, name, name, len);
	}
	round_trip_of(&s);
}

static void in_memory(void **state)
{
	struct snapshot s = sample();
	const struct snapshot_section *section = snapshot_find(&s, "cpu0/regs");
	uint8_t zero[SNAPSHOT_PAGE] = {0};

	(void)state;
	assert_non_null(section);
	assert_int_equal(section->len, 150);
	assert_int_equal((uintptr_t)section->data % 16, 0);
	assert_null(snapshot_find(&s, "cpu0/reg"));
	assert_null(s.page[0]);
	assert_non_null(s.page[1]);
	assert_memory_equal(snapshot_page(&s, 0), zero, SNAPSHOT_PAGE);
	assert_int_equal(*(const uint8_t *)snapshot_page(&s, 5 * SNAPSHOT_PAGE + 77), 1);
	assert_non_null(snapshot_page(&s, 16 * SNAPSHOT_PAGE - 1));
	assert_null(snapshot_page(&s, 16 * SNAPSHOT_PAGE));
	snapshot_set_memory(&s, zero, SNAPSHOT_PAGE); /* replaces */
	assert_int_equal(s.memory_size, SNAPSHOT_PAGE);
	assert_null(s.page[0]);
	snapshot_free(&s);
}

/* A page of zeros takes no place, also if it became one after it was taken. */
static void zero_pages(void **state)
{
	struct snapshot s = sample();
	struct buf file = {0};

	(void)state;
	snapshot_encode(&s, &file);
	assert_int_equal(file.len, ALL);
	assert_int_equal(get64((uint8_t *)file.p + H_PAGES), 3);
	file.len = 0;
	memset(s.page[5], 0, SNAPSHOT_PAGE);
	snapshot_encode(&s, &file);
	assert_int_equal(file.len, ALL - SNAPSHOT_PAGE - 16);
	buf_free(&file);
	round_trip_of(&s);
}

/* Same snapshot, same bytes: whatever they are appended to. The hash pins format version 1. */
static void deterministic(void **state)
{
	struct snapshot s = sample();
	struct buf a = {0}, b = {0};

	(void)state;
	snapshot_encode(&s, &a);
	buf_append(&b, "before", 6);
	snapshot_encode(&s, &b);
	assert_int_equal(b.len, a.len + 6);
	assert_memory_equal(a.p, b.p + 6, a.len);
	assert_memory_equal(b.p, "before", 6);
	assert_int_equal(XXH3_64bits(a.p, a.len), 0xf9292cfd5e497ec6);
	buf_free(&a);
	buf_free(&b);
	snapshot_free(&s);
}

/* The hash sees every byte of memory and of sections, and their names. */
static void hash(void **state)
{
	struct snapshot s = sample(), same = sample();
	const uint64_t before = snapshot_hash(&s);

	(void)state;
	assert_int_equal(snapshot_hash(&same), before);
	s.page[5][77] ^= 0x10;
	assert_int_not_equal(snapshot_hash(&s), before);
	s.page[5][77] ^= 0x10;
	*(uint8_t *)s.section[2].data ^= 1;
	assert_int_not_equal(snapshot_hash(&s), before);
	*(uint8_t *)s.section[2].data ^= 1;
	assert_int_equal(snapshot_hash(&s), before);
	s.section[0].name[0] ^= 1;
	assert_int_not_equal(snapshot_hash(&s), before);
	snapshot_free(&s);
	snapshot_free(&same);
}

static void truncated(void **state)
{
	struct snapshot s = sample();
	struct buf file = {0};

	(void)state;
	snapshot_encode(&s, &file);
	for (size_t len = 0; len < file.len; len++) {
		char why[80];

		if (len < HEADER)
			snprintf(why, sizeof(why), "truncated: %zu bytes, the header alone has 64",
				 len);
		else
			snprintf(why, sizeof(why), "truncated: %zu bytes, the header says %zu", len,
				 file.len);
		assert_refused(file.p, len, why);
	}
	buf_append(&file, "\n", 1);
	assert_refused(file.p, file.len, "trailing bytes: 12777 bytes, the header says 12776");
	buf_free(&file);
	snapshot_free(&s);
}

/* Each byte, changed in one bit and in all: refused, with the header or the page named if it was.
 */
static void flipped(void **state)
{
	struct snapshot s = sample();
	struct buf file = {0};

	(void)state;
	snapshot_encode(&s, &file);
	for (size_t at = 0; at < file.len; at++) {
		uint8_t change[] = {(uint8_t)(1u << at % 8), 0xff};

		for (unsigned k = 0; k < ARRAY_SIZE(change); k++) {
			struct snapshot back = {0};
			struct err e = {0};

			file.p[at] ^= (char)change[k];
			if (!decode(&back, file.p, file.len, &e))
				fail_msg("byte %zu changed by 0x%02x: taken", at, change[k]);
			assert_true(*e.text);
			assert_empty(&back);
			if (at < HEADER || at >= SUM)
				assert_int_equal(!strncmp(e.text, "file: ", 6), at >= SUM);
			else if (at >= PAGES)
				assert_contains(e.text, "page 0x");
			file.p[at] ^= (char)change[k];
		}
	}
	buf_free(&file);
	snapshot_free(&s);
}

/* One 8- or 4-byte field of sample()'s file changed, checksums of header and file made right. */
static const struct spoiled {
	size_t at;
	unsigned bytes;
	uint64_t value;
	const char *why;
} spoiled[] = {
	{0, 4, 0x464c457f, "no snapshot file"},
	{H_VERSION, 4, 7, "version 7, this midflight reads version 1"},
	{H_VERSION, 4, 0, "version 0, this midflight reads version 1"},
	{H_LENGTH, 4, 80, "header of 80 bytes, that of version 1 has 64"},
	{H_FILE, 8, 81920, "truncated: 12776 bytes, the header says 81920"},
	{H_FILE, 8, UINT64_MAX, "truncated: 12776 bytes, the header says 18446744073709551615"},
	{H_FILE, 8, 0, "trailing bytes: 12776 bytes, the header says 0"},
	{H_MEMORY, 8, 65537, "memory of 65537 bytes is not whole pages"},
	{H_MEMORY, 8, 1ull << 63, "memory of 9223372036854775808 bytes, at most 17179869184"},
	{H_MEMORY, 8, 2 * SNAPSHOT_PAGE, "3 pages stored, memory has 2"},
	{H_MEMORY, 8, 15 * SNAPSHOT_PAGE, "page 0xf is out of range, memory has 0xf pages"},
	{H_PAGE, 4, 65536, "pages of 65536 bytes, expected 4096"},
	{H_COUNT, 4, UINT32_MAX, "4294967295 sections, at most 4096"},
	{H_COUNT, 4, 4000, "a table of 4000 sections does not fit into 12776 bytes"},
	{H_COUNT, 4, 4, "section 'cpu0/regs': offset 256, expected 320"},
	{H_COUNT, 4, 2, "section 'cpu0/regs': offset 256, expected 192"},
	{H_LIST, 8, LIST + 16, "page list at offset 448, expected 432"},
	{H_LIST, 8, UINT64_MAX, "page list at offset 18446744073709551615, expected 432"},
	{H_PAGES, 8, 4, "4 pages stored, only 12336 bytes are left for them"},
	{H_PAGES, 8, 2, "4112 bytes behind the last page belong to nothing"},
	{H_PAGES, 8, UINT64_MAX, "18446744073709551615 pages stored, memory has 16"},
	{HEADER, 4, 0, "section 0: its name is empty"},
	{HEADER, 4, 0x07757063, "section 0: byte 0x07 in its name"},
	{HEADER, 4, 0xff757063, "section 0: byte 0xff in its name"},
	{HEADER + 36, 4, 1, "section 0: byte 0x01 behind its name"},
	{HEADER + E_OFFSET, 8, 0, "section 'cpu0/regs': offset 0, expected 256"},
	{HEADER + E_OFFSET, 8, UINT64_MAX, "section 'cpu0/regs': offset 18446744073709551615"},
	{HEADER + E_LENGTH, 8, 1 << 20, "section 'cpu0/regs': 1048576 bytes, only 12512 are left"},
	{HEADER + E_LENGTH, 8, (64 << 20) + 1, "67108865 bytes, at most 67108864"},
	{HEADER + E_LENGTH, 8, UINT64_MAX, "18446744073709551615 bytes, at most 67108864"},
	{HEADER + E_SUM, 8, 5, "does not match 0x0000000000000005 in the file"},
	{ENTRY_2 + E_OFFSET, 8, DATA, "section 'cpu0/mp_state': offset 256, expected 416"},
	{DATA + 100, 4, 0, "section 'cpu0/regs': checksum 0x"},
	{DATA + 152, 4, 0x2a00, "offset 409: byte 0x2a in the padding"},
	{LIST, 8, 16, "page 0x10 is out of range, memory has 0x10 pages"},
	{LIST, 8, 1ull << 52, "page 0x10000000000000 is out of range"},
	{LIST, 8, 5, "page 0x5 is there twice"},
	{LIST, 8, 6, "page 0x5 is out of order, it follows page 0x6"},
	{LIST + 8, 8, 9, "page 0x1: checksum 0x"},
	{PAGES, 4, 0, "page 0x1: checksum 0x"},
	{PAGES + SNAPSHOT_PAGE, 4, 0, "page 0x5 is all zeros, such pages are left out"},
	{PAGES + SNAPSHOT_PAGE, 4, 2, "page 0x5: checksum 0x"},
};

static void reasons(void **state)
{
	struct snapshot s = sample();
	struct buf file = {0};

	(void)state;
	snapshot_encode(&s, &file);
	for (unsigned i = 0; i < ARRAY_SIZE(spoiled); i++) {
		const struct spoiled *what = &spoiled[i];
		uint8_t *copy = xcalloc(1, file.len);

		memcpy(copy, file.p, file.len);
		if (what->bytes == 8)
			put64(copy + what->at, what->value);
		else
			put32(copy + what->at, (uint32_t)what->value);
		seal(copy, file.len);
		assert_refused(copy, file.len, what->why);
		free(copy);
	}
	assert_refused("\x7f"
		       "ELF",
		       4, "no snapshot file");
	file.p[H_FILE] ^= 1;
	assert_refused(file.p, file.len, "header: checksum 0x");
	file.p[H_FILE] ^= 1;
	file.p[SUM] ^= 1;
	assert_refused(file.p, file.len, "file: checksum 0x");
	buf_free(&file);
	snapshot_free(&s);
}

/* What takes more than one field. */
static void more_reasons(void **state)
{
	struct snapshot s = sample();
	struct buf file = {0};
	uint8_t *p;

	(void)state;
	snapshot_encode(&s, &file);
	p = (uint8_t *)file.p;
	memset(p + HEADER, 'x', SNAPSHOT_NAME_MAX);
	seal(p, file.len);
	assert_refused(p, file.len, "section 0: its name does not end in a NUL");

	memset(p + HEADER, 0, SNAPSHOT_NAME_MAX);
	strcpy((char *)p + HEADER, "cpu0/mp_state");
	seal(p, file.len);
	assert_refused(p, file.len, "section 'cpu0/mp_state' is there twice, as section 0 and 2");

	/* A file that ends right behind its last section, without the padding. */
	file.len = 0;
	snapshot_set_memory(&s, NULL, 0);
	snapshot_encode(&s, &file);
	p = (uint8_t *)file.p;
	file.len -= 12;
	put64(p + H_FILE, file.len);
	seal(p, file.len);
	assert_refused(p, file.len, "offset 420: the file's checksum begins within the padding");
	buf_free(&file);
	snapshot_free(&s);
}

static char *scratch_dir(void)
{
	const char *tmp = getenv("TMPDIR");
	char *dir = xasprintf("%s/midflight-test-XXXXXX", tmp ? tmp : "/tmp");

	assert_non_null(mkdtemp(dir));
	return dir;
}

static unsigned files_in(const char *path)
{
	DIR *dir = opendir(path);
	const struct dirent *d;
	unsigned n = 0;

	assert_non_null(dir);
	while ((d = readdir(dir)))
		n += d->d_name[0] != '.';
	closedir(dir);
	return n;
}

static void assert_holds(const char *path, const struct snapshot *s)
{
	struct snapshot back = {0};
	struct err e = {0};

	if (snapshot_read(&back, path, &e))
		fail_msg("%s", e.text);
	assert_same(s, &back);
	snapshot_free(&back);
}

static void on_disk(void **state)
{
	struct snapshot one = sample(), two = {0};
	char *dir = scratch_dir(), *path = xasprintf("%s/a b.snap", dir);
	char *left = xasprintf("%s.%ld.0.tmp", path, (long)getpid());
	struct err e = {0};

	(void)state;
	snapshot_add(&two, "other", "data", 4);
	if (snapshot_write(&one, path, &e))
		fail_msg("%s", e.text);
	assert_holds(path, &one);
	/* A crash of a process with the same number left its new file. */
	assert_int_equal(snapshot_write(&one, left, &e), 0);
	if (snapshot_write(&two, path, &e))
		fail_msg("%s", e.text);
	assert_holds(path, &two);
	assert_holds(left, &one);
	assert_int_equal(files_in(dir), 2);
	unlink(left);
	unlink(path);
	rmdir(dir);
	free(left);
	free(path);
	free(dir);
	snapshot_free(&one);
	snapshot_free(&two);
}

/* A failed write leaves the old file as it was, and no other. */
static void atomic(void **state)
{
	static const struct {
		int failing;
		const char *why;
	} ways[] = {
		{FAIL_WRITE, "No space left on device"},
		{FAIL_FSYNC, "No space left on device"},
		{FAIL_RENAME, "Permission denied"},
	};
	struct snapshot old = {0}, new = sample();
	char *dir = scratch_dir(), *path = xasprintf("%s/snap", dir);
	struct err e = {0};

	(void)state;
	snapshot_add(&old, "old", "data", 4);
	assert_int_equal(snapshot_write(&old, path, &e), 0);
	for (unsigned i = 0; i < ARRAY_SIZE(ways); i++) {
		int ret;

		failing = ways[i].failing;
		ret = snapshot_write(&new, path, &e);
		failing = FAIL_NONE;
		assert_int_equal(ret, -1);
		assert_contains(e.text, ways[i].why);
		assert_contains(e.text, path);
		assert_int_equal(files_in(dir), 1);
		assert_holds(path, &old);
	}
	unlink(path);
	rmdir(dir);
	free(path);
	free(dir);
	snapshot_free(&old);
	snapshot_free(&new);
}

/* Also as root, who may write everywhere. */
static void unwritable(void **state)
{
	struct snapshot s = sample();
	char *dir = scratch_dir(), *path = xasprintf("%s/no/snap", dir);
	struct err e = {0};

	(void)state;
	assert_int_equal(snapshot_write(&s, path, &e), -1);
	assert_contains(e.text, "cannot create ");
	assert_contains(e.text, "No such file or directory");
	assert_int_equal(snapshot_write(&s, "/dev/full", &e), -1);
	assert_string_equal(e.text, "cannot write /dev/full: not a regular file");
	assert_int_equal(snapshot_write(&s, dir, &e), -1);
	assert_contains(e.text, "not a regular file");
	assert_int_equal(chmod(dir, 0500), 0);
	free(path);
	path = xasprintf("%s/snap", dir);
	if (geteuid()) {
		assert_int_equal(snapshot_write(&s, path, &e), -1);
		assert_contains(e.text, "Permission denied");
	}
	assert_int_equal(files_in(dir), 0);
	rmdir(dir);
	free(path);
	free(dir);
	snapshot_free(&s);
}

static void assert_unreadable(const char *path, const char *why)
{
	struct snapshot s = {0};
	struct err e = {0};

	assert_int_equal(snapshot_read(&s, path, &e), -1);
	assert_contains(e.text, why);
	assert_contains(e.text, path);
	assert_empty(&s);
}

static void unreadable(void **state)
{
	char *dir = scratch_dir(), *path = xasprintf("%s/snap", dir);
	struct snapshot s = sample();
	struct err e = {0};

	(void)state;
	assert_unreadable(path, "No such file or directory");
	assert_unreadable(dir, "not a regular file");
	assert_int_equal(mkfifo(path, 0600), 0);
	assert_unreadable(path, "not a regular file");
	unlink(path);
	assert_int_equal(write_file(dir, "snap", "", 0, 0600, &e), 0);
	assert_unreadable(path, "truncated: 0 bytes");
	/* Much larger than memory: the header is read first. */
	assert_int_equal(truncate(path, 1ll << 42), 0);
	assert_unreadable(path, "no snapshot file");
	assert_int_equal(snapshot_write(&s, path, &e), 0);
	assert_int_equal(truncate(path, 4096), 0);
	assert_unreadable(path, "truncated: 4096 bytes, the header says 12776");
	unlink(path);
	rmdir(dir);
	free(path);
	free(dir);
	snapshot_free(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(round_trips),	cmocka_unit_test(in_memory),
		cmocka_unit_test(zero_pages),	cmocka_unit_test(deterministic),
		cmocka_unit_test(hash),		cmocka_unit_test(truncated),
		cmocka_unit_test(flipped),	cmocka_unit_test(reasons),
		cmocka_unit_test(more_reasons), cmocka_unit_test(on_disk),
		cmocka_unit_test(atomic),	cmocka_unit_test(unwritable),
		cmocka_unit_test(unreadable),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
