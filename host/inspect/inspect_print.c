// SPDX-License-Identifier: BSD-2-Clause
// A decoded state as text for people.
#include "host/inspect/inspect_parts.h"

#include "host/base/cleanup.h"
#include "host/snapshot/oracle.h"
#include "host/snapshot/vmcs12.h"

#include <ctype.h>
#include <inttypes.h>
#include <linux/kvm.h>
#include <string.h>

#define INDENT	   "  "
#define NAME_WIDTH 30
#define WORDS_AT   54  /* column */
#define WIDTH	   110 /* columns of a line that can be broken */

enum {
#define C(name, group, bit, text) BIT_##name = (bit),
#include "hv/vmx_controls.def"
#undef C
};

/* What decides how an interrupt reaches L2. */
static const struct {
	const char *field, *name;
	unsigned bit;
} telling_controls[] = {
	{"PIN_BASED_VM_EXEC_CONTROL", "posted interrupts", BIT_PIN_POSTED_INTR},
	{"PIN_BASED_VM_EXEC_CONTROL", "preemption timer", BIT_PIN_PREEMPTION_TIMER},
	{"CPU_BASED_VM_EXEC_CONTROL", "HLT exiting", BIT_CPU_HLT_EXITING},
	{"CPU_BASED_VM_EXEC_CONTROL", "TPR shadow", BIT_CPU_TPR_SHADOW},
	{"SECONDARY_VM_EXEC_CONTROL", "virtual-interrupt delivery", BIT_CPU2_VIRT_INTR_DELIVERY},
	{"SECONDARY_VM_EXEC_CONTROL", "APIC-register virtualization", BIT_CPU2_APIC_REGISTER_VIRT},
	{"SECONDARY_VM_EXEC_CONTROL", "EPT", BIT_CPU2_EPT},
	{"SECONDARY_VM_EXEC_CONTROL", "VPID", BIT_CPU2_VPID},
};

struct printer {
	const struct inspected *i;
	struct snapshot s; /* of one vCPU */
	bool verbose;
	struct buf *text;
};

/* ---- lines -------------------------------------------------------------------------------- */

/* Appends @words, which begin in column @at, broken behind commas. */
static void put_words(struct buf *b, const char *list, unsigned at)
{
	unsigned column = at;

	while (*list) {
		const char *end = strstr(list, ", ");
		size_t len = end ? (size_t)(end - list) + 1 : strlen(list);

		if (column > at && column + len > WIDTH) {
			buf_printf(b, "\n%*s", (int)at, "");
			column = at;
		}
		buf_printf(b, "%s%.*s", column > at ? " " : "", (int)len, list);
		column += (unsigned)len + (column > at);
		list += len + (end ? 1 : 0);
	}
	buf_printf(b, "\n");
}

static void put_line(struct buf *b, const char *name, const char *value, const char *list)
{
	size_t start = b->len;
	unsigned column;

	buf_printf(b, INDENT "%-*s %s", NAME_WIDTH, name, value);
	column = (unsigned)(b->len - start);
	if (*list)
		buf_printf(b, "%*s", column < WORDS_AT ? (int)(WORDS_AT - column) : 2, "");
	put_words(b, list, column < WORDS_AT ? WORDS_AT : column + 2);
}

static void put_number(struct buf *b, const char *name, uint64_t value, enum kind kind,
		       const uint8_t *vmcs12)
{
	auto_buf struct buf list = {0};
	char text[24];

	snprintf(text, sizeof(text), "0x%" PRIx64, value);
	words(&list, kind, value, vmcs12);
	if (value && vmcs12 && vmcs12_unused(vmcs12, name))
		buf_printf(&list, "%snot in use", list.len ? ", " : "");
	put_line(b, name, text, buf_text(&list));
}

static void put_vectors(const struct printer *p, const char *name, const uint8_t *reg,
			unsigned stride)
{
	auto_buf struct buf list = {0};

	words_vectors(&list, reg, stride);
	if (p->verbose || strcmp(list.p, "none"))
		put_line(p->text, name, list.p, "");
}

/* ---- sections of KVM's structures --------------------------------------------------------- */

/* What is told even if it is 0. */
static bool always_shown(const char *field)
{
	static const char names[] =
		"MP_STATE.mp_state REGS.rip NESTED_STATE.flags NESTED_STATE.format "
		"NESTED_STATE.hdr.vmx.vmxon_pa NESTED_STATE.hdr.vmx.vmcs12_pa";

	return word_in(names, ' ', field);
}

