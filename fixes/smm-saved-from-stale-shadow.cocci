// SPDX-License-Identifier: GPL-2.0
// Cures smm-saved-from-stale-shadow on 6.12 and 7.3.
// When an SMI takes L2 to L1's SMM, L2's state is in vmcs12 alone: the shadow or enlightened VMCS, from which a save
// fills vmcs12 while L1 is on the CPU, has to follow as after any other exit.
@@
expression reason, shadow, enlightened;
@@
-if ((reason != -1) && (shadow || enlightened))
+if (shadow || enlightened)
	vmx->nested.need_vmcs12_to_shadow_sync = true;
