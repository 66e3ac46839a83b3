// SPDX-License-Identifier: BSD-2-Clause
// Mutated snapshot files: `fuzz_snapshot [COUNT] [SEED]`. The reader must refuse a file and say
// why, or give a snapshot whose file is the very same bytes. Checksums are left wrong in some of
// the files and made right in others, so that the checks behind them are reached. To be built with
// the sanitizers.
#include "host/snapshot/snapshot.h"
#include "tests/mutate.h"

#include <endian.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

/* Of docs/snapshot-format.md. */
#define HEADER	   64
#define ENTRY	   64
#define E_OFFSET   40
#define E_LENGTH   48
#define E_SUM	   56
#define H_FILE	   16
#define H_MEMORY   24
#define H_SECTIONS 36
#define H_LIST	   40
#define H_PAGES	   48
#define H_SUM	   56
#define PAGE_ENTRY 16

#define BASES	 8
#define CAPACITY (256u << 10)

/* A file under mutation. */
struct file {
	uint8_t p[CAPACITY];
	size_t len;
};

static uint64_t state;

static uint64_t below(uint64_t n)
{
	return n ? random_next(&state) % n : 0;
}

static uint64_t get(const uint8_t *p, unsigned bytes)
{
	uint64_t value = 0;

	memcpy(&value, p, bytes);
	return le64toh(value);
}

static void put(uint8_t *p, uint64_t value, unsigned bytes)
{
	value = htole64(value);
	memcpy(p, &value, bytes);
}

/* ---- what to start from --------------------------------------------------------------------- */

static void add_random(struct snapshot *s, const char *name, size_t len)
{
	uint8_t *p = xcalloc(1, len);

	for (size_t i = 0; i < len; i++)
		p[i] = (uint8_t)random_next(&state);
	snapshot_add(s, name, p, len);
	free(p);
}

/* Sections and sizes as a VM has them, and memory with holes. */
static void make_base(struct file *base, unsigned cpus)
{
	static const struct {
		const char *name;
		size_t len;
	} part[] = {{"regs", 144}, {"sregs", 312},  {"xsave", 1000}, {"lapic", 1024},
		    {"msrs", 777}, {"mp_state", 4}, {"events", 64},  {"nested", 4224}};
	struct snapshot s = {0};
	struct buf file = {0};
	uint64_t pages = cpus * 16;
	uint8_t *memory = xcalloc(pages + 1, SNAPSHOT_PAGE);

	for (unsigned cpu = 0; cpu < cpus; cpu++) {
		for (unsigned i = 0; i < ARRAY_SIZE(part); i++) {
			char *name = xasprintf("cpu%u/%s", cpu, part[i].name);

			add_random(&s, name, part[i].len);
			free(name);
		}
	}
	add_random(&s, "vm/clock", 48);
	add_random(&s, "vm/nothing", 0);
	for (uint64_t i = 0; i < pages / 4; i++)
		memory[below(pages * SNAPSHOT_PAGE)] = (uint8_t)(1 + below(255));
	snapshot_set_memory(&s, memory, pages * SNAPSHOT_PAGE);
	snapshot_encode(&s, &file);
	if (file.len > CAPACITY / 2)
		abort();
	memcpy(base->p, file.p, file.len);
	base->len = file.len;
	free(memory);
	buf_free(&file);
	snapshot_free(&s);
}

/* ---- mutations ------------------------------------------------------------------------------ */

/* A place in the file: half of the time in what describes it. */
static size_t somewhere(const struct file *f)
{
	uint64_t list;

	switch (below(4)) {
	case 0:
		return below(f->len < HEADER + 4 * ENTRY ? f->len : HEADER + 4 * ENTRY);
	case 1:
		list = f->len > HEADER ? get(f->p + H_LIST, 8) : 0;
		if (list + 8 * PAGE_ENTRY < f->len)
			return list + below(8 * PAGE_ENTRY);
		return below(f->len);
	default:
		return below(f->len);
	}
}

static uint64_t extreme(const struct file *f)
{
	const uint64_t values[] = {
		0,
		1,
		UINT64_MAX,
		UINT64_MAX - 15,
		UINT32_MAX,
		1ull << 63,
		1ull << 52,
		f->len,
		f->len - 8,
		f->len + 1,
		below(64),
		below(f->len),
		below(f->len) & ~15ull,
		SNAPSHOT_PAGE * below(64),
		SNAPSHOT_SECTION_MAX,
		below(32) ? SNAPSHOT_PAGE * below(4096) : SNAPSHOT_MEMORY_MAX,
	};

	return values[below(ARRAY_SIZE(values))];
}

