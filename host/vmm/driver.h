/* SPDX-License-Identifier: BSD-2-Clause */
/* What a VMM must be able to do for the hop logic (flight.c), which knows nothing else of it. */
#ifndef HOST_VMM_DRIVER_H
#define HOST_VMM_DRIVER_H

#include "host/vmm/freeze.h"
#include "host/vmm/method.h"
#include "host/snapshot/oracle.h"
#include "host/snapshot/saved_state.h"
#include "host/l1/scenario.h"
#include "host/pages/pages.h"
#include "host/snapshot/snapshot.h"
#include "host/vmm/timeline.h"
#include "host/base/util.h"

/* What calls return; for all but VM_OK the text of the reason is in vm_config.err. */
enum {
	VM_OK = 0,
	VM_PORT = 1,	 /* stop_at(): it came to the port before what was wanted */
	VM_HARNESS = -1, /* something on our side or a refused command: err_set()'s value */
	VM_ENDED = -2,	 /* the VM is gone, see end() */
	VM_TIMEOUT = -3, /* the deadline of the call has passed */
	VM_SIGNAL = -4,	 /* the user wants the runner to end */
	VM_REFUSED = -5, /* restore(): KVM refused a step */
	VM_LACKS = -6,	 /* this VMM does not offer the method */
	VM_TAKEN = -7,	 /* restore(): KVM took a step that it must refuse */
};

/* What the last move of a VM cost by the VMM's own account; -1: it does not say. */
struct move_record {
	int64_t downtime_ns, total_ns;
	int64_t bytes;
	int rounds;	   /* passes over the dirty memory */
	int page_requests; /* pages that the new VM asked the old one for */
	char said[256];	   /* QEMU's words where something had to fail; "": nothing */
};

#define VM_END_TEXT 768

/* How a VM ended. */
struct vm_end {
	enum {
		END_ORDERLY, /* by the guest's will: debug-exit or power-off */
		END_RESET,   /* the guest reset itself: last resort, or a triple fault */
		END_CRASH,   /* the VMM or KVM gave up */
	} how;
	bool fault;   /* END_RESET: by a triple fault, as far as the VMM can tell */
	int64_t code; /* that it wrote to the debug-exit port; -1: none */
	bool own;     /* END_CRASH: it exited by itself with an error, as for a bad option */
	char text[VM_END_TEXT];
};

/* What a scenario's act needs. */
struct act_config {
	enum act act;
	unsigned vcpu;
	uint8_t vector;
	uint8_t notification;
	uint64_t pi_desc, page; /* guest-physical */
};

/* A saved VM: driver kvm has all of it as a value, QEMU a stream of bytes or a file of its own. */
struct saved_vm {
	struct snapshot value;
	struct buf stream;
};

/* The same for all incarnations of a VM. */
struct vm_config {
	const char *qemu, *machine, *cpu, *accel;
	const char *irqchip; /* in the kernel: "on" or "split" */
	const char *without; /* CPU features to leave out, separated by commas, or NULL */
	const char *image;   /* path of the guest's multiboot image; L1's ELF */
	const char *cmdline; /* of the guest */
	const char *module;  /* its multiboot module, or initrd, or NULL */
	const char *dir;     /* exists; for the driver's logs */
	enum method method;  /* of the whole flight */
	unsigned memory_mib;
	unsigned vcpus;
	bool enlightened; /* the VM offers what an enlightened L1 needs */
	/* Driver kvm: order of the restore, how memory arrives, what its pages are called. */
	const struct order *order;
	const struct order *save_order; /* NULL: ours */
	bool save_roam;			/* each of them from another CPU */
	int64_t save_wait_ns;		/* that pass between two ioctls of a save */
	const char *no_cap; /* capabilities that are not enabled, with commas; NULL: none */
	const char
		*like; /* files of what other hosts offer, with commas; NULL: what this one does */
	unsigned to_tsc_khz; /* of the restored VM; 0: as saved */
	const struct pages_config *pages;
	const struct page_names *names;
	const char *serve_from;	   /* socket of the process that has the pages, or NULL */
	uint64_t serve_id;	   /* the snapshot that it must serve (serve.h) */
	int64_t deadline_ns;	   /* longest time for one call, relative */
	struct timeline *timeline; /* to be told of what happens, or NULL */
	struct err *err;
	void (*on_serial)(void *arg, const char *bytes, size_t len);
	void *arg;
};

