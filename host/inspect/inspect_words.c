// SPDX-License-Identifier: BSD-2-Clause
// Numbers of a saved state in words. Bits and enumerations are tables; what is made of several
// parts is a function here.
#include "host/inspect/inspect_words.h"

#include "host/snapshot/vmcs12.h"

#include <inttypes.h>
#include <string.h>

#define VECTORS_RUN 8 /* so many in a row are told by the first and the last */
#define NO_ADDRESS  (~0ull)
#define VECTORS	    256
#define DECIMAL_MAX 9 /* larger parts of a number are hexadecimal */

static const struct bits {
	enum kind kind;
	uint8_t low, high;
	const char *name; /* "": always 1 */
} bits[] = {
#define B(kind, low, high, name) {KIND_##kind, low, high, name},
#include "host/inspect/inspect_bits.def"
#undef B
#define C(name, group, bit, text) {KIND_##group, bit, bit, text},
#include "hv/vmx_controls.def"
#undef C
};

static const struct {
	enum kind kind;
	unsigned value;
	const char *name;
} names[] = {
#define N(kind, value, name) {KIND_##kind, value, name},
#include "host/inspect/inspect_names.def"
#undef N
};

enum {
#define R(name, number) EXIT_##name = (number),
#include "hv/exit_reasons.def"
#undef R
};

static const struct {
	uint16_t number;
	const char *name;
} reasons[] = {
#define R(name, number) {number, #name},
#include "hv/exit_reasons.def"
#undef R
};

/* ---- parts -------------------------------------------------------------------------------- */