static void print_field(const struct printer *p, const char *section, const char *field,
			const uint8_t *data, size_t size)
{
	const char *member = field + strlen(section) + 1;
	char name[ORACLE_FIELD_MAX];
	bool shown, zero = true;
	enum kind kind = inspect_kind(field, &shown);
	auto_buf struct buf value = {0};

	for (size_t i = 0; i < size; i++)
		zero &= !data[i];
	if (inspect_lacks(p->i, field) || inspect_is_vectors(field) || (!p->verbose && !shown) ||
	    (zero && !always_shown(field) && (!p->verbose || !strncmp(member, "0x", 2))))
		return;
	if (!strncmp(member, "hdr.", 4))
		member += 4;
	/* Registers as people write them. */
	snprintf(name, sizeof(name), "%s%.80s", strcmp(section, "VCPU_EVENTS") ? "" : "events.",
		 member);
	for (char *c = name; strstr(section, "REGS") && *c; c++)
		*c = (char)toupper((unsigned char)*c);
	if (size <= 8) {
		put_number(p->text, name, oracle_number(data, size), kind, NULL);
		return;
	}
	for (size_t i = size; i--;)
		buf_printf(&value, "%02x", data[i]);
	put_line(p->text, name, value.p, "");
}

static void print_section(const struct printer *p, const char *name, size_t limit)
{
	const struct snapshot_section *section = snapshot_find(&p->s, name);
	struct oracle_place at;

	if (!section || inspect_superseded(&p->s, name))
		return;
	if (section->len < limit)
		limit = section->len;
	for (size_t offset = 0; offset < limit; offset = at.from + at.size) {
		oracle_place(name, offset, &at);
		if (at.from + at.size > limit)
			break;
		print_field(p, name, at.name, (const uint8_t *)section->data + at.from, at.size);
	}
}

static void print_apic(const struct printer *p)
{
	const uint8_t *lapic = snapshot_data(&p->s, "LAPIC", sizeof(struct kvm_lapic_state));

	if (!lapic)
		return;
	buf_printf(p->text, "local APIC\n");
	print_section(p, "LAPIC", SIZE_MAX);
	put_vectors(p, "IRR", lapic + VAPIC_IRR, APIC_STRIDE);
	put_vectors(p, "ISR", lapic + VAPIC_ISR, APIC_STRIDE);
	if (p->verbose)
		put_vectors(p, "TMR", lapic + VAPIC_TMR, APIC_STRIDE);
}

static void print_msrs(const struct printer *p)
{
	const struct snapshot_section *section = snapshot_find(&p->s, "MSRS");
	const struct kvm_msr_entry *entry = section ? section->data : NULL;
	char name[64], field[ORACLE_FIELD_MAX];

	if (!section)
		return;
	buf_printf(p->text, "MSRs\n");
	for (size_t n = section->len / sizeof(*entry); n--; entry++) {
		bool shown;
		enum kind kind;

		msr_name(entry->index, name, sizeof(name));
		snprintf(field, sizeof(field), "MSRS.%s", name);
		kind = inspect_kind(field, &shown);
		if (p->verbose || (shown && entry->data))
			put_number(p->text, name, entry->data, kind, NULL);
	}
}

static void print_vcpu(const struct printer *p, unsigned cpu, bool l2)
{
	static const char *const sections[] = {"MP_STATE", "VCPU_EVENTS", "REGS", "SREGS2",
					       "SREGS",	   "DEBUGREGS",	  "XCRS", "XSAVE"};
	bool any = false;

	for (unsigned i = 0; i < ARRAY_SIZE(sections); i++)
		any |= snapshot_find(&p->s, sections[i]) != NULL;
	if (any)
		buf_printf(p->text, "vCPU %u%s\n", cpu, l2 ? ", L2 is active: its registers" : "");
	for (unsigned i = 0; i < ARRAY_SIZE(sections); i++)
		print_section(p, sections[i], SIZE_MAX);
	print_apic(p);
	print_msrs(p);
}

/* What belongs to the VM. */
static void print_vm(const struct printer *p)
{
	static const char *const sections[] = {"IRQCHIP", "PIT2", "CLOCK", "TSC_KHZ", "TSC_OFFSET"};

	for (unsigned i = 0; p->verbose && i < ARRAY_SIZE(sections); i++) {
		if (!snapshot_find(&p->s, sections[i]))
			continue;
		buf_printf(p->text, "%s\n", sections[i]);
		print_section(p, sections[i], SIZE_MAX);
	}
}

/* ---- pages of vmcs12 ---------------------------------------------------------------------- */

