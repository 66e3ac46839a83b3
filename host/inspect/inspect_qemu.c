// SPDX-License-Identifier: BSD-2-Clause
// QEMU's migration stream as a snapshot: its fields go where KVM's structures have them.
#include "host/inspect/inspect_parts.h"

#include "host/base/cleanup.h"
#include "host/snapshot/qemu_stream.h"

#include <inttypes.h>
#include <linux/kvm.h>
#include <stdlib.h>
#include <string.h>

#define VCPUS_MAX 2
#define MEMORY_MAX \
	(2ull << 30)	/* above that QEMU's RAM block is no longer where the guest has it */
#define HEADER_MAX 4096 /* bytes before the RAM section */

/* struct SegmentCache of QEMU: access rights are where a descriptor has them. */
struct qemu_segment {
	uint64_t base;
	uint32_t selector, limit, flags;
};

/* The order of env.segs[]. */
enum { ES, CS, SS, DS, FS, GS, SEGMENTS };

struct vcpu {
	struct kvm_regs regs;
	struct kvm_sregs2 sregs;
	struct kvm_mp_state mp_state;
	struct kvm_vcpu_events events;
	struct kvm_debugregs dr;
	struct kvm_lapic_state lapic;
	struct kvm_nested_state nested;
	struct kvm_vmx_nested_state_data vmcs;
	struct qemu_segment seg[SEGMENTS], ldt, tr, gdt, idt;
	uint32_t hflags, hflags2;
	int32_t exception_nr, interrupt_injected;
	uint8_t exception_pending, tpr;
	bool has_nested, has_vmcs12, has_shadow;
	uint64_t msr[32]; /* by row of msrs[] */
	uint32_t has_msr; /* bit per row */
};

/* HF_INHIBIT_IRQ_MASK, HF_SMM_MASK, HF2_NMI_MASK, HF2_SMM_INSIDE_NMI_MASK */
#define HF_INHIBIT_IRQ	   (1u << 3)
#define HF_SMM		   (1u << 19)
#define HF2_NMI		   (1u << 2)
#define HF2_SMM_INSIDE_NMI (1u << 4)

/* Element @from of field @path and @count - 1 more go to @offset, @stride apart. */
static const struct row {
	const char *path;
	unsigned from, count;
	size_t offset, size, stride;
} rows[] = {
#define SIZE(member) sizeof(((struct vcpu *)0)->member)
#define SPAN(path, from, count, member, size) \
	{path, from, count, offsetof(struct vcpu, member), size, size},
#define ONE_OF(path, from, member) {path, from, 1, offsetof(struct vcpu, member), SIZE(member), 0},
#define ONE(path, member)	   ONE_OF(path, 0, member)
#define BYTES(path, member)	   {path, 0, SIZE(member), offsetof(struct vcpu, member), 1, 1},
#define LAPIC(path, count, at)	   {path, 0, count, offsetof(struct vcpu, lapic.regs) + (at), 4, 16},
#define SEGMENT(path, member)                  \
	ONE(path ".selector", member.selector) \
	ONE(path ".base", member.base)         \
	ONE(path ".limit", member.limit)       \
	ONE(path ".flags", member.flags)
#include "host/inspect/inspect_qemu.def"
};

static const struct {
	const char *path;
	uint32_t index;
} msrs[] = {
#define MSR(path, name) {path, HOST_MSR_##name},
#include "host/inspect/inspect_qemu.def"
};

_Static_assert(ARRAY_SIZE(msrs) <= 32, "has_msr");

static const char *const lacks[] = {
#define LACKS(field) field,
#include "host/inspect/inspect_qemu.def"
};

bool inspect_qemu_lacks(const char *field)
{
	for (unsigned i = 0; i < ARRAY_SIZE(lacks); i++) {
		size_t len = strlen(lacks[i]);
		char last = lacks[i][len - 1];

		if (last == '[' || last == 'x' ? !strncmp(field, lacks[i], len)
					       : !strcmp(field, lacks[i]))
			return true;
	}
	return false;
}

void inspect_qemu_lacking(struct buf *b)
{
	for (unsigned i = 0; i < ARRAY_SIZE(lacks); i++)
		if (strcmp(lacks[i], "LAPIC.0x"))
			buf_printf(b, "%s%.*s", i ? ", " : "", (int)strcspn(lacks[i], "["),
				   lacks[i]);
}

