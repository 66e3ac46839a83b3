/* SPDX-License-Identifier: BSD-2-Clause */
/* VMCS access, to either kind of VMCS; encodings are checked at compile time against SDM, "VMCS
 * Data Organization". */
#include "hv/vmcs.h"
#include "boot/cpus.h"
#include "hv/evmcs.h"
#include "hv/vmx.h"
#include "lib/ktap.h"
#include "lib/string.h"

enum role { CONTROL, HOST, GUEST, LIVE, INFO };

static const struct {
	const char *name;
	uint16_t encoding;
	uint8_t role;
} fields[VMCS_FIELDS] = {
#define F(name, encoding, role) [name] = {#name, encoding, role},
#include "hv/vmcs_fields.def"
#undef F
};

/* Bits 11:10 of an encoding are the type; the role must not contradict it. */
enum { TYPE_CONTROL, TYPE_INFO, TYPE_GUEST, TYPE_HOST };
#define TYPE(encoding) ((encoding) >> 10 & 3)
#define F(name, encoding, role)                                                          \
	_Static_assert((encoding & 1) == 0 && encoding < 0x8000, #name);                 \
	_Static_assert(role == LIVE || TYPE(encoding) == (role == CONTROL ? TYPE_CONTROL \
							  : role == HOST  ? TYPE_HOST    \
							  : role == GUEST ? TYPE_GUEST   \
									  : TYPE_INFO),  \
		       #name);
#include "hv/vmcs_fields.def"
#undef F

static struct written {
	bool valid;
	uint64_t val;
} written[CPUS][VMCS_FIELDS];

/* The enlightened VMCS that is current on a CPU; NULL: an ordinary one is, or none. */
static void *evmcs[CPUS];

void vmcs_use(void *enlightened)
{
	evmcs[cpu_index()] = enlightened;
}

void *vmcs_enlightened(void)
{
	return evmcs[cpu_index()];
}

/* What this scenario is about cannot be told to KVM: not a result, and nothing to go on with. */
static void no_place(enum vmcs_field field)
{
	ktap_skip("%s has no place in an enlightened VMCS", fields[field].name);
	ktap_result();
	ktap_end();
}

uint64_t vmcs_read(enum vmcs_field field)
{
	const void *e = vmcs_enlightened();
	uint64_t val;

	if (e) {
		if (!evmcs_has(field))
			no_place(field);
		return evmcs_read(e, field);
	}
	if (!vmread(fields[field].encoding, &val))
		ktap_error_and_end("what=\"VMREAD failed\" field=%s", fields[field].name);
	return val;
}

/* Whether an enlightened VMCS was written. */
static bool write_enlightened(enum vmcs_field field, uint64_t val)
{
	void *e = vmcs_enlightened();

	if (!e)
		return false;
	if (evmcs_has(field)) {
		evmcs_write(e, field, val);
		evmcs_dirty(e, evmcs_group(field));
	} else if (val) { /* what is not there is 0 */
		no_place(field);
	}
	return true;
}

void vmcs_corrupt(enum vmcs_field field, uint64_t val)
{
	if (!write_enlightened(field, val) && !vmwrite(fields[field].encoding, val))
		ktap_error_and_end("what=\"VMWRITE failed\" field=%s value=0x%lx",
				   fields[field].name, val);
}

void vmcs_write(enum vmcs_field field, uint64_t val)
{
	vmcs_corrupt(field, val);
	if (!vmcs_enlightened() || evmcs_has(field))
		written[cpu_index()][field] = (struct written){true, val};
}

void vmcs_let_go(enum vmcs_field field)
{
	written[cpu_index()][field].valid = false;
}

void vmcs_forget(void)
{
	memset(written[cpu_index()], 0, sizeof(written[0]));
}

void vmcs_adopt(unsigned cpu)
{
	memcpy(written[cpu_index()], written[cpu], sizeof(written[0]));
}

bool vmcs_check_written(void)
{
	const struct written *own = written[cpu_index()];
	bool ok = true;

	for (unsigned i = 0; i < VMCS_FIELDS; i++) {
		uint64_t found;

		if (!own[i].valid || fields[i].role > GUEST)
			continue;
		found = vmcs_read(i);
		if (found != own[i].val) {
			ktap_fail(
				"check=\"VMCS field changed\" field=%s expected=0x%lx found=0x%lx",
				fields[i].name, own[i].val, found);
			ok = false;
		}
	}
	return ok;
}

uint32_t vmcs_encoding(enum vmcs_field field)
{
	return fields[field].encoding;
}

bool vmcs_is_info(enum vmcs_field field)
{
	return fields[field].role == INFO;
}

const char *vmcs_exit_reason_name(uint32_t reason)
{
	switch (reason & 0xffff) {
#define R(name, number) \
	case number:    \
		return #name;
#include "hv/exit_reasons.def"
#undef R
	}
	return "unknown";
}
