/* SPDX-License-Identifier: BSD-2-Clause */
/* What the user wants of `midflight`. */
#ifndef HOST_CLI_OPTIONS_H
#define HOST_CLI_OPTIONS_H

#include "host/guest/guest.h"
#include "host/vmm/freeze.h"
#include "host/vmm/method.h"
#include "host/l1/scenario.h"
#include "host/pages/pages.h"
#include "host/base/util.h"

#define DEFAULT_HOPS	  10
#define DEFAULT_TIMEOUT_S 60
#define DEFAULT_NUDGE_S	  2.0

#define MINIMISE_TRIES 60 /* flights of one minimise */

#define FOR_S_MAX      (1000 * 3600)
#define POINTS_MAX     1000000 /* of a sweep */
#define SHARDS_MAX     1000
#define L0_OPTIONS_MAX 32
#define PAGES_GRACE_NS (200 * NS_PER_MS)

enum command {
#define COMMAND(id, ...) CMD_##id,
#include "host/cli/commands.def"
#undef COMMAND
	COMMANDS
};

enum lab { LAB_AUTO, LAB_YES, LAB_NO };

struct options {
	enum command command;
	const char *file;		 /* save, restore, serve: the snapshot; replay */
	const char *socket, *serve_from; /* serve; restore */
	unsigned hops_before;		 /* save: hops that end before the snapshot */
	const char *scenario_text;	 /* --scenario as given, or NULL */
	const char *in_group, *exclude;	 /* as given, or NULL */
	const struct scenario *scenario[SCENARIOS_MAX];
	unsigned scenarios;
	const char *driver, *accel, *machine, *cpu, *qemu, *breakage;
	const char *irqchip, *without; /* as given, or NULL */
	const char *method_text;       /* --method as given, or NULL: file */
	enum method method[METHODS];   /* in the table's order */
	unsigned methods;
	struct shard {
		unsigned k, n; /* this one is @k, from 1, of @n; 0: all results */
	} shard;
	const char *freeze_text; /* --freeze as given */
	struct freeze freeze;
	const char *no_cap;	/* as given, or NULL */
	const char *save_order; /* as given, or NULL */
	unsigned save_wait_ms;
	const char *order, *pages; /* as given; pages_config is what --pages means */
	struct pages_config pages_config;
	const char *from, *like; /* run: a log directory; files, with commas; or NULL */
	const char *image, *log; /* paths; NULL: as host/cli/paths.h says */
	unsigned hops, timeout_s, to_tsc_khz;
	double nudge_s;
	unsigned points;	  /* sweep; 0: as the step says */
	int64_t step_ns;	  /* sweep; 0: as the points say */
	unsigned for_s;		  /* soak, fuzz */
	const char *corpus;	  /* fuzz: DIR,DIR..., or NULL */
	const char *group;	  /* kvm-unit-tests: NULL: vmx */
	struct guest_words guest; /* run: of --guest, no file: L1 flies */
	bool bundle;		  /* fuzz: the one file is a corpus */
	uint64_t seed;
	enum lab lab;
	const char *kernels;			/* --kernel with several, separated by commas */
	const char *each_module;		/* a directory with modules kvm-intel */
	const char *each_param[L0_OPTIONS_MAX]; /* NAME=VALUE,VALUE... */
	unsigned each_params;
	const char *patch[L0_OPTIONS_MAX]; /* FILE,FILE... */
	unsigned patches;
	const char *expect_cure, *baseline; /* as given, or NULL */
	const char *l0[2 * L0_OPTIONS_MAX]; /* what L0 is in the lab: options of lab.sh, values */
	unsigned l0_words;
	bool kick, strict, keep, verbose, quiet, pages_given, hops_given, no_oracles, all, control,
		bare;
	bool nudge_given;
	bool as_offered; /* cross */
	bool save_roam;
	bool offers;			/* save: what KVM offers, and no VM */
	bool enlightened;		/* scenarios that an enlightened L1 flies */
	bool orders, count_on;		/* soak */
	bool exact;			/* replay */
	bool list_methods, list_groups; /* list */
	bool dry_run;			/* run */
	bool diff;			/* inspect */
	bool mail;			/* report */
	const char *json, *junit;	/* run, merge: files to write as well, or NULL */
	const char *out;		/* report: the file to write; lab: the directory; or NULL */
	bool coverage;			/* have the lab record which code of KVM ran */
	const char *debug_info;		/* coverage: a module with debug information, or NULL */
	const char *build, *defconfig;	/* bisect-run: as given, or NULL */
	unsigned jobs;	/* bisect-run; 0: as many as CPUs. run: labs at once; 0: one */
	bool jobs_auto; /* not asked for by number */
	bool part;	/* of several runs at once: the process that started them shows progress */
	char *const *files; /* commands that take several: merge, report, inspect, ... */
	unsigned file_count;
	/*
	 * What to show to the user; the runner outside the lab tells the one inside. The command
	 * is what options_words() is appended to, quoted for a shell.
	 */
	const char *shown_command, *shown_log;
	const char *shown_started; /* time, as the lab has a clock of its own; NULL: now */
	const char *shown_replay;  /* the same for `midflight replay`, without its FILE */
	const char *only;	   /* the one result to fly, with its control; NULL: all */
};

