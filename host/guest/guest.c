// SPDX-License-Identifier: BSD-2-Clause
// Foreign guests as scenarios: what is known of their kinds, what the user says of one, what the
// freezes of one have met.
#include "host/guest/guest.h"
#include "host/base/cleanup.h"

#include <ctype.h>
#include <linux/kvm.h>
#include <stdlib.h>
#include <string.h>

#define ANY  INT64_MIN
#define NONE INT64_MAX

static const struct guest_profile profiles[] = {
#define PROFILE(...) {__VA_ARGS__},
#include "host/guest/profiles.def"
#undef PROFILE
};

const struct guest_profile *guest_profile_find(const char *name)
{
	return table_find(profiles, name, name);
}

/* A name as results have them: fit for a file, without a dot. */
static char *make_name(const char *text)
{
	char *name = xstrdup(*text ? text : "guest");

	for (char *p = name; *p; p++)
		if (!isalnum((unsigned char)*p) && *p != '-')
			*p = '_';
	return name;
}

static int add_patterns(struct guest *g, struct err *e)
{
	const struct guest_words *w = &g->words;
	const char *pass = w->pass ?: g->profile->pass, *fail = w->fail ?: g->profile->fail;

	if ((g->profile->ignore && patterns_add(&g->ignored, g->profile->ignore, e)) ||
	    (w->ignore && patterns_add(&g->ignored, w->ignore, e)) ||
	    (pass && patterns_add(&g->pass, pass, e)) || (fail && patterns_add(&g->fail, fail, e)))
		return -1;
	return g->profile->test ? patterns_add(&g->test, g->profile->test, e) : 0;
}

int guest_make(struct scenario *s, const char *name, const struct guest_words *words, struct err *e)
{
	struct guest *g = xcalloc(1, sizeof(*g));

	g->words = *words;
	g->words.memory_mib = words->memory_mib ?: GUEST_MEMORY_MIB;
	g->words.vcpus = words->vcpus ?: 1;
	g->profile = guest_profile_find(words->profile ?: profiles[0].name);
	if (!g->profile) {
		free(g);
		return err_set(e, "there is no profile '%s' of guests", words->profile);
	}
	g->line = words->append ? xasprintf("%s %s", basename(words->file), words->append)
				: xstrdup(basename(words->file));
	*s = (struct scenario){.name = make_name(name),
			       .title = g->line,
			       .needs = "",
			       .proof = "",
			       .proof1 = "",
			       .vcpus = g->words.vcpus,
			       .l2 = true,
			       .l2_alone = true,
			       .mp_state = KVM_MP_STATE_RUNNABLE,
			       .quick = true,
			       .guest = g};
	return add_patterns(g, e);
}

bool guest_drawn(const struct guest_words *w)
{
	return !w->every_exits && w->every_ms <= 0 && w->at_ms <= 0;
}

unsigned guest_freezes(const struct guest *g)
{
	const struct guest_words *w = &g->words;

	if (w->at_ms > 0)
		return 1;
	return guest_drawn(w) ? GUEST_FREEZES : GUEST_FREEZES_MAX;
}

/* Why a `PATH=VALUE ...` of its does not hold here; NULL: all do. */
static const char *fails_check(const char *list)
{
	static char why[400];
	char word[200];

	while (word_next(&list, ' ', word, sizeof(word))) {
		char *equals = strchr(word, '='), value[100] = "";
		auto_fclose FILE *f = NULL;

		if (!equals)
			continue;
		*equals = '\0';
		f = fopen(word, "re");
		if (f && !fgets(value, sizeof(value), f))
			value[0] = '\0';
		value[strcspn(value, "\n")] = '\0';
		if (strcmp(value, equals + 1)) {
			snprintf(why, sizeof(why), "it wants '%s' in %s, where '%s' is", equals + 1,
				 word, value);
			return why;
		}
	}
	return NULL;
}

const char *guest_lacks(const struct guest *g, const struct driver *driver)
{
	const char *why = g->words.skip ?: g->words.check ? fails_check(g->words.check) : NULL;

	if (why)
		return why;
	if (driver->values && g->words.cpu && !g->words.cpu_any)
		return "it wants a CPU model of QEMU's (--driver qemu)";
	if (driver->values && g->words.vcpus > 2)
		return "driver kvm has up to two vCPUs (--driver qemu has more)";
	if (!driver->values && g->words.every_exits)
		return "this driver does not see the exits to userspace (--driver kvm does)";
	if (!driver->values && g->words.only_l2)
		return "this driver cannot look for L2 (--driver kvm can)";
	return NULL;
}