/* All calls but create, end and destroy deliver serial bytes while they wait. */
struct driver {
	const char *name;
	bool values; /* save() gives a value, which proofs, breakages and oracles can look at */
	/* @config must live on. Starts nothing yet. */
	void *(*create)(const struct vm_config *config);
	/* Kills what runs and frees all. */
	void (*destroy)(void *vm);
	/* Starts a VM from the image. It runs. */
	int (*start)(void *vm);
	/*
	 * Starts a VM from what was saved. It stands still until cont(). @from must live, unchanged
	 * but by save(), until the VM has been stopped or has ended: it may get its pages from
	 * there.
	 */
	int (*restore)(void *vm, const struct saved_vm *from);
	int (*stop)(void *vm);
	/*
	 * Stops at FREEZE_EXITS, FREEZE_PORT, FREEZE_READ, FREEZE_ASLEEP, FREEZE_SOON, FREEZE_PAGE
	 * or FREEZE_AFTER, and waits for that; a VM that stands still goes on first. Behind
	 * FREEZE_READ stop() has KVM complete the access. VM_PORT: only where the port is not all
	 * that was wanted. @bytes: for the serial port as soon as
	 * the stop is prepared. NULL: cannot do that.
	 */
	int (*stop_at)(void *vm, const struct freeze *freeze, const char *bytes);
	int (*cont)(void *vm);
	/* Whether L2 is active in the stopped VM by the VMM's own answer: 1, 0; -1: cannot say. */
	int (*l2_active)(void *vm);
	/* Saves the stopped VM, which can go on after cont(), in place of what @to had. */
	int (*save)(void *vm, struct saved_vm *to, struct saved_state *state);
	/* Ends the stopped VM and takes the last serial bytes. */
	int (*quit)(void *vm);
	/* Sends one byte to the serial port; one NMI to the vCPU. */
	int (*send)(void *vm, char byte);
	int (*nmi)(void *vm);
	/* Waits until something came in or @until_ns (absolute) has passed. */
	int (*wait)(void *vm, int64_t until_ns);
	/* How the VM ended; valid after VM_ENDED. */
	const struct vm_end *(*end)(void *vm);
	/* Appends what a human wants to see of a VM that hangs. */
	void (*describe)(void *vm, struct buf *text);
	/* What the VMM has written to its stderr so far. */
	const char *(*messages)(void *vm);
	/*
	 * The rest may be NULL. Whether the (last) vCPU of the running VM waits inside KVM for an
	 * event: 1, 0; -1: cannot say.
	 */
	int (*blocked)(void *vm);
	/* Lets the stopped vCPU run as if it had not been halted. */
	int (*make_runnable)(void *vm);
	/* Does what acts.def says to the VM, which stands still unless @live. */
	int (*act)(void *vm, const struct act_config *act, bool live);
	/*
	 * The general oracles on what was just saved and the stopped VM, which must not run any
	 * more after that.
	 */
	int (*oracles)(void *vm, const struct snapshot *saved, struct oracle_report *report);
	/*
	 * Where save() may leave both empty, as it has written a file: appends that to @file;
	 * without @file it only gives the number of its bytes, 0: nothing was saved.
	 */
	size_t (*saved_file)(void *vm, struct buf *file);
	/* The memory of the VM, which stands still, from guest-physical 0; NULL: there is none. */
	uint8_t *(*memory)(void *vm, uint64_t *size);
	/* Nanoseconds from the first byte that the guest took to its end; 0: not both came. */
	int64_t (*span)(void *vm);
	/*
	 * The rest of QEMU's methods; NULL: only `file` and `pause`. use() is called while L1
	 * waits, before each hop: from now on the VM is moved by @m; what can be prepared is.
	 * VM_LACKS: this VMM does not offer it, and nothing has changed.
	 */
	int (*use)(void *vm, enum method m, uint64_t random);
	/*
	 * Moves the running VM by a method of KIND_LIVE, after which it stands still in its new
	 * process until cont(); or does what KIND_FORK and KIND_STAY do to it, and it runs on.
	 */
	int (*move)(void *vm, struct saved_state *state);
	/* KIND_SAVEVM: takes the stopped VM back to what save() saved. It stands still. */
	int (*back)(void *vm);
	/* KIND_RESET: resets the stopped VM. It stands still. */
	int (*reset)(void *vm);
	/* The same by the running guest, which does it when it gets @byte. It runs on. */
	int (*reset_itself)(void *vm, char byte);
	/* What the stopped VM's state is, without saving it. */
	int (*look)(void *vm, struct saved_state *state);
	/* What the last move cost. */
	void (*moved)(void *vm, struct move_record *record);
	/* The page requests of the last restored VM that was stopped; *@list is for the caller. */
	unsigned (*fetches)(void *vm, struct fetch **list);
};

extern const struct driver qemu_driver, kvm_driver;

#endif