/* ---- the table ------------------------------------------------------------------------------ */

enum option_kind { KIND_FLAG, KIND_NUMBER, KIND_TEXT, KIND_WORD, KIND_ONE_OF, KIND_L0, KIND_CALL };
enum option_type { OF_BOOL, OF_UNSIGNED, OF_WIDE, OF_DOUBLE, OF_TEXT, OF_SHARD };
enum option_repeated { NEVER, REPEATED, FLOWN, ALWAYS };

/* A row of options.def, which says what each member is. */
struct option_row {
	const char *name, *word; /* word: name behind two dashes */
	const char *arg, *help;	 /* arg: NULL, it takes none; help: NULL, it is hidden */
	int letter, group;
	unsigned commands; /* 1 << CMD_... of those that take it */
	enum option_repeated repeated;
	enum option_kind kind;
	enum option_type type;	/* of the member of struct options, which has its offset ... */
	size_t at, size, given; /* ... and size; given: the offset of a bool, or 0 */
	uint64_t min, max;
	const char *extra;
	int (*call)(struct options *o, const char *text, struct err *e);
};
extern const struct option_row option_rows[];
extern const unsigned option_row_count;

/* The option of any command in @commands (1 << CMD_...) with this name; NULL: there is none. */
const struct option_row *option_find(unsigned commands, const char *name, size_t len);

/* Sets what @row with @arg means. 0, or -1 with @e filled. @arg must live on. */
int option_read(struct options *o, const struct option_row *row, const char *arg, struct err *e);

/* ---- all of them ---------------------------------------------------------------------------- */

/* Defaults. */
void options_init(struct options *o);

/*
 * Appends the options that differ from the defaults as words for a shell, without paths and lab:
 * those that are repeated, or FLOWN, only those that say what is flown.
 */
void options_words(const struct options *o, const struct scenario *only, enum option_repeated least,
		   struct buf *words);

/* The next of the words that a shell would see in *@at, whose text it changes; NULL: no more. */
char *options_next_word(char **at);

/*
 * Set what @text means as the value of --method (names and patterns), --shard, --freeze, --pages.
 * 0, or -1 with @e filled. @text must live on.
 */
int options_methods(struct options *o, const char *text, struct err *e);
int options_shard(struct options *o, const char *text, struct err *e);
int options_freeze(struct options *o, const char *text, struct err *e);
int options_pages(struct options *o, const char *text, struct err *e);

/* Whether @o flies results one by one, of L1's scenarios or of foreign guests. */
bool options_run(const struct options *o);

/* Whether @o asks for more than one kernel, module or value of a parameter, or for a patch. */
bool has_variants(const struct options *o);

/* A command line that repeats @scenario with @method and @order (NULL: that of @o), whatever the
 * shard. */
void options_repro(const struct options *o, const struct scenario *scenario, enum method method,
		   const char *order, struct buf *text);

#endif
