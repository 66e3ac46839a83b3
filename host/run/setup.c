// SPDX-License-Identifier: BSD-2-Clause
// What all commands that fly have in common: paths, the question to KVM, a flight's configuration.
#include "host/run/setup.h"
#include "host/guest/unittests.h"
#include "host/snapshot/break.h"
#include "host/lab/lab.h"
#include "host/cli/paths.h"
#include "host/report/run_dir.h"
#include "host/base/signals.h"
#include "host/base/cleanup.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MEMORY_MIB     16 /* the least with which QEMU's firmware starts L1 */
#define MEMORY_MIB_KVM 4  /* L1 alone */
#define MISS_LIMIT     50

/* All paths become absolute, as QEMU gets another cwd. */
static int find_paths(struct setup *s, struct err *e)
{
	const struct options *o = s->o;
	auto_free char *image = o->guest.file ? xstrdup(o->guest.file)
				: o->command == CMD_UNITTESTS
					? unittests_path(o->file)
					: image_path(executable_dir(), o->image, e);
	auto_free char *log = o->log ? xstrdup(o->log) : default_log(executable_dir());

	if (!image)
		return -1;
	if (!realpath(image, s->image))
		return err_set(e, "cannot find the image %s: %s", image, strerror(errno));
	if (access(s->image, R_OK))
		return err_set(e, "cannot read the image %s: %s", image, strerror(errno));
	if (strpbrk(strrchr(s->image, '/'), " \t\n,"))
		return err_set(e, "the image's file name must not have blanks or commas: %s",
			       image);
	if (make_dirs(log, e))
		return -1;
	if (!realpath(log, s->log))
		return err_errno(e, log);
	snprintf(s->qemu, sizeof(s->qemu), "%s", o->qemu);
	if (strchr(o->qemu, '/') && !realpath(o->qemu, s->qemu))
		return err_set(e, "cannot find QEMU %s: %s", o->qemu, strerror(errno));
	return 0;
}

void setup_where(struct setup *s)
{
	kvm_probe(&s->probe);
	s->missing = kvm_probe_missing(&s->probe);
	s->lab = s->o->lab == LAB_YES || (s->o->lab == LAB_AUTO && s->missing && !getenv(LAB_ENV));
}

int setup(struct setup *s, const struct options *o, struct err *e)
{
	memset(s, 0, sizeof(*s));
	s->o = o;
	if (find_paths(s, e) || order_load(&s->order, o->order, e) ||
	    (o->save_order && order_of_saving(&s->save_order, o->save_order, e)))
		return -1;
	if (o->freeze.at != FREEZE_NOW && o->freeze.at != FREEZE_TIME && strcmp(o->driver, "kvm"))
		return err_set(e, "--freeze %s needs --driver kvm", o->freeze_text);
	if (FREEZE_BEHIND_MARK(&o->freeze) && o->hops > FREEZE_AFTER_HOPS)
		return err_set(e, "--freeze %s: up to %d hops (--loops)", o->freeze_text,
			       FREEZE_AFTER_HOPS);
	if (o->breakage && !break_check(o->breakage, e) && strcmp(o->driver, "kvm"))
		return err_set(e, "--break %s needs --driver kvm", o->breakage);
	for (unsigned i = 0; i < o->methods && o->breakage && !break_check(o->breakage, e); i++)
		if (o->method[i] == METHOD_PAUSE || o->command == CMD_SAVE)
			return err_set(e, "--break %s breaks what is restored, and here nothing is",
				       o->breakage);
	if (strcmp(o->accel, "kvm")) {
		if (o->lab != LAB_YES)
			return 0;
		return err_set(e, "--lab yes needs --accel kvm");
	}
	setup_where(s);
	if (s->lab && strchr(o->qemu, '/'))
		return err_set(e,
			       "--qemu %s: the lab has a QEMU of its own; another one runs on this "
			       "machine's KVM (--lab no)",
			       o->qemu);
	return 0;
}

const char *driver_lacks(const struct driver *driver, const struct scenario *s)
{
	if (s->posts && !driver->act)
		return "this driver cannot post interrupts (--driver kvm can)";
	if (!driver->values && scenario_exact(s))
		return "this driver cannot freeze a VM at an exact instant (--driver kvm can)";
	if (!driver->values && !s->l2_alone)
		return "this driver cannot prove the state of a snapshot (--driver kvm can)";
	return NULL;
}

const char *options_lack(const struct options *o, const struct scenario *s,
			 const struct driver *driver)
{
	const enum pages_mode pages = o->pages_config.mode;
	const char *lack = s->guest ? guest_lacks(s->guest, driver) : driver_lacks(driver, s);

	if (lack || s->guest)
		return lack;
	if (FREEZE_BEHIND_MARK(&o->freeze) && (s->posts || s->acts))
		return "the host acts in this scenario: no --freeze after=";
	if (scenario_exact(s) && o->freeze.at != FREEZE_NOW && !FREEZE_BEHIND_MARK(&o->freeze))
		return "the scenario names its own instant: no --freeze";
	/* The host touches guest memory itself, and would wait for a page that is kept back. */
	if ((scenario_has_act(s, ACT_REFILL) || scenario_has_act(s, ACT_MOVE)) &&
	    pages != PAGES_EAGER)
		return "the host changes guest memory, which needs --pages eager";
	if ((s->posts || scenario_has_act(s, ACT_POST)) &&
	    (pages == PAGES_LATE || pages == PAGES_LOST))
		return "the host writes guest memory, for which no page may be kept back (--pages)";
	if (o->no_cap && (scenario_has_act(s, ACT_EXCEPTION) || scenario_has_act(s, ACT_DB)) &&
	    word_in(o->no_cap, ',', "exception-payload"))
		return "the host queues an exception, which it cannot without the capability "
		       "exception-payload (--no-cap)";
	/* Without that the page would come after all when the wait for it ends, and cure the guest.
	 */
	return pages == PAGES_LOST ? pages_cannot_lose() : NULL;
}

