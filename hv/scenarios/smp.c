/* SPDX-License-Identifier: BSD-2-Clause */
/* L1 has two vCPUs, and an L2 on one or both of them; told of below. */
#include "boot/ap.h"
#include "boot/cpus.h"
#include "hv/scenario.h"
#include "lib/cpu.h"
#include "lib/ktap.h"
#include "lib/x2apic.h"

#define FIRST_VECTOR  0x51
#define SECOND_VECTOR 0x43
#define HOST_VECTOR   0x71
#define SIPI_VECTOR   0x9a

static struct l2 here, there; /* the first CPU's, the second's */

/* Of the second CPU's: how many interrupts it takes, and whether it sleeps meanwhile. */
static uint64_t irqs;
static bool asleep;

/* ---- on the second CPU -------------------------------------------------------------------- */

static void done(void)
{
	if (!vmclear(there.vmcs))
		ktap_fail("check=\"VMCLEAR succeeds\" vmcs=0x%lx", there.vmcs);
}

static void create(void)
{
	l2_create(&there, "until_irqs");
	there.shared->arg[0] = irqs;
	there.shared->arg[1] = asleep;
}

static void enter(void)
{
	if (l2_tells(&there, 1))
		l2_check_interrupts(&there, true);
	done();
}

static void enter_until_init(void)
{
	l2_exits(&there, EXIT_REASON_INIT_SIGNAL);
	done();
}

static void enter_until_sipi(void)
{
	vmcs_write(GUEST_ACTIVITY_STATE, GUEST_ACTIVITY_WAIT_SIPI);
	vmcs_let_go(GUEST_ACTIVITY_STATE);
	if (l2_exits(&there, EXIT_REASON_SIPI_SIGNAL)) {
		ktap_check("SIPI's vector", SIPI_VECTOR, vmcs_read(EXIT_QUALIFICATION));
		vmcs_write(GUEST_ACTIVITY_STATE, GUEST_ACTIVITY_ACTIVE);
		l2_tells(&there, 1);
	}
	done();
}

static void port(void)
{
	l2_create(&there, "rvi_behind_if");
	l2_pend(&there, FIRST_VECTOR);
	if (l2_tells(&there, 1) && L2_TOOK(&there) && l2_tells(&there, 2))
		L2_TOOK(&there, FIRST_VECTOR);
	done();
}

static void moved(void)
{
	l2_move_here(&there, 0);
	if (l2_tells(&there, 2))
		L2_TOOK(&there, FIRST_VECTOR);
	done();
}

/* Frozen here, with the VMCS current and not yet entered from this CPU. */
static void moved_frozen(void)
{
	l2_move_here(&there, 0);
	freeze_point();
	if (vmcs_check_written() && l2_tells(&there, 2))
		L2_TOOK(&there, FIRST_VECTOR);
	done();
}

/* ---- on the first CPU --------------------------------------------------------------------- */

static bool create_there(uint64_t n, bool sleeps)
{
	irqs = n;
	asleep = sleeps;
	ap_run(create);
	return ap_wait("the second CPU to make its L2");
}

/* The second CPU goes to its L2; this one goes on when that one is there. */
static bool computes(uint64_t n)
{
	if (!create_there(n, false))
		return false;
	ap_run(enter);
	return ap_until((const volatile uint32_t *)&there.shared->val[0], "the second CPU's L2");
}

/* The same with an L2 that sleeps: the host, which sees that, sends an interrupt as its act. */
static bool sleeps(uint64_t n, void (*enter_it)(void))
{
	if (!create_there(n, true))
		return false;
	expect_vector(HOST_VECTOR, NULL);
	ap_run(enter_it);
	while (!apic_irr(HOST_VECTOR))
		cpu_relax();
	apic_drain();
	return true;
}

/* As a sender of interrupts does it: whoever finds ON set leaves the notification to the other. */
static void post(uint8_t vector, bool frozen_before_ipi)
{
	bool notify;

	there.posted[vector]++;
	pi_post(there.pi, vector);
	notify = pi_notify(there.pi);
	if (frozen_before_ipi)
		freeze_point();
	if (notify)
		apic_send(ap_apic_id(), L2_NOTIFICATION_VECTOR);
}

