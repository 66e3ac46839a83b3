// SPDX-License-Identifier: BSD-2-Clause
// In which order the state is restored: api.rst promises nothing about it, so it is data
// (orders.def), or a file.
#include "host/kvm/kvm_state.h"

#include <string.h>

static const struct {
	const char *name, *text, *steps;
} orders[] = {
#define O(name, text, steps) {name, text, steps},
#include "host/kvm/orders.def"
#undef O
};

static int order_parse(struct order *o, const char *text, struct err *e)
{
	while (*(text += strspn(text, " \t\r\n"))) {
		size_t len = strcspn(text, " \t\r\n");

		if (*text == '#') {
			text += strcspn(text, "\n");
			continue;
		}
		if (o->steps == ORDER_STEPS_MAX) {
			err_set(e, "order %s: more than %d steps", o->name, ORDER_STEPS_MAX);
			return -1;
		}
		if (len >= sizeof(o->step[0])) {
			err_set(e, "order %s: there is no step '%.*s'", o->name, (int)len, text);
			return -1;
		}
		memcpy(o->step[o->steps], text, len);
		o->step[o->steps][len] = '\0';
		if (!kvm_state_step_known(o->step[o->steps])) {
			err_set(e, "order %s: there is no step '%s'", o->name, o->step[o->steps]);
			return -1;
		}
		for (unsigned i = 0; i < o->steps; i++) {
			if (!strcmp(o->step[i], o->step[o->steps])) {
				err_set(e, "order %s: step '%s' stands twice", o->name, o->step[i]);
				return -1;
			}
		}
		o->steps++;
		text += len;
	}
	if (!o->steps) {
		err_set(e, "order %s: no steps", o->name);
		return -1;
	}
	return 0;
}

int order_load(struct order *o, const char *name, struct err *e)
{
	char text[4096];
	size_t len;
	struct err why;
	FILE *f;

	memset(o, 0, sizeof(*o));
	snprintf(o->name, sizeof(o->name), "%s", name);
	for (unsigned i = 0; i < ARRAY_SIZE(orders); i++)
		if (!strcmp(orders[i].name, name))
			return order_parse(o, orders[i].steps, e);
	if (!strpbrk(name, "/.")) {
		err_set(e, "there is no order '%s' (%s, or a file)", name, order_names());
		return -1;
	}
	f = open_plain(name, &why);
	if (!f) {
		err_set(e, "cannot read the order %s", why.text);
		return -1;
	}
	len = fread(text, 1, sizeof(text), f);
	fclose(f);
	if (len == sizeof(text) || memchr(text, 0, len)) {
		err_set(e, "%s is no order: %s", name,
			len == sizeof(text) ? "too long" : "not a text");
		return -1;
	}
	text[len] = '\0';
	return order_parse(o, text, e);
}

const char *order_names(void)
{
	static char names[256];

	if (!*names)
		for (unsigned i = 0; i < ARRAY_SIZE(orders); i++)
			snprintf(names + strlen(names), sizeof(names) - strlen(names), "%s%s",
				 i ? "|" : "", orders[i].name);
	return names;
}

void order_step_text(const char *step, char *text, size_t size)
{
	if (!strncmp(step, "MSR_", 4))
		snprintf(text, size, "KVM_SET_MSRS (%s)", step + 4);
	else
		snprintf(text, size, "KVM_SET_%s", step);
}
