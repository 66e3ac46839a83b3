// SPDX-License-Identifier: BSD-2-Clause
// Reads a vCPU's state out of a QEMU migration stream. Such a stream ends in
//
//	QEMU_VM_EOF, QEMU_VM_VMDESCRIPTION, be32 length, JSON
//
// where the JSON gives name, type and size of every field of every device section, in the order
// of the bytes. A device section is
//
//	QEMU_VM_SECTION_FULL, be32 id, string name, be32 instance, be32 version, fields,
//	subsections, QEMU_VM_SECTION_FOOTER, be32 id
//
// and a subsection QEMU_VM_SUBSECTION, string name, be32 version, fields, subsections.
#include "host/snapshot/qemu_stream.h"
#include "host/base/cleanup.h"
#include "host/base/json.h"

#include <endian.h>
#include <jansson.h>
#include <linux/kvm.h>
#include <string.h>

#define QEMU_VM_FILE_MAGIC     0x5145564d /* "QEVM" */
#define QEMU_VM_FILE_VERSION   3
#define QEMU_VM_EOF	       0x00
#define QEMU_VM_SECTION_FULL   0x04
#define QEMU_VM_SUBSECTION     0x05
#define QEMU_VM_VMDESCRIPTION  0x06
#define QEMU_VM_SECTION_FOOTER 0x7e
#define MAX_DEPTH	       16

#define PATH_MAX_LEN 256
#define STRUCTS_MAX  64 /* of an array of structures, whose fields are handed out */

struct walk {
	const uint8_t *p;
	size_t len;	    /* end of the device sections */
	stream_field field; /* or NULL */
	void *arg;
	struct err *e;
};

/* What saved_state is filled from. */
struct taken {
	struct saved_state *state;
	unsigned found; /* bit per row of wanted[] */
	struct err *e;
	bool odd; /* @e says which field is */
};

/* The fields that are looked for. */
static const struct wanted {
	const char *path;
	size_t size, offset;
} wanted[] = {
#define W(path, member)                                          \
	{                                                        \
		path, sizeof(((struct saved_state *)0)->member), \
			offsetof(struct saved_state, member)     \
	}
	W("env.mp_state", mp_state),
	W("env.nested_state.flags", flags),
	W("env.nested_state.format", format),
	W("env.nested_state.size", size),
	W("env.nested_state.hdr.vmx.vmxon_pa", vmxon_pa),
	W("env.nested_state.hdr.vmx.vmcs12_pa", vmcs12_pa),
#undef W
};
#define FOUND_MP_STATE 0x01
#define FOUND_NESTED   0x0e
#define FOUND_ALL      0x3f

static uint32_t be32(const uint8_t *p)
{
	return (uint32_t)big_endian(p, 4);
}

static void put_be32(struct buf *b, uint32_t value)
{
	value = htobe32(value);
	buf_append(b, &value, 4);
}

static bool json_size(const json_t *object, const char *key, size_t fallback, size_t limit,
		      size_t *value)
{
	const json_t *n = json_object_get(object, key);

	*value = fallback;
	if (!n)
		return true;
	if (!json_is_integer(n) || json_integer_value(n) < 0 ||
	    (unsigned long long)json_integer_value(n) > limit)
		return false;
	*value = (size_t)json_integer_value(n);
	return true;
}

/* If the field is one that is looked for, keeps its value. */
static void take_field(void *arg, const char *path, const uint8_t *data, size_t size, size_t count)
{
	struct taken *t = arg;

	for (unsigned i = 0; i < ARRAY_SIZE(wanted) && !t->odd; i++) {
		const struct wanted *want = &wanted[i];
		uint64_t value;

		if (strcmp(path, want->path))
			continue;
		if (size != want->size || count != 1 || t->found & 1u << i) {
			err_set(t->e, "%s of cpu is odd: %zu bytes, expected %zu once", path, size,
				want->size);
			t->odd = true;
			return;
		}
		t->found |= 1u << i;
		value = big_endian(data, size);
		memcpy((uint8_t *)t->state + want->offset, &value, size);
	}
}

static int walk_vmsd(struct walk *w, const json_t *vmsd, const char *prefix, size_t *off,
		     unsigned depth);

