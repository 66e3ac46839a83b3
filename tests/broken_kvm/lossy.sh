#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# lossy.sh SOURCE: a diff that makes of the KVM whose sources lie in SOURCE one that loses what the module's
# parameters name, while it runs:
#   lossy_restores  1 << 16 | encoding of a field that KVM_SET_NESTED_STATE does not write to vmcs02
#   lossy_saves     offset << 16 | size of a field that KVM_GET_NESTED_STATE leaves in vmcs12 as it was
#   lossy_mistake   a mistake of another kind, by its bit (below)
#   lossy_hits      how often it came to that
# tests/e2e/fields.sh flies with it.
set -euo pipefail

source=$1
work=$(mktemp -d "${TMPDIR:-/tmp}/midflight-lossy.XXXXXX")
trap 'rm -rf "$work"' EXIT
vmx=arch/x86/kvm/vmx

edit() { # FILE NEW-LINES SED-SCRIPT
	local new
	mkdir -p "$work/a/$vmx" "$work/b/$vmx"
	cp "$source/$vmx/$1" "$work/a/$vmx/$1"
	sed -E "$3" "$work/a/$vmx/$1" >"$work/b/$vmx/$1"
	new=$(diff "$work/a/$vmx/$1" "$work/b/$vmx/$1" | grep -c '^>') || :
	[ "$new" = "$2" ] ||
		{ echo "lossy.sh: of $2 lines for $vmx/$1 $new found their place" >&2 && exit 1; }
	(cd "$work" && diff -u "a/$vmx/$1" "b/$vmx/$1") || :
}

edit vmx_ops.h 24 '/^#endif \/\* __KVM_X86_VMX_INSN_H \*\//i\
enum {\
	MISTAKE_SVI = 1 << 0, /* vectors from the PIR drive the one in service out of SVI */\
	MISTAKE_DR7 = 1 << 1, /* a restore loads DR7 as a VM entry does; PAT and EFER likewise */\
	MISTAKE_PAT = 1 << 2,\
	MISTAKE_EFER = 1 << 3,\
	MISTAKE_DIRTY = 1 << 4, /* what L2 does in its virtual-APIC page is not logged */\
};\
extern unsigned int lossy_restores, lossy_saves, lossy_mistake, lossy_hits;\
extern bool lossy_restoring;\
\
static __always_inline bool lossy(bool lost)\
{\
	lossy_hits += lost;\
	return lost;\
}\
#define LOSSY(write, field, ...)                                          \\\
	(lossy(unlikely(lossy_restoring) \&\& (1u << 16 | (field)) == lossy_restores) ? \\\
		 (void)0 :                                                              \\\
		 (write)(field, __VA_ARGS__))\
#define vmcs_write16(...) LOSSY(vmcs_write16, __VA_ARGS__)\
#define vmcs_write32(...) LOSSY(vmcs_write32, __VA_ARGS__)\
#define vmcs_write64(...) LOSSY(vmcs_write64, __VA_ARGS__)\
#define vmcs_writel(...) LOSSY(vmcs_writel, __VA_ARGS__)\
'

edit vmx.c 9 '/^MODULE_AUTHOR\(/i\
unsigned int lossy_restores, lossy_saves, lossy_mistake, lossy_hits;\
bool lossy_restoring;\
module_param(lossy_restores, uint, 0644);\
module_param(lossy_saves, uint, 0644);\
module_param(lossy_mistake, uint, 0644);\
module_param(lossy_hits, uint, 0644);\

/^\t\tnested_mark_vmcs12_pages_dirty\(/ {
	i\
\t\tif (!lossy(lossy_mistake \& MISTAKE_DIRTY))
	s/^/\t/
}'

edit nested.c 23 '/^static int vmx_get_nested_state\(/i\
/* No two vCPUs save at once in these tests. */\
static struct vmcs12 lossy_before;\
static void lossy_save(struct vmcs12 *vmcs12)\
{\
	const unsigned int offset = lossy_saves >> 16, size = lossy_saves \& 0xffff;\
	char *to = (char *)vmcs12 + offset, *from = (char *)\&lossy_before + offset;\
\
	if (size \&\& offset + size <= sizeof(*vmcs12) \&\& lossy(memcmp(to, from, size)))\
		memcpy(to, from, size);\
}\

/^static int vmx_get_nested_state\(/,/^}/ {
	/^\t\tsync_vmcs02_to_vmcs12\(/i\
\t\tlossy_before = *vmcs12;
	/^\t\tcopy_vmcs02_to_vmcs12_rare\(/i\
\t\tlossy_before = *vmcs12;
	/^\tBUILD_BUG_ON\(sizeof\(user_vmx_nested_state->vmcs12\)/i\
\tlossy_save(vmcs12);
}
/^static int vmx_set_nested_state\(/,/^}/ {
	/nested_vmx_enter_non_root_mode\(vcpu, false\)/ {
		i\
\tlossy_restoring = true;
		a\
\tlossy_restoring = false;
	}
}
s/^\t\t\tstatus \&= ~0xff;/\t\t\tstatus \&= lossy(lossy_mistake \& MISTAKE_SVI) ? 0 : ~0xff;/
/^\tif \(vmx->nested\.nested_run_pending \&\&$/ {
	N
	s/vmx->nested\.nested_run_pending( \&\&\n.*_LOAD_(DEBUG_CONTROLS|IA32_(PAT|EFER)))/(vmx->nested.nested_run_pending ||\n\t     lossy(lossy_restoring \&\& lossy_mistake \& MISTAKE_\2))\1/
	s/MISTAKE_DEBUG_CONTROLS/MISTAKE_DR7/
	s/MISTAKE_IA32_/MISTAKE_/
}'
