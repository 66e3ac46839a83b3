// SPDX-License-Identifier: BSD-2-Clause
// Proofs (proof.h): each term is a number that lies somewhere in a snapshot, and what it must be.
#include "host/snapshot/proof.h"

#include "host/base/cleanup.h"
#include "host/snapshot/saved_state.h"
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

#define AT(in, where, offset, size, text)     \
	{                                     \
		in, where, offset, size, text \
	}
#define SECTION(name, type, member)                                                              \
	AT(IN_SECTION, #name, offsetof(struct type, member), sizeof(((struct type *)0)->member), \
	   #member)
#define NESTED(member)	SECTION(NESTED_STATE, kvm_nested_state, member)
#define EVENTS(member)	SECTION(VCPU_EVENTS, kvm_vcpu_events, member)
#define REGS(member)	SECTION(REGS, kvm_regs, member)
#define SREGS(member)	SECTION(SREGS, kvm_sregs, member)
#define DREGS(member)	SECTION(DEBUGREGS, kvm_debugregs, member)
#define MP_STATE	SECTION(MP_STATE, kvm_mp_state, mp_state)
#define LAPIC(at)	AT(IN_SECTION, "LAPIC", at, 4, NULL)
#define INTR_STATUS(at) AT(IN_VMCS12, "GUEST_INTR_STATUS", at, 1, NULL)
#define VAPIC(at)	AT(IN_PAGE, "VIRTUAL_APIC_PAGE_ADDR", at, 4, NULL)
#define DESCRIPTOR(at)	AT(IN_PAGE, "POSTED_INTR_DESC_ADDR", at, 4, NULL)
/* SDM, "Posted-Interrupt Processing": behind the 256 bits of the PIR. */
#define CONTROL AT(IN_PAGE, "POSTED_INTR_DESC_ADDR", 32, 4, "the control word")

/* What KVM_GET_SREGS2 gives is read through the same table. */
#define SAME(member)                                                                              \
	_Static_assert(offsetof(struct kvm_sregs, member) == offsetof(struct kvm_sregs2, member), \
		       #member)
SAME(cr0);
SAME(cr8);
SAME(efer);

enum op { EQUALS, DIFFERS, HAS_BITS, AT_LEAST };

static const struct word {
	const char *name;
	struct place place;
	enum op op;
	uint64_t n;
} words[] = {
#define WORD(...) {__VA_ARGS__},
#include "host/snapshot/proofs.def"
};

static const struct vectors {
	const char *name;
	struct place first;
	unsigned stride;
} vectors[] = {
#define VECTORS(...) {__VA_ARGS__},
#include "host/snapshot/proofs.def"
};

static const struct key {
	const char *name;
	struct place place;
} keys[] = {
#define KEY(...) {__VA_ARGS__},
#include "host/snapshot/proofs.def"
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
	const struct snapshot_section *section =
		strcmp(p->where, "SREGS") ? NULL : snapshot_find(s, "SREGS2");

	if (!section)
		section = snapshot_find(s, p->where);
	if (!section)
		return err_as(false, e, "no %s in the snapshot", p->where);
	if (section->len < p->offset + p->size)
		return err_as(false, e, "%s in the snapshot is cut short", p->where);
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
	if (gpa >= s->memory_size || s->memory_size - gpa < size)
		return err_as(false, e, "0x%" PRIx64 " is not in guest memory", gpa);
	for (; size; size--, gpa++)
		*value++ = ((const uint8_t *)snapshot_page(s, gpa))[gpa % SNAPSHOT_PAGE];
	return true;
}

static bool msr_read(const struct snapshot *s, uint64_t index, uint64_t *value, struct err *e)
{
	const struct kvm_msr_entry *entry = saved_msr(s, index);

	if (!entry)
		return err_as(false, e, "no such MSR in the snapshot");
	*value = entry->data;
	return true;
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
	const struct word *word = table_find(words, name, p);

	if (!word)
		return wrong(e, t, "there is no such term");
	t->place = word->place;
	t->op = word->op;
	t->n = word->n;
	snprintf(t->what, sizeof(t->what), "%s", t->place.text);
	return 0;
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
	const struct key *k = table_find(keys, name, key);

	if (f)
		t->place = (struct place){IN_VMCS12, f->name, 0, f->size, NULL};
	else if (k)
		t->place = k->place;
	if (f || k)
		return 0;
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
	return op == EQUALS	? value == n
	       : op == DIFFERS	? value != n
	       : op == HAS_BITS ? (value & n) == n
				: value >= n;
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
	auto_buf struct buf text = {0};
	char word[32];
	struct err why = {0};
	uint64_t value;

	if (!number_read(s, &t->place, &value, &why))
		return err_as(0, e, "'%s': %s", t->text, why.text);
	if (holds(t->op, value, t->n) != t->negated)
		return 1;
	if (t->vectors)
		say_vectors(s, t, &text);
	else
		buf_printf(&text, "%s is 0x%" PRIx64 "%s", t->what, value,
			   word_of(t, value, word, sizeof(word)));
	return err_as(0, e, "'%s': %s", t->text, buf_text(&text));
}

int proof_check(const struct snapshot *s, const char *proof, struct err *e)
{
	auto_free char *copy = xstrdup(proof);
	char *rest;
	struct term t;

	/* A term that cannot be understood comes before one that does not hold. */
	if (s && proof_check(NULL, proof, e))
		return -1;
	for (char *text = strtok_r(copy, " ", &rest); text; text = strtok_r(NULL, " ", &rest)) {
		if (parse_term(&t, text, e))
			return -1;
		if (s && !judge(s, &t, e))
			return 0;
	}
	return s != NULL;
}

void proof_vectors(const struct snapshot *s, struct buf *text)
{
	for (unsigned i = 0; i < ARRAY_SIZE(vectors); i++) {
		auto_buf struct buf list = {0};

		if (list_vectors(s, &vectors[i], &list))
			buf_printf(text, "%s%s%s", text->len ? ", " : "", vectors[i].name, list.p);
	}
}