/* ---- registers ---------------------------------------------------------------------------- */

static void take(void *arg, const char *path, const uint8_t *data, size_t size, size_t count)
{
	struct vcpu *v = arg;

	if (!size || size > 8)
		return;
	for (unsigned i = 0; i < ARRAY_SIZE(rows); i++) {
		const struct row *r = &rows[i];

		if (strcmp(path, r->path) || r->from + r->count > count)
			continue;
		for (size_t k = 0; k < r->count; k++) {
			uint64_t value = big_endian(data + (r->from + k) * size, size);

			memcpy((uint8_t *)v + r->offset + k * r->stride, &value, r->size);
		}
		v->has_nested |= r->offset == offsetof(struct vcpu, nested.flags);
		v->has_vmcs12 |= r->offset == offsetof(struct vcpu, vmcs.vmcs12);
		v->has_shadow |= r->offset == offsetof(struct vcpu, vmcs.shadow_vmcs12);
	}
	for (unsigned i = 0; i < ARRAY_SIZE(msrs); i++) {
		if (strcmp(path, msrs[i].path))
			continue;
		v->msr[i] = big_endian(data, size);
		v->has_msr |= 1u << i;
	}
}

static void put_segment(struct kvm_segment *to, const struct qemu_segment *from)
{
	uint32_t flags = from->flags;

	*to = (struct kvm_segment){.base = from->base,
				   .limit = from->limit,
				   .selector = (uint16_t)from->selector,
				   .type = flags >> 8 & 15,
				   .present = flags >> 15 & 1,
				   .dpl = flags >> 13 & 3,
				   .db = flags >> 22 & 1,
				   .s = flags >> 12 & 1,
				   .l = flags >> 21 & 1,
				   .g = flags >> 23 & 1,
				   .avl = flags >> 20 & 1,
				   .unusable = !(flags >> 15 & 1)};
}

static void put_sregs(struct vcpu *v)
{
	struct kvm_sregs2 *s = &v->sregs;

	put_segment(&s->es, &v->seg[ES]);
	put_segment(&s->cs, &v->seg[CS]);
	put_segment(&s->ss, &v->seg[SS]);
	put_segment(&s->ds, &v->seg[DS]);
	put_segment(&s->fs, &v->seg[FS]);
	put_segment(&s->gs, &v->seg[GS]);
	put_segment(&s->ldt, &v->ldt);
	put_segment(&s->tr, &v->tr);
	s->gdt.base = v->gdt.base;
	s->gdt.limit = (uint16_t)v->gdt.limit;
	s->idt.base = v->idt.base;
	s->idt.limit = (uint16_t)v->idt.limit;
	s->cr8 = v->tpr >> 4;
	v->lapic.regs[0x80] = (char)v->tpr;
}

static void put_events(struct vcpu *v)
{
	struct kvm_vcpu_events *e = &v->events;

	if (v->exception_nr >= 0) {
		e->exception.nr = (uint8_t)v->exception_nr;
		e->exception.pending = v->exception_pending;
		e->exception.injected = !v->exception_pending;
	}
	if (v->interrupt_injected >= 0) {
		e->interrupt.injected = 1;
		e->interrupt.nr = (uint8_t)v->interrupt_injected;
	}
	/* QEMU does not keep whether it was MOV SS or STI. */
	if (v->hflags & HF_INHIBIT_IRQ)
		e->interrupt.shadow = KVM_X86_SHADOW_INT_MOV_SS | KVM_X86_SHADOW_INT_STI;
	e->nmi.masked = !!(v->hflags2 & HF2_NMI);
	e->smi.smm = !!(v->hflags & HF_SMM);
	e->smi.smm_inside_nmi = !!(v->hflags2 & HF2_SMM_INSIDE_NMI);
}

static void add(struct snapshot *s, unsigned cpu, const char *name, const void *data, size_t len)
{
	char full[SNAPSHOT_NAME_MAX];

	snprintf(full, sizeof(full), "%s%s", cpu ? VCPU1_PREFIX : "", name);
	snapshot_add(s, full, data, len);
}

