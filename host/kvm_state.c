// SPDX-License-Identifier: BSD-2-Clause
// Saves and restores what KVM knows about a VM. What is restored in which order is data
// (orders.def): api.rst promises nothing about it.
#include "host/kvm_state.h"

#include <errno.h>
#include <linux/kvm.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#define IRQCHIPS     3 /* two PICs, one IOAPIC */
#define XSAVE_LEGACY 4096
#define MSRS_MAX     1024

enum {
#define M(name, index) HOST_MSR_##name = index,
#include "lib/msr.def"
#undef M
};

static const struct part {
	const char *name;
	bool vcpu;
	unsigned long get, set;
	size_t size;
} parts[] = {
#define P(name, file, get, set, type) {#name, #file[1] == 'c', get, set, sizeof(type)},
#include "host/kvm_parts.def"
#undef P
};

static const struct {
	const char *name, *text, *steps;
} orders[] = {
#define O(name, text, steps) {name, text, steps},
#include "host/orders.def"
#undef O
};

static int fd_of(const struct kvm_fds *fds, const struct part *p)
{
	return p->vcpu ? fds->vcpu : fds->vm;
}

/* ---- saving ------------------------------------------------------------------------------- */

static int save_parts(const struct kvm_fds *fds, struct snapshot *s, struct err *e)
{
	union {
		uint64_t align;
		char bytes[8192];
	} data;

	for (unsigned i = 0; i < ARRAY_SIZE(parts); i++) {
		char what[64];

		memset(&data, 0, sizeof(data));
		if (!ioctl(fd_of(fds, &parts[i]), parts[i].get, &data)) {
			snapshot_add(s, parts[i].name, &data, parts[i].size);
			continue;
		}
		if (errno == ENOTTY || errno == EINVAL || errno == ENXIO)
			continue; /* this KVM has no such state */
		snprintf(what, sizeof(what), "KVM_GET_%s", parts[i].name);
		return err_errno(e, what);
	}
	return 0;
}

static int save_irqchips(const struct kvm_fds *fds, struct snapshot *s, struct err *e)
{
	struct kvm_irqchip chip[IRQCHIPS] = {0};

	for (unsigned i = 0; i < IRQCHIPS; i++) {
		chip[i].chip_id = i;
		if (ioctl(fds->vm, KVM_GET_IRQCHIP, &chip[i]))
			return err_errno(e, "KVM_GET_IRQCHIP");
	}
	snapshot_add(s, "IRQCHIP", chip, sizeof(chip));
	return 0;
}

static int save_xsave(const struct kvm_fds *fds, struct snapshot *s, struct err *e)
{
	int size = ioctl(fds->vm, KVM_CHECK_EXTENSION, KVM_CAP_XSAVE2);
	bool two = size > XSAVE_LEGACY;
	void *area;

	if (!two)
		size = XSAVE_LEGACY;
	area = xcalloc(1, (size_t)size);
	if (ioctl(fds->vcpu, two ? KVM_GET_XSAVE2 : KVM_GET_XSAVE, area)) {
		free(area);
		return err_errno(e, two ? "KVM_GET_XSAVE2" : "KVM_GET_XSAVE");
	}
	snapshot_add(s, "XSAVE", area, (size_t)size);
	free(area);
	return 0;
}

/* KVM stops at the first MSR that it does not have for this vCPU: leave that one out, go on. */
static int save_msrs(const struct kvm_fds *fds, struct snapshot *s, struct err *e)
{
	struct kvm_msr_list *list = xcalloc(1, sizeof(*list) + MSRS_MAX * sizeof(list->indices[0]));
	struct kvm_msrs *msrs = xcalloc(1, sizeof(*msrs) + MSRS_MAX * sizeof(msrs->entries[0]));
	struct kvm_msr_entry *all = xcalloc(MSRS_MAX, sizeof(*all));
	unsigned done = 0, kept = 0;
	int ret = 0;

	list->nmsrs = MSRS_MAX;
	if (ioctl(fds->kvm, KVM_GET_MSR_INDEX_LIST, list))
		ret = err_errno(e, "KVM_GET_MSR_INDEX_LIST");
	while (!ret && done < list->nmsrs) {
		unsigned n = list->nmsrs - done;
		int got;

		msrs->nmsrs = n;
		for (unsigned i = 0; i < n; i++)
			msrs->entries[i] = (struct kvm_msr_entry){.index = list->indices[done + i]};
		got = ioctl(fds->vcpu, KVM_GET_MSRS, msrs);
		if (got < 0) {
			ret = err_errno(e, "KVM_GET_MSRS");
			break;
		}
		memcpy(all + kept, msrs->entries, (unsigned)got * sizeof(*all));
		kept += (unsigned)got;
		done += (unsigned)got + ((unsigned)got < n);
	}
	if (!ret)
		snapshot_add(s, "MSRS", all, kept * sizeof(*all));
	free(list);
	free(msrs);
	free(all);
	return ret;
}

