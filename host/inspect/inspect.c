// SPDX-License-Identifier: BSD-2-Clause
// Reads a file into struct inspected, by its contents, and what printing and comparing share.
#include "host/inspect/inspect_parts.h"

#include "host/snapshot/oracle.h"
#include "host/snapshot/qemu_stream.h"
#include "host/snapshot/vmcs12.h"

#include <linux/kvm.h>
#include <string.h>

#define NO_ADDRESS (~0ull)
#define KNOWN_FLAGS                                                                            \
	(KVM_STATE_NESTED_GUEST_MODE | KVM_STATE_NESTED_RUN_PENDING | KVM_STATE_NESTED_EVMCS | \
	 KVM_STATE_NESTED_MTF_PENDING | KVM_STATE_NESTED_GIF_SET)
#define NESTED_START 8	       /* bytes of struct kvm_nested_state that tell what it is */
#define NESTED_MAX   (1 << 20) /* far above what any kernel needs */

const struct inspect_page inspect_pages[] = {
	[PAGE_VIRTUAL_APIC] = {"virtual-APIC page", "VIRTUAL_APIC_PAGE_ADDR"},
	[PAGE_PI_DESCRIPTOR] = {"posted-interrupt descriptor", "POSTED_INTR_DESC_ADDR"},
	{"MSR bitmap", "MSR_BITMAP"},
	{"I/O bitmap A", "IO_BITMAP_A"},
	{"I/O bitmap B", "IO_BITMAP_B"},
	{"EPT PML4 table", "EPT_POINTER"},
	{"VMREAD bitmap", "VMREAD_BITMAP"},
	{"VMWRITE bitmap", "VMWRITE_BITMAP"},
	{"VM-exit MSR-store area", "VM_EXIT_MSR_STORE_ADDR"},
	{"VM-exit MSR-load area", "VM_EXIT_MSR_LOAD_ADDR"},
	{"VM-entry MSR-load area", "VM_ENTRY_MSR_LOAD_ADDR"},
	{"VMCS", NULL},
	{"VMXON region", NULL},
};
const unsigned inspect_page_count = ARRAY_SIZE(inspect_pages);

const struct inspect_row inspect_rows[] = {
#define G(title)      {title, NULL, KIND_NONE},
#define V(name, kind) {NULL, #name, KIND_##kind},
#define S(field, kind)
#include "host/inspect/inspect_fields.def"
#undef S
#undef V
#undef G
};
const unsigned inspect_row_count = ARRAY_SIZE(inspect_rows);

/* Fields of other sections. */
static const struct {
	const char *field;
	enum kind kind;
} shown_fields[] = {
#define G(title)
#define V(name, kind)
#define S(field, kind) {field, KIND_##kind},
#include "host/inspect/inspect_fields.def"
#undef S
#undef V
#undef G
};

const char *inspect_format_name(enum inspect_format format)
{
	static const char *const names[INSPECT_FORMATS] = {
		[INSPECT_SNAPSHOT] = "snapshot file of midflight",
		[INSPECT_NESTED_STATE] = "buffer of KVM_GET_NESTED_STATE",
		[INSPECT_QEMU] = "migration stream of QEMU"};

	return names[format];
}

/* ---- reading ------------------------------------------------------------------------------ */

/*
 * A buffer of KVM_GET_NESTED_STATE has no magic number: it is one if what it begins with can be the
 * start of struct kvm_nested_state.
 */
static bool is_nested_state(const struct buf *file)
{
	struct kvm_nested_state start = {0};

	if (file->len < NESTED_START)
		return false;
	memcpy(&start, file->p, NESTED_START);
	return start.format <= KVM_STATE_NESTED_FORMAT_SVM && !(start.flags & ~KNOWN_FLAGS) &&
	       start.size >= sizeof(start) && start.size <= NESTED_MAX;
}

static int load_nested_state(struct inspected *i, const struct buf *file, struct err *e)
{
	struct kvm_nested_state start = {0};

	memcpy(&start, file->p, file->len < sizeof(start) ? file->len : sizeof(start));
	for (size_t at = start.size; at < file->len; at++)
		if (file->p[at])
			return err_set(e, "%zu bytes stand behind a nested state of %u bytes",
				       file->len - start.size, start.size);
	if (start.size > file->len)
		return err_set(
			e, "truncated: the nested state says that it has %u bytes, %zu are there",
			start.size, file->len);
	err_set(&i->memory, "a nested state has none");
	snapshot_add(&i->s, "NESTED_STATE", file->p, start.size);
	return 0;
}