static void add_msrs(struct snapshot *s, unsigned cpu, const struct vcpu *v)
{
	struct kvm_msr_entry entry[ARRAY_SIZE(msrs)];
	size_t n = 0;

	for (unsigned i = 0; i < ARRAY_SIZE(msrs); i++)
		if (v->has_msr >> i & 1)
			entry[n++] =
				(struct kvm_msr_entry){.index = msrs[i].index, .data = v->msr[i]};
	add(s, cpu, "MSRS", entry, n * sizeof(*entry));
}

static void add_nested(struct snapshot *s, unsigned cpu, const struct vcpu *v)
{
	auto_buf struct buf b = {0};

	buf_append(&b, &v->nested, sizeof(v->nested));
	if (v->has_vmcs12)
		buf_append(&b, v->vmcs.vmcs12, sizeof(v->vmcs.vmcs12));
	if (v->has_vmcs12 && v->has_shadow)
		buf_append(&b, v->vmcs.shadow_vmcs12, sizeof(v->vmcs.shadow_vmcs12));
	add(s, cpu, "NESTED_STATE", b.p, b.len);
}

/* 0, 1 if there is no such vCPU, -1 with @e. */
static int add_vcpu(const void *stream, size_t len, unsigned cpu, struct snapshot *s, struct err *e)
{
	auto_free struct vcpu *v = xcalloc(1, sizeof(*v));
	int ret, apic;

	v->exception_nr = v->interrupt_injected = -1;
	ret = qemu_stream_walk(stream, len, "cpu", cpu, take, v, e);
	if (ret)
		return ret;
	apic = qemu_stream_walk(stream, len, "apic", cpu, take, v, e);
	if (apic < 0)
		return -1;
	put_sregs(v);
	put_events(v);
	add(s, cpu, "MP_STATE", &v->mp_state, sizeof(v->mp_state));
	add(s, cpu, "VCPU_EVENTS", &v->events, sizeof(v->events));
	add(s, cpu, "REGS", &v->regs, sizeof(v->regs));
	add(s, cpu, "SREGS2", &v->sregs, sizeof(v->sregs));
	add(s, cpu, "DEBUGREGS", &v->dr, sizeof(v->dr));
	if (!apic)
		add(s, cpu, "LAPIC", &v->lapic, sizeof(v->lapic));
	add_msrs(s, cpu, v);
	if (v->has_nested)
		add_nested(s, cpu, v);
	return 0;
}

/* ---- memory ------------------------------------------------------------------------------- */

#define QEMU_VM_SECTION_START  0x01
#define QEMU_VM_SECTION_PART   0x02
#define QEMU_VM_SECTION_END    0x03
#define QEMU_VM_SECTION_FULL   0x04
#define QEMU_VM_COMMAND	       0x08
#define QEMU_VM_SECTION_FOOTER 0x7e

#define RAM_SAVE_FLAG_ZERO     0x02
#define RAM_SAVE_FLAG_MEM_SIZE 0x04
#define RAM_SAVE_FLAG_PAGE     0x08
#define RAM_SAVE_FLAG_EOS      0x10
#define RAM_SAVE_FLAG_CONTINUE 0x20

struct reader {
	const uint8_t *p;
	size_t len, at;
	bool ended; /* something was asked for beyond the end */
	char block[256], main_block[256];
	struct snapshot *s;
	struct err *e;
};

static const uint8_t *take_bytes(struct reader *r, size_t n)
{
	static const uint8_t zeros[SNAPSHOT_PAGE];

	if (n > r->len - r->at) {
		r->ended = true;
		r->at = r->len;
		return zeros;
	}
	r->at += n;
	return r->p + r->at - n;
}

static uint64_t take_number(struct reader *r, size_t bytes)
{
	return big_endian(take_bytes(r, bytes), bytes);
}

static void take_string(struct reader *r, char *text)
{
	size_t n = (size_t)take_number(r, 1);

	memcpy(text, take_bytes(r, n), n);
	text[n] = '\0';
}

/* The largest block is the guest's memory from address 0 on. */
static int take_blocks(struct reader *r, uint64_t total)
{
	uint64_t size = 0;

	while (total && !r->ended) {
		uint64_t len;

		take_string(r, r->block);
		len = take_number(r, 8);
		if (!len || len > total)
			break;
		total -= len;
		if (len <= size)
			continue;
		size = len;
		memcpy(r->main_block, r->block, sizeof(r->main_block));
	}
	if (total || r->s->page || size % SNAPSHOT_PAGE || size > MEMORY_MAX)
		return err_set(r->e, "its list of RAM blocks is not one that is read here");
	r->s->memory_size = size;
	r->s->page = xcalloc(size / SNAPSHOT_PAGE + 1, sizeof(*r->s->page));
	return 0;
}