static int save_nested(const struct kvm_fds *fds, struct snapshot *s, struct err *e)
{
	int size = ioctl(fds->vm, KVM_CHECK_EXTENSION, KVM_CAP_NESTED_STATE);
	struct kvm_nested_state *state;

	if (size <= 0)
		return 0;
	state = xcalloc(1, (size_t)size);
	state->size = (uint32_t)size;
	if (ioctl(fds->vcpu, KVM_GET_NESTED_STATE, state)) {
		free(state);
		return err_errno(e, "KVM_GET_NESTED_STATE");
	}
	snapshot_add(s, "NESTED_STATE", state, state->size);
	free(state);
	return 0;
}

static int save_cpuid(const struct kvm_fds *fds, struct snapshot *s, struct err *e)
{
	const unsigned max = 256;
	struct kvm_cpuid2 *cpuid = xcalloc(1, sizeof(*cpuid) + max * sizeof(cpuid->entries[0]));

	cpuid->nent = max;
	if (ioctl(fds->vcpu, KVM_GET_CPUID2, cpuid)) {
		free(cpuid);
		return err_errno(e, "KVM_GET_CPUID2");
	}
	snapshot_add(s, "CPUID2", cpuid->entries, cpuid->nent * sizeof(cpuid->entries[0]));
	free(cpuid);
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

int kvm_state_save(const struct kvm_fds *fds, struct snapshot *s, struct err *e)
{
	save_tsc_offset(fds, s);
	return save_parts(fds, s, e) || save_irqchips(fds, s, e) || save_xsave(fds, s, e) ||
			       save_msrs(fds, s, e) || save_nested(fds, s, e) ||
			       save_cpuid(fds, s, e) || save_tsc_khz(fds, s, e)
		       ? -1
		       : 0;
}

void kvm_state_summary(const struct snapshot *s, struct saved_state *state)
{
	const struct snapshot_section *mp = snapshot_find(s, "MP_STATE");
	const struct snapshot_section *section = snapshot_find(s, "NESTED_STATE");
	const struct kvm_nested_state *nested;

	memset(state, 0, sizeof(*state));
	if (mp && mp->len >= sizeof(struct kvm_mp_state))
		state->mp_state = ((const struct kvm_mp_state *)mp->data)->mp_state;
	if (!section || section->len < sizeof(*nested))
		return;
	nested = section->data;
	state->flags = nested->flags;
	state->format = nested->format;
	state->size = nested->size;
	state->vmxon_pa = nested->hdr.vmx.vmxon_pa;
	state->vmcs12_pa = nested->hdr.vmx.vmcs12_pa;
	state->nested = state->vmxon_pa != ~0ull;
}

/* ---- restoring ---------------------------------------------------------------------------- */

/* MSRs that are steps of their own, by the name of the step. */
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
	for (unsigned i = 0; i < ARRAY_SIZE(msr_steps); i++) {
		bool covered = index >= msr_steps[i].first && index <= msr_steps[i].last;

		if (!strcmp(step, msr_steps[i].step))
			return covered;
		if (covered && in_order(o, msr_steps[i].step))
			return false;
	}
	return true;
}

static int restore_msrs(const struct kvm_fds *fds, const struct snapshot_section *section,
			const struct order *o, const char *step, struct err *e)
{
	const struct kvm_msr_entry *entry = section->data;
	size_t count = section->len / sizeof(*entry);
	struct kvm_msrs *msrs = xcalloc(1, sizeof(*msrs) + count * sizeof(*entry));
	int set, ret = 0;

	for (size_t i = 0; i < count; i++)
		if (msr_wanted(o, step, entry[i].index))
			msrs->entries[msrs->nmsrs++] = entry[i];
	set = msrs->nmsrs ? ioctl(fds->vcpu, KVM_SET_MSRS, msrs) : 0;
	if (set < 0) {
		ret = err_errno(e, "KVM_SET_MSRS");
	} else if ((unsigned)set != msrs->nmsrs) {
		err_set(e, "KVM_SET_MSRS: refused MSR 0x%x = 0x%llx (entry %d of %u)",
			msrs->entries[set].index, (unsigned long long)msrs->entries[set].data, set,
			msrs->nmsrs);
		ret = -1;
	}
	free(msrs);
	return ret;
}