const char *method_lacks(const struct driver *driver, enum method method)
{
	if (driver == &kvm_driver && method != METHOD_FILE && method != METHOD_PAUSE)
		return "driver kvm has the methods file and pause";
	return NULL;
}

unsigned setup_hops(const struct setup *s, const struct scenario *scenario)
{
	if (s->o->hops_given)
		return s->o->hops;
	return scenario->guest		  ? guest_freezes(scenario->guest)
	       : scenario_exact(scenario) ? 1
					  : s->o->hops;
}

void setup_say_lab(const struct setup *s)
{
	auto_buf struct buf text = {0};

	buf_printf(&text, "midflight: %s: running in the lab, an emulated CPU with VMX",
		   s->o->lab == LAB_YES ? "as asked for" : s->missing);
	print_wrapped(stdout, "# ", text.p);
	fflush(stdout);
}

int setup_become_lab(const struct setup *s)
{
	struct err e = {0};

	setup_say_lab(s);
	lab_exec(s->o, s->image, s->log, &e);
	return give_up(e.text);
}

int setup_skip(const struct setup *s)
{
	printf("# SKIP: %s (%s)\n", s->missing, kvm_probe_advice(&s->probe));
	return 4;
}

static void set_method(const struct setup *s, struct flight_config *c, enum method method)
{
	const struct options *o = s->o;

	c->method = method;
	/* What was saved over some time has clocks that disagree. */
	c->oracles = c->driver == &kvm_driver && options_run(o) && !o->no_oracles && !o->breakage &&
		     !o->no_cap && !o->save_wait_ms && method == METHOD_FILE &&
		     o->pages_config.mode == PAGES_EAGER;
}

void setup_flight(const struct setup *s, struct flight_config *c)
{
	const struct options *o = s->o;
	bool kvm = !strcmp(o->driver, "kvm");
	struct err e = {0};

	*c = (struct flight_config){
		.driver = kvm ? &kvm_driver : &qemu_driver,
		.hops = o->hops,
		.seed = o->seed,
		.breakage = o->breakage && break_check(o->breakage, &e) ? o->breakage : NULL,
		.broken = o->breakage && !break_check(o->breakage, &e) ? o->breakage : NULL,
		.timeout_ns = o->timeout_s * 1000 * NS_PER_MS,
		.freeze = o->freeze,
		.kick = o->kick,
		.nudge_ns = (int64_t)(o->nudge_s * 1000 * NS_PER_MS),
		.tsc_khz = s->probe.tsc_khz,
		.miss_limit = MISS_LIMIT,
		.keep_snapshot = o->keep,
		.hop_files = options_run(o) || o->command == CMD_PAGES || o->command == CMD_REPLAY,
		.vm = {.qemu = s->qemu,
		       .machine = o->machine,
		       .irqchip = o->irqchip,
		       .to_tsc_khz = o->to_tsc_khz,
		       .like = o->like,
		       .no_cap = o->no_cap,
		       .without = o->without,
		       .cpu = o->cpu			? o->cpu
			      : strcmp(o->accel, "kvm") ? "max"
							: "host",
		       .accel = o->accel,
		       .image = s->image,
		       .memory_mib = kvm ? MEMORY_MIB_KVM : MEMORY_MIB,
		       .order = &s->order,
		       .save_order = o->save_order ? &s->save_order : NULL,
		       .save_roam = o->save_roam,
		       .save_wait_ns = (int64_t)o->save_wait_ms * NS_PER_MS,
		       .pages = &o->pages_config,
		       .serve_from = o->serve_from},
	};
	set_method(s, c, o->method[0]);
}

int setup_item(struct setup *s, struct flight_config *c, const struct plan_item *item,
	       struct err *e)
{
	set_method(s, c, item->method);
	c->control = item->control;
	c->post = item->post;
	c->vm.order = item->order ? &s->second_order : &s->order;
	return item->order ? order_load(&s->second_order, item->order, e) : 0;
}

int fly_in_lab(const struct options *o, const struct setup *s, const struct left *left)
{
	struct err e = {0};
	int status = lab_run(o, NULL, s->image, s->log, NULL, &e);

	if (status >= 0)
		status = lab_left(status, s->log, left->file, left->schema, left->version, &e);
	return status < 0 ? give_up(e.text) : status;
}

int fly_into_log(struct options *o, const struct left *left,
		 int (*here)(struct options *o, const struct setup *s))
{
	const bool inside = o->shown_log != NULL; /* the runner outside says where the logs are */
	struct setup s;
	struct err e = {0};
	auto_close int dir = -1;
	int status;

	if (setup(&s, o, &e))
		return give_up(e.text);
	if (!o->shown_log)
		o->shown_log = s.log;
	if (s.missing && !s.lab)
		return setup_skip(&s);
	if (signals_init())
		return give_up("cannot set up signals");
	dir = run_dir_begin(s.log, &e);
	if (dir < 0)
		return give_up(e.text);
	if (s.lab) {
		setup_say_lab(&s);
		status = left->lab ? left->lab(o, &s) : fly_in_lab(o, &s, left);
	} else {
		status = here(o, &s);
	}
	/* Else it was interrupted, and the file is not complete; with 2 the lab may have failed. */
	if (!inside && status <= 4) {
		printf("# logs: %s", s.log);
		if (!s.lab || status != 2)
			printf(" (%s has %s)", left->file, left->what);
		putchar('\n');
	}
	return status;
}