static void print_virtual_apic(const struct printer *p, uint64_t gpa)
{
	const uint8_t *page = inspect_memory(&p->s, gpa, SNAPSHOT_PAGE);

	if (!page)
		return;
	buf_printf(p->text, "virtual-APIC page at 0x%" PRIx64 "\n", gpa);
	put_number(p->text, "VTPR", oracle_number(page + VAPIC_TPR, 4), KIND_NONE, NULL);
	put_number(p->text, "VPPR", oracle_number(page + VAPIC_PPR, 4), KIND_NONE, NULL);
	put_vectors(p, "VIRR", page + VAPIC_IRR, APIC_STRIDE);
	put_vectors(p, "VISR", page + VAPIC_ISR, APIC_STRIDE);
	if (p->verbose)
		put_vectors(p, "VTMR", page + VAPIC_TMR, APIC_STRIDE);
}

static void print_descriptor(const struct printer *p, uint64_t gpa)
{
	const uint8_t *pi = inspect_memory(&p->s, gpa, PI_LEN);

	if (!pi)
		return;
	buf_printf(p->text, "posted-interrupt descriptor at 0x%" PRIx64 "\n", gpa);
	put_vectors(p, "PIR", pi, PI_STRIDE);
	put_number(p->text, "ON (outstanding notification)", pi[PI_CONTROL] & 1, KIND_NONE, NULL);
	put_number(p->text, "SN (suppress notification)", pi[PI_CONTROL] >> 1 & 1, KIND_NONE, NULL);
	put_number(p->text, "NV (notification vector)", pi[PI_NV], KIND_NONE, NULL);
	put_number(p->text, "NDST (destination)", oracle_number(pi + PI_NDST, 4), KIND_NONE, NULL);
}

static void print_pages(const struct printer *p)
{
	uint64_t gpa;

	if (inspect_page_address(&p->s, &inspect_pages[PAGE_VIRTUAL_APIC], &gpa))
		print_virtual_apic(p, gpa);
	if (inspect_page_address(&p->s, &inspect_pages[PAGE_PI_DESCRIPTOR], &gpa))
		print_descriptor(p, gpa);
}

/* ---- vmcs12 ------------------------------------------------------------------------------- */

static void print_vmcs12(const struct printer *p, const char *which, const uint8_t *vmcs12)
{
	const char *title = NULL;

	for (unsigned i = 0; i < inspect_row_count; i++) {
		const struct inspect_row *row = &inspect_rows[i];
		uint64_t value = row->title ? 0 : vmcs12_value(vmcs12, row->name);

		if (row->title) {
			title = row->title;
		} else if (p->verbose || value) {
			if (title)
				buf_printf(p->text, "%s: %s\n", which, title);
			title = NULL;
			put_number(p->text, row->name, value, row->kind, vmcs12);
		}
	}
}

static void print_nested(const struct printer *p, const uint8_t *vmcs12, const struct err *why)
{
	const struct snapshot_section *section = snapshot_find(&p->s, "NESTED_STATE");
	const uint8_t *shadow;

	if (!section) {
		buf_printf(p->text, "nested state: there is none in it\n");
		return;
	}
	buf_printf(p->text, "nested state\n");
	print_section(p, "NESTED_STATE", sizeof(struct kvm_nested_state));
	print_pages(p);
	if (!vmcs12) {
		buf_printf(p->text, "%s\n", why->text);
		return;
	}
	print_vmcs12(p, "vmcs12", vmcs12);
	shadow = vmcs12_shadow_in(section->data, section->len);
	if (shadow)
		print_vmcs12(p, "shadow vmcs12", shadow);
}

/* ---- all ---------------------------------------------------------------------------------- */

static void print_format(const struct inspected *i, struct buf *text)
{
	auto_buf struct buf list = {0};

	buf_printf(text, "%s", inspect_format_name(i->format));
	if (i->s.memory_size)
		buf_printf(text, ", %" PRIu64 " KiB of guest memory\n", i->s.memory_size / 1024);
	else
		buf_printf(text, ", without guest memory%s%s\n", *i->memory.text ? ": " : "",
			   i->memory.text);
	for (unsigned k = 0; i->format == INSPECT_SNAPSHOT && k < i->s.sections; k++)
		buf_printf(&list, "%s%s (%zu bytes)", k ? ", " : "", i->s.section[k].name,
			   i->s.section[k].len);
	if (list.len) {
		buf_printf(text, "sections: ");
		put_words(text, list.p, sizeof("sections: ") - 1);
	}
	if (i->format == INSPECT_QEMU) {
		inspect_qemu_lacking(&list);
		buf_printf(text, "not in such a stream: ");
		put_words(text, list.p, sizeof("not in such a stream: ") - 1);
	}
}

