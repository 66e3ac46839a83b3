// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0
/*
 * A kernel module for the lab: breaks the restore of a nested VM in the running KVM on purpose, one
 * way at a time, so that tests/e2e/broken.sh can see the suite notice. It changes arguments and
 * results of KVM's functions through kprobes; `what` names the row of the table below. All that can
 * come to harm is the VM, but no machine that matters should ever load it.
 */
#include <linux/kprobes.h>
#include <linux/kvm_host.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/utsname.h>

#include <asm/tsc.h>

MODULE_LICENSE("Dual BSD/GPL");
MODULE_DESCRIPTION("Breaks the restore path of nested VMX, for Midflight's tests");

static char *what = "none";
module_param(what, charp, 0444);
static unsigned int hits; /* how often it has broken something */
module_param(hits, uint, 0444);

#define VCPUS	8
#define SKIPPED 1 /* of a kprobe's handler: the function is not executed */

#define VMCS_VIRTUAL_APIC_PAGE_ADDR 0x2012
#define VMCS_APIC_ACCESS_ADDR	    0x2014
#define VMCS_POSTED_INTR_DESC_ADDR  0x2016

/* A page that a vmcs02 can point to instead of the right ones; never freed, it might still do so.
 */
static void *scrap;

/* Where a vCPU is between KVM_SET_NESTED_STATE and the end of its first KVM_RUN. */
static enum restore { RESTORED_LONG_AGO, RESTORING, FIRST_RUN } stages[VCPUS];

/* Of vmx_preemption_timer_fn(). */
#define ENDBR 4
static unsigned long timer_fn;

static enum restore *stage(unsigned long vcpu)
{
	return &stages[((struct kvm_vcpu *)vcpu)->vcpu_id % VCPUS];
}

void broken_kvm_return(void);
asm(".pushsection .text\n"
    ".type broken_kvm_return, @function\n"
    "broken_kvm_return:\n"
    "	ret\n"
    "	int3\n"
    ".size broken_kvm_return, . - broken_kvm_return\n"
    ".popsection\n");

static int skip(struct pt_regs *regs, unsigned long result)
{
	hits++;
	regs->ax = result;
	regs->ip = (unsigned long)broken_kvm_return;
	return SKIPPED;
}

/*
 * With it a kprobe may change the instruction pointer. All of them have it: Linux mixes up two
 * kprobes on one function of which only one has.
 */
static void post(struct kprobe *probe, struct pt_regs *regs, unsigned long flags)
{
}

static int clear16(__u16 *flags, __u16 mask)
{
	hits += (*flags & mask) != 0;
	*flags &= ~mask;
	return 0;
}

static int clear32(__u32 *flags, __u32 mask)
{
	hits += (*flags & mask) != 0;
	*flags &= ~mask;
	return 0;
}

static int clear8(__u8 *flag)
{
	hits += *flag != 0;
	*flag = 0;
	return 0;
}

/* ---- vmx_set_nested_state(vcpu, user_state, state) ---- */
static struct kvm_nested_state *nested_state(struct pt_regs *regs)
{
	return (void *)regs->dx;
}

static int run_pending(struct kprobe *probe, struct pt_regs *regs)
{
	return clear16(&nested_state(regs)->flags, KVM_STATE_NESTED_RUN_PENDING);
}

static int mtf_pending(struct kprobe *probe, struct pt_regs *regs)
{
	return clear16(&nested_state(regs)->flags, KVM_STATE_NESTED_MTF_PENDING);
}

static int deadline(struct kprobe *probe, struct pt_regs *regs)
{
	return clear32(&nested_state(regs)->hdr.vmx.flags, KVM_STATE_VMX_PREEMPTION_TIMER_DEADLINE);
}

static int smm(struct kprobe *probe, struct pt_regs *regs)
{
	return clear16(&nested_state(regs)->hdr.vmx.smm.flags, KVM_STATE_NESTED_SMM_GUEST_MODE);
}

/* Breaks nothing that a guest could see; but KVM complains, once. */
static int warns(struct kprobe *probe, struct pt_regs *regs)
{
	const bool pending = nested_state(regs)->flags & KVM_STATE_NESTED_MTF_PENDING;

	hits += pending;
	WARN_ON_ONCE(pending);
	return 0;
}