/* False, after a `fail` event: L2 did not take what was posted; leave it alone. */
static bool all_taken(void)
{
	unsigned where;

	if (ap_wait(NULL))
		return true;
	where = vapic_find(there.vapic, there.pi, FIRST_VECTOR);
	ktap_fail("check=\"lost wake-up\" vector=0x%x on=%u in_pir=%d in_virr=%d in_visr=%d",
		  FIRST_VECTOR, there.pi->control & PI_ON, !!(where & IN_PIR), !!(where & IN_VIRR),
		  !!(where & IN_VISR));
	return false;
}

static void fly_post_running(void)
{
	if (!computes(2))
		return;
	freeze_point();
	post(FIRST_VECTOR, false);
	post(SECOND_VECTOR, false);
	all_taken();
}

static void fly_on_running(void)
{
	if (!computes(1))
		return;
	post(FIRST_VECTOR, true);
	all_taken();
}

static void fly_post_halted(void)
{
	if (!sleeps(2, enter))
		return;
	freeze_point();
	post(FIRST_VECTOR, false);
	post(SECOND_VECTOR, false);
	all_taken();
}

static void fly_on_halted(void)
{
	if (!sleeps(2, enter))
		return;
	post(FIRST_VECTOR, true);
	post(SECOND_VECTOR, false);
	all_taken();
}

static void fly_port(void)
{
	ap_run(port);
	ap_wait("the second CPU's L2");
}

/* This CPU's L2, frozen at its port. */
static void fly_l2_here(void)
{
	l2_create(&here, "rvi_behind_if");
	l2_pend(&here, FIRST_VECTOR);
	if (l2_tells(&here, 1) && L2_TOOK(&here) && l2_tells(&here, 2))
		L2_TOOK(&here, FIRST_VECTOR);
}

static void fly_here(void)
{
	fly_l2_here();
	post(FIRST_VECTOR, false);
	post(SECOND_VECTOR, false);
	all_taken();
}

static void fly_both_running(void)
{
	if (computes(2))
		fly_here();
}

static void fly_both_halted(void)
{
	if (sleeps(2, enter))
		fly_here();
}

/* L2 starts on this CPU, which then gives its VMCS away. */
static bool start_and_clear(void)
{
	irqs = 0;
	create();
	l2_pend(&there, FIRST_VECTOR);
	return l2_tells(&there, 1) && L2_TOOK(&there) &&
	       ktap_check("VMCLEAR succeeds", 1, vmclear(there.vmcs));
}

static void fly_moved(void)
{
	if (!start_and_clear())
		return;
	freeze_point();
	ap_run(moved);
	ap_wait("the L2 that moved");
}

static void fly_moved_frozen(void)
{
	if (!start_and_clear())
		return;
	ap_run(moved_frozen);
	ap_wait("the L2 that moved");
}

static void fly_init(void)
{
	if (!sleeps(1, enter_until_init))
		return;
	freeze_point();
	apic_send(ap_apic_id(), APIC_ICR_INIT);
	ap_wait("the exit by INIT");
}

static void fly_sipi(void)
{
	if (!sleeps(0, enter_until_sipi))
		return;
	freeze_point();
	apic_send(ap_apic_id(), APIC_ICR_SIPI | SIPI_VECTOR);
	ap_wait("the exit by SIPI");
}

/* ---- a CPU that comes later ---------------------------------------------------------------- */

static uint64_t caps[CPUS][VMX_CAP_MSRS], feature_control[CPUS];

/* As every CPU tells it; IA32_FEATURE_CONTROL once VMX is on. */
static void read_caps(void)
{
	vmx_caps_read(caps[cpu_index()]);
	feature_control[cpu_index()] = rdmsr(MSR_IA32_FEATURE_CONTROL);
}

