// SPDX-License-Identifier: BSD-2-Clause
// In which order the state is restored: api.rst promises nothing about it, so it is data
// (orders.def), or a file.
#include "host/kvm/kvm_state.h"
#include "host/base/cleanup.h"

#include <string.h>

#define FIRST_RUN "KVM_RUN"
#define SAVES	  "qemu, firecracker"

static const struct known_order {
	const char *name, *text, *steps, *like;
} orders[] =
	{
#define O(name, text, steps)	      {name, text, steps, name},
#define LIKE(name, like, text, steps) {name, text, steps, like},
#include "host/kvm/orders.def"
#undef O
#undef LIKE
},
  saves[] = {
#define S(name, text, steps) {name, text, steps, NULL},
#include "host/kvm/saves.def"
#undef S
};

static int add_step(struct order *o, const char *text, size_t len, struct err *e)
{
	char step[sizeof(o->step[0])];

	if (len >= sizeof(step))
		return err_set(e, "order %s: there is no step '%.*s'", o->name, (int)len, text);
	snprintf(step, sizeof(step), "%.*s", (int)len, text);
	if (!strcmp(step, FIRST_RUN)) {
		if (!o->steps || o->late)
			return err_set(e, "order %s: " FIRST_RUN " stands %s", o->name,
				       o->late ? "twice" : "before all steps");
		o->late = o->steps;
		return 0;
	}
	if (o->steps == ORDER_STEPS_MAX)
		return err_set(e, "order %s: more than %d steps", o->name, ORDER_STEPS_MAX);
	if (!kvm_state_step_known(step))
		return err_set(e, "order %s: there is no step '%s'", o->name, step);
	memcpy(o->step[o->steps++], step, sizeof(step));
	return 0;
}

static int order_parse(struct order *o, const char *text, struct err *e)
{
	while (*(text += strspn(text, " \t\r\n"))) {
		size_t len = strcspn(text, *text == '#' ? "\n" : " \t\r\n");

		if (*text != '#' && add_step(o, text, len, e))
			return -1;
		text += len;
	}
	if (!o->steps)
		return err_set(e, "order %s: no steps", o->name);
	return 0;
}

int order_load(struct order *o, const char *name, struct err *e)
{
	const struct known_order *known = table_find(orders, name, name);
	char text[4096];
	size_t len;
	struct err why;
	auto_fclose FILE *f = NULL;

	memset(o, 0, sizeof(*o));
	snprintf(o->name, sizeof(o->name), "%s", name);
	if (known)
		return order_parse(o, known->steps, e);
	if (!strpbrk(name, "/."))
		return err_set(e, "there is no order '%s' (%s, or a file)", name, order_names());
	f = open_plain(name, &why);
	if (!f)
		return err_set(e, "cannot read the order %s", why.text);
	len = fread(text, 1, sizeof(text), f);
	if (len == sizeof(text) || memchr(text, 0, len))
		return err_set(e, "%s is no order: %s", name,
			       len == sizeof(text) ? "too long" : "not a text");
	text[len] = '\0';
	return order_parse(o, text, e);
}

int order_of_saving(struct order *o, const char *name, struct err *e)
{
	const struct known_order *known = table_find(saves, name, name);

	memset(o, 0, sizeof(*o));
	snprintf(o->name, sizeof(o->name), "%s", name);
	return known ? order_parse(o, known->steps, e)
		     : err_set(e, "there is no order of saving '%s' (" SAVES ")", name);
}

const char *order_names(void)
{
	static const char names[] =
#define O(name, text, steps)	      "|" name
#define LIKE(name, like, text, steps) "|" name
#include "host/kvm/orders.def"
#undef O
#undef LIKE
		;

	return names + 1;
}

bool order_is_known(const char *word, size_t len)
{
	for (size_t i = 0; i < ARRAY_SIZE(orders); i++)
		if (strlen(orders[i].name) == len && !strncmp(orders[i].name, word, len))
			return true;
	return false;
}

const char *order_like(const char *name)
{
	const struct known_order *known = table_find(orders, name, name);

	return known ? known->like : name;
}

void order_step_text(const char *step, char *text, size_t size)
{
	if (!strncmp(step, "MSR_", 4))
		snprintf(text, size, "KVM_SET_MSRS (%s)", step + 4);
	else
		snprintf(text, size, "KVM_SET_%s", step);
}
