// SPDX-License-Identifier: BSD-2-Clause
// What KVM offers to a VM: CPUID, VMX capabilities, the MSRs that are saved; of several hosts what
// all of them have.
#include "host/kvm/kvm_offers.h"
#include "host/base/cleanup.h"
#include "host/kvm/guarded.h"
#include "host/l0/kvm_probe.h"
#include "host/snapshot/saved_state.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/ioctl.h>

#define CPUID	  "CPUID2"
#define HV_CPUID  "HV_CPUID2"
#define VMX	  "VMX_MSRS"
#define MSR_LIST  "MSR_LIST"
#define CPUID_MAX 256

/* ---- of this host --------------------------------------------------------------------------- */

struct kvm_msr_list *kvm_msr_list(int kvm, struct err *e)
{
	struct kvm_msr_list none = {0}, *list = NULL;

	if (!ioctl(kvm, KVM_GET_MSR_INDEX_LIST, &none) || errno == E2BIG) {
		list = guarded_alloc(sizeof(*list) + none.nmsrs * sizeof(list->indices[0]));
		list->nmsrs = none.nmsrs;
		if (!ioctl(kvm, KVM_GET_MSR_INDEX_LIST, list))
			return list;
	}
	err_errno(e, "KVM_GET_MSR_INDEX_LIST");
	guarded_free(list);
	return NULL;
}

static int save_cpuid(int kvm, struct snapshot *s, struct err *e)
{
	auto_free struct kvm_cpuid2 *cpuid =
		xcalloc(1, sizeof(*cpuid) + CPUID_MAX * sizeof(cpuid->entries[0]));
	auto_free struct kvm_cpuid2 *hyperv = kvm_supported_hv_cpuid(kvm);

	cpuid->nent = CPUID_MAX;
	if (ioctl(kvm, KVM_GET_SUPPORTED_CPUID, cpuid))
		return err_errno(e, "KVM_GET_SUPPORTED_CPUID");
	snapshot_add(s, CPUID, cpuid->entries, cpuid->nent * sizeof(cpuid->entries[0]));
	snapshot_add(s, HV_CPUID, hyperv ? hyperv->entries : NULL,
		     hyperv ? hyperv->nent * sizeof(hyperv->entries[0]) : 0);
	return 0;
}

static void save_vmx(struct snapshot *s)
{
	struct kvm_vmx_msr msr[KVM_VMX_MSRS];
	struct kvm_msr_entry entry[KVM_VMX_MSRS] = {{0}};
	const unsigned count = kvm_vmx_msrs(msr);

	for (unsigned i = 0; i < count; i++)
		entry[i] = (struct kvm_msr_entry){.index = msr[i].index, .data = msr[i].value};
	snapshot_add(s, VMX, entry, count * sizeof(entry[0]));
}

int kvm_offers_save(struct snapshot *s, struct err *e)
{
	auto_close const int kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	auto_guarded struct kvm_msr_list *list = NULL;

	if (kvm < 0)
		return err_errno(e, "/dev/kvm");
	list = kvm_msr_list(kvm, e);
	if (!list || save_cpuid(kvm, s, e))
		return -1;
	save_vmx(s);
	snapshot_add(s, MSR_LIST, list->indices, list->nmsrs * sizeof(list->indices[0]));
	return 0;
}

/* ---- what two have -------------------------------------------------------------------------- */