static void fly_added(void)
{
	char why[80];

	fly_l2_here();
	read_caps();
	if (!ap_there(why, sizeof(why))) {
		ap_start();
		ap_run(vmx_on);
		if (!ap_wait("the CPU that was added"))
			return;
	}
	ap_run(read_caps);
	if (!ap_wait("the added CPU's capabilities"))
		return;
	ktap_check("IA32_FEATURE_CONTROL", feature_control[0], feature_control[1]);
	vmx_caps_compare(caps[0], caps[1]);
	if (!computes(1))
		return;
	post(FIRST_VECTOR, false);
	all_taken();
}

/* Only the host can start L1 with two vCPUs, and it is asked for acts. */
static bool possible(char *why, size_t size)
{
	return hop_host_there(why, size) && ap_there(why, size);
}

#define FROZEN_1 "two vCPUs; snapshot at a freeze point of the first, "
#define POSTING                                                                                  \
	PROMISE("SDM, Posted-Interrupt Processing: whoever sets a bit in the PIR, then ON, and " \
		"then sends the notification vector if ON was 0, may count on it")
#define POSTING_LOST                                                                             \
	FAILURE("the second CPU's L2 never takes what the first posted, and as ON stays set no " \
		"later sender notifies again")
#define SMP    VCPUS(2), FREEZE(port)
#define ASLEEP SMP, ACT(irq, asleep)
SCENARIO(smp_post_running, NEEDS(L2_APICV), FLY(fly_post_running, .possible = possible),
	 TITLE("one vCPU posts to an L2 that computes on the other"), POSTING,
	 HOST(FROZEN_1 "right before it posts, with L2 on the second"), BUG("none known"),
	 POSTING_LOST, SMP, PROOF("!l2 runnable vmxon"), PROOF1("l2 runnable"));
SCENARIO(smp_on_running, NEEDS(L2_APICV), FLY(fly_on_running, .possible = possible),
	 TITLE("one vCPU has set ON, not yet notified; the other's L2 computes"), POSTING,
	 HOST(FROZEN_1 "between ON and the notification, with L2 on the second"), BUG("none known"),
	 POSTING_LOST, SMP, PROOF("!l2 runnable vmxon"), PROOF1("l2 runnable pir:0x51 on"));
SCENARIO(smp_post_halted, NEEDS(L2_APICV), FLY(fly_post_halted, .possible = possible),
	 TITLE("one vCPU posts to an L2 that sleeps in HLT on the other"), POSTING,
	 HOST(FROZEN_1 "right before it posts, with L2 asleep on the second"),
	 BUG("KVM: x86: Get vmcs12 pages before checking pending interrupts (2022)"), POSTING_LOST,
	 ASLEEP, PROOF("!l2 runnable vmxon"), PROOF1("l2 halted"));
SCENARIO(smp_on_halted, NEEDS(L2_APICV), FLY(fly_on_halted, .possible = possible),
	 TITLE("one vCPU has set ON, not yet notified; the other's L2 sleeps in HLT"), POSTING,
	 HOST(FROZEN_1 "between ON and the notification, with L2 asleep on the second"),
	 BUG("KVM: x86: Get vmcs12 pages before checking pending interrupts (2022)"), POSTING_LOST,
	 ASLEEP, PROOF("!l2 runnable vmxon"), PROOF1("l2 halted pir:0x51 on"));
SCENARIO(smp_port_1, NEEDS(L2_APICV), FLY(fly_port, .possible = possible),
	 TITLE("L2 on the second vCPU, L1 on the first"),
	 PROMISE("SDM, Evaluation of Pending Virtual Interrupts and Virtual-Interrupt Delivery"),
	 HOST("two vCPUs; snapshot at an instruction of the second one's L2, IF=0"),
	 BUG("none known"),
	 FAILURE("a vector missing or doubled, or the state of one vCPU on the other"), SMP,
	 PROOF("!l2 runnable vmxon !vmcs12"), PROOF1("l2 runnable rvi=0x51 !rflags&0x200"));
SCENARIO(smp_both_running, NEEDS(L2_APICV), FLY(fly_both_running, .possible = possible),
	 TITLE("an L2 on each vCPU, both run"), POSTING,
	 HOST(FROZEN_1 "within its L2, with the second in its own"), BUG("none known"),
	 POSTING_LOST, SMP, PROOF("l2 runnable rvi=0x51"), PROOF1("l2 runnable !rvi=0x51"));
