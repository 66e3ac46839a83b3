// SPDX-License-Identifier: BSD-2-Clause
// The table of methods.
#include "host/vmm/method.h"

#include <string.h>

#define CHAINS	    METHOD_CHAINS
#define RESTORES    METHOD_RESTORES
#define WRITES_BACK METHOD_WRITES_BACK
#define FORKS	    METHOD_FORKS
static const struct method_info methods[METHODS] = {
#define M(id, name, kind, capabilities, traits, text, unit) \
	[METHOD_##id] = {name, KIND_##kind, capabilities, traits, text, unit},
#include "host/vmm/methods.def"
#undef M
};

const struct method_info *method_info(enum method m)
{
	return &methods[m];
}

const char *method_name(enum method m)
{
	return methods[m].name;
}

const char *method_unit(enum method m)
{
	return methods[m].unit;
}

enum method method_find(const char *name)
{
	enum method m = 0;

	while (m < METHODS && strcmp(methods[m].name, name))
		m++;
	return m;
}

enum method method_of_hop(enum method m, unsigned hop, uint64_t seed)
{
	uint64_t state = seed ^ (uint64_t)hop << 32;

	if (methods[m].kind != KIND_PING_PONG)
		return m;
	do
		m = random_next(&state) % METHODS;
	while (!(methods[m].traits & METHOD_CHAINS));
	return m;
}
