// SPDX-License-Identifier: BSD-2-Clause
// Saves and restores what KVM knows about a VM, in buffers that end where KVM says that they end
// (guarded.h). What is restored in which order is kvm_orders.c's.
#include "host/kvm/kvm_state.h"
#include "host/base/cleanup.h"
#include "host/kvm/kvm_hyperv.h"
#include "host/kvm/kvm_offers.h"
#include "host/kvm/guarded.h"
#include "host/snapshot/vmcs12.h"

#include <errno.h>
#include <linux/kvm.h>
#include <sched.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>

#define MSRS_TOLERANT	"MSRS_TOLERANT"	       /* as MSRS, but what KVM refuses is left out */
#define NESTED_REFUSED	"NESTED_STATE_REFUSED" /* as NESTED_STATE, but one that it must refuse */
#define BEYOND_MEMORY	(1ull << 52)	       /* no physical address has that many bits */
#define IRQCHIPS	3		       /* two PICs, one IOAPIC */
#define XSAVE_LEGACY	4096
#define CPUID_MAX	256
#define CPUID_UNTOUCHED 0xdeadu

static const struct part {
	const char *name;
	bool vcpu;
	unsigned long get, set;
	size_t size;
} parts[] = {
#define P(name, file, get, set, type) {#name, #file[1] == 'c', get, set, sizeof(type)},
#include "host/kvm/kvm_parts.def"
#undef P
};

static int fd_of(const struct kvm_fds *fds, const struct part *p)
{
	return p->vcpu ? fds->vcpu : fds->vm;
}

/* ---- saving ------------------------------------------------------------------------------- */

static int save_part(const struct kvm_fds *fds, const struct part *p, struct snapshot *s,
		     struct err *e)
{
	auto_guarded void *data = guarded_alloc(p->size);
	int error = ioctl(fd_of(fds, p), p->get, data) ? errno : 0;
	char what[64];

	if (!error)
		snapshot_add(s, p->name, data, p->size);
	if (!error || error == ENOTTY || error == EINVAL || error == ENXIO)
		return 0; /* saved, or this KVM has no such state */
	snprintf(what, sizeof(what), "KVM_GET_%s", p->name);
	errno = error;
	return err_errno(e, what);
}

static int save_irqchips(const struct kvm_fds *fds, struct snapshot *s, struct err *e)
{
	auto_guarded struct kvm_irqchip *chip = guarded_alloc(sizeof(*chip));
	struct kvm_irqchip all[IRQCHIPS];

	for (unsigned i = 0; i < IRQCHIPS; i++) {
		memset(chip, 0, sizeof(*chip));
		chip->chip_id = i;
		if (ioctl(fds->vm, KVM_GET_IRQCHIP, chip))
			return err_errno(e, "KVM_GET_IRQCHIP");
		all[i] = *chip;
	}
	snapshot_add(s, "IRQCHIP", all, sizeof(all));
	return 0;
}

static int save_xsave(const struct kvm_fds *fds, struct snapshot *s, struct err *e)
{
	int size = ioctl(fds->vm, KVM_CHECK_EXTENSION, KVM_CAP_XSAVE2);
	bool two = size > XSAVE_LEGACY;
	size_t len = two ? (size_t)size : XSAVE_LEGACY;
	auto_guarded void *area = guarded_alloc(len);

	if (ioctl(fds->vcpu, two ? KVM_GET_XSAVE2 : KVM_GET_XSAVE, area))
		return err_errno(e, two ? "KVM_GET_XSAVE2" : "KVM_GET_XSAVE");
	snapshot_add(s, "XSAVE", area, len);
	return 0;
}

/* Only those that other hosts have, too. */
static void keep_common(struct kvm_msr_list *list, const struct snapshot *common)
{
	unsigned kept = 0;

	for (unsigned i = 0; i < list->nmsrs; i++)
		if (kvm_offers_msr(common, list->indices[i]))
			list->indices[kept++] = list->indices[i];
	list->nmsrs = kept;
}