/* Walks the structures of field @path: all @n of @size bytes, or the first of very many. */
static int walk_structs(struct walk *w, const json_t *inner, const char *path, size_t off,
			size_t size, size_t n, unsigned depth)
{
	for (size_t i = 0; i < n && (!i || (size && n <= STRUCTS_MAX)); i++) {
		size_t start = off + i * size, end = start;
		char prefix[PATH_MAX_LEN];

		if (n == 1)
			snprintf(prefix, sizeof(prefix), "%.200s.", path);
		else
			snprintf(prefix, sizeof(prefix), "%.200s[%zu].", path, i);
		if (walk_vmsd(w, inner, prefix, &end, depth + 1))
			return -1;
		if (end - start != size)
			return err_set(w->e, "structure %s has %zu bytes, expected %zu", path,
				       end - start, size);
	}
	return 0;
}

/* Walks fields and subsections of @vmsd from *@off on, which becomes their end. */
static int walk_vmsd(struct walk *w, const json_t *vmsd, const char *prefix, size_t *off,
		     unsigned depth)
{
	const char *name = json_text_of(vmsd, "vmsd_name");
	const json_t *entry;
	size_t i;

	if (depth > MAX_DEPTH)
		return err_set(w->e, "description nests too deep at %s", name);
	json_array_foreach(json_object_get(vmsd, "fields"), i, entry) {
		const char *field = json_text_of(entry, "name");
		const json_t *inner = json_object_get(entry, "struct");
		size_t size, n, left = w->len - *off;
		char path[PATH_MAX_LEN];

		if (!json_size(entry, "size", 0, left, &size) ||
		    !json_size(entry, "array_len", 1, left, &n) || (size && n > left / size))
			return err_set(w->e, "field %s of %s does not fit into the stream", field,
				       name);
		snprintf(path, sizeof(path), "%s%s", prefix, field);
		if (inner && n && walk_structs(w, inner, path, *off, size, n, depth))
			return -1;
		if (!inner && n && w->field)
			w->field(w->arg, path, w->p + *off, size, n);
		*off += size * n;
	}
	json_array_foreach(json_object_get(vmsd, "subsections"), i, entry) {
		const char *sub = json_text_of(entry, "vmsd_name");
		auto_buf struct buf header = {0};
		uint8_t start[2] = {QEMU_VM_SUBSECTION, (uint8_t)strlen(sub)};
		size_t version;

		if (!json_size(entry, "version", 0, UINT32_MAX, &version) || strlen(sub) > 255)
			return err_set(w->e, "bad description of a subsection of %s", name);
		buf_append(&header, start, sizeof(start));
		buf_append(&header, sub, strlen(sub));
		put_be32(&header, (uint32_t)version);
		if (w->len - *off < header.len || memcmp(w->p + *off, header.p, header.len))
			return err_set(w->e, "subsection %s is not where the description says",
				       sub);
		*off += header.len;
		if (walk_vmsd(w, entry, prefix, off, depth + 1))
			return -1;
	}
	return 0;
}

/* Walks the section at @start whose fields begin at @off; true if its footer is in place. */
static bool walk_section(struct walk *w, const json_t *device, size_t start, size_t off)
{
	if (walk_vmsd(w, device, "", &off, 0))
		return false;
	if (w->len - off < 5 || w->p[off] != QEMU_VM_SECTION_FOOTER ||
	    memcmp(w->p + off + 1, w->p + start + 1, 4))
		return err_as(false, w->e, "section '%s' has no footer where the description says",
			      json_text_of(device, "name"));
	return true;
}

/*
 * Finds the section, with *@fields where its fields begin. RAM pages may look like anything, so a
 * section counts only if its footer fits, and only once.
 */
static int find_section(struct walk *w, const json_t *device, unsigned instance, size_t *fields)
{
	const char *name = json_text_of(device, "name");
	unsigned sections = 0, headers = 0;
	auto_buf struct buf header = {0};
	uint8_t len = (uint8_t)strlen(name);
	size_t version;

	if (!json_size(device, "version", 0, UINT32_MAX, &version))
		return err_set(w->e, "bad version of section '%s'", name);
	buf_append(&header, &len, 1);
	buf_append(&header, name, len);
	put_be32(&header, instance);
	put_be32(&header, (uint32_t)version);
	for (size_t at = 0; at + 5 + header.len <= w->len; at++) {
		const uint8_t *hit;

		hit = memmem(w->p + at + 5, w->len - at - 5, header.p, header.len);
		if (!hit)
			break;
		at = (size_t)(hit - w->p) - 5;
		if (w->p[at] != QEMU_VM_SECTION_FULL)
			continue;
		headers++;
		if (walk_section(w, device, at, at + 5 + header.len) && !sections++)
			*fields = at + 5 + header.len;
	}
	if (sections == 1)
		return 0;
	if (!headers)
		return err_set(w->e, "no section '%s' of version %zu in the stream", name, version);
	return sections ? err_set(w->e, "%u sections could be '%s'", sections, name) : -1;
}

