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
#include "host/qemu_stream.h"

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

struct walk {
	const uint8_t *p;
	size_t len; /* end of the device sections */
	struct saved_state *state;
	unsigned found; /* bit per row of wanted[] */
	struct err *e;
};

/* The fields that are looked for. */
static const struct wanted {
	const char *vmsd, *field;
	size_t size, offset;
} wanted[] = {
#define W(vmsd, field, member)                                          \
	{                                                               \
		vmsd, field, sizeof(((struct saved_state *)0)->member), \
			offsetof(struct saved_state, member)            \
	}
	W("cpu", "env.mp_state", mp_state),
	W("cpu/kvm_nested_state", "flags", flags),
	W("cpu/kvm_nested_state", "format", format),
	W("cpu/kvm_nested_state", "size", size),
	W("cpu/kvm_nested_state/vmx", "hdr.vmx.vmxon_pa", vmxon_pa),
	W("cpu/kvm_nested_state/vmx", "hdr.vmx.vmcs12_pa", vmcs12_pa),
#undef W
};
#define FOUND_MP_STATE 0x01
#define FOUND_NESTED   0x0e
#define FOUND_ALL      0x3f

bool saved_l2_active(const struct saved_state *state)
{
	return state->nested && (state->flags & KVM_STATE_NESTED_GUEST_MODE);
}

static uint32_t be32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static void put_be32(struct buf *b, uint32_t value)
{
	value = htobe32(value);
	buf_append(b, &value, 4);
}

/* String @key of a JSON object, or "". */
static const char *json_text(const json_t *object, const char *key)
{
	const char *s = json_string_value(json_object_get(object, key));

	return s ? s : "";
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
static int take_field(struct walk *w, const char *vmsd, const char *field, size_t off, size_t size)
{
	uint64_t value = 0;

	for (unsigned i = 0; i < ARRAY_SIZE(wanted); i++) {
		const struct wanted *want = &wanted[i];
		uint8_t *to = (uint8_t *)w->state + want->offset;

		if (strcmp(vmsd, want->vmsd) || strcmp(field, want->field))
			continue;
		if (size != want->size || w->found & 1u << i) {
			err_set(w->e, "%s of %s is odd: %zu bytes, expected %zu once", field, vmsd,
				size, want->size);
			return -1;
		}
		w->found |= 1u << i;
		for (size_t b = 0; b < size; b++)
			value = value << 8 | w->p[off + b];
		switch (size) {
		case 2:
			*(uint16_t *)to = (uint16_t)value;
			break;
		case 4:
			*(uint32_t *)to = (uint32_t)value;
			break;
		default:
			*(uint64_t *)to = value;
		}
	}
	return 0;
}

/* Walks fields and subsections of @vmsd from *@off on, which becomes their end. */
static int walk_vmsd(struct walk *w, const json_t *vmsd, size_t *off, unsigned depth)
{
	const char *name = json_text(vmsd, "vmsd_name");
	const json_t *entry;
	size_t i;

	if (depth > MAX_DEPTH) {
		err_set(w->e, "description nests too deep at %s", name);
		return -1;
	}
	json_array_foreach(json_object_get(vmsd, "fields"), i, entry)
	{
		const char *field = json_text(entry, "name");
		const json_t *inner = json_object_get(entry, "struct");
		size_t size, n, left = w->len - *off, inner_end = *off;

		if (!json_size(entry, "size", 0, left, &size) ||
		    !json_size(entry, "array_len", 1, left, &n) || (size && n > left / size)) {
			err_set(w->e, "field %s of %s does not fit into the stream", field, name);
			return -1;
		}
		if (inner && n) {
			if (walk_vmsd(w, inner, &inner_end, depth + 1))
				return -1;
			if (inner_end - *off != size) {
				err_set(w->e, "structure %s of %s has %zu bytes, expected %zu",
					field, name, inner_end - *off, size);
				return -1;
			}
		}
		if (n == 1 && take_field(w, name, field, *off, size))
			return -1;
		*off += size * n;
	}
	json_array_foreach(json_object_get(vmsd, "subsections"), i, entry)
	{
		const char *sub = json_text(entry, "vmsd_name");
		struct buf header = {0};
		uint8_t start[2] = {QEMU_VM_SUBSECTION, (uint8_t)strlen(sub)};
		size_t version;
		bool same;

		if (!json_size(entry, "version", 0, UINT32_MAX, &version) || strlen(sub) > 255) {
			err_set(w->e, "bad description of a subsection of %s", name);
			return -1;
		}
		buf_append(&header, start, sizeof(start));
		buf_append(&header, sub, strlen(sub));
		put_be32(&header, (uint32_t)version);
		same = w->len - *off >= header.len && !memcmp(w->p + *off, header.p, header.len);
		*off += header.len;
		buf_free(&header);
		if (!same) {
			err_set(w->e, "subsection %s is not where the description says", sub);
			return -1;
		}
		if (walk_vmsd(w, entry, off, depth + 1))
			return -1;
	}
	return 0;
}

/* Walks the section at @start whose fields begin at @off; true if its footer is in place. */
static bool walk_section(struct walk *w, const json_t *device, size_t start, size_t off)
{
	memset(w->state, 0, sizeof(*w->state));
	w->found = 0;
	if (walk_vmsd(w, device, &off, 0))
		return false;
	if (w->len - off < 5 || w->p[off] != QEMU_VM_SECTION_FOOTER ||
	    memcmp(w->p + off + 1, w->p + start + 1, 4)) {
		err_set(w->e, "section '%s' has no footer where the description says",
			json_text(device, "name"));
		return false;
	}
	return true;
}

/* RAM pages may look like anything, so a section counts only if its footer fits, and only once. */
static int find_section(struct walk *w, const json_t *device, unsigned instance)
{
	const char *name = json_text(device, "name");
	struct saved_state first = {0};
	unsigned found_fields = 0, sections = 0, headers = 0;
	struct buf header = {0};
	uint8_t len = (uint8_t)strlen(name);
	size_t version;

	if (!json_size(device, "version", 0, UINT32_MAX, &version)) {
		err_set(w->e, "bad version of section '%s'", name);
		return -1;
	}
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
		if (walk_section(w, device, at, at + 5 + header.len) && !sections++) {
			first = *w->state;
			found_fields = w->found;
		}
	}
	buf_free(&header);
	*w->state = first;
	w->found = found_fields;
	if (sections == 1)
		return 0;
	if (!headers)
		err_set(w->e, "no section '%s' of version %zu in the stream", name, version);
	else if (sections)
		err_set(w->e, "%u sections could be '%s'", sections, name);
	return -1;
}