static bool is_snapshot(const struct buf *file)
{
	static const char magic[] = "\x89MFSNAP\n";

	return file->len >= 8 && !memcmp(file->p, magic, 8);
}

static int check_nested(const struct snapshot *s, struct err *e)
{
	for (unsigned cpu = 0; cpu < 2; cpu++) {
		const struct snapshot_section *section =
			snapshot_find(s, cpu ? "vcpu1.NESTED_STATE" : "NESTED_STATE");

		if (section && vmcs12_check(section->data, section->len, e))
			return -1;
	}
	return 0;
}

static int load_any(struct inspected *i, const struct buf *file, struct err *e)
{
	if (is_snapshot(file)) {
		i->format = INSPECT_SNAPSHOT;
		return snapshot_decode(&i->s, file->p, file->len, e);
	}
	if (qemu_stream_is(file->p, file->len)) {
		i->format = INSPECT_QEMU;
		return inspect_qemu(file->p, file->len, &i->s, &i->memory, e);
	}
	if (is_nested_state(file)) {
		i->format = INSPECT_NESTED_STATE;
		return load_nested_state(i, file, e);
	}
	return err_set(
		e,
		"no format that is known (%zu bytes): neither a snapshot of midflight, nor a "
		"buffer "
		"of KVM_GET_NESTED_STATE, nor a migration stream of QEMU",
		file->len);
}

int inspect_load(struct inspected *i, const struct buf *file, struct err *e)
{
	if (!load_any(i, file, e) && !check_nested(&i->s, e))
		return 0;
	inspect_free(i);
	return -1;
}

void inspect_free(struct inspected *i)
{
	snapshot_free(&i->s);
	memset(i, 0, sizeof(*i));
}

/* ---- what is shared ----------------------------------------------------------------------- */

bool inspect_page_address(const struct snapshot *s, const struct inspect_page *page, uint64_t *gpa)
{
	const struct kvm_nested_state *nested = snapshot_data(s, "NESTED_STATE", sizeof(*nested));
	struct err e = {0};

	if (page->field)
		return !vmcs12_address(s, page->field, gpa, &e);
	if (!nested)
		return false;
	*gpa = strcmp(page->name, "VMCS") ? nested->hdr.vmx.vmxon_pa : nested->hdr.vmx.vmcs12_pa;
	return nested->hdr.vmx.vmxon_pa != NO_ADDRESS && *gpa != NO_ADDRESS;
}

const uint8_t *inspect_memory(const struct snapshot *s, uint64_t gpa, size_t len)
{
	uint64_t offset = gpa % SNAPSHOT_PAGE;
	const uint8_t *page = snapshot_page(s, gpa);

	return page && len <= SNAPSHOT_PAGE - offset ? page + offset : NULL;
}

bool inspect_lacks(const struct inspected *i, const char *field)
{
	return i->format == INSPECT_QEMU && inspect_qemu_lacks(field);
}

bool inspect_superseded(const struct snapshot *s, const char *section)
{
	return !strcmp(section, "SREGS") && snapshot_find(s, "SREGS2");
}

enum kind inspect_kind(const char *field, bool *shown)
{
	const char *name = strrchr(field, '.');

	*shown = true;
	for (unsigned i = 0; i < ARRAY_SIZE(shown_fields); i++)
		if (oracle_matches(shown_fields[i].field, field))
			return shown_fields[i].kind;
	*shown = strstr(field, "vmcs12.") != NULL;
	for (unsigned i = 0; *shown && i < ARRAY_SIZE(inspect_rows); i++)
		if (inspect_rows[i].name && !strcmp(inspect_rows[i].name, name + 1))
			return inspect_rows[i].kind;
	return KIND_NONE;
}

bool inspect_is_vectors(const char *field)
{
	return !strncmp(field, "LAPIC.IRR[", 10) || !strncmp(field, "LAPIC.ISR[", 10) ||
	       !strncmp(field, "LAPIC.TMR[", 10);
}
