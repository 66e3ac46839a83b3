// SPDX-License-Identifier: BSD-2-Clause
// Who asked for a page, by the kernel's stack: kernel stacks as text.
#include "tests/unit/unit.h"

#include "host/pages/pages.h"

#include <unistd.h>

#define WAITS                                   \
	"[<0>] handle_userfault+0x427/0x8c0\n"  \
	"[<0>] __handle_mm_fault+0xb14/0xf70\n" \
	"[<0>] handle_mm_fault+0xe2/0x2c0\n"
#define BY_GUP                                             \
	WAITS "[<0>] __get_user_pages+0x89f/0x1580\n"      \
	      "[<0>] get_user_pages_unlocked+0xe6/0x360\n" \
	      "[<0>] hva_to_pfn+0xb1/0x4f0 [kvm]\n"
#define BY_COPY                                        \
	WAITS "[<0>] do_user_addr_fault+0x175/0x6a0\n" \
	      "[<0>] exc_page_fault+0x7e/0x180\n"      \
	      "[<0>] asm_exc_page_fault+0x26/0x30\n"   \
	      "[<0>] rep_movs_alternative+0x4a/0x70\n"
#define EXIT                                              \
	"[<0>] kvm_mmu_do_page_fault+0x1b3/0x1f0 [kvm]\n" \
	"[<0>] kvm_mmu_page_fault+0x8a/0x610 [kvm]\n" RUN
#define RUN                                                 \
	"[<0>] vmx_handle_exit+0x1b2/0x8c0 [kvm_intel]\n"   \
	"[<0>] vcpu_run+0x828/0x1870 [kvm]\n"               \
	"[<0>] kvm_arch_vcpu_ioctl_run+0x35b/0x4d0 [kvm]\n" \
	"[<0>] kvm_vcpu_ioctl+0x22e/0x950 [kvm]\n" SYSCALL
#define SYSCALL                             \
	"[<0>] __x64_sys_ioctl+0x94/0xc0\n" \
	"[<0>] do_syscall_64+0x87/0x180\n"  \
	"[<0>] entry_SYSCALL_64_after_hwframe+0x76/0x7e\n"
#define SET_NESTED                                             \
	"[<0>] vmx_set_nested_state+0x3f1/0x6e0 [kvm_intel]\n" \
	"[<0>] kvm_arch_vcpu_ioctl+0xc15/0x1a20 [kvm]\n"       \
	"[<0>] kvm_vcpu_ioctl+0x5a3/0x950 [kvm]\n" SYSCALL

