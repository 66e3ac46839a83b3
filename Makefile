# SPDX-License-Identifier: BSD-2-Clause
# Builds L1 (build/midflight.elf), the runner (build/midflight) and their tests.
# The two commands for users are `make run` and `make check`; `make help` lists the rest.
# All paths are relative, so that the tree may lie in a path with spaces.

MAKEFLAGS += --no-builtin-rules
.DELETE_ON_ERROR:
.SECONDEXPANSION:

CC      ?= gcc
ifeq ($(origin CC),default)
CC      := gcc
endif
OBJCOPY ?= objcopy
B       := build
# L1, L2 and the runner inside the lab are x86-64 programs, whatever this machine is.
CROSS   ?= $(shell . lab/cross.sh && echo "$$cross")
X86     := $(if $(CROSS),$(B)/x86)
GUEST_CC      := $(if $(CROSS),$(CROSS)gcc,$(CC))
GUEST_OBJCOPY := $(if $(CROSS),$(CROSS)objcopy,$(OBJCOPY))
Q       := $(if $(V),,@)
MAKEFLAGS += --no-print-directory
say      = $(if $(V),,@echo "  $(1)	$(2)")

VERSION := $(shell git describe --always --dirty 2>/dev/null || echo unknown)

WARN    := -Wall -Wextra -Werror -Wmissing-prototypes -Wstrict-prototypes -Wvla -Wshadow

# ---- L1 and L2: freestanding, no red zone, no SSE in C ---------------------------------------
# The same sources make the same image wherever they lie, or the lab would be built anew for each tree.
GUEST_CFLAGS := -std=gnu11 -Os -g -ffile-prefix-map="$(CURDIR)"=. -ffreestanding -fno-pic -fno-pie -mno-red-zone \
	-mgeneral-regs-only -fno-stack-protector -fno-asynchronous-unwind-tables \
	-fcf-protection=none -fno-strict-aliasing -ffunction-sections -fdata-sections \
	$(WARN) -I. -I$(B)/include
GUEST_LDFLAGS := -nostdlib -static -no-pie -Wl,--build-id=none -Wl,-z,max-page-size=4096 \
	-Wl,-z,noexecstack -Wl,--no-warn-rwx-segments -Wl,--gc-sections

objs = $(patsubst %,$(B)/%.o,$(basename $(1)))

