/* SPDX-License-Identifier: BSD-2-Clause */
/* The commands: their exit status; and the parts of them that are tested alone. */
#ifndef HOST_COMMANDS_CMD_H
#define HOST_COMMANDS_CMD_H

#include "host/cli/options.h"
#include "host/base/util.h"
#include "host/l0/kvm_probe.h"

#include <time.h>

#define COMMAND(id, letter, function, ...) int function(struct options *o);
#include "host/cli/commands.def"
#undef COMMAND

/* Appends midflight(1), the manual page, as roff with the macros of man(7), dated @when. */
void man_page(struct buf *page, time_t when);

/*
 * Appends the candidates for the last of the @count words behind `midflight`, one per line: whole
 * words, also behind commas. `--option=value` may be one word or, as bash has it, three. Nothing
 * where a file is wanted or nothing fits. Scenario names are those that are loaded.
 */
void complete_words(char *const *words, unsigned count, struct buf *candidates);

/*
 * The exit status of a replay whose run, the control with it, ended with @run and whose result with
 * @its: what went wrong around the result is not made good by it.
 */
int replay_status(int run, int its);

/* ---- what a newcomer is told: the commands, and the words that all is told in --------------- */

/* A row of concepts.def. */
struct concept {
	const char *name, *text;
};
extern const struct concept concepts[];
extern const unsigned concept_count;

/* Appends what `midflight --help` says: the commands by group, on one screen. */
void help_commands(struct buf *text);

/* Appends what the word @name is, in lines of a screen. False: it is none of concepts.def. */
bool help_concept(const char *name, struct buf *text);

/* ---- can this machine run Midflight, and what mends what is missing ------------------------- */

/* What `midflight doctor` judges. */
struct machine {
	const char *root; /* where /proc and /sys lie: "", or a test's directory */
	struct kvm_probe probe;
	struct kvm_vmx_msr msr[KVM_VMX_MSRS];
	unsigned msrs;
	int uffd;	/* errno of userfaultfd for faults in the kernel, 0: it works */
	bool uffd_user; /* it works for faults in user mode */
	int kmsg;	/* errno of /dev/kmsg, 0: it is readable */
	const char *qemu_name;
	char *qemu;	/* first line of --version; NULL: does not start */
	int lab_status; /* of `lab.sh status`, which says what it means; -1: there is no lab.sh */
	struct buf lab; /* what it printed */
};

/* Asks the kernel, QEMU @qemu and the lab of this machine. */
void machine_ask(struct machine *m, const char *qemu);
void machine_free(struct machine *m);

/* One line per fact on @out, at last what `midflight run` will use. The exit status of `doctor`. */
int doctor(const struct machine *m, FILE *out);

#endif
