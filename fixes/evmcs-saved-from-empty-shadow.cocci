// SPDX-License-Identifier: GPL-2.0
// Cures evmcs-saved-from-empty-shadow on 6.1, 6.12 and 7.3: with --enlightened every one with L1 on the CPU.
// The shadow VMCS has nothing of an enlightened VMCS, mapped or not yet: what KVM was given is in vmcs12.
@@
@@
	if (nested_vmx_is_evmptr12_valid(vmx))
		copy_enlightened_to_vmcs12(vmx, 0);
-	else if (enable_shadow_vmcs)
+	else if (enable_shadow_vmcs && !nested_vmx_is_evmptr12_set(vmx))
		copy_shadow_to_vmcs12(vmx);

// 6.1.
@@
@@
	if (evmptr_is_valid(vmx->nested.hv_evmcs_vmptr))
		copy_enlightened_to_vmcs12(vmx, 0);
-	else if (enable_shadow_vmcs)
+	else if (enable_shadow_vmcs && vmx->nested.hv_evmcs_vmptr == EVMPTR_INVALID)
		copy_shadow_to_vmcs12(vmx);