/* ---- vmx_get_nested_state(vcpu, user_state, user_data_size) ---- */
static int remember_user_state(struct kretprobe_instance *instance, struct pt_regs *regs)
{
	*(unsigned long *)instance->data = regs->si;
	return 0;
}

/* What userspace gets to see. */
static int run_pending_unsaved(struct kretprobe_instance *instance, struct pt_regs *regs)
{
	struct kvm_nested_state __user *state = *(void __user **)instance->data;
	__u16 flags;

	if ((long)regs->ax < (long)sizeof(*state) ||
	    copy_from_user_nofault(&flags, &state->flags, sizeof(flags)))
		return 0;
	clear16(&flags, KVM_STATE_NESTED_RUN_PENDING);
	if (copy_to_user_nofault(&state->flags, &flags, sizeof(flags)))
		pr_err("broken_kvm: the state that was saved cannot be changed\n");
	return 0;
}

/* The rest of this kind takes the whole kernel with it (tests/e2e/dead.sh). */
static bool is_time(struct pt_regs *regs)
{
	const bool pending = nested_state(regs)->flags & KVM_STATE_NESTED_MTF_PENDING;

	hits += pending;
	return pending;
}

static int dies_bug(struct kprobe *probe, struct pt_regs *regs)
{
	BUG_ON(is_time(regs));
	return 0;
}

static int dies_null(struct kprobe *probe, struct pt_regs *regs)
{
	unsigned long zero = 0;

	if (is_time(regs))
		asm volatile("movq $1, (%0)" : : "r"(zero) : "memory");
	return 0;
}

static int dies_gp(struct kprobe *probe, struct pt_regs *regs)
{
	unsigned long odd = 0xdead000000000000;

	if (is_time(regs))
		asm volatile("movq $1, (%0)" : : "r"(odd) : "memory");
	return 0;
}

static int dies_panic(struct kprobe *probe, struct pt_regs *regs)
{
	if (is_time(regs))
		panic("broken on purpose");
	return 0;
}

static int dies_silent(struct kprobe *probe, struct pt_regs *regs)
{
	while (is_time(regs))
		asm volatile("cli");
	return 0;
}

/* Its timer ticks, but nothing else runs. */
static int dies_busy(struct kprobe *probe, struct pt_regs *regs)
{
	while (is_time(regs))
		asm volatile("sti; pause");
	return 0;
}

/* Takes a reference to the page of vmcs12, for ever. */
static int leaks(struct kprobe *probe, struct pt_regs *regs)
{
	const gfn_t gfn = gpa_to_gfn(nested_state(regs)->hdr.vmx.vmcs12_pa);
	struct kvm_memory_slot *slot =
		__gfn_to_memslot(kvm_vcpu_memslots((struct kvm_vcpu *)regs->di), gfn);
	struct page *page;

	if (nested_state(regs)->flags & KVM_STATE_NESTED_MTF_PENDING && slot)
		hits += get_user_pages_fast_only(__gfn_to_hva_memslot(slot, gfn), 1, FOLL_WRITE,
						 &page) == 1;
	return 0;
}

/* ---- what vmx_set_nested_state() and the first KVM_RUN call ---- */
static void vmwrite(unsigned long field, unsigned long value)
{
	asm volatile("vmwrite %1, %0" : : "r"(field), "r"(value) : "cc");
}

/* load_pdptrs(vcpu, cr3): nothing is loaded. */
static int pdptrs(struct kprobe *probe, struct pt_regs *regs)
{
	return *stage(regs->di) == RESTORED_LONG_AGO ? 0 : skip(regs, true);
}

/*
 * bool vmx_get_nested_state_pages(vcpu). The vmcs02 that L2 then runs on is new, and where it
 * should point to pages of L1 it must not point to physical page 0 of this machine.
 */
static int pages(struct kprobe *probe, struct pt_regs *regs)
{
	if (*stage(regs->di) != FIRST_RUN)
		return 0;
	vmwrite(VMCS_VIRTUAL_APIC_PAGE_ADDR, virt_to_phys(scrap));
	vmwrite(VMCS_APIC_ACCESS_ADDR, virt_to_phys(scrap));
	vmwrite(VMCS_POSTED_INTR_DESC_ADDR, virt_to_phys(scrap));
	return skip(regs, true);
}

