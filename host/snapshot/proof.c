// SPDX-License-Identifier: BSD-2-Clause
// Proofs (proof.h): each term is a number that lies somewhere in a snapshot, and what it must be.
#include "host/snapshot/proof.h"

#include "host/snapshot/vmcs12.h"

#include <inttypes.h>
#include <linux/kvm.h>
#include <stdlib.h>
#include <string.h>

/* Where a number lies. */
struct place {
	enum { IN_SECTION, IN_VMCS12, IN_PAGE, IN_MSRS, IN_MEMORY } in;
	const char *where; /* section; field of vmcs12; field that has the page's address */
	uint64_t offset;   /* within that; MSR; guest-physical address */
	unsigned size;	   /* bytes */
	const char *text;  /* in words */
};

#define SECTION(name, type, member)                                 \
	{                                                           \
		IN_SECTION, #name, offsetof(struct type, member),   \
			sizeof(((struct type *)0)->member), #member \
	}
#define NESTED(member) SECTION(NESTED_STATE, kvm_nested_state, member)
#define EVENTS(member) SECTION(VCPU_EVENTS, kvm_vcpu_events, member)
#define REGS(member)   SECTION(REGS, kvm_regs, member)
#define SREGS(member)  SECTION(SREGS, kvm_sregs, member)
#define DREGS(member)  SECTION(DEBUGREGS, kvm_debugregs, member)
#define MP_STATE       SECTION(MP_STATE, kvm_mp_state, mp_state)