/* Sets one of the fields of header, section table or page list. */
static void set_field(struct file *f)
{
	static const uint8_t header[] = {8, 12, H_FILE, H_MEMORY, 32, H_SECTIONS, H_LIST, H_PAGES};
	uint64_t at, list, old, value = extreme(f);
	unsigned bytes = 8;

	if (f->len < HEADER)
		return;
	list = get(f->p + H_LIST, 8);
	switch (below(3)) {
	case 0:
		at = header[below(sizeof(header))];
		bytes = at == 8 || at == 12 || at == 32 || at == H_SECTIONS ? 4 : 8;
		break;
	case 1:
		at = HEADER + below(24) * ENTRY + (below(2) ? E_OFFSET : E_LENGTH);
		break;
	default:
		at = (list < f->len ? list : 0) + below(8) * PAGE_ENTRY;
	}
	if (at + bytes > f->len)
		return;
	old = get(f->p + at, bytes);
	if (!below(3)) /* a little more or less than what is right */
		value = old + below(33) - 16;
	put(f->p + at, value, bytes);
}

/* Opens a gap of @n bytes at @at, or closes one. */
static void insert(struct file *f, size_t at, size_t n)
{
	if (f->len + n > CAPACITY)
		return;
	memmove(f->p + at + n, f->p + at, f->len - at);
	f->len += n;
}

static void cut(struct file *f, size_t at, size_t n)
{
	if (n > f->len - at)
		n = f->len - at;
	memmove(f->p + at, f->p + at + n, f->len - at - n);
	f->len -= n;
}

/* Bytes of this or another file over or between those of this one. */
static void splice(struct file *f, const struct file *other)
{
	static const size_t unit[] = {1, 8, 16, ENTRY, SNAPSHOT_PAGE};
	size_t n = unit[below(ARRAY_SIZE(unit))] * (1 + below(2));
	size_t at = somewhere(f), from = somewhere(other);

	if (below(2)) { /* whole units, so that entries meet entries */
		at -= at % (n < ENTRY ? n : ENTRY);
		from -= from % (n < ENTRY ? n : ENTRY);
	}
	if (n > other->len - from)
		n = other->len - from;
	if (below(3) == 0)
		insert(f, at, n);
	if (n > f->len - at)
		n = f->len - at;
	memmove(f->p + at, other->p + from, n);
}

static void damage(struct file *f, const struct file *other)
{
	size_t at = somewhere(f);

	if (!f->len)
		return;
	switch (below(10)) {
	case 0:
	case 1:
		f->p[at] ^= (uint8_t)(1u << below(8));
		break;
	case 2:
		f->len = mutate(f->p, f->len, 1, &state);
		break;
	case 3:
		f->len = below(8) ? f->len - below(f->len < 64 ? f->len : 64) : at;
		break;
	case 4:
		cut(f, at, below(2) ? 16 * (1 + below(8)) : 1 + below(64));
		break;
	case 5:
		splice(f, other);
		break;
	case 6:
		splice(f, f);
		break;
	default:
		set_field(f);
	}
}

/* ---- checksums ------------------------------------------------------------------------------ */

static void fix_sections(struct file *f)
{
	uint64_t sections = get(f->p + H_SECTIONS, 4);

	for (uint64_t i = 0; i < sections && HEADER + (i + 1) * ENTRY <= f->len; i++) {
		uint8_t *entry = f->p + HEADER + i * ENTRY;
		uint64_t offset = get(entry + E_OFFSET, 8), len = get(entry + E_LENGTH, 8);

		if (offset <= f->len && len <= f->len - offset)
			put(entry + E_SUM, XXH3_64bits(f->p + offset, len), 8);
	}
}

static void fix_pages(struct file *f)
{
	uint64_t list = get(f->p + H_LIST, 8), pages = get(f->p + H_PAGES, 8);

	if (list > f->len || pages > (f->len - list) / (PAGE_ENTRY + SNAPSHOT_PAGE))
		return;
	for (uint64_t i = 0; i < pages; i++) {
		const uint8_t *page = f->p + list + pages * PAGE_ENTRY + i * SNAPSHOT_PAGE;

		put(f->p + list + i * PAGE_ENTRY + 8, XXH3_64bits(page, SNAPSHOT_PAGE), 8);
	}
}

