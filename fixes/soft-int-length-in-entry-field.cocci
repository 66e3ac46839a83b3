// SPDX-License-Identifier: GPL-2.0
// Cures soft-int-length-in-entry-field on 6.12 and 7.3: vectoring_int, vectoring_int.control.
// The length of the instruction belongs into VM_EXIT_INSTRUCTION_LEN, as for INT3; the field for VM entry is L1's.
@@
expression length;
@@
vmcs12_save_pending_event(...)
{
	<...
-	vmcs12->vm_entry_instruction_len = length;
+	vmcs12->vm_exit_instruction_len = length;
	...>
}