static const struct {
	const char *stack, *via;
	enum page_asker asker;
} stacks[] = {
	/* KVM itself */
	{BY_GUP "[<0>] kvm_vcpu_map+0x5c/0x110 [kvm]\n"
		"[<0>] nested_get_vmcs12_pages+0x22a/0xc60 [kvm_intel]\n"
		"[<0>] vcpu_run+0x828/0x1870 [kvm]\n" SYSCALL,
	 "nested_get_vmcs12_pages", ASKER_KVM},
	{BY_GUP "[<0>] kvm_vcpu_map+0x5c/0x110 [kvm]\n"
		"[<0>] nested_get_vmcs12_pages+0xb6/0xc60 [kvm_intel]\n"
		"[<0>] nested_vmx_enter_non_root_mode+0x5c7/0xf20 [kvm_intel]\n"
		"[<0>] nested_vmx_run+0x15c/0x280 [kvm_intel]\n" RUN,
	 "nested_get_vmcs12_pages", ASKER_KVM},
	{BY_GUP "[<0>] __kvm_vcpu_map+0x5c/0x110 [kvm]\n"
		"[<0>] nested_vmx_prepare_msr_bitmap.isra.0+0x6a/0x2f0 [kvm_intel]\n"
		"[<0>] vmx_get_nested_state_pages+0x2f/0xa0 [kvm_intel]\n" RUN,
	 "nested_get_vmcs12_pages", ASKER_KVM},
	{BY_COPY "[<0>] __kvm_read_guest_page+0x6d/0xa0 [kvm]\n"
		 "[<0>] kvm_vcpu_read_guest+0x5a/0xb0 [kvm]\n"
		 "[<0>] nested_cache_shadow_vmcs12+0x7c/0xd0 [kvm_intel]\n" SET_NESTED,
	 "nested_cache_shadow_vmcs12", ASKER_KVM},
	{BY_COPY "[<0>] kvm_read_guest_offset_cached+0x96/0x140 [kvm]\n"
		 "[<0>] nested_vmx_check_vmcs_link_ptr.part.0+0x5b/0xc0 [kvm_intel]\n" SET_NESTED,
	 "nested_vmx_check_vmcs_link_ptr", ASKER_KVM},
	{BY_COPY "[<0>] kvm_vcpu_read_guest+0x5a/0xb0 [kvm]\n"
		 "[<0>] read_and_check_msr_entry+0x52/0x130 [kvm_intel]\n"
		 "[<0>] prepare_vmx_msr_autostore_list+0x8e/0x1c0 [kvm_intel]\n"
		 "[<0>] nested_vmx_enter_non_root_mode+0x5c7/0xf20 [kvm_intel]\n" SET_NESTED,
	 "prepare_vmx_msr_autostore_list", ASKER_KVM},
	{BY_COPY "[<0>] __kvm_write_guest_page+0x8a/0xe0 [kvm]\n"
		 "[<0>] nested_vmx_write_pml_buffer+0x9c/0xf0 [kvm_intel]\n"
		 "[<0>] ept_walk_addr_generic+0x751/0x9c0 [kvm]\n" EXIT,
	 "nested_vmx_write_pml_buffer", ASKER_KVM},
	{BY_COPY "[<0>] ept_walk_addr_generic+0x2d1/0x9c0 [kvm]\n"
		 "[<0>] ept_page_fault+0x9b/0x7a0 [kvm]\n" EXIT,
	 "walk of L2's EPT", ASKER_KVM},
	{BY_COPY "[<0>] ept_page_fault+0x9b/0x7a0 [kvm]\n" EXIT, "walk of L2's EPT", ASKER_KVM},
	{BY_COPY "[<0>] paging64_walk_addr_generic+0x2d1/0x9c0 [kvm]\n"
		 "[<0>] paging64_gva_to_gpa+0x5f/0xd0 [kvm]\n" EXIT,
	 "walk of page tables", ASKER_KVM},
	/* in no table: its own name, or of its helper if there is nothing else */
	{BY_COPY "[<0>] __kvm_write_guest_page+0x8a/0xe0 [kvm]\n"
		 "[<0>] handle_vmclear+0x114/0x1d0 [kvm_intel]\n" RUN,
	 "handle_vmclear", ASKER_KVM},
	{BY_COPY "[<0>] kvm_read_guest_page+0x8a/0xe0 [kvm]\n" SYSCALL, "kvm_read_guest_page",
	 ASKER_KVM},
	{BY_GUP "[<0>] nested_svm_vmrun+0x14/0x1d0 [kvm_amd a1b2c3]\n" RUN, "nested_svm_vmrun",
	 ASKER_KVM},

	/* the guest */
	{BY_GUP "[<0>] kvm_faultin_pfn+0x10c/0x590 [kvm]\n"
		"[<0>] kvm_tdp_page_fault+0x8d/0xe0 [kvm]\n" EXIT,
	 "guest access by L1", ASKER_L1},
	{BY_GUP "[<0>] __kvm_faultin_pfn+0x6c/0x90 [kvm]\n"
		"[<0>] kvm_mmu_faultin_pfn+0x10c/0x590 [kvm]\n"
		"[<0>] direct_page_fault+0x8d/0xe0 [kvm]\n" EXIT,
	 "guest access by L1", ASKER_L1},
	{BY_GUP "[<0>] kvm_faultin_pfn+0x10c/0x590 [kvm]\n"
		"[<0>] ept_page_fault+0x3c2/0x7a0 [kvm]\n" EXIT,
	 "guest access by L2", ASKER_L2},
	{BY_GUP "[<0>] kvm_faultin_pfn+0x10c/0x590 [kvm]\n"
		"[<0>] paging64_page_fault+0x3c2/0x7a0 [kvm]\n" EXIT,
	 "guest access", ASKER_GUEST},
	{BY_GUP "[<0>] kvm_mmu_faultin_pfn+0x10c/0x590 [kvm]\n" EXIT, "guest access", ASKER_GUEST},
	{WAITS "[<0>] __get_user_pages+0x89f/0x1580\n"
	       "[<0>] get_user_pages_remote+0x11b/0x420\n"
	       "[<0>] async_pf_execute+0x7c/0x1d0 [kvm]\n"
	       "[<0>] process_one_work+0x17c/0x390\n"
	       "[<0>] worker_thread+0x251/0x390\n"
	       "[<0>] kthread+0xd2/0x100\n"
	       "[<0>] ret_from_fork+0x34/0x50\n"
	       "[<0>] ret_from_fork_asm+0x1a/0x30\n",
	 "guest access (async)", ASKER_GUEST},
	{BY_COPY "[<0>] __kvm_write_guest_page+0x8a/0xe0 [kvm]\n"
		 "[<0>] kvm_write_guest_virt_system+0x4c/0xa0 [kvm]\n"
		 "[<0>] handle_vmread+0x2d4/0x3d0 [kvm_intel]\n" RUN,
	 "guest access (emulated)", ASKER_GUEST},

	/* a KVM that is no module */
	{WAITS "[<0>] hva_to_pfn+0xb1/0x4f0\n"
	       "[<0>] kvm_vcpu_map+0x5c/0x110\n"
	       "[<0>] nested_get_vmcs12_pages+0x22a/0xc60\n" SYSCALL,
	 "nested_get_vmcs12_pages", ASKER_KVM},
	{WAITS "[<0>] __kvm_read_guest_page+0x6d/0xa0\n"
	       "[<0>] vmx_something_new+0x5c/0x110\n" SYSCALL,
	 "vmx_something_new", ASKER_KVM},

	/* no KVM */
	{WAITS "[<0>] exc_page_fault+0x7e/0x180\n"
	       "[<0>] asm_exc_page_fault+0x26/0x30\n",
	 "outside KVM", ASKER_OTHER},
	{WAITS "[<0>] something+0x7e/0x180 [ext4]\n", "outside KVM", ASKER_OTHER},
	{"handle_userfault", "outside KVM", ASKER_OTHER},

	/* woken by a signal meanwhile, unreadable, garbage */
	{"[<0>] futex_wait_queue+0x60/0x90\n" RUN, "", ASKER_UNKNOWN},
	{"", "", ASKER_UNKNOWN},
	{"\n\n\n", "", ASKER_UNKNOWN},
	{"[<0>] 0xffffffffffffffff\n", "", ASKER_UNKNOWN},
	{"[<0>", "", ASKER_UNKNOWN},
	{"[<0>]", "", ASKER_UNKNOWN},
	{"] [ ] + [kvm\n[kvm]\n+0x1 [kvm]\n\x01\xff [kvm]", "", ASKER_UNKNOWN},
	{WAITS "[<0>] 0xffffffffc0a81234 [\n[kvm] [kvm]\n+ [kvm]\n\xff\xfe", "outside KVM",
	 ASKER_OTHER},
};