SCENARIO(smp_both_halted, NEEDS(L2_APICV), FLY(fly_both_halted, .possible = possible),
	 TITLE("an L2 on each vCPU, one sleeps in HLT"), POSTING,
	 HOST(FROZEN_1 "within its L2, with the second one's L2 asleep"),
	 BUG("KVM: x86: Get vmcs12 pages before checking pending interrupts (2022)"), POSTING_LOST,
	 ASLEEP, PROOF("l2 runnable rvi=0x51"), PROOF1("l2 halted"));
#define MOVES                                                                                    \
	PROMISE("SDM, Software Use of Virtual-Machine Control Structures: after VMCLEAR on one " \
		"processor the VMCS may be made current on another"),                            \
		BUG("none known"),                                                               \
		FAILURE("a field of the VMCS lost or stale, or L2 does not go on where it "      \
			"stopped")
SCENARIO(smp_vmcs_cleared, NEEDS(L2_APICV), FLY(fly_moved, .possible = possible),
	 TITLE("a VMCS on its way from one vCPU to the other: cleared, current on none"), MOVES,
	 HOST(FROZEN_1 "between VMCLEAR on it and VMPTRLD on the second"), SMP,
	 PROOF("vmxon !vmcs12 !l2"), PROOF1("vmxon !vmcs12 !l2"));
SCENARIO(smp_vmcs_loaded, NEEDS(L2_APICV), FLY(fly_moved_frozen, .possible = possible),
	 TITLE("a VMCS that came from the first vCPU is current on the second"), MOVES,
	 HOST("two vCPUs; snapshot at a freeze point of the second, before it enters L2"), SMP,
	 PROOF("vmxon !vmcs12 !l2"), PROOF1("vmxon vmcs12 !l2"));
SCENARIO(smp_init, NEEDS(L2_APICV), FLY(fly_init, .possible = possible),
	 TITLE("one vCPU sends INIT to the other, whose L2 sleeps in HLT"),
	 PROMISE("SDM, Other Causes of VM Exits: INIT causes a VM exit, from HLT too"),
	 HOST(FROZEN_1 "right before it sends INIT"), BUG("none known"),
	 FAILURE("L2 sleeps on, or the second CPU is reset"), ASLEEP, PROOF("!l2 runnable"),
	 PROOF1("l2 halted"));
SCENARIO(
	smp_added, NEEDS(L2_APICV), FLY(fly_added, .possible = hop_host_there),
	TITLE("the VM gets a second vCPU, by hot-plug, when L2 is active on the first"),
	PROMISE("SDM, VMX Capability Reporting Facility: what L1 has read of one processor holds "
		"on all "
		"of them"),
	HOST("adds a vCPU between the restore and the first KVM_RUN"),
	BUG("none in KVM; of QEMU OpenShift #111729: kvm_intel in the guest refuses a vCPU that "
	    "was "
	    "hot-plugged, until a reboot"),
	FAILURE("the new vCPU's VMX capabilities are not the first one's, VMXON fails there, or it "
		"cannot have an L2"),
	FREEZE(port), ACT(vcpu_add, restored), PROOF("l2 runnable rvi=0x51"));
static bool sipi_possible(char *why, size_t size)
{
	return possible(why, size) &&
	       vmx_misc_cap(MISC_CAP_WAIT_FOR_SIPI, "activity state wait-for-SIPI", why, size);
}

SCENARIO(smp_sipi, NEEDS(L2_APICV), FLY(fly_sipi, .possible = sipi_possible),
	 TITLE("one vCPU sends a SIPI to the other, whose L2 waits for it"),
	 PROMISE("SDM, Other Causes of VM Exits: a SIPI causes a VM exit in the wait-for-SIPI "
		 "state"),
	 HOST(FROZEN_1 "right before it sends the SIPI"), BUG("none known"),
	 FAILURE("L2 waits on, or the vector in the exit qualification is wrong"), ASLEEP,
	 PROOF("!l2 runnable"), PROOF1("l2 init-received GUEST_ACTIVITY_STATE=3"));