/* nested_vmx_enter_non_root_mode(vcpu, from_vmentry) */
static int from_vmentry(struct kprobe *probe, struct pt_regs *regs)
{
	if (*stage(regs->di) != RESTORING)
		return 0;
	hits++;
	regs->si = true;
	return 0;
}

/* hrtimer_start_range_ns(timer, ...): that of L2's VMX-preemption timer is not started. */
static int timer(struct kprobe *probe, struct pt_regs *regs)
{
	const unsigned long function = (unsigned long)((struct hrtimer *)regs->di)->function;
	int i;

	/* A kprobe's address may be that behind the ENDBR. */
	for (i = 0; i < VCPUS && timer_fn - function <= ENDBR; i++)
		if (stages[i] == RESTORING)
			return skip(regs, 0);
	return 0;
}

/* kvm_init_shadow_ept_mmu(vcpu, execonly, huge_page_level, accessed_dirty, eptp) */
static int ept_ad(struct kprobe *probe, struct pt_regs *regs)
{
	if (*stage(regs->di) != RESTORING)
		return 0;
	hits += (regs->cx & 1) != 0;
	regs->cx = false;
	return 0;
}

/* ---- kvm_vcpu_ioctl_x86_set_vcpu_events(vcpu, events) ---- */
/* Only behind KVM_SET_NESTED_STATE: a VMM also uses it to send an event to a VM that runs. */
static struct kvm_vcpu_events *restored_events(struct pt_regs *regs)
{
	static struct kvm_vcpu_events others;

	return *stage(regs->di) == RESTORING ? (void *)regs->si : &others;
}

static int nmi(struct kprobe *probe, struct pt_regs *regs)
{
	return clear8(&restored_events(regs)->nmi.pending);
}

static int injected(struct kprobe *probe, struct pt_regs *regs)
{
	struct kvm_vcpu_events *events = restored_events(regs);

	clear8(&events->exception.injected);
	clear8(&events->nmi.injected);
	return clear8(&events->interrupt.injected);
}

static int interrupt_shadow(struct kprobe *probe, struct pt_regs *regs)
{
	return clear8(&restored_events(regs)->interrupt.shadow);
}

/* ---- other parts of the vCPU's state ---- */
/* kvm_apic_set_state(vcpu, lapic_state) */
static int irr(struct kprobe *probe, struct pt_regs *regs)
{
	char *apic = ((struct kvm_lapic_state *)regs->si)->regs;
	int i;

	for (i = 7; i >= 0; i--) {
		__u32 *word = (__u32 *)(apic + 0x200 + 0x10 * i);

		if (*word)
			return clear32(word, 1u << (31 - __builtin_clz(*word)));
	}
	return 0;
}

/* kvm_arch_vcpu_ioctl_set_mpstate(vcpu, mp_state) */
static int mp_state(struct kprobe *probe, struct pt_regs *regs)
{
	struct kvm_mp_state *state = (void *)regs->si;

	hits += state->mp_state == KVM_MP_STATE_HALTED;
	if (state->mp_state == KVM_MP_STATE_HALTED)
		state->mp_state = KVM_MP_STATE_RUNNABLE;
	return 0;
}

static const struct {
	const char *name, *symbol;
	kprobe_pre_handler_t handler;
	kretprobe_handler_t on_return; /* instead of that */
} breakages[] = {
	{"run-pending", "vmx_set_nested_state", run_pending},
	{"run-pending-unsaved", "vmx_get_nested_state", .on_return = run_pending_unsaved},
	{"mtf-pending", "vmx_set_nested_state", mtf_pending},
	{"deadline", "vmx_set_nested_state", deadline},
	{"smm", "vmx_set_nested_state", smm},
	{"warns", "vmx_set_nested_state", warns},
	{"dies-bug", "vmx_set_nested_state", dies_bug},
	{"dies-null", "vmx_set_nested_state", dies_null},
	{"dies-gp", "vmx_set_nested_state", dies_gp},
	{"dies-panic", "vmx_set_nested_state", dies_panic},
	{"dies-silent", "vmx_set_nested_state", dies_silent},
	{"dies-busy", "vmx_set_nested_state", dies_busy},
	{"leaks", "vmx_set_nested_state", leaks},
	{"pages", "vmx_get_nested_state_pages", pages},
	{"pdptrs", "load_pdptrs", pdptrs},
	{"timer", "hrtimer_start_range_ns", timer},
	{"from-vmentry", "nested_vmx_enter_non_root_mode", from_vmentry},
	{"ept-ad", "kvm_init_shadow_ept_mmu", ept_ad},
	{"nmi", "kvm_vcpu_ioctl_x86_set_vcpu_events", nmi},
	{"injected", "kvm_vcpu_ioctl_x86_set_vcpu_events", injected},
	{"interrupt-shadow", "kvm_vcpu_ioctl_x86_set_vcpu_events", interrupt_shadow},
	{"irr", "kvm_apic_set_state", irr},
	{"mp-state", "kvm_arch_vcpu_ioctl_set_mpstate", mp_state},
};

