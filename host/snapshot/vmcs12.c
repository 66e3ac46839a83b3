// SPDX-License-Identifier: BSD-2-Clause
// Where the fields of KVM's vmcs12 lie in a snapshot, and which of its addresses are in use.
#include "host/snapshot/vmcs12.h"

#include <linux/kvm.h>
#include <string.h>

#define VMCS12_REVISION 0x11e57ed0
#define SHADOW_VMCS	(1u << 31) /* beside the revision */
#define PRIMARY		"CPU_BASED_VM_EXEC_CONTROL"
#define SECONDARY	"SECONDARY_VM_EXEC_CONTROL"
#define NO_ADDRESS	(~0ull)

static const struct vmcs12_field fields[] = {
#define F(name, offset, size) {#name, offset, size},
#include "host/snapshot/vmcs12.def"
#undef F
};

#define F(name, offset, size)                                                        \
	_Static_assert((size) == 2 || (size) == 4 || (size) == 8, "size of " #name); \
	_Static_assert((offset) % (size) == 0, "alignment of " #name);               \
	_Static_assert((offset) + (size) <= KVM_STATE_NESTED_VMX_VMCS_SIZE, "end of " #name);
#include "host/snapshot/vmcs12.def"
#undef F

/* Never called: two fields on the same byte would be a duplicate case. */
static inline void no_overlap(unsigned byte)
{
	switch (byte) {
#define F(name, offset, size) case (offset)...(offset) + (size)-1:
#include "host/snapshot/vmcs12.def"
#undef F
		break;
	}
}

enum {
#define C(name, group, bit, text) BIT_##name = (bit),
#include "hv/vmx_controls.def"
#undef C
};

/* The bits, of controls or of a count of entries, of which one says that an address is in use. */
static const struct use {
	const char *name, *field;
	uint64_t bits;
} uses[] = {
	{"POSTED_INTR_DESC_ADDR", "PIN_BASED_VM_EXEC_CONTROL", 1ull << BIT_PIN_POSTED_INTR},
	{"VIRTUAL_APIC_PAGE_ADDR", PRIMARY, 1ull << BIT_CPU_TPR_SHADOW},
	{"IO_BITMAP_A", PRIMARY, 1ull << BIT_CPU_IO_BITMAPS},
	{"IO_BITMAP_B", PRIMARY, 1ull << BIT_CPU_IO_BITMAPS},
	{"MSR_BITMAP", PRIMARY, 1ull << BIT_CPU_MSR_BITMAPS},
	{"EPT_POINTER", SECONDARY, 1ull << BIT_CPU2_EPT},
	{"VMREAD_BITMAP", SECONDARY, 1ull << BIT_CPU2_VMCS_SHADOWING},
	{"VMWRITE_BITMAP", SECONDARY, 1ull << BIT_CPU2_VMCS_SHADOWING},
	{"VM_EXIT_MSR_STORE_ADDR", "VM_EXIT_MSR_STORE_COUNT", ~0ull},
	{"VM_EXIT_MSR_LOAD_ADDR", "VM_EXIT_MSR_LOAD_COUNT", ~0ull},
	{"VM_ENTRY_MSR_LOAD_ADDR", "VM_ENTRY_MSR_LOAD_COUNT", ~0ull},
};

const struct vmcs12_field *vmcs12_fields(unsigned *count)
{
	*count = ARRAY_SIZE(fields);
	return fields;
}

const struct vmcs12_field *vmcs12_find(const char *name, size_t len)
{
	for (unsigned i = 0; i < ARRAY_SIZE(fields); i++)
		if (strlen(fields[i].name) == len && !memcmp(fields[i].name, name, len))
			return &fields[i];
	return NULL;
}

static const void *none(struct err *e, const char *text)
{
	if (e)
		err_set(e, "%s", text);
	return NULL;
}

static bool revision_known(const uint8_t *vmcs, const char *which, struct err *e)
{
	uint32_t revision;

	memcpy(&revision, vmcs, sizeof(revision));
	if ((revision & ~SHADOW_VMCS) == VMCS12_REVISION)
		return true;
	if (e)
		err_set(e, "%s has revision 0x%x, known is 0x%x", which, revision, VMCS12_REVISION);
	return false;
}

/* That there is a header, and of what format. */
static const struct kvm_nested_state *header_of(const void *buffer, size_t len, struct err *e)
{
	const struct kvm_nested_state *nested = buffer;

	if (len < sizeof(*nested))
		return none(e, "the nested state is cut short");
	if (nested->format == KVM_STATE_NESTED_FORMAT_SVM)
		return none(e, "the nested state is that of SVM, not that of VMX");
	if (nested->format != KVM_STATE_NESTED_FORMAT_VMX)
		return none(e, "the nested state is not that of VMX");
	return nested;
}

/* With an enlightened VMCS there is no address of it in the header. */
static bool has_vmcs12(const struct kvm_nested_state *nested)
{
	return nested->hdr.vmx.vmxon_pa != NO_ADDRESS &&
	       (nested->hdr.vmx.vmcs12_pa != NO_ADDRESS || nested->flags & KVM_STATE_NESTED_EVMCS);
}

const uint8_t *vmcs12_in(const void *buffer, size_t len, struct err *e)
{
	const struct kvm_nested_state *nested = header_of(buffer, len, e);
	const uint8_t *vmcs12 = (const uint8_t *)buffer + sizeof(*nested);

	if (!nested)
		return NULL;
	if (nested->hdr.vmx.vmxon_pa == NO_ADDRESS)
		return none(e, "no vmcs12: VMX operation is off");
	if (!has_vmcs12(nested))
		return none(e, "no vmcs12: there is no current VMCS");
	if (len < sizeof(*nested) + KVM_STATE_NESTED_VMX_VMCS_SIZE)
		return none(e, "the nested state ends before vmcs12");
	return revision_known(vmcs12, "vmcs12", e) ? vmcs12 : NULL;
}

const uint8_t *vmcs12_of(const struct snapshot *s, struct err *e)
{
	const struct snapshot_section *section = snapshot_find(s, "NESTED_STATE");

	return section ? vmcs12_in(section->data, section->len, e)
		       : none(e, "no nested state in the snapshot");
}

const uint8_t *vmcs12_shadow_in(const void *buffer, size_t len)
{
	const size_t at = sizeof(struct kvm_nested_state) + KVM_STATE_NESTED_VMX_VMCS_SIZE;

	return vmcs12_in(buffer, len, NULL) && len >= at + KVM_STATE_NESTED_VMX_VMCS_SIZE
		       ? (const uint8_t *)buffer + at
		       : NULL;
}

int vmcs12_check(const void *buffer, size_t len, struct err *e)
{
	const struct kvm_nested_state *nested = header_of(buffer, len, e);
	const uint8_t *shadow;

	if (!nested)
		return -1;
	if (nested->size > len)
		return err_set(
			e, "truncated: the nested state says that it has %u bytes, %zu are there",
			nested->size, len);
	if (nested->size < sizeof(*nested))
		return err_set(
			e, "the nested state says that it has %u bytes, its header alone has %zu",
			nested->size, sizeof(*nested));
	if (has_vmcs12(nested) && !vmcs12_in(buffer, nested->size, e))
		return -1;
	shadow = vmcs12_shadow_in(buffer, nested->size);
	return shadow && !revision_known(shadow, "the shadow vmcs12", e) ? -1 : 0;
}

uint64_t vmcs12_get(const uint8_t *vmcs12, const struct vmcs12_field *f)
{
	uint64_t value = 0;

	memcpy(&value, vmcs12 + f->offset, f->size);
	return value;
}

void vmcs12_set(uint8_t *vmcs12, const struct vmcs12_field *f, uint64_t value)
{
	memcpy(vmcs12 + f->offset, &value, f->size);
}

uint64_t vmcs12_value(const uint8_t *vmcs12, const char *name)
{
	return vmcs12 ? vmcs12_get(vmcs12, vmcs12_find(name, strlen(name))) : 0;
}

/* What says whether field @name, an address, is in use; NULL: it is none. */
static const struct use *use_of(const char *name)
{
	return table_find(uses, name, name);
}

static bool in_use(const uint8_t *vmcs12, const struct use *use)
{
	bool secondary = vmcs12_value(vmcs12, PRIMARY) >> BIT_CPU_SECONDARY & 1;

	return use && vmcs12_value(vmcs12, use->field) & use->bits &&
	       (secondary || strcmp(use->field, SECONDARY));
}

bool vmcs12_unused(const uint8_t *vmcs12, const char *name)
{
	return use_of(name) && !in_use(vmcs12, use_of(name));
}

int vmcs12_address(const struct snapshot *s, const char *name, uint64_t *gpa, struct err *e)
{
	const uint8_t *vmcs12 = vmcs12_of(s, e);

	if (!vmcs12)
		return -1;
	if (!in_use(vmcs12, use_of(name)))
		return err_set(e, "vmcs12 does not use %s", name);
	*gpa = vmcs12_value(vmcs12, name);
	/* The low bits of an EPT pointer are about the tables. */
	if (!strcmp(name, "EPT_POINTER"))
		*gpa &= ~0xfffull;
	return 0;
}