static void find_via(void **state)
{
	char via[48];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(stacks); i++) {
		assert_int_equal(page_via(stacks[i].stack, via, sizeof(via)), *stacks[i].via != 0);
		assert_string_equal(via, stacks[i].via);
		assert_int_equal(page_asker(via), stacks[i].asker);
	}
}

/* Any beginning of a stack, as of a read that was cut short, and small buffers. */
static void cut_stacks(void **state)
{
	char via[8];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(stacks); i++)
		for (size_t len = 0; len <= strlen(stacks[i].stack); len++) {
			char *cut = xasprintf("%.*s", (int)len, stacks[i].stack);

			page_via(cut, via, sizeof(via));
			assert_in_range(strlen(via), 0, sizeof(via) - 1);
			free(cut);
		}
}

/* A name longer than any real one counts as none. */
static void long_function(void **state)
{
	char *stack = xasprintf(WAITS "[<0>] %0200d+0x1/0x2 [kvm]\n", 0), via[48];

	(void)state;
	assert_true(page_via(stack, via, sizeof(via)));
	assert_string_equal(via, "outside KVM");
	free(stack);
}

/* Threads that are not there, or don't wait for a page. */
static void no_stack(void **state)
{
	char via[48] = "x";

	(void)state;
	page_via_read(0, via, sizeof(via));
	assert_string_equal(via, "");
	page_via_read(-1, via, sizeof(via));
	assert_string_equal(via, "");
	page_via_read(INT32_MAX, via, sizeof(via));
	assert_string_equal(via, "");
	page_via_read(gettid(), via, sizeof(via));
	assert_string_equal(via, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(find_via),
		cmocka_unit_test(cut_stacks),
		cmocka_unit_test(long_function),
		cmocka_unit_test(no_stack),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