/* KVM stops at the first MSR that it does not have for this vCPU: leave that one out, go on. */
static int save_msrs(const struct kvm_fds *fds, struct snapshot *s, struct err *e)
{
	auto_guarded struct kvm_msr_list *list = kvm_msr_list(fds->kvm, e);
	auto_free struct kvm_msr_entry *all = NULL;
	auto_guarded uint8_t *buffer = NULL;
	unsigned done = 0;
	size_t kept = 0;

	if (!list)
		return -1;
	if (fds->saving && fds->saving->like)
		keep_common(list, fds->saving->like);
	buffer = guarded_alloc(sizeof(struct kvm_msrs) + list->nmsrs * sizeof(*all));
	all = xcalloc(list->nmsrs, sizeof(*all));
	while (done < list->nmsrs) {
		/* What is left ends with the buffer, at its guard page. */
		struct kvm_msrs *msrs = (void *)(buffer + done * sizeof(*all));
		unsigned n = list->nmsrs - done;
		int got;

		*msrs = (struct kvm_msrs){.nmsrs = n};
		for (unsigned i = 0; i < n; i++)
			msrs->entries[i] = (struct kvm_msr_entry){.index = list->indices[done + i]};
		got = ioctl(fds->vcpu, KVM_GET_MSRS, msrs);
		if (got < 0)
			return err_errno(e, "KVM_GET_MSRS");
		memcpy(all + kept, msrs->entries, (unsigned)got * sizeof(*all));
		kept += (unsigned)got;
		done += (unsigned)got + ((unsigned)got < n);
	}
	snapshot_add(s, "MSRS", all, kept * sizeof(*all));
	return 0;
}

static int save_nested(const struct kvm_fds *fds, struct snapshot *s, struct err *e)
{
	int size = ioctl(fds->vm, KVM_CHECK_EXTENSION, KVM_CAP_NESTED_STATE);
	auto_guarded struct kvm_nested_state *state = NULL;

	if (size <= 0)
		return 0;
	state = guarded_alloc((size_t)size);
	state->size = (uint32_t)size;
	if (ioctl(fds->vcpu, KVM_GET_NESTED_STATE, state))
		return err_errno(e, "KVM_GET_NESTED_STATE");
	snapshot_add(s, "NESTED_STATE", state, state->size);
	return 0;
}

/* KVM overwrites an entry whole. How many there are, 6.1 does not say. */
static unsigned count_cpuid(const struct kvm_cpuid2 *cpuid)
{
	unsigned n = 0;

	while (n < cpuid->nent && cpuid->entries[n].padding[0] != CPUID_UNTOUCHED)
		n++;
	return n;
}

static int save_cpuid(const struct kvm_fds *fds, struct snapshot *s, struct err *e)
{
	auto_guarded struct kvm_cpuid2 *cpuid =
		guarded_alloc(sizeof(*cpuid) + CPUID_MAX * sizeof(cpuid->entries[0]));

	cpuid->nent = CPUID_MAX;
	for (unsigned i = 0; i < CPUID_MAX; i++)
		cpuid->entries[i].padding[0] = CPUID_UNTOUCHED;
	if (ioctl(fds->vcpu, KVM_GET_CPUID2, cpuid))
		return err_errno(e, "KVM_GET_CPUID2");
	snapshot_add(s, "CPUID2", cpuid->entries, count_cpuid(cpuid) * sizeof(cpuid->entries[0]));
	return 0;
}

static int save_tsc_khz(const struct kvm_fds *fds, struct snapshot *s, struct err *e)
{
	int khz = ioctl(fds->vcpu, KVM_GET_TSC_KHZ, 0);
	uint32_t value = (uint32_t)khz;

	if (khz < 0)
		return err_errno(e, "KVM_GET_TSC_KHZ");
	snapshot_add(s, "TSC_KHZ", &value, sizeof(value));
	return 0;
}

/* For the reader of a snapshot: the TSC itself travels as MSR IA32_TSC. */
static void save_tsc_offset(const struct kvm_fds *fds, struct snapshot *s)
{
	uint64_t offset = 0;
	struct kvm_device_attr attr = {.group = KVM_VCPU_TSC_CTRL,
				       .attr = KVM_VCPU_TSC_OFFSET,
				       .addr = (uint64_t)(uintptr_t)&offset};

	if (!ioctl(fds->vcpu, KVM_GET_DEVICE_ATTR, &attr))
		snapshot_add(s, "TSC_OFFSET", &offset, sizeof(offset));
}

/* State with a shape of its own, saved in this order behind the rest unless another one is asked
 * for. */
static const struct {
	const char *name;
	int (*save)(const struct kvm_fds *fds, struct snapshot *s, struct err *e);
} shaped[] = {{"IRQCHIP", save_irqchips},    {"XSAVE", save_xsave},  {"MSRS", save_msrs},
	      {"NESTED_STATE", save_nested}, {"CPUID2", save_cpuid}, {"TSC_KHZ", save_tsc_khz}};