/* The entries of a section, of which snapshot_add() has aligned the data. */
#define EACH(type, entry, s, name)                                                           \
	for (const type *entry = snapshot_find(s, name)->data,                               \
			*entry##_end = entry + snapshot_find(s, name)->len / sizeof(*entry); \
	     entry < entry##_end; entry++)

static const struct kvm_cpuid_entry2 *find_cpuid(const struct snapshot *s, const char *name,
						 const struct kvm_cpuid_entry2 *like)
{
	EACH(struct kvm_cpuid_entry2, c, s, name)
	if (c->function == like->function && c->index == like->index)
		return c;
	return NULL;
}

static uint32_t least(uint32_t a, uint32_t b)
{
	return a < b ? a : b;
}

/*
 * Features are bits, so both have a & b. Of the first leaf of each range EAX is the last leaf, and
 * of all other leaves hosts with one CPU say the same.
 */
static struct kvm_cpuid_entry2 both_cpuid(const struct kvm_cpuid_entry2 *a,
					  const struct kvm_cpuid_entry2 *b)
{
	struct kvm_cpuid_entry2 both = *a;

	both.eax = a->function & 0xff ? a->eax & b->eax : least(a->eax, b->eax);
	both.ebx &= b->ebx;
	both.ecx &= b->ecx;
	both.edx &= b->edx;
	return both;
}

static void join_cpuid(struct snapshot *s, const struct snapshot *other, const char *name)
{
	auto_buf struct buf list = {0};

	EACH(struct kvm_cpuid_entry2, c, s, name)
	{
		const struct kvm_cpuid_entry2 *same = find_cpuid(other, name, c);
		struct kvm_cpuid_entry2 both;

		if (!same)
			continue;
		both = both_cpuid(c, same);
		buf_append(&list, &both, sizeof(both));
	}
	snapshot_put(s, name, list.p, list.len);
}

/*
 * SDM, "VMX Capability Reporting Facility": of controls and of what CR0 and CR4 must be the one
 * half says what must be 1, in the others a bit is something that is there.
 */
static uint64_t both_vmx(uint32_t index, uint64_t a, uint64_t b)
{
	const uint64_t low = 0xffffffff;

	if (index == HOST_MSR_IA32_VMX_CR0_FIXED0 || index == HOST_MSR_IA32_VMX_CR4_FIXED0)
		return a | b;
	if ((index >= HOST_MSR_IA32_VMX_PINBASED_CTLS && index <= HOST_MSR_IA32_VMX_ENTRY_CTLS) ||
	    (index >= HOST_MSR_IA32_VMX_TRUE_PINBASED_CTLS &&
	     index <= HOST_MSR_IA32_VMX_TRUE_ENTRY_CTLS))
		return (a & b & ~low) | ((a | b) & low);
	return a & b;
}

static void join_vmx(struct snapshot *s, const struct snapshot *other)
{
	auto_buf struct buf list = {0};

	EACH(struct kvm_msr_entry, a, s, VMX)
	EACH(struct kvm_msr_entry, b, other, VMX)
	{
		struct kvm_msr_entry both = *a;

		if (b->index != a->index)
			continue;
		both.data = both_vmx(a->index, a->data, b->data);
		buf_append(&list, &both, sizeof(both));
	}
	snapshot_put(s, VMX, list.p, list.len);
}

static void join_msr_list(struct snapshot *s, const struct snapshot *other)
{
	auto_buf struct buf list = {0};

	EACH(uint32_t, index, s, MSR_LIST)
	if (kvm_offers_msr(other, *index))
		buf_append(&list, index, sizeof(*index));
	snapshot_put(s, MSR_LIST, list.p, list.len);
}

static int load_one(const char *path, struct snapshot *s, struct err *e)
{
	static const struct {
		const char *name;
		size_t size;
	} sections[] = {{CPUID, sizeof(struct kvm_cpuid_entry2)},
			{HV_CPUID, sizeof(struct kvm_cpuid_entry2)},
			{VMX, sizeof(struct kvm_msr_entry)},
			{MSR_LIST, sizeof(uint32_t)}};

	if (snapshot_read(s, path, e))
		return -1;
	for (unsigned i = 0; i < ARRAY_SIZE(sections); i++) {
		const struct snapshot_section *section = snapshot_find(s, sections[i].name);

		if (!section || section->len % sections[i].size) {
			snapshot_free(s);
			return err_set(e, "%s: not from `midflight save --offers`: section %s %s",
				       path, sections[i].name,
				       section ? "has no whole entries" : "is missing");
		}
	}
	return 0;
}

int kvm_offers_load(const char *paths, struct snapshot *common, struct err *e)
{
	const char *list = paths;
	char path[PATH_MAX];

	while (word_next(&list, ',', path, sizeof(path))) {
		auto_by(snapshot_free) struct snapshot one = {0};

		if (load_one(path, common->sections ? &one : common, e)) {
			snapshot_free(common);
			return -1;
		}
		if (!one.sections)
			continue;
		join_cpuid(common, &one, CPUID);
		join_cpuid(common, &one, HV_CPUID);
		join_vmx(common, &one);
		join_msr_list(common, &one);
	}
	return common->sections ? 0 : err_set(e, "no file");
}

/* ---- what a VM gets of it ------------------------------------------------------------------- */

void kvm_offers_cpuid(const struct snapshot *common, struct kvm_cpuid2 *cpuid)
{
	unsigned kept = 0;

	for (unsigned i = 0; i < cpuid->nent; i++) {
		struct kvm_cpuid_entry2 *c = &cpuid->entries[i];
		const struct kvm_cpuid_entry2 *own = find_cpuid(common, CPUID, c),
					      *hyperv = find_cpuid(common, HV_CPUID, c);

		if (own || hyperv)
			cpuid->entries[kept++] = both_cpuid(c, own ? own : hyperv);
	}
	cpuid->nent = kept;
}

bool kvm_offers_msr(const struct snapshot *common, uint32_t index)
{
	EACH(uint32_t, i, common, MSR_LIST)
	if (*i == index)
		return true;
	return false;
}

int kvm_offers_set_vmx(const struct snapshot *common, int fd, struct err *e)
{
	EACH(struct kvm_msr_entry, entry, common, VMX)
	{
		struct {
			struct kvm_msrs head;
			struct kvm_msr_entry entry;
		} set = {.head.nmsrs = 1, .entry = *entry};

		/* Of the others KVM makes what these and CPUID say. */
		if (kvm_offers_msr(common, entry->index) && ioctl(fd, KVM_SET_MSRS, &set) != 1)
			return err_set(e,
				       "KVM_SET_MSRS: refused 0x%llx for MSR 0x%x, which it offers",
				       (unsigned long long)entry->data, entry->index);
	}
	return 0;
}