/* Makes more and more of the file right again; level 0 leaves it alone. */
static void fix(struct file *f, unsigned level)
{
	if (f->len < HEADER + 8)
		return;
	if (level > 2)
		put(f->p + H_FILE, f->len, 8);
	if (level > 1) {
		fix_sections(f);
		fix_pages(f);
	}
	if (level > 0) {
		put(f->p + H_SUM, XXH3_64bits(f->p, H_SUM), 8);
		put(f->p + f->len - 8, XXH3_64bits(f->p, f->len - 8), 8);
	}
}

/* ---- the check ------------------------------------------------------------------------------ */

static bool same_sections(const struct snapshot *a, const struct snapshot *b)
{
	if (a->sections != b->sections)
		return false;
	for (unsigned i = 0; i < a->sections; i++) {
		const struct snapshot_section *x = &a->section[i], *y = &b->section[i];

		if (strcmp(x->name, y->name) || x->len != y->len ||
		    memcmp(x->data, y->data, x->len))
			return false;
	}
	return true;
}

static bool same_memory(const struct snapshot *a, const struct snapshot *b)
{
	if (a->memory_size != b->memory_size)
		return false;
	for (uint64_t i = 0; i < a->memory_size / SNAPSHOT_PAGE; i++) {
		const uint8_t *x = a->page[i], *y = b->page[i];

		if (!x != !y || (x && memcmp(x, y, SNAPSHOT_PAGE)))
			return false;
	}
	return true;
}

/* What is wrong with the snapshot that was read from @p, or NULL. */
static const char *judge_accepted(const struct snapshot *s, const uint8_t *p, size_t len)
{
	struct snapshot again = {0};
	struct buf file = {0};
	struct err e = {0};
	const char *wrong = NULL;

	snapshot_encode(s, &file);
	if (file.len != len || memcmp(file.p, p, len))
		wrong = "accepted, but encodes to other bytes";
	else if (snapshot_decode(&again, file.p, file.len, &e))
		wrong = "accepted, but its encoding is refused";
	else if (!same_sections(s, &again) || !same_memory(s, &again))
		wrong = "accepted, but its encoding decodes to another snapshot";
	snapshot_free(&again);
	buf_free(&file);
	return wrong;
}

static const char *judge(const struct file *f, bool *accepted)
{
	static const struct snapshot empty;
	uint8_t *p = malloc(f->len ? f->len : 1); /* of its own, so that a read too far shows */
	struct snapshot s = {0};
	struct err e = {0};
	const char *wrong = NULL;

	if (!p)
		abort();
	memcpy(p, f->p, f->len);
	*accepted = !snapshot_decode(&s, p, f->len, &e);
	if (*accepted)
		wrong = judge_accepted(&s, p, f->len);
	else if (!*e.text)
		wrong = "refused without a reason";
	else if (memcmp(&s, &empty, sizeof(s)))
		wrong = "refused, but the snapshot is not empty";
	snapshot_free(&s);
	free(p);
	return wrong;
}

int main(int argc, char **argv)
{
	static struct file base[BASES], f;
	uint64_t count = argc > 1 ? strtoull(argv[1], NULL, 0) : 10000, accepted = 0;
	uint64_t seed = argc > 2 ? strtoull(argv[2], NULL, 0) : 1;

	state = seed;
	for (unsigned i = 0; i < BASES; i++)
		make_base(&base[i], i % 3);
	for (uint64_t n = 0; n < count; n++) {
		const struct file *from = &base[below(BASES)];
		const char *wrong;
		bool taken;

		memcpy(f.p, from->p, from->len);
		f.len = from->len;
		for (uint64_t i = 1 + below(3); i; i--)
			damage(&f, &base[below(BASES)]);
		fix(&f, (unsigned)below(4));
		wrong = judge(&f, &taken);
		if (wrong) {
			printf("file %" PRIu64 " of seed %" PRIu64 ": %s\n", n, seed, wrong);
			return 1;
		}
		accepted += taken;
	}
	printf("%" PRIu64 " mutated files: %" PRIu64 " refused, %" PRIu64 " accepted\n", count,
	       count - accepted, accepted);
	return 0;
}