bool kvm_state_saves(const char *step)
{
	return table_find(parts, name, step) || table_find(shaped, name, step);
}

static void pause_for(int64_t ns)
{
	const struct timespec time = {.tv_sec = ns / 1000000000, .tv_nsec = ns % 1000000000};

	if (ns)
		nanosleep(&time, NULL);
}

/* To the next of the CPUs @all, on which this thread then stays. */
static void go_to_next_cpu(const cpu_set_t *all)
{
	const int from = sched_getcpu();
	cpu_set_t one;

	for (int i = 1; i <= CPU_SETSIZE; i++) {
		const int cpu = (from + i) % CPU_SETSIZE;

		if (!CPU_ISSET(cpu, all))
			continue;
		CPU_ZERO(&one);
		CPU_SET(cpu, &one);
		sched_setaffinity(0, sizeof(one), &one);
		return;
	}
}

static int save_step(const struct kvm_fds *fds, const char *step, struct snapshot *s, struct err *e)
{
	const struct part *part = table_find(parts, name, step);

	return part ? save_part(fds, part, s, e) : table_find(shaped, name, step)->save(fds, s, e);
}

int kvm_state_save(const struct kvm_fds *fds, struct snapshot *s, struct err *e)
{
	const struct kvm_saving *how = fds->saving;
	const struct order *o = how && how->order.steps ? &how->order : NULL;
	const unsigned ours = ARRAY_SIZE(parts) + ARRAY_SIZE(shaped), steps = o ? o->steps : ours;
	const bool roam = how && how->roam;
	cpu_set_t all;
	int ret = 0;

	if (roam)
		sched_getaffinity(0, sizeof(all), &all);
	save_tsc_offset(fds, s);
	for (unsigned i = 0; i < steps && !ret; i++) {
		const char *step = o			   ? o->step[i]
				   : i < ARRAY_SIZE(parts) ? parts[i].name
							   : shaped[i - ARRAY_SIZE(parts)].name;

		pause_for(how && i ? how->wait_ns : 0);
		if (roam)
			go_to_next_cpu(&all);
		ret = save_step(fds, step, s, e);
	}
	if (roam)
		sched_setaffinity(0, sizeof(all), &all);
	return ret;
}

/* ---- restoring ---------------------------------------------------------------------------- */

/* MSRs that are steps of their own, by the name of the step; the VMX capabilities first. */
static const struct {
	const char *step;
	uint32_t first, last;
} msr_steps[] = {
	{"MSR_VMX_CAPABILITIES", HOST_MSR_IA32_VMX_BASIC, HOST_MSR_IA32_VMX_TRUE_ENTRY_CTLS + 1},
	{"MSR_IA32_FEATURE_CONTROL", HOST_MSR_IA32_FEATURE_CONTROL, HOST_MSR_IA32_FEATURE_CONTROL},
	{"MSR_IA32_APIC_BASE", HOST_MSR_IA32_APIC_BASE, HOST_MSR_IA32_APIC_BASE},
	{"MSR_IA32_TSC_DEADLINE", HOST_MSR_IA32_TSC_DEADLINE, HOST_MSR_IA32_TSC_DEADLINE},
};

static bool in_order(const struct order *o, const char *step)
{
	for (unsigned i = 0; i < o->steps; i++)
		if (!strcmp(o->step[i], step))
			return true;
	return false;
}

/* Whether step @step of @o sets MSR @index. */
static bool msr_wanted(const struct order *o, const char *step, uint32_t index)
{
	if (o->in_place && index >= msr_steps[0].first && index <= msr_steps[0].last)
		return false;
	for (unsigned i = 0; i < ARRAY_SIZE(msr_steps); i++) {
		bool covered = index >= msr_steps[i].first && index <= msr_steps[i].last;

		if (!strcmp(step, msr_steps[i].step))
			return covered;
		if (covered && in_order(o, msr_steps[i].step))
			return false;
	}
	return true;
}

/* Any other return than 0 from a SET ioctl is an error, positive ones too. */
static int plain(int ret, const char *what, struct err *e)
{
	if (ret > 0)
		return err_set(e, "%s: returned %d", what, ret);
	return ret ? err_errno(e, what) : 0;
}

/* One SET ioctl with @size bytes of @data. */
static int set(int fd, unsigned long request, const void *data, size_t size, const char *what,
	       struct err *e)
{
	auto_guarded void *copy = guarded_copy(data, size);

	return plain(ioctl(fd, request, copy), what, e);
}

