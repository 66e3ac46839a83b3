/* SPDX-License-Identifier: BSD-2-Clause */
/* Posts interrupts to L2, and keeps the books of where each of them is. */
#include "hv/hop.h"
#include "hv/l2.h"
#include "lib/cpu.h"
#include "lib/ktap.h"
#include "lib/x2apic.h"

#define FIRST_VECTOR 32

void l2_post(struct l2 *l2, uint8_t vector)
{
	pi_post(l2->pi, vector);
	pi_notify(l2->pi);
	l2->posted[vector]++;
}

void l2_notify_in(uint64_t ticks)
{
	apic_timer_arm(L2_NOTIFICATION_VECTOR, ticks);
}

bool l2_wake_up_lost(struct l2 *l2, uint64_t hop, uint8_t vector, bool sent)
{
	unsigned where = vapic_find(l2->vapic, l2->pi, vector);
	bool lost = sent && !apic_irr(L2_NOTIFICATION_VECTOR) &&
		    !apic_isr(L2_NOTIFICATION_VECTOR) &&
		    l2->shared->irq_count[vector] != l2->posted[vector];

	if (lost)
		ktap_fail("check=\"lost wake-up\" hop=%lu vector=0x%x on=%u in_pir=%d in_virr=%d "
			  "in_visr=%d activity_state=%lu rvi=0x%lx",
			  hop, vector, l2->pi->control & PI_ON, !!(where & IN_PIR),
			  !!(where & IN_VIRR), !!(where & IN_VISR), vmcs_read(GUEST_ACTIVITY_STATE),
			  vmcs_read(GUEST_INTR_STATUS) & 0xff);
	hop_nudged(lost);
	return lost;
}

void l2_wake(void)
{
	vmcs_write(GUEST_ACTIVITY_STATE, GUEST_ACTIVITY_ACTIVE);
	l2_notify_in(1);
	while (!apic_timer_expired())
		cpu_relax();
}

/* One posting is in one place: counted by L2's handler, or once in PIR, VIRR or VISR. */
static bool check_vector(struct l2 *l2, unsigned vector, bool all_taken)
{
	unsigned where = vapic_find(l2->vapic, l2->pi, vector);
	uint32_t taken = l2->shared->irq_count[vector];
	uint32_t under_way = !!(where & IN_PIR) + !!(where & IN_VIRR) + !!(where & IN_VISR);

	/* Inside the handler the vector may be counted already and still be in service. */
	if ((where & IN_VISR) && taken + under_way == l2->posted[vector] + 1)
		under_way--;
	if (vector == l2->by_host && taken + under_way == l2->posted[vector] + 1)
		return true;
	if (taken + under_way != l2->posted[vector]) {
		ktap_fail("check=\"%s\" vector=0x%x expected=%u found=%u in_pir=%d in_virr=%d "
			  "in_visr=%d",
			  taken + under_way < l2->posted[vector] ? "interrupt lost"
								 : "interrupt taken twice",
			  vector, l2->posted[vector], taken + under_way, !!(where & IN_PIR),
			  !!(where & IN_VIRR), !!(where & IN_VISR));
		return false;
	}
	if (all_taken && where) {
		ktap_fail("check=\"interrupt not delivered\" vector=0x%x in_pir=%d in_virr=%d "
			  "in_visr=%d",
			  vector, !!(where & IN_PIR), !!(where & IN_VIRR), !!(where & IN_VISR));
		return false;
	}
	return true;
}

bool l2_check_interrupts(struct l2 *l2, bool all_taken)
{
	uint16_t status;
	uint32_t pir = 0;
	bool ok = true;

	if (!l2->apicv)
		return true;
	status = vmcs_read(GUEST_INTR_STATUS);
	for (unsigned v = FIRST_VECTOR; v < 256; v++)
		ok &= check_vector(l2, v, all_taken);
	for (unsigned i = 0; i < 8; i++)
		pir |= l2->pi->pir[i];
	/* L1 sets ON with each posting and only notification processing clears both. */
	ok &= ktap_check("ON agrees with PIR", pir ? PI_ON : 0, l2->pi->control);
	/* RVI and SVI name the highest vector of VIRR and VISR; SDM, "Virtual-Interrupt Delivery".
	 */
	ok &= ktap_check("RVI agrees with VIRR", vapic_highest(l2->vapic, VAPIC_VIRR),
			 status & 0xff);
	ok &= ktap_check("SVI agrees with VISR", vapic_highest(l2->vapic, VAPIC_VISR), status >> 8);
	ok &= ktap_check("VTPR", l2->vtpr, l2->vapic->reg[VAPIC_VTPR / 4]);
	return ok;
}

void l2_pend(struct l2 *l2, uint8_t vector)
{
	uint16_t status = vmcs_read(GUEST_INTR_STATUS);

	l2->vapic->reg[(VAPIC_VIRR + vector / 32 * 16) / 4] |= 1u << vector % 32;
	if ((status & 0xff) < vector)
		vmcs_write(GUEST_INTR_STATUS, (status & 0xff00) | vector);
	l2->posted[vector]++;
}

bool l2_took(struct l2 *l2, const uint8_t *vectors)
{
	const struct l2_shared *s = l2->shared;
	uint32_t i = l2->irqs_seen;
	bool ok = true;

	for (; *vectors; vectors++, i++)
		ok &= ktap_check("vector taken, in order", *vectors,
				 i < s->irqs && i < L2_LOG ? s->irq_log[i] : 0);
	ok &= ktap_check("interrupts taken", i, s->irqs);
	l2->irqs_seen = i;
	return ok;
}