/* One part of a list that began at @start. */
static void part(struct buf *b, size_t start, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
static void part(struct buf *b, size_t start, const char *format, ...)
{
	char text[160];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	if (*text)
		buf_printf(b, "%s%s", b->len > start ? ", " : "", text);
}

static uint64_t field(uint64_t value, unsigned low, unsigned high)
{
	return value >> low & (high - low == 63 ? ~0ull : (1ull << (high - low + 1)) - 1);
}

static const char *name_of(enum kind kind, uint64_t value)
{
	for (unsigned i = 0; i < ARRAY_SIZE(names); i++)
		if (names[i].kind == kind && names[i].value == value)
			return names[i].name;
	return NULL;
}

static const char *name_or_unknown(enum kind kind, uint64_t value)
{
	const char *name = name_of(kind, value);

	return name ? name : "unknown";
}

static const char *exception_name(uint64_t vector)
{
	for (unsigned i = 0; i < ARRAY_SIZE(bits); i++)
		if (bits[i].kind == KIND_EXCEPTIONS && bits[i].low == vector)
			return bits[i].name;
	return NULL;
}

/* The row of @bit, or NULL. */
static const struct bits *bits_of(enum kind kind, unsigned bit)
{
	for (unsigned i = 0; i < ARRAY_SIZE(bits); i++)
		if (bits[i].kind == kind && bit >= bits[i].low && bit <= bits[i].high)
			return &bits[i];
	return NULL;
}

/* Row @row of @value, behind @sign; a number of several bits is told even if it is 0. */
static void bits_part(struct buf *b, size_t start, const char *sign, const struct bits *row,
		      uint64_t value)
{
	uint64_t n = field(value, row->low, row->high);

	if (row->low == row->high)
		part(b, start, "%s%s", sign, row->name);
	else
		part(b, start, n > DECIMAL_MAX ? "%s%s 0x%" PRIx64 : "%s%s %" PRIu64, sign,
		     row->name, n);
}

static void all_bits(struct buf *b, enum kind kind, uint64_t value)
{
	size_t start = b->len;

	for (unsigned bit = 0; bit < 64; bit++) {
		const struct bits *row = bits_of(kind, bit);

		if (!row) {
			if (value >> bit & 1)
				part(b, start, "bit %u", bit);
			continue;
		}
		if (*row->name && field(value, row->low, row->high))
			bits_part(b, start, "", row, value);
		bit = row->high;
	}
}

bool words_changed(struct buf *b, enum kind kind, uint64_t before, uint64_t after)
{
	uint64_t differ = before ^ after;
	size_t start = b->len;

	if (kind == KIND_NONE || kind >= KIND_BITS_END)
		return false;
	for (unsigned bit = 0; bit < 64; bit++) {
		const struct bits *row = bits_of(kind, bit);
		const char *sign = after >> bit & 1 ? "+" : "-";

		if (!row || !*row->name) {
			if (differ >> bit & 1)
				part(b, start, "%sbit %u", sign, bit);
			continue;
		}
		if (field(differ, row->low, row->high))
			bits_part(b, start, row->low == row->high ? sign : "", row, after);
		bit = row->high;
	}
	return true;
}

/* ---- vectors ------------------------------------------------------------------------------ */

static bool vector_in(const uint8_t *p, unsigned stride, unsigned v)
{
	return p[v / 32 * stride + v % 32 / 8] >> v % 8 & 1;
}

void words_vectors(struct buf *b, const uint8_t *p, unsigned stride)
{
	size_t start = b->len;

	for (unsigned v = 0, end; v < VECTORS; v = end + 1) {
		for (end = v; end < VECTORS && vector_in(p, stride, end); end++)
			;
		if (end - v >= VECTORS_RUN) {
			part(b, start, "0x%x to 0x%x", v, end - 1);
			continue;
		}
		for (; v < end; v++)
			part(b, start, "0x%x", v);
	}
	if (b->len == start)
		buf_printf(b, "none");
}

bool words_same_vectors(const uint8_t *before, const uint8_t *after, unsigned stride)
{
	for (unsigned i = 0; i < VECTORS / 32; i++)
		if (memcmp(before + i * stride, after + i * stride, 4))
			return false;
	return true;
}

void words_vectors_changed(struct buf *b, const uint8_t *before, const uint8_t *after,
			   unsigned stride)
{
	size_t start = b->len;

	for (unsigned v = 0; v < VECTORS; v++)
		if (vector_in(before, stride, v) != vector_in(after, stride, v))
			part(b, start, "%c0x%x", vector_in(after, stride, v) ? '+' : '-', v);
}

/* ---- numbers of several parts ------------------------------------------------------------- */

static void revision(struct buf *b, uint64_t value)
{
	buf_printf(b, "KVM's vmcs12%s", value >> 31 & 1 ? ", a shadow VMCS" : "");
}

static void selector(struct buf *b, uint64_t value)
{
	if (value)
		buf_printf(b, "index %" PRIu64 ", %s, RPL %" PRIu64, value >> 3,
			   value & 4 ? "LDT" : "GDT", value & 3);
}

static void access_rights(struct buf *b, uint64_t value)
{
	static const struct {
		unsigned bit;
		const char *name;
	} rest[] = {{7, "P"}, {12, "AVL"}, {13, "L"}, {14, "D/B"}, {15, "G"}};
	bool system = !(value >> 4 & 1);
	size_t start = b->len;

	if (value >> 16 & 1) {
		part(b, start, "unusable");
		if (!(value & 0xffff))
			return;
	}
	part(b, start, "%s",
	     name_or_unknown(KIND_SEGMENT_TYPE, (value & 15) | (uint64_t)system << 4));
	part(b, start, "DPL %" PRIu64, value >> 5 & 3);
	for (unsigned i = 0; i < ARRAY_SIZE(rest); i++)
		if (value >> rest[i].bit & 1)
			part(b, start, "%s", rest[i].name);
	for (unsigned bit = 8; bit < 32; bit++)
		if (value >> bit & 1 && (bit < 12 || bit > 16))
			part(b, start, "bit %u", bit);
}

static void pat(struct buf *b, uint64_t value)
{
	for (unsigned i = 0; value && i < 8; i++)
		buf_printf(b, "%s%s", i ? " " : "",
			   name_or_unknown(KIND_MEMORY_TYPE, value >> i * 8 & 0xff));
}

static void link_pointer(struct buf *b, uint64_t value)
{
	if (value == NO_ADDRESS)
		buf_printf(b, "none");
}

static void with_sign(struct buf *b, uint64_t value)
{
	if (value >> 63)
		buf_printf(b, "-0x%" PRIx64, -value);
}

static void exception(struct buf *b, uint64_t value)
{
	const char *name = exception_name(value);

	buf_printf(b, "%s", name ? name : "");
}

static void interrupt_status(struct buf *b, uint64_t value)
{
	buf_printf(b, "RVI 0x%" PRIx64 ", SVI 0x%" PRIx64, value & 0xff, value >> 8 & 0xff);
}

static void eptp(struct buf *b, uint64_t value)
{
	size_t start = b->len;

	if (!value)
		return;
	part(b, start, "memory type %s", name_or_unknown(KIND_MEMORY_TYPE, value & 7));
	part(b, start, "%" PRIu64 " levels", (value >> 3 & 7) + 1);
	if (value >> 6 & 1)
		part(b, start, "accessed and dirty flags");
	if (value >> 7 & 1)
		part(b, start, "supervisor shadow-stack pages");
	for (unsigned bit = 8; bit < 12; bit++)
		if (value >> bit & 1)
			part(b, start, "bit %u", bit);
	part(b, start, "table 0x%" PRIx64, value >> 12 << 12);
}

static void eoi(struct buf *b, uint64_t value, unsigned first)
{
	size_t start = b->len;

	for (unsigned bit = 0; bit < 64; bit++)
		if (value >> bit & 1)
			part(b, start, "0x%x", first + bit);
}

/* Interruption information; bit 12 differs between the fields. */
static void event(struct buf *b, uint64_t value, const char *bit_12)
{
	enum { HARDWARE = 3, SOFTWARE = 6 };
	uint64_t type = value >> 8 & 7;
	const char *name =
		type == HARDWARE || type == SOFTWARE ? exception_name(value & 0xff) : NULL;
	size_t start = b->len;

	if (!value)
		return;
	part(b, start, value >> 31 & 1 ? "valid" : "not valid");
	part(b, start, "%s", name_or_unknown(KIND_EVENT_TYPE, type));
	part(b, start, "vector 0x%" PRIx64 "%s%s", value & 0xff, name ? " " : "", name ? name : "");
	if (value >> 11 & 1)
		part(b, start, "error code");
	if (value >> 12 & 1)
		part(b, start, "%s", bit_12);
	if (value >> 13 & 1)
		part(b, start, "nested exception");
	for (unsigned bit = 14; bit < 31; bit++)
		if (value >> bit & 1)
			part(b, start, "bit %u", bit);
}

static void entry_event(struct buf *b, uint64_t value)
{
	event(b, value, "bit 12");
}

static void exit_event(struct buf *b, uint64_t value)
{
	event(b, value, "NMI unblocking due to IRET");
}

static void exit_reason(struct buf *b, uint64_t value)
{
	size_t start = b->len;
	const char *name = "unknown";

	for (unsigned i = 0; i < ARRAY_SIZE(reasons); i++)
		if (reasons[i].number == (value & 0xffff))
			name = reasons[i].name;
	part(b, start, "%s", name);
	if (value & ~0xffffull) {
		buf_printf(b, ", ");
		all_bits(b, KIND_EXIT_FLAGS, value & ~0xffffull);
	}
}

static void io_qualification(struct buf *b, uint64_t value)
{
	size_t start = b->len;

	part(b, start, value >> 3 & 1 ? "IN" : "OUT");
	part(b, start, "%" PRIu64 " bytes", (value & 7) + 1);
	part(b, start, "port 0x%" PRIx64, value >> 16 & 0xffff);
	if (value >> 4 & 1)
		part(b, start, "string");
	if (value >> 5 & 1)
		part(b, start, "REP");
	if (value >> 6 & 1)
		part(b, start, "immediate");
}

/* SDM, "Exit Qualification": by the exit reason. */
static void qualification(struct buf *b, uint64_t value, const uint8_t *vmcs12)
{
	uint64_t reason = vmcs12_value(vmcs12, "VM_EXIT_REASON");
	uint64_t info = vmcs12_value(vmcs12, "VM_EXIT_INTR_INFO");

	if (!vmcs12 || reason >> 31 & 1)
		return;
	switch (reason & 0xffff) {
	case EXIT_EXCEPTION_NMI:
		if ((info & 0xff) == 1)
			all_bits(b, KIND_DEBUG_QUALIFICATION, value);
		break;
	case EXIT_CR_ACCESS:
		buf_printf(b, "%s%" PRIu64 ", register %" PRIu64,
			   name_or_unknown(KIND_CR_ACCESS, value >> 4 & 3), value & 15,
			   value >> 8 & 15);
		break;
	case EXIT_DR_ACCESS:
		buf_printf(b, "MOV %s DR%" PRIu64 ", register %" PRIu64,
			   value >> 4 & 1 ? "from" : "to", value & 7, value >> 8 & 15);
		break;
	case EXIT_IO_INSTRUCTION:
		io_qualification(b, value);
		break;
	case EXIT_APIC_ACCESS:
		buf_printf(b, "offset 0x%" PRIx64 ", %s", value & 0xfff,
			   name_or_unknown(KIND_APIC_ACCESS, value >> 12 & 15));
		break;
	case EXIT_EOI_INDUCED:
		buf_printf(b, "vector 0x%" PRIx64, value & 0xff);
		break;
	case EXIT_APIC_WRITE:
		buf_printf(b, "offset 0x%" PRIx64, value & 0xfff);
		break;
	case EXIT_EPT_VIOLATION:
		all_bits(b, KIND_EPT_VIOLATION, value);
		break;
	default:
		break;
	}
}

static void lvt_timer(struct buf *b, uint64_t value)
{
	buf_printf(b, "vector 0x%" PRIx64 ", %s%s%s", value & 0xff,
		   name_or_unknown(KIND_TIMER_MODE, value >> 17 & 3),
		   value >> 12 & 1 ? ", delivery pending" : "", value >> 16 & 1 ? ", masked" : "");
}

static void (*const functions[KINDS])(struct buf *b, uint64_t value) = {
	[KIND_REVISION] = revision,
	[KIND_SELECTOR] = selector,
	[KIND_ACCESS_RIGHTS] = access_rights,
	[KIND_PAT] = pat,
	[KIND_LINK] = link_pointer,
	[KIND_SIGNED] = with_sign,
	[KIND_EXCEPTION] = exception,
	[KIND_INTERRUPT_STATUS] = interrupt_status,
	[KIND_EPTP] = eptp,
	[KIND_ENTRY_EVENT] = entry_event,
	[KIND_EXIT_EVENT] = exit_event,
	[KIND_EXIT_REASON] = exit_reason,
	[KIND_LVT_TIMER] = lvt_timer,
};

void words(struct buf *b, enum kind kind, uint64_t value, const uint8_t *vmcs12)
{
	if (functions[kind])
		functions[kind](b, value);
	else if (kind == KIND_QUALIFICATION)
		qualification(b, value, vmcs12);
	else if (kind >= KIND_EOI0 && kind <= KIND_EOI3)
		eoi(b, value, (kind - KIND_EOI0) * 64);
	else if (kind > KIND_BITS_END && kind < KIND_NAMES_END)
		buf_printf(b, "%s", name_or_unknown(kind, value));
	else if (kind != KIND_NONE && kind < KIND_BITS_END)
		all_bits(b, kind, value);
}