static int restore_msrs(const struct kvm_fds *fds, const struct snapshot_section *section,
			const struct order *o, const char *step, struct err *e)
{
	const struct kvm_msr_entry *entry = section->data;
	size_t count = section->len / sizeof(*entry);
	unsigned wanted = 0, n = 0;
	auto_guarded struct kvm_msrs *msrs = NULL;
	int done;

	for (size_t i = 0; i < count; i++)
		wanted += msr_wanted(o, step, entry[i].index);
	if (!wanted)
		return 0;
	msrs = guarded_alloc(sizeof(*msrs) + wanted * sizeof(*entry));
	msrs->nmsrs = wanted;
	for (size_t i = 0; i < count; i++)
		if (msr_wanted(o, step, entry[i].index))
			msrs->entries[n++] = entry[i];
	/* KVM stops at an MSR that it refuses. */
	while ((done = ioctl(fds->vcpu, KVM_SET_MSRS, msrs)) >= 0 && (unsigned)done + 1 < n &&
	       !strcmp(step, MSRS_TOLERANT)) {
		n -= (unsigned)done + 1;
		memmove(msrs->entries, msrs->entries + done + 1, n * sizeof(*entry));
		msrs->nmsrs = n;
	}
	if (done < 0)
		return err_errno(e, "KVM_SET_MSRS");
	if ((unsigned)done != n && strcmp(step, MSRS_TOLERANT))
		return err_set(e, "KVM_SET_MSRS: refused MSR 0x%x = 0x%llx (entry %d of %u)",
			       msrs->entries[done].index,
			       (unsigned long long)msrs->entries[done].data, done, wanted);
	return 0;
}

static int restore_cpuid(const struct kvm_fds *fds, const struct snapshot_section *section,
			 struct err *e)
{
	auto_guarded struct kvm_cpuid2 *cpuid = guarded_alloc(sizeof(*cpuid) + section->len);

	cpuid->nent = (unsigned)(section->len / sizeof(cpuid->entries[0]));
	memcpy(cpuid->entries, section->data, section->len);
	if (kvm_hyperv_says_evmcs(cpuid->entries, cpuid->nent) &&
	    kvm_hyperv_enable_evmcs(fds->vcpu, e))
		return -1;
	return plain(ioctl(fds->vcpu, KVM_SET_CPUID2, cpuid), "KVM_SET_CPUID2", e);
}

/* The old form knows no sub-leaves: the first of each leaf is all that it can say. */
static int restore_cpuid_legacy(const struct kvm_fds *fds, const struct snapshot_section *section,
				struct err *e)
{
	const struct kvm_cpuid_entry2 *entry = section->data;
	size_t count = section->len / sizeof(*entry);
	auto_guarded struct kvm_cpuid *cpuid = NULL;
	unsigned first = 0, n = 0;

	for (size_t i = 0; i < count; i++)
		first += !entry[i].index;
	cpuid = guarded_alloc(sizeof(*cpuid) + first * sizeof(cpuid->entries[0]));
	cpuid->nent = first;
	for (size_t i = 0; i < count; i++)
		if (!entry[i].index)
			cpuid->entries[n++] =
				(struct kvm_cpuid_entry){.function = entry[i].function,
							 .eax = entry[i].eax,
							 .ebx = entry[i].ebx,
							 .ecx = entry[i].ecx,
							 .edx = entry[i].edx};
	if (kvm_hyperv_says_evmcs(entry, (unsigned)count) && kvm_hyperv_enable_evmcs(fds->vcpu, e))
		return -1;
	return plain(ioctl(fds->vcpu, KVM_SET_CPUID, cpuid), "KVM_SET_CPUID", e);
}

static int restore_irqchips(const struct kvm_fds *fds, const struct snapshot_section *section,
			    struct err *e)
{
	const struct kvm_irqchip *chip = section->data;

	for (unsigned i = 0; i < IRQCHIPS; i++)
		if (set(fds->vm, KVM_SET_IRQCHIP, &chip[i], sizeof(chip[i]), "KVM_SET_IRQCHIP", e))
			return -1;
	return 0;
}

/*
 * A copy with an L2 whose CR3 is no address. KVM looks at that last, when it has left L1's MMU and
 * loaded most of L2 (prepare_vmcs02()), and must take all of it back.
 */
static int restore_refused(const struct kvm_fds *fds, const struct snapshot_section *section,
			   struct err *e)
{
	auto_guarded struct kvm_nested_state *copy = guarded_copy(section->data, section->len);
	const struct vmcs12_field *cr3 = vmcs12_find("GUEST_CR3", strlen("GUEST_CR3"));
	uint8_t *vmcs12 = (uint8_t *)vmcs12_in(copy, section->len, NULL);

