// SPDX-License-Identifier: GPL-2.0
// Cures hlt-entry-stale-vppr on 6.12 and 7.3: hlt_entry_vppr, hlt_entry_vppr.control.
// VM entry evaluates VPPR anew, from VTPR and SVI; what the page has is of before.
@@
typedef u32;
identifier vapic, vppr;
@@
-vppr = *((u32 *)(vapic + APIC_PROCPRI));
+vppr = max(*(u32 *)(vapic + APIC_TASKPRI) & 0xf0, (vmcs_read16(GUEST_INTR_STATUS) >> 8) & 0xf0);