/* What KVM_GET_SREGS2 gives is read through the same table. */
#define SAME(member)                                                                              \
	_Static_assert(offsetof(struct kvm_sregs, member) == offsetof(struct kvm_sregs2, member), \
		       #member)
SAME(cr0);
SAME(cr8);
SAME(efer);

enum op { EQUALS, DIFFERS, HAS_BITS, AT_LEAST };

static const struct {
	const char *name;
	struct place place;
	enum op op;
	uint64_t n;
} words[] = {
	{"l2", NESTED(flags), HAS_BITS, KVM_STATE_NESTED_GUEST_MODE},
	{"run-pending", NESTED(flags), HAS_BITS, KVM_STATE_NESTED_RUN_PENDING},
	{"mtf-pending", NESTED(flags), HAS_BITS, KVM_STATE_NESTED_MTF_PENDING},
	{"evmcs", NESTED(flags), HAS_BITS, KVM_STATE_NESTED_EVMCS},
	{"vmxon", NESTED(hdr.vmx.vmxon_pa), DIFFERS, ~0ull},
	{"vmcs12", NESTED(hdr.vmx.vmcs12_pa), DIFFERS, ~0ull},
	{"smm", NESTED(hdr.vmx.smm.flags), HAS_BITS, KVM_STATE_NESTED_SMM_VMXON},
	{"smm-l2", NESTED(hdr.vmx.smm.flags), HAS_BITS, KVM_STATE_NESTED_SMM_GUEST_MODE},
	{"shadow-vmcs12", NESTED(size), AT_LEAST,
	 sizeof(struct kvm_nested_state) + sizeof(struct kvm_vmx_nested_state_data)},
	{"preemption-timer", NESTED(hdr.vmx.flags), HAS_BITS,
	 KVM_STATE_VMX_PREEMPTION_TIMER_DEADLINE},
	{"runnable", MP_STATE, EQUALS, KVM_MP_STATE_RUNNABLE},
	{"uninitialized", MP_STATE, EQUALS, KVM_MP_STATE_UNINITIALIZED},
	{"init-received", MP_STATE, EQUALS, KVM_MP_STATE_INIT_RECEIVED},
	{"halted", MP_STATE, EQUALS, KVM_MP_STATE_HALTED},
	{"sipi-received", MP_STATE, EQUALS, KVM_MP_STATE_SIPI_RECEIVED},
	/* SDM, "Posted-Interrupt Processing": behind the 256 bits of the PIR. */
	{"on", {IN_PAGE, "POSTED_INTR_DESC_ADDR", 32, 4, "the control word"}, HAS_BITS, 1 << 0},
	{"sn", {IN_PAGE, "POSTED_INTR_DESC_ADDR", 32, 4, "the control word"}, HAS_BITS, 1 << 1},
};

/* Registers of a bit for each vector: the first 32 of them, and how far on the next 32 are. */
static const struct vectors {
	const char *name;
	struct place first;
	unsigned stride;
} vectors[] = {
	{"virr", {IN_PAGE, "VIRTUAL_APIC_PAGE_ADDR", 0x200, 4, NULL}, 16},
	{"visr", {IN_PAGE, "VIRTUAL_APIC_PAGE_ADDR", 0x100, 4, NULL}, 16},
	{"pir", {IN_PAGE, "POSTED_INTR_DESC_ADDR", 0, 4, NULL}, 4},
	{"irr", {IN_SECTION, "LAPIC", 0x200, 4, NULL}, 16},
	{"isr", {IN_SECTION, "LAPIC", 0x100, 4, NULL}, 16},
};

static const struct {
	const char *name;
	struct place place;
} keys[] = {
	{"rvi", {IN_VMCS12, "GUEST_INTR_STATUS", 0, 1, NULL}},
	{"svi", {IN_VMCS12, "GUEST_INTR_STATUS", 1, 1, NULL}},
	{"vtpr", {IN_PAGE, "VIRTUAL_APIC_PAGE_ADDR", 0x80, 4, NULL}},
	{"vppr", {IN_PAGE, "VIRTUAL_APIC_PAGE_ADDR", 0xa0, 4, NULL}},
	{"rip", REGS(rip)},
	{"rsp", REGS(rsp)},
	{"rflags", REGS(rflags)},
	{"rax", REGS(rax)},
	{"rbx", REGS(rbx)},
	{"rcx", REGS(rcx)},
	{"rdx", REGS(rdx)},
	{"rsi", REGS(rsi)},
	{"rdi", REGS(rdi)},
	{"rbp", REGS(rbp)},
	{"r8", REGS(r8)},
	{"r9", REGS(r9)},
	{"r10", REGS(r10)},
	{"r11", REGS(r11)},
	{"r12", REGS(r12)},
	{"r13", REGS(r13)},
	{"r14", REGS(r14)},
	{"r15", REGS(r15)},
	{"cr0", SREGS(cr0)},
	{"cr2", SREGS(cr2)},
	{"cr3", SREGS(cr3)},
	{"cr4", SREGS(cr4)},
	{"cr8", SREGS(cr8)},
	{"efer", SREGS(efer)},
	{"dr0", DREGS(db[0])},
	{"dr1", DREGS(db[1])},
	{"dr2", DREGS(db[2])},
	{"dr3", DREGS(db[3])},
	{"dr6", DREGS(dr6)},
	{"dr7", DREGS(dr7)},
	{"events.exception.injected", EVENTS(exception.injected)},
	{"events.exception.pending", EVENTS(exception.pending)},
	{"events.exception.nr", EVENTS(exception.nr)},
	{"events.interrupt.injected", EVENTS(interrupt.injected)},
	{"events.interrupt.nr", EVENTS(interrupt.nr)},
	{"events.interrupt.soft", EVENTS(interrupt.soft)},
	{"events.interrupt.shadow", EVENTS(interrupt.shadow)},
	{"events.nmi.injected", EVENTS(nmi.injected)},
	{"events.nmi.pending", EVENTS(nmi.pending)},
	{"events.nmi.masked", EVENTS(nmi.masked)},
	{"events.smi.smm", EVENTS(smi.smm)},
	{"events.smi.pending", EVENTS(smi.pending)},
	{"events.smi.latched_init", EVENTS(smi.latched_init)},
	{"events.triple_fault.pending", EVENTS(triple_fault.pending)},
	{"events.flags", EVENTS(flags)},
};

/* Keys that a number follows. */
static const struct {
	const char *name;
	struct place place; /* @offset: set by the number */
	uint64_t max;
} numbered_keys[] = {
	{"msr:", {IN_MSRS, NULL, 0, 8, NULL}, UINT32_MAX},
	{"mem:", {IN_MEMORY, NULL, 0, 8, NULL}, UINT64_MAX},
};

struct term {
	const char *text;
	char what[64]; /* the number's name */
	struct place place;
	enum op op;
	uint64_t n;
	const struct vectors *vectors;
	bool negated;
};

/* ---- reading ------------------------------------------------------------------------------ */

static bool section_read(const struct snapshot *s, const struct place *p, void *value,
			 struct err *e)
{
	const struct snapshot_section *section = NULL;

	if (!strcmp(p->where, "SREGS"))
		section = snapshot_find(s, "SREGS2");
	if (!section)
		section = snapshot_find(s, p->where);
	if (!section) {
		err_set(e, "no %s in the snapshot", p->where);
		return false;
	}
	if (section->len < p->offset + p->size) {
		err_set(e, "%s in the snapshot is cut short", p->where);
		return false;
	}
	memcpy(value, (const char *)section->data + p->offset, p->size);
	return true;
}

static bool vmcs12_read(const struct snapshot *s, const struct place *p, void *value, struct err *e)
{
	const uint8_t *vmcs12 = vmcs12_of(s, e);

	if (!vmcs12)
		return false;
	memcpy(value, vmcs12 + vmcs12_find(p->where, strlen(p->where))->offset + p->offset,
	       p->size);
	return true;
}

static bool memory_read(const struct snapshot *s, uint64_t gpa, unsigned size, uint8_t *value,
			struct err *e)
{
	if (gpa >= s->memory_size || s->memory_size - gpa < size) {
		err_set(e, "0x%" PRIx64 " is not in guest memory", gpa);
		return false;
	}
	for (; size; size--, gpa++)
		*value++ = ((const uint8_t *)snapshot_page(s, gpa))[gpa % SNAPSHOT_PAGE];
	return true;
}

static bool msr_read(const struct snapshot *s, uint64_t index, uint64_t *value, struct err *e)
{
	const struct snapshot_section *section = snapshot_find(s, "MSRS");
	const struct kvm_msr_entry *entry = section ? section->data : NULL;
	size_t count = section ? section->len / sizeof(*entry) : 0;

	for (size_t i = 0; i < count; i++) {
		if (entry[i].index == index) {
			*value = entry[i].data;
			return true;
		}
	}
	err_set(e, "no such MSR in the snapshot");
	return false;
}

/* False with @e: the snapshot does not have it. */
static bool number_read(const struct snapshot *s, const struct place *p, uint64_t *value,
			struct err *e)
{
	uint64_t gpa;

	*value = 0;
	switch (p->in) {
	case IN_SECTION:
		return section_read(s, p, value, e);
	case IN_VMCS12:
		return vmcs12_read(s, p, value, e);
	case IN_PAGE:
		return !vmcs12_address(s, p->where, &gpa, e) &&
		       memory_read(s, gpa + p->offset, p->size, (uint8_t *)value, e);
	case IN_MSRS:
		return msr_read(s, p->offset, value, e);
	default:
		return memory_read(s, p->offset, p->size, (uint8_t *)value, e);
	}
}

/* ---- wording ------------------------------------------------------------------------------ */

static int wrong(struct err *e, const struct term *t, const char *text)
{
	return err_set(e, "proof: in '%s': %s", t->text, text);
}

static int parse_word(struct term *t, const char *p, struct err *e)
{
	for (unsigned i = 0; i < ARRAY_SIZE(words); i++) {
		if (strcmp(words[i].name, p))
			continue;
		t->place = words[i].place;
		t->op = words[i].op;
		t->n = words[i].n;
		snprintf(t->what, sizeof(t->what), "%s", t->place.text);
		return 0;
	}
	return wrong(e, t, "there is no such term");
}

static int parse_vector(struct term *t, const char *p, struct err *e)
{
	size_t len = strcspn(p, ":");
	uint64_t v;

	for (unsigned i = 0; i < ARRAY_SIZE(vectors); i++) {
		if (strlen(vectors[i].name) != len || memcmp(vectors[i].name, p, len))
			continue;
		if (!parse_number(p + len + 1, &v) || v > 255)
			return wrong(e, t, "that is no vector from 0 to 255");
		t->vectors = &vectors[i];
		t->place = vectors[i].first;
		t->place.offset += v / 32 * vectors[i].stride;
		t->op = HAS_BITS;
		t->n = 1ull << v % 32;
		return 0;
	}
	return wrong(e, t, "there is no such term");
}

/* Where the number called @key lies. */
static int find_key(struct term *t, const char *key, struct err *e)
{
	const struct vmcs12_field *f = vmcs12_find(key, strlen(key));

	if (f) {
		t->place = (struct place){IN_VMCS12, f->name, 0, f->size, NULL};
		return 0;
	}
	for (unsigned i = 0; i < ARRAY_SIZE(keys); i++) {
		if (!strcmp(keys[i].name, key)) {
			t->place = keys[i].place;
			return 0;
		}
	}
	for (unsigned i = 0; i < ARRAY_SIZE(numbered_keys); i++) {
		size_t len = strlen(numbered_keys[i].name);

		if (strncmp(numbered_keys[i].name, key, len))
			continue;
		t->place = numbered_keys[i].place;
		if (!parse_number(key + len, &t->place.offset) ||
		    t->place.offset > numbered_keys[i].max)
			return wrong(e, t, "what follows the colon is no number");
		return 0;
	}
	return wrong(e, t, "there is no such key");
}

static int parse_key(struct term *t, const char *p, struct err *e)
{
	size_t len = strcspn(p, "=&");

	if (len >= sizeof(t->what))
		return wrong(e, t, "there is no such key");
	memcpy(t->what, p, len);
	t->what[len] = '\0';
	if (find_key(t, t->what, e))
		return -1;
	t->op = p[len] == '=' ? EQUALS : HAS_BITS;
	if (!parse_number(p + len + 1, &t->n))
		return wrong(e, t, "that is no number");
	if (t->place.size < 8 && t->n >> t->place.size * 8)
		return wrong(e, t, "the number is wider than what it is compared with");
	if (t->op == HAS_BITS && !t->n)
		return wrong(e, t, "that asks for no bit");
	return 0;
}

static int parse_term(struct term *t, const char *text, struct err *e)
{
	const char *p = text + (*text == '!');

	memset(t, 0, sizeof(*t));
	t->text = text;
	t->negated = p != text;
	if (strpbrk(p, "=&"))
		return parse_key(t, p, e);
	return strchr(p, ':') ? parse_vector(t, p, e) : parse_word(t, p, e);
}

/* ---- judging ------------------------------------------------------------------------------ */

static bool holds(enum op op, uint64_t value, uint64_t n)
{
	switch (op) {
	case EQUALS:
		return value == n;
	case DIFFERS:
		return value != n;
	case HAS_BITS:
		return (value & n) == n;
	default:
		return value >= n;
	}
}

/* All vectors that are set in @r, each with a blank before it. Their number. */
static unsigned list_vectors(const struct snapshot *s, const struct vectors *r, struct buf *text)
{
	struct place p = r->first;
	unsigned found = 0;
	uint64_t value;
	struct err e = {0};

	for (unsigned v = 0; v < 256; v++) {
		p.offset = r->first.offset + v / 32 * r->stride;
		if (v % 32 == 0 && !number_read(s, &p, &value, &e))
			break;
		if (!(value >> v % 32 & 1))
			continue;
		buf_printf(text, " 0x%x", v);
		found++;
	}
	return found;
}

/* All vectors that are set in the register of @t. */
static void say_vectors(const struct snapshot *s, const struct term *t, struct buf *text)
{
	buf_printf(text, "%s has", t->vectors->name);
	if (!list_vectors(s, t->vectors, text))
		buf_printf(text, " no vector");
}

/* " (halted)" if there is a word for @value, else "". */
static const char *word_of(const struct term *t, uint64_t value, char *text, size_t size)
{
	*text = '\0';
	for (unsigned i = 0; i < ARRAY_SIZE(words); i++)
		if (words[i].op == EQUALS && words[i].n == value &&
		    !strcmp(words[i].place.text, t->what))
			snprintf(text, size, " (%s)", words[i].name);
	return text;
}

/* 1: the term holds in @s; 0: it does not, @e says what was found. */
static int judge(const struct snapshot *s, const struct term *t, struct err *e)
{
	struct buf text = {0};
	char word[32];
	struct err why = {0};
	uint64_t value;

	if (!number_read(s, &t->place, &value, &why)) {
		err_set(e, "'%s': %s", t->text, why.text);
		return 0;
	}
	if (holds(t->op, value, t->n) != t->negated)
		return 1;
	if (t->vectors)
		say_vectors(s, t, &text);
	else
		buf_printf(&text, "%s is 0x%" PRIx64 "%s", t->what, value,
			   word_of(t, value, word, sizeof(word)));
	err_set(e, "'%s': %s", t->text, buf_text(&text));
	buf_free(&text);
	return 0;
}

int proof_check(const struct snapshot *s, const char *proof, struct err *e)
{
	char *copy, *rest, *text;
	struct term t;
	int ret;

	/* A term that cannot be understood comes before one that does not hold. */
	if (s && proof_check(NULL, proof, e))
		return -1;
	ret = s != NULL;
	copy = xstrdup(proof);
	for (text = strtok_r(copy, " ", &rest); text; text = strtok_r(NULL, " ", &rest)) {
		if (parse_term(&t, text, e)) {
			ret = -1;
			break;
		}
		if (!s)
			continue;
		ret = judge(s, &t, e);
		if (!ret)
			break;
	}
	free(copy);
	return ret;
}

void proof_vectors(const struct snapshot *s, struct buf *text)
{
	for (unsigned i = 0; i < ARRAY_SIZE(vectors); i++) {
		struct buf list = {0};

		if (list_vectors(s, &vectors[i], &list))
			buf_printf(text, "%s%s%s", text->len ? ", " : "", vectors[i].name, list.p);
		buf_free(&list);
	}
}