static const json_t *find_device(const json_t *description, const char *name, unsigned instance)
{
	const json_t *device;
	size_t i;

	json_array_foreach(json_object_get(description, "devices"), i,
			   device) if (!strcmp(json_text(device, "name"), name) &&
				       json_integer_value(json_object_get(device, "instance_id")) ==
					       instance) return device;
	return NULL;
}

/* The description that ends the stream, with *@end where the device sections end. */
static json_t *load_description(const uint8_t *p, size_t len, size_t *end, struct err *e)
{
	json_error_t error;
	json_t *description;

	if (len < 8 || be32(p) != QEMU_VM_FILE_MAGIC) {
		err_set(e, "no QEMU migration stream (%zu bytes, magic is not QEVM)", len);
		return NULL;
	}
	if (be32(p + 4) != QEMU_VM_FILE_VERSION) {
		err_set(e, "migration stream version %u, expected %u", be32(p + 4),
			QEMU_VM_FILE_VERSION);
		return NULL;
	}
	/* JSON has no byte 6, so the first one from the end that fits is it. */
	for (size_t at = len - 6; at > 8; at--) {
		if (p[at] != QEMU_VM_VMDESCRIPTION)
			continue;
		if (p[at - 1] != QEMU_VM_EOF || be32(p + at + 1) != len - at - 5)
			break;
		description = json_loadb((const char *)p + at + 5, len - at - 5, 0, &error);
		if (!description)
			err_set(e, "description at the end of the stream: %s", error.text);
		*end = at - 1;
		return description;
	}
	err_set(e, "no description at the end of the stream: truncated after %zu bytes?", len);
	return NULL;
}

int qemu_stream_parse(const void *stream, size_t len, unsigned cpu, struct saved_state *state,
		      struct err *e)
{
	struct walk w = {.p = stream, .state = state, .e = e};
	json_t *description = load_description(stream, len, &w.len, e);
	const json_t *device;
	int ret = -1;

	memset(state, 0, sizeof(*state));
	if (!description)
		return -1;
	device = find_device(description, "cpu", cpu);
	if (!device) {
		err_set(e, "the stream describes no section 'cpu' of instance %u", cpu);
	} else if (!find_section(&w, device, cpu)) {
		state->nested = w.found & FOUND_NESTED;
		if (!(w.found & FOUND_MP_STATE))
			err_set(e, "section 'cpu' has no field env.mp_state");
		else if (state->nested && w.found != FOUND_ALL)
			err_set(e, "nested state is incomplete (no VMX part?)");
		else if (state->nested && state->format != KVM_STATE_NESTED_FORMAT_VMX)
			err_set(e, "nested state has format %u, not VMX", state->format);
		else
			ret = 0;
	}
	json_decref(description);
	if (ret)
		memset(state, 0, sizeof(*state));
	return ret;
}
