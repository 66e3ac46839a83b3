// SPDX-License-Identifier: BSD-2-Clause
// One flight of a soak, drawn by a hash of seed and number.
#include "host/search/search.h"
#include "host/run/setup.h"

#include <string.h>

/* The moment of a freeze is below 2 to the power of this many nanoseconds: 2 us to 134 ms. */
#define AFTER_BITS_LEAST 11
#define AFTER_BITS_MOST	 27
/* The same for the longest delay of a page: 8 us to 1 ms. */
#define DELAY_BITS_LEAST 3
#define DELAY_BITS_MOST	 10

/* As many small ones as large ones: of any number of bits in the range equally many. */
static uint64_t of_any_size(uint64_t *random, unsigned least, unsigned most)
{
	return random_below(random, 1ull << (least + random_below(random, most - least + 1)));
}

static void draw_order(struct choice *c, const struct options *o, uint64_t *random)
{
	const char *names = order_names();
	uint64_t count = 0, n;

	*c->order = '\0';
	if (!o->orders)
		return;
	for (const char *p = names; word_next(&p, '|', c->order, sizeof(c->order));)
		count++;
	n = random_below(random, count);
	while (word_next(&names, '|', c->order, sizeof(c->order)) && n)
		n--;
}

static void draw_pages(struct choice *c, uint64_t *random)
{
	const uint64_t mode = random_below(random, 8); /* a late page is slow in the lab */
	const uint64_t us = 1 + of_any_size(random, DELAY_BITS_LEAST, DELAY_BITS_MOST);

	if (mode < 6)
		snprintf(c->pages, sizeof(c->pages), "eager");
	else if (mode == 6)
		snprintf(c->pages, sizeof(c->pages), "remote");
	else
		snprintf(c->pages, sizeof(c->pages), "delay=%llu", (unsigned long long)us);
}

static void draw_freeze(struct choice *c, uint64_t *random)
{
	const bool own = random_below(random, 2);
	const uint64_t ns = of_any_size(random, AFTER_BITS_LEAST, AFTER_BITS_MOST);

	if (own)
		snprintf(c->freeze, sizeof(c->freeze), "now");
	else
		snprintf(c->freeze, sizeof(c->freeze), "after=%llu", (unsigned long long)ns);
}

/* Whether `run` would refuse it. */
static bool impossible(const struct choice *c, const struct options *o)
{
	const struct options one = choice_options(c, o);

	return options_lack(&one, c->scenario, &kvm_driver) != NULL;
}

void choice_make(struct choice *c, const struct options *o, uint64_t number)
{
	uint64_t random = hash_bytes(o->seed, &number, sizeof(number));
	char pages[sizeof(c->pages)];

	c->scenario = o->scenario[random_below(&random, o->scenarios)];
	c->post = c->scenario->posts ? (enum post)random_below(&random, POSTS) : POST_NONE;
	c->hops = 1 + (unsigned)random_below(&random, CHOICE_HOPS);
	/* L1 ends it behind the first hop that fails, and a log without all hops is of no known
	 * bug. */
	if (scenario_exact(c->scenario))
		c->hops = 1;
	c->seed = random_below(&random, UINT32_MAX);
	draw_order(c, o, &random);
	draw_pages(c, &random);
	draw_freeze(c, &random);
	if (!impossible(c, o))
		return;
	memcpy(pages, c->pages, sizeof(pages));
	snprintf(c->pages, sizeof(c->pages), "eager");
	if (!impossible(c, o))
		return;
	memcpy(c->pages, pages, sizeof(pages));
	snprintf(c->freeze, sizeof(c->freeze), "now");
	if (impossible(c, o))
		snprintf(c->pages, sizeof(c->pages), "eager");
}

struct options choice_options(const struct choice *c, const struct options *o)
{
	struct options one = *o;
	struct err e = {0};

	one.command = CMD_RUN;
	one.quiet = true;
	one.for_s = 0;
	one.orders = one.count_on = false;
	one.hops = c->hops;
	one.hops_given = true;
	one.seed = c->seed;
	if (*c->order)
		one.order = c->order;
	options_freeze(&one, c->freeze, &e);
	options_pages(&one, c->pages, &e);
	return one;
}