/* ---- when ---- */
static int on_set_nested_state(struct kprobe *probe, struct pt_regs *regs)
{
	*stage(regs->di) = RESTORING;
	return 0;
}

static int on_run(struct kprobe *probe, struct pt_regs *regs)
{
	enum restore *now = stage(regs->di);

	*now = *now == RESTORING ? FIRST_RUN : RESTORED_LONG_AGO;
	return 0;
}

static struct kprobe probes[] = {
	{.symbol_name = "vmx_set_nested_state",
	 .pre_handler = on_set_nested_state,
	 .post_handler = post},
	{.symbol_name = "kvm_arch_vcpu_ioctl_run", .pre_handler = on_run, .post_handler = post},
	{.post_handler = post}, /* the breakage */
};
static int registered;
static struct kretprobe return_probe = {.entry_handler = remember_user_state,
					.data_size = sizeof(unsigned long),
					.maxactive = VCPUS};

static void unregister_all(void)
{
	if (return_probe.handler)
		unregister_kretprobe(&return_probe);
	while (registered > 0)
		unregister_kprobe(&probes[--registered]);
}

static void find_timer_fn(void)
{
	struct kprobe probe = {.symbol_name = "vmx_preemption_timer_fn"};

	if (register_kprobe(&probe) != 0)
		return;
	timer_fn = (unsigned long)probe.addr;
	unregister_kprobe(&probe);
}

static int __init broken_kvm_init(void)
{
	int i, result, count = ARRAY_SIZE(probes) - 1;

	/* No machine but the emulated one has a TSC of 100 MHz. */
	if (strcmp(utsname()->nodename, "lab") != 0 || tsc_khz / 1000 != 100) {
		pr_err("broken_kvm: this is not the lab\n");
		return -EPERM;
	}
	for (i = 0; i < ARRAY_SIZE(breakages); i++) {
		if (strcmp(what, breakages[i].name) != 0)
			continue;
		if (breakages[i].on_return) {
			return_probe.kp.symbol_name = breakages[i].symbol;
			return_probe.handler = breakages[i].on_return;
		} else {
			probes[count].symbol_name = breakages[i].symbol;
			probes[count++].pre_handler = breakages[i].handler;
		}
		break;
	}
	if (i == ARRAY_SIZE(breakages) && strcmp(what, "none") != 0) {
		pr_err("broken_kvm: what=%s is not known\n", what);
		return -EINVAL;
	}
	find_timer_fn();
	scrap = (void *)get_zeroed_page(GFP_KERNEL);
	if (!scrap)
		return -ENOMEM;
	result = return_probe.handler ? register_kretprobe(&return_probe) : 0;
	if (result) {
		pr_err("broken_kvm: no kretprobe at %s: %d\n", return_probe.kp.symbol_name, result);
		return result;
	}
	for (; registered < count; registered++) {
		result = register_kprobe(&probes[registered]);
		if (result == 0)
			continue;
		pr_err("broken_kvm: no kprobe at %s: %d\n", probes[registered].symbol_name, result);
		unregister_all();
		return result;
	}
	return 0;
}
module_init(broken_kvm_init);

static void __exit broken_kvm_exit(void)
{
	pr_info("broken_kvm: what=%s, struck %u times\n", what, hits);
	unregister_all();
}
module_exit(broken_kvm_exit);