L1_BASE := $(call objs,$(wildcard boot/*.[cS] lib/*.[cS] hv/*.[cS]) l2guest/compute.c)
L1_SCENARIOS := $(call objs,$(wildcard hv/scenarios/*.c hv/programs/*.c))
EMUCHECK := $(call objs,$(wildcard tests/emulator/*.[cS]) \
	$(patsubst %,hv/scenarios/%.c,running halted msr_store shadow_vmcs))
L2_OBJS := $(call objs,$(wildcard l2guest/*.[cS] l2guest/halves/*.c) lib/idt.c lib/trap_entry.S lib/string.c)

# ---- host: static, so that the same binary runs in the lab's initramfs ------------------------
HOST_CFLAGS := -std=gnu11 -O2 -g -D_GNU_SOURCE $(WARN) -I. -I$(B)/include
HOST_LIBS   := -ljansson -pthread -lm
HOST_SRCS   := $(wildcard host/*.c host/*/*.c)
HOST_OBJS   := $(call objs,$(HOST_SRCS))
UNIT_TESTS  := $(patsubst tests/unit/%.c,$(B)/unit/%,$(wildcard tests/unit/test_*.c tests/unit/*/test_*.c))
GENERATED   := $(B)/include/midflight_version.h $(B)/include/known_programs.h $(B)/include/known_texts.h $(if $(CROSS),$(B)/include/asm/kvm.h)
# The compiler takes twice as long for -O2 -g, and the tests no less time to run.
SAN_CFLAGS  := $(filter-out -O2 -g,$(HOST_CFLAGS)) -O1 -g1 -fsanitize=address,undefined -fno-omit-frame-pointer \
	-fno-sanitize-recover=all

.PHONY: all help run check unit lint iso lab lab-ahead kernel-config deps docs man install uninstall deb format clean
all: $(B)/midflight $(B)/midflight.elf $(B)/scenarios $(addsuffix /midflight,$(X86))

help:
	@echo 'make run      take snapshots of a running L2, restore them, say pass or fail'
	@echo 'make check    all tests (ends with "N passed, N failed")'
	@echo 'make          build the runner build/midflight and L1 build/midflight.elf'
	@echo 'make iso      bootable build/midflight.iso (GRUB)'
	@echo 'make lab      build the emulated machine for hosts without VMX (cached)'
	@echo 'make kernel-config LINUX=TREE O=DIR [BASE=x86_64_defconfig]'
	@echo '              in DIR the configuration of a Linux with which the lab works'
	@echo 'make install  into PREFIX (/usr/local), below DESTDIR; make uninstall removes it'
	@echo 'make deb      a Debian package in build/'
	@echo 'make man      build/midflight.1, the manual page'
	@echo 'make lint     cppcheck, shellcheck, clang-format, the rules of tests/house.py'
	@echo 'make docs     docs/scenarios.md, methods.md and fields.md from the tables'
	@echo 'make clean    remove build/'
	@echo 'V=1 shows commands. DEPS=no: install nothing, list what is missing.'

# As many jobs as there are CPUs, unless the user has said how many.
JOBS = $(if $(filter -j% --jobserver%,$(MAKEFLAGS)),,-j$(shell nproc))

run:
	$(Q)./deps.sh build run
	$(Q)$(MAKE) -s $(JOBS) lab-ahead all
	$(Q)$(B)/midflight run --jobs auto $(RUN_ARGS)

check:
	$(Q)./deps.sh build run check
	$(Q)$(MAKE) -s $(JOBS) lab-ahead all
	$(Q)tests/run.sh

deps:
	$(Q)./deps.sh build run check

iso: $(B)/midflight.iso

# The lab is what takes longest: it is built beside the rest, if this machine needs one.
lab-ahead: $(B)/emucheck.iso
	$(Q)! ./deps.sh needs-lab || lab/lab.sh build

lab:
	$(Q)./deps.sh build run
	$(Q)$(MAKE) $(B)/emucheck.iso
	$(Q)lab/lab.sh build

kernel-config:
	$(Q)[ -n "$(LINUX)" ] && [ -n "$(O)" ] || \
		{ echo 'make kernel-config LINUX=TREE O=DIR [BASE=x86_64_defconfig]' >&2; exit 2; }
	$(Q)lab/kernel-config.sh "$(LINUX)" "$(O)" "$(BASE)"

$(B)/hv/% $(B)/lib/% $(B)/boot/% $(B)/tests/% $(B)/l2guest/%: CFLAGS := $(GUEST_CFLAGS)
$(B)/hv/% $(B)/lib/% $(B)/boot/% $(B)/tests/% $(B)/l2guest/% $(B)/%.elf: private CC := $(GUEST_CC)
$(B)/host/%: CFLAGS := $(HOST_CFLAGS)

$(B)/%.o: %.c $(B)/flags | $(GENERATED)
	@mkdir -p $(@D)
	$(call say,CC,$@)
	$(Q)$(CC) $(CFLAGS) -MMD -MP -c -o $@ $<

$(B)/%.o: %.S $(B)/flags
	@mkdir -p $(@D)
	$(call say,AS,$@)
	$(Q)$(CC) $(CFLAGS) -MMD -MP -c -o $@ $<

# What programs/ says of known bugs, as one text (host/fuzz/corpus.h: bundle).
$(B)/include/known_programs.h: $(wildcard programs/*.mf)
	@mkdir -p $(@D)
	$(Q){ echo 'static const char known_programs[] ='; \
		for f in $^; do echo "# program $${f##*/}"; cat "$$f"; done | sed 's/[\\"]/\\&/g; s/.*/"&\\n"/'; \
		echo ';'; } > $@.tmp && mv $@.tmp $@

# What docs/ and fixes/ say of them, as rows of a table (host/report/known_text.h).
$(B)/include/known_texts.h: host/report/known_text.awk $(wildcard fixes/*.cocci) docs/known-failures.md
	@mkdir -p $(@D)
	$(Q)awk -f $^ > $@.tmp && mv $@.tmp $@

# Only the few files that tell the version are rebuilt when it changes.
$(B)/include/midflight_version.h: FORCE
	@mkdir -p $(@D)
	@echo '#define MIDFLIGHT_VERSION "$(VERSION)"' | cmp -s - $@ || \
		echo '#define MIDFLIGHT_VERSION "$(VERSION)"' > $@

# Rebuilds everything when flags change.
$(B)/flags: FORCE
	@mkdir -p $(@D)
	@echo '$(subst ','\'',$(CC) $(GUEST_CC) $(GUEST_CFLAGS) $(HOST_CFLAGS))' | cmp -s - $@ || \
		echo '$(subst ','\'',$(CC) $(GUEST_CC) $(GUEST_CFLAGS) $(HOST_CFLAGS))' > $@
.PHONY: FORCE
FORCE:

$(B)/l2guest.elf: $(L2_OBJS) l2guest/l2.ld
	$(call say,LD,$@)
	$(Q)$(CC) $(GUEST_LDFLAGS) -T l2guest/l2.ld -o $@ $(L2_OBJS)

$(B)/l2guest.bin: $(B)/l2guest.elf
	$(call say,OBJCOPY,$@)
	$(Q)$(GUEST_OBJCOPY) -O binary $< $@

$(B)/hv/l2_image.o: $(B)/l2guest.bin

# They include these.
$(B)/host/html/html_page.o $(B)/san/html/html_page.o: host/html/html_page.css host/html/html_page.js

$(B)/midflight.elf: $(L1_BASE) $(L1_SCENARIOS) linker.ld
	$(call say,LD,$@)
	$(Q)$(CC) $(GUEST_LDFLAGS) -T linker.ld -o $@ $(L1_BASE) $(L1_SCENARIOS)

# The runner reads what the image says of its scenarios: else a wrong proof would fail the run alone.
$(B)/scenarios: $(B)/midflight.elf $(B)/midflight
	$(call say,CHECK,$<)
	$(Q)$(B)/midflight list --image $< > $@

# The same kernel with other scenarios: what the lab depends on, checked on the bare emulator.
$(B)/emucheck.elf: $(L1_BASE) $(EMUCHECK) linker.ld
	$(call say,LD,$@)
	$(Q)$(CC) $(GUEST_LDFLAGS) -T linker.ld -o $@ $(L1_BASE) $(EMUCHECK)

# Foreign guests of our own, for the tests.
GUESTS := $(patsubst tests/guests/%.S,$(B)/guests/%.elf,$(wildcard tests/guests/*.S))
.PHONY: guests
guests: $(GUESTS)
$(B)/guests/%.elf: tests/guests/%.S tests/guests/guest.inc
	$(call say,LD,$@)
	@mkdir -p $(@D)
	$(Q)$(GUEST_CC) -m32 -I. -nostdlib -static -no-pie -Wl,-N,-Ttext=0x100000,--build-id=none,--no-warn-rwx-segments,-e,start -o $@ $<

$(B)/%.iso: $(B)/%.elf boot/mkiso.sh
	$(call say,ISO,$@)
	$(Q)boot/mkiso.sh $< $@ $(ISO_WORDS)

# L1's command line is in the image.
$(B)/midflight.iso: ISO_WORDS = $(ISO_ARGS)
$(B)/midflight.iso: $(B)/iso-args
$(B)/iso-args: FORCE
	@mkdir -p $(@D)
	@echo '$(subst ','\'',$(ISO_ARGS))' | cmp -s - $@ || echo '$(subst ','\'',$(ISO_ARGS))' > $@

$(B)/midflight: $(HOST_OBJS)
	$(call say,LD,$@)
	$(Q)$(CC) -static -o $@ $(HOST_OBJS) $(HOST_LIBS)

# ---- hosts that are no x86-64 -------------------------------------------------------------------
ifneq ($(CROSS),)
# KVM's structures are x86's, wherever they are looked at.
$(B)/include/asm/kvm.h:
	@mkdir -p $(@D)
	$(Q)echo '#include <asm/kvm.h>' | $(GUEST_CC) -E -x c - | \
		sed -n 's,^# 1 \("/.*/asm/kvm.h"\).*,#include \1,p' > $@

# GRUB for a PC, and the libraries of the runner for L0, of Debian's packages for amd64.
X86_ROOT := $(X86)/root
export GRUB_I386_PC := $(X86_ROOT)/usr/lib/grub/i386-pc
$(B)/%.iso: $(X86)/packages
$(X86)/packages: lab/apt.sh
	$(call say,FETCH,$@)
	@rm -rf $(X86_ROOT) $@ && mkdir -p $(X86_ROOT) $@.tmp
	$(Q)lab/apt.sh "$(CURDIR)/$(X86)/apt" build $@.tmp
	$(Q)for deb in $@.tmp/debs/*.deb; do dpkg-deb -x "$$deb" $(X86_ROOT) || exit; done
	$(Q)rm -rf $(X86)/apt && mv $@.tmp $@

$(X86)/%.o: %.c $(B)/flags $(X86)/packages | $(GENERATED)
	@mkdir -p $(@D)
	$(call say,CC,$@)
	$(Q)$(GUEST_CC) $(HOST_CFLAGS) -isystem $(X86_ROOT)/usr/include \
		-isystem $(X86_ROOT)/usr/include/x86_64-linux-gnu -MMD -MP -c -o $@ $<
$(X86)/host/html/html_page.o: host/html/html_page.css host/html/html_page.js
$(X86)/midflight: $(patsubst $(B)/%,$(X86)/%,$(HOST_OBJS))
	$(call say,LD,$@)
	$(Q)$(GUEST_CC) -static -o $@ $^ -L$(X86_ROOT)/usr/lib/x86_64-linux-gnu $(HOST_LIBS)
endif

# Unit tests are linked with what they need of host/ but main, under the sanitizers.
HOST_SAN := $(B)/san/host.a
$(HOST_SAN): $(patsubst host/%.c,$(B)/san/%.o,$(filter-out host/main.c,$(HOST_SRCS)))
	$(call say,AR,$@)
	$(Q)rm -f $@ && ar rc $@ $^
$(B)/san/%.o: host/%.c $(B)/flags | $(GENERATED)
	@mkdir -p $(@D)
	$(call say,CC,$@)
	$(Q)$(CC) $(SAN_CFLAGS) -MMD -MP -c -o $@ $<
$(B)/unit/%: tests/unit/%.c $(HOST_SAN)
	@mkdir -p $(@D)
	$(call say,CC,$@)
	$(Q)$(CC) $(SAN_CFLAGS) -MMD -MP -o $@ $< $(HOST_SAN) -lcmocka $(HOST_LIBS)

unit: $(UNIT_TESTS) $(B)/fuzz_snapshot $(B)/fuzz_inputs

$(B)/fuzz_snapshot: tests/fuzz_snapshot.c $(patsubst %,$(B)/san/%.o,snapshot/snapshot snapshot/snapshot_file base/util)
	$(call say,CC,$@)
	$(Q)$(CC) $(SAN_CFLAGS) -o $@ $^

$(B)/fuzz_inputs: tests/fuzz_inputs.c $(HOST_SAN)
	$(call say,CC,$@)
	$(Q)$(CC) $(SAN_CFLAGS) -MMD -MP -o $@ $< $(HOST_SAN) -lcmocka $(HOST_LIBS)

.SECONDARY: $(HOST_SAN)

lint:
	$(Q)tests/lint.sh

# What the image says of its scenarios and the runner of its methods, behind what no table can say.
docs: all
	$(Q){ cat docs/scenarios.in.md && $(B)/midflight list --verbose && \
		$(B)/midflight list --verbose --enlightened; } > docs/scenarios.md
	$(Q){ cat docs/methods.in.md && $(B)/midflight list --methods --verbose; } > docs/methods.md
	$(Q){ cat docs/fields.in.md && tests/broken_kvm/fields.sh table; } > docs/fields.md

man: $(B)/midflight.1

# Dated by the sources, so that the same sources make the same page.
$(B)/midflight.1: export SOURCE_DATE_EPOCH ?= $(shell git log -1 --format=%ct 2>/dev/null)
$(B)/midflight.1: $(B)/midflight
	$(call say,MAN,$@)
	$(Q)[ -n "$$SOURCE_DATE_EPOCH" ] || unset SOURCE_DATE_EPOCH; $(B)/midflight man > $@

# ---- installing: host/cli/paths.h says how the runner finds the rest ------------------------------
PREFIX   ?= /usr/local
to       := $(DESTDIR)$(PREFIX)
PROGRAM  := $(to)/bin/midflight
LIBDIR   := $(to)/lib/midflight
DOCDIR   := $(to)/share/doc/midflight
PAGE     := $(to)/share/man/man1/midflight.1
COMPLETE := $(to)/share/bash-completion/completions/midflight
LAB      := $(filter-out %/README.md,$(shell find lab -type f))
DOCS     := LICENSE README.md lab/README.md \
	$(filter-out %.in.md,$(shell find docs examples -type f 2>/dev/null))

# Files with their directories, executable as they are here. $(call put,DIRECTORY,FILE...)
put = for f in $(2); do \
	mode=644; [ ! -x "$$f" ] || mode=755; install -D -m $$mode "$$f" "$(1)/$$f" || exit; done

install: all $(B)/emucheck.iso man
	$(Q)install -D -m 755 $(B)/midflight "$(PROGRAM)"
	$(Q)install -D -m 644 $(B)/midflight.elf "$(LIBDIR)/midflight.elf"
	$(Q)[ -z "$(X86)" ] || install -D -m 755 $(B)/x86/midflight "$(LIBDIR)/x86/midflight"
	$(Q)$(call put,$(LIBDIR),$(LAB) boot/mkiso.sh)
	$(Q)install -m 644 $(B)/emucheck.iso "$(LIBDIR)/lab/emucheck.iso"
	$(Q)install -D -m 644 $(B)/midflight.1 "$(PAGE)"
	$(Q)install -D -m 644 completions/midflight.bash "$(COMPLETE)"
	$(Q)$(call put,$(DOCDIR),$(DOCS))

uninstall:
	rm -f "$(PROGRAM)" "$(PAGE)" "$(COMPLETE)"
	rm -rf "$(LIBDIR)" "$(DOCDIR)"

deb:
	$(Q)./deps.sh build run deb
	$(Q)debian/build.sh

format:
	clang-format -i $$(git ls-files '*.c' '*.h')

clean:
	rm -rf $(B)

-include $(shell find $(B) -name '*.d' 2>/dev/null)