	if (!vmcs12) /* no L2 can be made of that */
		return 0;
	copy->flags |= KVM_STATE_NESTED_GUEST_MODE;
	vmcs12_set(vmcs12, cr3, vmcs12_get(vmcs12, cr3) | BEYOND_MEMORY);
	/* KVM says 2, and no error number: nested_vmx_enter_non_root_mode()'s own. */
	if (ioctl(fds->vcpu, KVM_SET_NESTED_STATE, copy))
		return 0;
	return err_as(KVM_STATE_TAKEN, e, "KVM_SET_NESTED_STATE took an L2 with CR3=0x%llx",
		      (unsigned long long)vmcs12_get(vmcs12, cr3));
}

static int restore_part(const struct kvm_fds *fds, const struct part *p,
			const struct snapshot_section *section, const char *what, struct err *e)
{
	struct kvm_clock_data clock;

	if (p->set != KVM_SET_CLOCK)
		return set(fd_of(fds, p), p->set, section->data, p->size, what, e);
	/* The flags of KVM_GET_CLOCK ask KVM_SET_CLOCK to make up for the time in between. */
	memcpy(&clock, section->data, sizeof(clock));
	clock.flags = 0;
	return set(fds->vm, p->set, &clock, sizeof(clock), what, e);
}

static bool section_fits(const struct snapshot_section *section, const char *step)
{
	const struct part *part = table_find(parts, name, step);

	if (part)
		return section->len == part->size;
	if (!strcmp(step, "IRQCHIP"))
		return section->len == IRQCHIPS * sizeof(struct kvm_irqchip);
	if (!strcmp(step, "TSC_KHZ"))
		return section->len == sizeof(uint32_t);
	if (!strcmp(step, "NESTED_STATE"))
		return section->len >= sizeof(struct kvm_nested_state) &&
		       ((const struct kvm_nested_state *)section->data)->size == section->len;
	if (!strcmp(step, "XSAVE"))
		return section->len >= XSAVE_LEGACY;
	return true;
}

int kvm_state_restore_step(const struct kvm_fds *fds, const struct snapshot *s,
			   const struct order *o, unsigned i, struct err *e)
{
	const char *step = o->step[i];
	bool msr = !strncmp(step, "MSR", 3), cpuid = !strncmp(step, "CPUID", 5),
	     refused = !strcmp(step, NESTED_REFUSED);
	const struct snapshot_section *section = snapshot_find(s, msr	    ? "MSRS"
								  : cpuid   ? "CPUID2"
								  : refused ? "NESTED_STATE"
									    : step);
	const struct part *part;
	char what[64];

	if (!section && !strcmp(step, "SREGS2")) {
		step = "SREGS";
		section = snapshot_find(s, step);
	}
	if (!section)
		return 0;
	snprintf(what, sizeof(what), "KVM_SET_%s", step);
	if (refused)
		return restore_refused(fds, section, e);
	if (!section_fits(section, step))
		return err_set(e, "%s: section of %zu bytes does not fit this kernel", what,
			       section->len);
	if (msr)
		return restore_msrs(fds, section, o, step, e);
	if (cpuid)
		return strcmp(step, "CPUID") ? restore_cpuid(fds, section, e)
					     : restore_cpuid_legacy(fds, section, e);
	if (!strcmp(step, "IRQCHIP"))
		return restore_irqchips(fds, section, e);
	if (!strcmp(step, "TSC_KHZ"))
		return plain(ioctl(fds->vcpu, KVM_SET_TSC_KHZ, *(const uint32_t *)section->data),
			     what, e);
	if (!strcmp(step, "XSAVE"))
		return set(fds->vcpu, KVM_SET_XSAVE, section->data, section->len, what, e);
	if (!strcmp(step, "NESTED_STATE"))
		return set(fds->vcpu, KVM_SET_NESTED_STATE, section->data, section->len, what, e);
	part = table_find(parts, name, step);
	return part ? restore_part(fds, part, section, what, e)
		    : err_set(e, "there is no restore step '%s'", step);
}

bool kvm_state_step_known(const char *step)
{
	static const char others[] =
		"MSRS " MSRS_TOLERANT " XSAVE IRQCHIP TSC_KHZ NESTED_STATE " NESTED_REFUSED
		" CPUID2 CPUID";

	return table_find(parts, name, step) || word_in(others, ' ', step) ||
	       table_find(msr_steps, step, step);
}