static bool l2_active(const struct snapshot *s)
{
	struct saved_state state;

	kvm_state_summary(s, &state);
	return saved_l2_active(&state);
}

void inspect_print(const struct inspected *i, bool verbose, struct buf *text)
{
	struct printer p = {.i = i, .verbose = verbose, .text = text};
	struct err why = {0};

	print_format(i, text);
	for (unsigned cpu = 0; cpu < kvm_vcpus_saved(&i->s); cpu++) {
		p.s = kvm_vcpu_part(&i->s, cpu);
		buf_printf(text, "\n");
		print_vcpu(&p, cpu, l2_active(&p.s));
		print_nested(&p, vmcs12_of(&p.s, &why), &why);
		if (!cpu)
			print_vm(&p);
		kvm_vcpu_part_free(&p.s);
	}
}

/* ---- brief -------------------------------------------------------------------------------- */

static void brief_number(struct buf *b, const char *name, uint64_t value, enum kind kind,
			 const uint8_t *vmcs12)
{
	auto_buf struct buf list = {0};

	words(&list, kind, value, vmcs12);
	buf_printf(b, "%s 0x%" PRIx64 "%s%s%s", name, value, list.len ? " (" : "", buf_text(&list),
		   list.len ? ")" : "");
}

static void brief_vectors(struct buf *b, const char *name, const uint8_t *reg, unsigned stride)
{
	buf_printf(b, "%s ", name);
	words_vectors(b, reg, stride);
}

static void brief_header(const struct snapshot *s, struct buf *text)
{
	const struct kvm_nested_state *nested = snapshot_data(s, "NESTED_STATE", sizeof(*nested));

	if (!nested)
		return;
	brief_number(text, "nested state: flags", nested->flags, KIND_NESTED_FLAGS, NULL);
	brief_number(text, ", VMXON region", nested->hdr.vmx.vmxon_pa, KIND_LINK, NULL);
	brief_number(text, ", vmcs12", nested->hdr.vmx.vmcs12_pa, KIND_LINK, NULL);
	if (nested->hdr.vmx.smm.flags)
		brief_number(text, ", SMM", nested->hdr.vmx.smm.flags, KIND_SMM_FLAGS, NULL);
	if (nested->hdr.vmx.flags & KVM_STATE_VMX_PREEMPTION_TIMER_DEADLINE)
		brief_number(text, ", preemption timer deadline",
			     nested->hdr.vmx.preemption_timer_deadline, KIND_NONE, NULL);
	buf_printf(text, "\n");
}

static void brief_events(const struct snapshot *s, struct buf *text)
{
	const struct snapshot_section *section = snapshot_find(s, "VCPU_EVENTS");
	struct oracle_place at;

	for (size_t offset = 0; section && offset < section->len; offset = at.from + at.size) {
		uint64_t value;

		oracle_place("VCPU_EVENTS", offset, &at);
		value = at.from + at.size <= section->len
				? oracle_number((const uint8_t *)section->data + at.from, at.size)
				: 0;
		if (value && strcmp(at.name, "VCPU_EVENTS.flags"))
			buf_printf(text, ", %s 0x%" PRIx64, strchr(at.name, '.') + 1, value);
	}
}

static void brief_vcpu(const struct snapshot *s, struct buf *text)
{
	const struct kvm_mp_state *mp = snapshot_data(s, "MP_STATE", sizeof(*mp));
	const struct kvm_regs *regs = snapshot_data(s, "REGS", sizeof(*regs));
	const uint8_t *lapic = snapshot_data(s, "LAPIC", sizeof(struct kvm_lapic_state));

	if (mp) {
		brief_number(text, "vCPU: mp_state", mp->mp_state, KIND_MP_STATE, NULL);
		brief_events(s, text);
		buf_printf(text, "\n");
	}
	if (regs) {
		brief_number(text, l2_active(s) ? "registers of L2: RIP" : "registers of L1: RIP",
			     regs->rip, KIND_NONE, NULL);
		brief_number(text, ", RSP", regs->rsp, KIND_NONE, NULL);
		brief_number(text, ", RFLAGS", regs->rflags, KIND_RFLAGS, NULL);
		buf_printf(text, "\n");
	}
	if (lapic) {
		brief_vectors(text, "local APIC of L1: IRR", lapic + VAPIC_IRR, APIC_STRIDE);
		brief_vectors(text, "; ISR", lapic + VAPIC_ISR, APIC_STRIDE);
		buf_printf(text, "\n");
	}
}

