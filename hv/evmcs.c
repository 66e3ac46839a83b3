/* SPDX-License-Identifier: BSD-2-Clause */
/* Where each VMCS field lies in an enlightened VMCS, checked at compile time. */
#include "hv/evmcs.h"
#include "lib/string.h"

/* Bits 14:13 of an encoding are the width; SDM, "VMCS Component Encoding". */
#define WIDTH(encoding) (((encoding) >> 13 & 3) == 0 ? 2 : ((encoding) >> 13 & 3) == 2 ? 4 : 8)

enum {
#define F(name, encoding, role) SIZE_##name = WIDTH(encoding),
#include "hv/vmcs_fields.def"
#undef F
};

static const struct {
	uint16_t offset; /* 0: no place, as the revision is there */
	uint8_t size, group;
} places[VMCS_FIELDS] = {
#define E(name, at, group) [name] = {at, SIZE_##name, EVMCS_##group},
#include "hv/evmcs.def"
#undef E
};

#define E(name, at, group)                                                                  \
	_Static_assert((at) % SIZE_##name == 0 && (at) + SIZE_##name <= EVMCS_SIZE, #name); \
	_Static_assert((at) >= 8, #name);
#include "hv/evmcs.def"
#undef E

/* Never called: two fields on the same byte would be a duplicate case. */
static inline void no_overlap(unsigned byte)
{
	switch (byte) {
#define E(name, at, group) case (at)...(at) + SIZE_##name - 1:
#include "hv/evmcs.def"
#undef E
	case EVMCS_CLEAN_FIELDS ... EVMCS_CLEAN_FIELDS + 3:
	case EVMCS_ENLIGHTENMENTS ... EVMCS_ENLIGHTENMENTS + 3:
	case EVMCS_VP_ID ... EVMCS_VP_ID + 3:
	case EVMCS_VM_ID ... EVMCS_VM_ID + 7:
	case EVMCS_PARTITION_ASSIST_PAGE ... EVMCS_PARTITION_ASSIST_PAGE + 7:
		break;
	}
}

bool evmcs_has(enum vmcs_field field)
{
	return places[field].offset && places[field].group != EVMCS_UNREAD;
}

enum evmcs_group evmcs_group(enum vmcs_field field)
{
	return places[field].group;
}

uint64_t evmcs_read(const void *evmcs, enum vmcs_field field)
{
	uint64_t val = 0;

	memcpy(&val, (const uint8_t *)evmcs + places[field].offset, places[field].size);
	return val;
}

void evmcs_write(void *evmcs, enum vmcs_field field, uint64_t val)
{
	memcpy((uint8_t *)evmcs + places[field].offset, &val, places[field].size);
}

void evmcs_dirty(void *evmcs, enum evmcs_group group)
{
	if (group < EVMCS_GROUPS)
		*evmcs_u32(evmcs, EVMCS_CLEAN_FIELDS) &= ~(1u << group);
}