/* A later one replaces an earlier one. */
static int take_page(struct reader *r, uint64_t addr, uint64_t flags)
{
	bool zero = flags & RAM_SAVE_FLAG_ZERO;
	const uint8_t *data;
	uint8_t **page;

	if (!(flags & RAM_SAVE_FLAG_CONTINUE))
		take_string(r, r->block);
	data = take_bytes(r, zero ? 1 : SNAPSHOT_PAGE);
	if (strcmp(r->block, r->main_block) || r->ended)
		return 0;
	if (addr >= r->s->memory_size || (zero && *data))
		return err_set(r->e, "page 0x%" PRIx64 " of it is odd", addr);
	page = &r->s->page[addr / SNAPSHOT_PAGE];
	free(*page);
	*page = zero ? NULL : memcpy(xcalloc(1, SNAPSHOT_PAGE), data, SNAPSHOT_PAGE);
	return 0;
}

static int take_pages(struct reader *r)
{
	int ret = 0;

	while (!ret && !r->ended) {
		uint64_t word = take_number(r, 8), flags = word % SNAPSHOT_PAGE;

		if (flags == RAM_SAVE_FLAG_EOS)
			return 0;
		word -= flags;
		if (flags == RAM_SAVE_FLAG_MEM_SIZE) {
			ret = take_blocks(r, word);
		} else if ((flags & ~(uint64_t)RAM_SAVE_FLAG_CONTINUE) == RAM_SAVE_FLAG_ZERO ||
			   (flags & ~(uint64_t)RAM_SAVE_FLAG_CONTINUE) == RAM_SAVE_FLAG_PAGE) {
			ret = take_page(r, word, flags);
		} else {
			ret = err_set(r->e, "pages with flags 0x%" PRIx64 " are not read here",
				      flags);
		}
	}
	return ret;
}

static int take_section(struct reader *r, uint64_t id)
{
	if (take_pages(r))
		return -1;
	if (take_number(r, 1) == QEMU_VM_SECTION_FOOTER && take_number(r, 4) == id && !r->ended)
		return 0;
	return err_set(r->e, "its RAM section has no footer at %zu", r->at);
}

/* Sections of RAM alone stand between the first one and the devices. */
static int take_memory(struct reader *r)
{
	static const uint8_t header[] = {3, 'r', 'a', 'm', 0, 0, 0, 0, 0, 0, 0, 4};
	size_t room = r->len < HEADER_MAX ? r->len : HEADER_MAX;
	const uint8_t *start = memmem(r->p, room, header, sizeof(header));
	uint64_t id, type;

	if (!start || start - r->p < 5 || start[-5] != QEMU_VM_SECTION_START)
		return err_set(r->e, "it has no RAM section of version 4");
	id = big_endian(start - 4, 4);
	r->at = (size_t)(start - r->p) + sizeof(header);
	if (take_section(r, id))
		return -1;
	while ((type = take_number(r, 1)) != QEMU_VM_SECTION_FULL) {
		if (type == QEMU_VM_COMMAND) {
			take_number(r, 2);
			take_bytes(r, (size_t)take_number(r, 2));
			continue;
		}
		if ((type != QEMU_VM_SECTION_PART && type != QEMU_VM_SECTION_END) ||
		    take_number(r, 4) != id)
			return err_set(r->e, "what stands at %zu is not RAM", r->at);
		if (take_section(r, id))
			return -1;
	}
	return 0;
}

int inspect_qemu(const void *stream, size_t len, struct snapshot *s, struct err *memory,
		 struct err *e)
{
	struct reader r = {.p = stream, .len = len, .s = s, .e = memory};
	int ret = 0;

	for (unsigned cpu = 0; !ret && cpu < VCPUS_MAX; cpu++) {
		ret = add_vcpu(stream, len, cpu, s, e);
		if (ret > 0 && !cpu)
			ret = err_set(e, "the stream describes no section 'cpu' of instance 0");
	}
	if (ret < 0)
		snapshot_free(s);
	else if (take_memory(&r))
		snapshot_alloc_memory(s, 0);
	return ret < 0 ? -1 : 0;
}