/* Fields of vmcs12 by name, in one line. */
static void brief_fields(const uint8_t *vmcs12, struct buf *text, const char *first,
			 const char *second)
{
	const char *const names[] = {first, second};
	char field[ORACLE_FIELD_MAX];
	bool shown;

	for (unsigned i = 0; i < 2 && names[i]; i++) {
		snprintf(field, sizeof(field), "vmcs12.%s", names[i]);
		buf_printf(text, "%s", i ? ", " : "");
		brief_number(text, names[i], vmcs12_value(vmcs12, names[i]),
			     inspect_kind(field, &shown), vmcs12);
	}
	buf_printf(text, "\n");
}

static void brief_controls(const uint8_t *vmcs12, struct buf *text)
{
	static const char *const words_of[] = {"controls on: ", "off: "};
	bool secondary = vmcs12_value(vmcs12, "CPU_BASED_VM_EXEC_CONTROL") >> BIT_CPU_SECONDARY & 1;

	for (unsigned off = 0; off < 2; off++) {
		unsigned n = 0;

		buf_printf(text, "%s%s", off ? "; " : "", words_of[off]);
		for (unsigned i = 0; i < ARRAY_SIZE(telling_controls); i++) {
			const char *name = telling_controls[i].field;
			uint64_t field = vmcs12_value(vmcs12, name);

			if (!strcmp(name, "SECONDARY_VM_EXEC_CONTROL") && !secondary)
				field = 0;
			if ((field >> telling_controls[i].bit & 1) == off)
				continue;
			buf_printf(text, "%s%s", n++ ? ", " : "", telling_controls[i].name);
		}
		buf_printf(text, "%s", n ? "" : "none");
	}
	buf_printf(text, "\n");
}

static void brief_pages(const struct snapshot *s, struct buf *text)
{
	const uint8_t *p;
	uint64_t gpa;

	if (inspect_page_address(s, &inspect_pages[PAGE_VIRTUAL_APIC], &gpa) &&
	    (p = inspect_memory(s, gpa, SNAPSHOT_PAGE))) {
		buf_printf(text,
			   "virtual-APIC page 0x%" PRIx64 ": VTPR 0x%" PRIx64 ", VPPR 0x%" PRIx64,
			   gpa, oracle_number(p + VAPIC_TPR, 4), oracle_number(p + VAPIC_PPR, 4));
		brief_vectors(text, "; VIRR", p + VAPIC_IRR, APIC_STRIDE);
		brief_vectors(text, "; VISR", p + VAPIC_ISR, APIC_STRIDE);
		buf_printf(text, "\n");
	}
	if (inspect_page_address(s, &inspect_pages[PAGE_PI_DESCRIPTOR], &gpa) &&
	    (p = inspect_memory(s, gpa, PI_LEN))) {
		buf_printf(text, "posted-interrupt descriptor 0x%" PRIx64 ": PIR ", gpa);
		words_vectors(text, p, PI_STRIDE);
		buf_printf(text, "; ON %u, SN %u, NV 0x%x, NDST 0x%" PRIx64 "\n", p[PI_CONTROL] & 1,
			   p[PI_CONTROL] >> 1 & 1, p[PI_NV], oracle_number(p + PI_NDST, 4));
	}
}

void inspect_brief(const struct inspected *i, struct buf *text)
{
	for (unsigned cpu = 0; cpu < kvm_vcpus_saved(&i->s); cpu++) {
		struct snapshot s = kvm_vcpu_part(&i->s, cpu);
		struct err why = {0};
		const uint8_t *vmcs12 = vmcs12_of(&s, &why);

		if (cpu)
			buf_printf(text, "second vCPU\n");
		brief_header(&s, text);
		brief_vcpu(&s, text);
		if (!vmcs12) {
			buf_printf(text, "%s\n", why.text);
		} else {
			brief_fields(vmcs12, text, "GUEST_RIP", "GUEST_RFLAGS");
			brief_fields(vmcs12, text, "GUEST_ACTIVITY_STATE",
				     "GUEST_INTERRUPTIBILITY_INFO");
			brief_fields(vmcs12, text, "GUEST_INTR_STATUS",
				     "GUEST_PENDING_DBG_EXCEPTIONS");
			brief_fields(vmcs12, text, "VM_ENTRY_INTR_INFO_FIELD",
				     "IDT_VECTORING_INFO_FIELD");
			brief_controls(vmcs12, text);
			brief_pages(&s, text);
			brief_fields(vmcs12, text, "VM_EXIT_REASON", "EXIT_QUALIFICATION");
		}
		kvm_vcpu_part_free(&s);
	}
}