static int restore_cpuid(const struct kvm_fds *fds, const struct snapshot_section *section,
			 bool legacy, struct err *e)
{
	const struct kvm_cpuid_entry2 *entry = section->data;
	unsigned count = (unsigned)(section->len / sizeof(*entry));
	struct kvm_cpuid2 *two = xcalloc(1, sizeof(*two) + count * sizeof(*entry));
	struct kvm_cpuid *one = xcalloc(1, sizeof(*one) + count * sizeof(one->entries[0]));
	int ret = 0;

	two->nent = count;
	memcpy(two->entries, entry, count * sizeof(*entry));
	/* The old form knows no sub-leaves: the first of each leaf is all that it can say. */
	for (unsigned i = 0; i < count; i++)
		if (!entry[i].index)
			one->entries[one->nent++] =
				(struct kvm_cpuid_entry){.function = entry[i].function,
							 .eax = entry[i].eax,
							 .ebx = entry[i].ebx,
							 .ecx = entry[i].ecx,
							 .edx = entry[i].edx};
	if (legacy ? ioctl(fds->vcpu, KVM_SET_CPUID, one) : ioctl(fds->vcpu, KVM_SET_CPUID2, two))
		ret = err_errno(e, legacy ? "KVM_SET_CPUID" : "KVM_SET_CPUID2");
	free(one);
	free(two);
	return ret;
}

static int restore_irqchips(const struct kvm_fds *fds, const struct snapshot_section *section,
			    struct err *e)
{
	struct kvm_irqchip chip[IRQCHIPS];

	memcpy(chip, section->data, sizeof(chip));
	for (unsigned i = 0; i < IRQCHIPS; i++)
		if (ioctl(fds->vm, KVM_SET_IRQCHIP, &chip[i]))
			return err_errno(e, "KVM_SET_IRQCHIP");
	return 0;
}

/* Any other return than 0 from a SET ioctl is an error, positive ones too. */
static int plain(int ret, const char *what, struct err *e)
{
	if (ret > 0) {
		err_set(e, "%s: returned %d", what, ret);
		return -1;
	}
	return ret ? err_errno(e, what) : 0;
}

static int restore_part(const struct kvm_fds *fds, const struct part *p,
			const struct snapshot_section *section, const char *what, struct err *e)
{
	union {
		uint64_t align;
		struct kvm_clock_data clock;
		char bytes[8192];
	} data = {0};

	memcpy(&data, section->data, p->size);
	/* The flags of KVM_GET_CLOCK ask KVM_SET_CLOCK to make up for the time in between. */
	if (p->set == KVM_SET_CLOCK)
		data.clock.flags = 0;
	return plain(ioctl(fd_of(fds, p), p->set, &data), what, e);
}

static bool section_fits(const struct snapshot_section *section, const char *step)
{
	for (unsigned i = 0; i < ARRAY_SIZE(parts); i++)
		if (!strcmp(parts[i].name, step))
			return section->len == parts[i].size;
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
	bool msr = !strncmp(step, "MSR", 3), cpuid = !strncmp(step, "CPUID", 5);
	const struct snapshot_section *section = snapshot_find(s, msr	  ? "MSRS"
								  : cpuid ? "CPUID2"
									  : step);
	char what[64];

	if (!section && !strcmp(step, "SREGS2")) {
		step = "SREGS";
		section = snapshot_find(s, step);
	}
	if (!section)
		return 0;
	snprintf(what, sizeof(what), "KVM_SET_%s", step);
	if (!section_fits(section, step)) {
		err_set(e, "%s: section of %zu bytes does not fit this kernel", what, section->len);
		return -1;
	}
	if (msr)
		return restore_msrs(fds, section, o, step, e);
	if (cpuid)
		return restore_cpuid(fds, section, !strcmp(step, "CPUID"), e);
	if (!strcmp(step, "IRQCHIP"))
		return restore_irqchips(fds, section, e);
	if (!strcmp(step, "TSC_KHZ"))
		return plain(ioctl(fds->vcpu, KVM_SET_TSC_KHZ, *(const uint32_t *)section->data),
			     what, e);
	if (!strcmp(step, "XSAVE"))
		return plain(ioctl(fds->vcpu, KVM_SET_XSAVE, section->data), what, e);
	if (!strcmp(step, "NESTED_STATE"))
		return plain(ioctl(fds->vcpu, KVM_SET_NESTED_STATE, section->data), what, e);
	for (unsigned n = 0; n < ARRAY_SIZE(parts); n++)
		if (!strcmp(parts[n].name, step))
			return restore_part(fds, &parts[n], section, what, e);
	err_set(e, "there is no restore step '%s'", step);
	return -1;
}

