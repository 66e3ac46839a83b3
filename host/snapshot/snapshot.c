// SPDX-License-Identifier: BSD-2-Clause
// A VM's saved state in memory; snapshot_file.c has it as a file.
#include "host/snapshot/snapshot.h"

#include <assert.h>
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

const uint8_t snapshot_zeros[SNAPSHOT_PAGE];

void snapshot_drop_sections(struct snapshot *s)
{
	for (unsigned i = 0; i < s->sections; i++)
		free(s->section[i].data);
	free(s->section);
	s->section = NULL;
	s->sections = 0;
}

void snapshot_drop(struct snapshot *s, const char *name)
{
	for (unsigned i = 0; i < s->sections; i++) {
		if (strcmp(s->section[i].name, name))
			continue;
		free(s->section[i].data);
		s->sections--;
		memmove(&s->section[i], &s->section[i + 1],
			(s->sections - i) * sizeof(s->section[0]));
		return;
	}
}

void snapshot_free(struct snapshot *s)
{
	snapshot_drop_sections(s);
	snapshot_alloc_memory(s, 0);
}

static bool good_name(const char *name)
{
	size_t len = 0;

	while (isprint((unsigned char)name[len]))
		len++;
	return len && len < SNAPSHOT_NAME_MAX && !name[len];
}

static void *copy_of(const void *p, size_t len)
{
	void *copy = xrealloc(NULL, len);

	if (len)
		memcpy(copy, p, len);
	return copy;
}

void snapshot_add(struct snapshot *s, const char *name, const void *data, size_t len)
{
	struct snapshot_section *section;

	/* What would make a file that can't be read back is a bug of the caller. */
	assert(good_name(name) && !snapshot_find(s, name));
	assert(len <= SNAPSHOT_SECTION_MAX && s->sections < SNAPSHOT_SECTIONS_MAX);
	s->section = xrealloc(s->section, (s->sections + 1) * sizeof(*s->section));
	section = &s->section[s->sections++];
	memset(section, 0, sizeof(*section));
	memcpy(section->name, name, strlen(name));
	section->data = copy_of(data, len);
	section->len = len;
}

void snapshot_put(struct snapshot *s, const char *name, const void *data, size_t len)
{
	snapshot_drop(s, name);
	snapshot_add(s, name, data, len);
}

const struct snapshot_section *snapshot_find(const struct snapshot *s, const char *name)
{
	for (unsigned i = 0; i < s->sections; i++)
		if (!strcmp(s->section[i].name, name))
			return &s->section[i];
	return NULL;
}

const void *snapshot_data(const struct snapshot *s, const char *name, size_t len)
{
	const struct snapshot_section *section = snapshot_find(s, name);

	return section && section->len >= len ? section->data : NULL;
}

void snapshot_alloc_memory(struct snapshot *s, uint64_t size)
{
	for (uint64_t i = 0; s->page && i < s->memory_size / SNAPSHOT_PAGE; i++)
		free(s->page[i]);
	free(s->page);
	s->memory_size = size;
	s->page = size ? xcalloc(size / SNAPSHOT_PAGE, sizeof(*s->page)) : NULL;
}

void snapshot_set_memory(struct snapshot *s, const void *memory, uint64_t size)
{
	const uint8_t *p = memory;

	assert(size % SNAPSHOT_PAGE == 0 && size <= SNAPSHOT_MEMORY_MAX);
	snapshot_alloc_memory(s, size);
	for (uint64_t i = 0; i < size / SNAPSHOT_PAGE; i++, p += SNAPSHOT_PAGE)
		if (memcmp(p, snapshot_zeros, SNAPSHOT_PAGE))
			s->page[i] = copy_of(p, SNAPSHOT_PAGE);
}

const void *snapshot_page(const struct snapshot *s, uint64_t gpa)
{
	if (gpa >= s->memory_size)
		return NULL;
	return s->page[gpa / SNAPSHOT_PAGE] ? s->page[gpa / SNAPSHOT_PAGE] : snapshot_zeros;
}

const uint8_t *snapshot_stored(const struct snapshot *s, uint64_t i)
{
	const uint8_t *p = s->page[i];

	return p && memcmp(p, snapshot_zeros, SNAPSHOT_PAGE) ? p : NULL;
}

size_t snapshot_bytes(const struct snapshot *s)
{
	size_t bytes = 0;

	for (unsigned i = 0; i < s->sections; i++)
		bytes += s->section[i].len;
	for (uint64_t i = 0; i < s->memory_size / SNAPSHOT_PAGE; i++)
		bytes += s->page[i] ? SNAPSHOT_PAGE : 0;
	return bytes;
}

uint64_t snapshot_hash(const struct snapshot *s)
{
	uint64_t hash = hash_bytes(s->memory_size, NULL, 0);

	for (unsigned i = 0; i < s->sections; i++) {
		const struct snapshot_section *section = &s->section[i];

		hash = hash_bytes(hash, section->name, strlen(section->name));
		hash = hash_bytes(hash, section->data, section->len);
	}
	for (uint64_t i = 0; s->page && i < s->memory_size / SNAPSHOT_PAGE; i++) {
		const uint8_t *p = snapshot_stored(s, i);

		if (!p)
			continue;
		hash = hash_bytes(hash, &i, sizeof(i));
		hash = hash_bytes(hash, p, SNAPSHOT_PAGE);
	}
	return hash;
}
