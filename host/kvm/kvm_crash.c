// SPDX-License-Identifier: BSD-2-Clause
// Why KVM gave a VM up, in words: what KVM_EXIT_INTERNAL_ERROR and KVM_EXIT_FAIL_ENTRY come with.
#include "host/base/cleanup.h"
#include "host/inspect/inspect_words.h"
#include "host/kvm/kvm_crash.h"

#define FAILED_ENTRY (1ull << 31) /* of an exit reason, SDM, "Exit Reason" */

static const char *const suberrors[] = {
	[KVM_INTERNAL_ERROR_EMULATION] =
		"an instruction could not be emulated, or guest memory not read",
	[KVM_INTERNAL_ERROR_SIMUL_EX] = "an exception met another",
	[KVM_INTERNAL_ERROR_DELIVERY_EV] = "an event's delivery met an exit that cannot be there",
	[KVM_INTERNAL_ERROR_UNEXPECTED_EXIT_REASON] = "a VM exit that KVM did not expect",
};

/* `, WHAT 0x30 (EPT_VIOLATION)`. */
static void number(struct buf *text, const char *what, enum kind kind, uint64_t value)
{
	auto_buf struct buf meaning = {0};

	buf_printf(text, ", %s 0x%llx", what, (unsigned long long)value);
	words(&meaning, kind, value, NULL);
	if (meaning.len)
		buf_printf(text, " (%s)", meaning.p);
}

static void exit_words(struct buf *text, uint64_t reason, uint64_t qualification,
		       uint64_t vectoring)
{
	number(text, "exit reason", KIND_EXIT_REASON, reason);
	buf_printf(text, ", qualification 0x%llx", (unsigned long long)qualification);
	number(text, "vectoring information", KIND_EXIT_EVENT, vectoring);
}

/* Linux, prepare_emulation_failure_exit(): flags, with one of them the instruction, then these. */
static unsigned emulation_words(struct buf *text, const struct kvm_run *run, unsigned count)
{
	const __u64 *data = run->internal.data;
	const bool bytes = count && data[0] & KVM_INTERNAL_ERROR_EMULATION_FLAG_INSTRUCTION_BYTES;
	const unsigned first = bytes ? 3 : 1;

	if (count < first + 5)
		return 0;
	if (bytes) {
		const uint8_t *insn = run->emulation_failure.insn_bytes;

		buf_printf(text, ", instruction");
		for (unsigned i = 0; i < run->emulation_failure.insn_size &&
				     i < sizeof(run->emulation_failure.insn_bytes);
		     i++)
			buf_printf(text, " %02x", insn[i]);
	}
	exit_words(text, data[first], data[first + 1], data[first + 2]);
	number(text, "interruption information", KIND_EXIT_EVENT, data[first + 3]);
	return first + 5;
}

void kvm_crash_internal(const struct kvm_run *run, struct buf *text)
{
	const unsigned suberror = run->internal.suberror;
	const unsigned count = run->internal.ndata < ARRAY_SIZE(run->internal.data)
				       ? run->internal.ndata
				       : ARRAY_SIZE(run->internal.data);
	const __u64 *data = run->internal.data;
	unsigned told = 0;

	buf_printf(text, "KVM_EXIT_INTERNAL_ERROR, suberror %u (%s)", suberror,
		   suberror < ARRAY_SIZE(suberrors) && suberrors[suberror] ? suberrors[suberror]
									   : "unknown");
	if (suberror == KVM_INTERNAL_ERROR_EMULATION) {
		told = emulation_words(text, run, count);
	} else if (suberror == KVM_INTERNAL_ERROR_DELIVERY_EV && count >= 3) {
		exit_words(text, data[1], data[2], data[0]);
		told = 3;
	} else if (suberror == KVM_INTERNAL_ERROR_UNEXPECTED_EXIT_REASON && count) {
		number(text, "exit reason", KIND_EXIT_REASON, data[0]);
		told = 1;
	}
	for (unsigned i = told; i < count; i++)
		buf_printf(text, "%s 0x%llx", i == told ? ", data" : "",
			   (unsigned long long)data[i]);
}

void kvm_crash_entry(uint64_t reason, struct buf *text)
{
	buf_printf(text, "KVM_EXIT_FAIL_ENTRY");
	if (reason & FAILED_ENTRY)
		number(text, "exit reason", KIND_EXIT_REASON, reason);
	else
		number(text, "VM-instruction error", KIND_INSTRUCTION_ERROR, reason);
}