/* ---- orders ------------------------------------------------------------------------------- */

static bool step_known(const char *step)
{
	static const char *const others[] = {"MSRS",	     "XSAVE",  "IRQCHIP", "TSC_KHZ",
					     "NESTED_STATE", "CPUID2", "CPUID"};

	for (unsigned i = 0; i < ARRAY_SIZE(parts); i++)
		if (!strcmp(parts[i].name, step))
			return true;
	for (unsigned i = 0; i < ARRAY_SIZE(others); i++)
		if (!strcmp(others[i], step))
			return true;
	for (unsigned i = 0; i < ARRAY_SIZE(msr_steps); i++)
		if (!strcmp(msr_steps[i].step, step))
			return true;
	return false;
}

static int order_parse(struct order *o, const char *text, struct err *e)
{
	while (*(text += strspn(text, " \t\r\n"))) {
		size_t len = strcspn(text, " \t\r\n");

		if (*text == '#') {
			text += strcspn(text, "\n");
			continue;
		}
		if (o->steps == ORDER_STEPS_MAX) {
			err_set(e, "order %s: more than %d steps", o->name, ORDER_STEPS_MAX);
			return -1;
		}
		if (len >= sizeof(o->step[0])) {
			err_set(e, "order %s: there is no step '%.*s'", o->name, (int)len, text);
			return -1;
		}
		memcpy(o->step[o->steps], text, len);
		o->step[o->steps][len] = '\0';
		if (!step_known(o->step[o->steps])) {
			err_set(e, "order %s: there is no step '%s'", o->name, o->step[o->steps]);
			return -1;
		}
		for (unsigned i = 0; i < o->steps; i++) {
			if (!strcmp(o->step[i], o->step[o->steps])) {
				err_set(e, "order %s: step '%s' stands twice", o->name, o->step[i]);
				return -1;
			}
		}
		o->steps++;
		text += len;
	}
	if (!o->steps) {
		err_set(e, "order %s: no steps", o->name);
		return -1;
	}
	return 0;
}

int order_load(struct order *o, const char *name, struct err *e)
{
	char text[4096];
	size_t len;
	FILE *f;

	memset(o, 0, sizeof(*o));
	snprintf(o->name, sizeof(o->name), "%s", name);
	for (unsigned i = 0; i < ARRAY_SIZE(orders); i++)
		if (!strcmp(orders[i].name, name))
			return order_parse(o, orders[i].steps, e);
	if (!strpbrk(name, "/.")) {
		err_set(e, "there is no order '%s' (%s, or a file)", name, order_names());
		return -1;
	}
	f = fopen(name, "re");
	if (!f) {
		err_set(e, "cannot read the order %s: %s", name, strerror(errno));
		return -1;
	}
	len = fread(text, 1, sizeof(text), f);
	fclose(f);
	if (len == sizeof(text) || memchr(text, 0, len)) {
		err_set(e, "%s is no order: %s", name,
			len == sizeof(text) ? "too long" : "not a text");
		return -1;
	}
	text[len] = '\0';
	return order_parse(o, text, e);
}

const char *order_names(void)
{
	static char names[256];

	if (!*names)
		for (unsigned i = 0; i < ARRAY_SIZE(orders); i++)
			snprintf(names + strlen(names), sizeof(names) - strlen(names), "%s%s",
				 i ? "|" : "", orders[i].name);
	return names;
}

void order_step_text(const char *step, char *text, size_t size)
{
	if (!strncmp(step, "MSR_", 4))
		snprintf(text, size, "KVM_SET_MSRS (%s)", step + 4);
	else
		snprintf(text, size, "KVM_SET_%s", step);
}