static const json_t *find_device(const json_t *description, const char *name, unsigned instance)
{
	const json_t *device;
	size_t i;

	json_array_foreach(json_object_get(description, "devices"), i, device)
		if (!strcmp(json_text_of(device, "name"), name) &&
		    json_member_integer(device, "instance_id") == instance)
			return device;
	return NULL;
}

/*
 * A description has 200 KB and is the same, to the byte, in nearly all streams of one QEMU: it is
 * read again only if it is another one.
 */
static json_t *read_description(const char *text, size_t len, struct err *e)
{
	static struct {
		char *text;
		size_t len;
		json_t *read;
	} last;
	json_error_t error;
	json_t *read;

	if (last.read && last.len == len && !memcmp(last.text, text, len))
		return json_incref(last.read);
	read = json_loadb(text, len, 0, &error);
	if (!read)
		return err_as(NULL, e, "description at the end of the stream: %s", error.text);
	json_decref(last.read);
	last.text = xrealloc(last.text, len);
	memcpy(last.text, text, len);
	last.len = len;
	last.read = json_incref(read);
	return read;
}

/* The description that ends the stream, with *@end where the device sections end. */
static json_t *load_description(const uint8_t *p, size_t len, size_t *end, struct err *e)
{
	if (len < 8 || be32(p) != QEMU_VM_FILE_MAGIC)
		return err_as(NULL, e, "no QEMU migration stream (%zu bytes, magic is not QEVM)",
			      len);
	if (be32(p + 4) != QEMU_VM_FILE_VERSION)
		return err_as(NULL, e, "migration stream version %u, expected %u", be32(p + 4),
			      QEMU_VM_FILE_VERSION);
	/* JSON has no byte 6, but the length before it may. */
	for (size_t at = len - 6; at > 8; at--) {
		if (p[at] != QEMU_VM_VMDESCRIPTION || p[at - 1] != QEMU_VM_EOF ||
		    be32(p + at + 1) != len - at - 5)
			continue;
		*end = at - 1;
		return read_description((const char *)p + at + 5, len - at - 5, e);
	}
	return err_as(NULL, e,
		      "no description at the end of the stream: truncated after %zu bytes?", len);
}

int qemu_stream_walk(const void *stream, size_t len, const char *name, unsigned instance,
		     stream_field field, void *arg, struct err *e)
{
	struct walk w = {.p = stream, .e = e};
	json_auto_t *description = load_description(stream, len, &w.len, e);
	const json_t *device;
	size_t off = 0;

	if (!description)
		return -1;
	device = find_device(description, name, instance);
	if (!device)
		return 1;
	if (find_section(&w, device, instance, &off))
		return -1;
	w.field = field;
	w.arg = arg;
	return walk_vmsd(&w, device, "", &off, 0);
}

bool qemu_stream_is(const void *stream, size_t len)
{
	return len >= 4 && be32(stream) == QEMU_VM_FILE_MAGIC;
}

int qemu_stream_parse(const void *stream, size_t len, unsigned cpu, struct saved_state *state,
		      struct err *e)
{
	struct taken t = {.state = state, .e = e};
	int ret;

	memset(state, 0, sizeof(*state));
	ret = qemu_stream_walk(stream, len, "cpu", cpu, take_field, &t, e);
	state->nested = t.found & FOUND_NESTED;
	if (ret > 0)
		err_set(e, "the stream describes no section 'cpu' of instance %u", cpu);
	else if (!ret && !t.odd && !(t.found & FOUND_MP_STATE))
		err_set(e, "section 'cpu' has no field env.mp_state");
	else if (!ret && !t.odd && state->nested && t.found != FOUND_ALL)
		err_set(e, "nested state is incomplete (no VMX part?)");
	else if (!ret && !t.odd && state->nested && state->format != KVM_STATE_NESTED_FORMAT_VMX)
		err_set(e, "nested state has format %u, not VMX", state->format);
	else if (!ret && !t.odd)
		return 0;
	memset(state, 0, sizeof(*state));
	return -1;
}
