// SPDX-License-Identifier: BSD-2-Clause
// The list of results: for each scenario its control, then one result per method and posting.
#include "host/cli/plan.h"
#include "host/base/cleanup.h"
#include "host/kvm/kvm_state.h"

#include <stdlib.h>
#include <string.h>

static void add(struct plan *p, const struct plan_item *item)
{
	p->item = xrealloc(p->item, (p->count + 1) * sizeof(*p->item));
	p->item[p->count++] = *item;
}

/* Whether --only leaves @item out. */
static bool left_out(const struct options *o, const struct plan_item *item)
{
	auto_free char *name = o->only ? plan_name(o, item) : NULL;

	return name && strcmp(name, o->only);
}

/*
 * Whether @s flies once more in its second order: one that KVM refuses in QEMU's order shows
 * nothing else. Halves of flights keep to theirs.
 */
static bool flies_twice(const struct options *o, const struct scenario *s, enum method method)
{
	return s->order && o->command == CMD_RUN && !o->from && !strcmp(o->driver, "kvm") &&
	       !strcmp(o->order, "qemu") && method == METHOD_FILE;
}

static void add_scenario(struct plan *p, const struct options *o, const struct scenario *s)
{
	const unsigned posts = s->posts ? POSTS : 1;
	const unsigned shards = o->shard.n ? o->shard.n : 1,
		       shard = o->shard.n ? o->shard.k - 1 : 0;
	bool controlled = o->from; /* the first halves had theirs */

	for (unsigned m = 0; m < o->methods; m++)
		for (unsigned i = 0; i < posts << flies_twice(o, s, o->method[m]); i++) {
			const struct plan_item control = {s, true, POST_NONE, o->method[m], NULL};
			struct plan_item item = control;

			item.control = false;
			item.post = s->posts ? i % posts : POST_NONE;
			item.order = i < posts ? NULL : s->order;
			if (p->planned++ % shards != shard ||
			    (left_out(o, &item) && left_out(o, &control)))
				continue;
			if (!controlled)
				add(p, &control);
			controlled = true;
			if (!left_out(o, &item))
				add(p, &item);
		}
}

void plan_make(struct plan *p, const struct options *o)
{
	memset(p, 0, sizeof(*p));
	for (unsigned i = 0; i < o->scenarios; i++)
		add_scenario(p, o, o->scenario[i]);
}

void plan_free(struct plan *p)
{
	free(p->item);
	memset(p, 0, sizeof(*p));
}

char *plan_key(const struct plan_item *item)
{
	if (item->control)
		return xasprintf("%s.control", item->scenario->name);
	if (item->scenario->posts)
		return xasprintf("%s.%s", item->scenario->name, post_name(item->post));
	return xstrdup(item->scenario->name);
}

char *plan_name(const struct options *o, const struct plan_item *item)
{
	auto_free char *key = plan_key(item);

	if (item->control)
		return keep(key);
	return xasprintf("%s%s%s%s%s", key, item->order ? "." : "", item->order ?: "",
			 o->method_text ? "." : "",
			 o->method_text ? method_name(item->method) : "");
}

bool plan_is_post(const char *word, size_t len)
{
	for (enum post p = 0; p < POSTS; p++)
		if (strlen(post_name(p)) == len && !strncmp(post_name(p), word, len))
			return true;
	return false;
}

bool plan_names(const char *name)
{
	size_t len = strcspn(name, ".");

	if (!scenario_find(name, len))
		return false;
	for (name += len; *name; name += len) {
		char word[40];

		len = 1 + strcspn(name + 1, ".");
		snprintf(word, sizeof(word), "%.*s", (int)len - 1, name + 1);
		if (!plan_is_post(word, strlen(word)) && strcmp(word, "control") &&
		    !order_is_known(word, strlen(word)) && method_find(word) == METHODS)
			return false;
	}
	return true;
}
