#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# `midflight bisect-run` under a real `git bisect run`, in a tree that only looks like Linux: its Makefile
# does what each commit's build.sh says, and a program in midflight's place ends with the status that
# the "kernel" names. What is refused is refused by midflight itself.
# shellcheck source=tests/e2e/common.sh
. "$(dirname "$0")/common.sh"

repo=$PWD
tree="$work/a tree"
log="$work/log"
export GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_NOSYSTEM=1 GIT_AUTHOR_NAME=n GIT_AUTHOR_EMAIL=n@example.org \
	GIT_COMMITTER_NAME=n GIT_COMMITTER_EMAIL=n@example.org

cat >"$work/midflight" <<'FAKE'
#!/bin/bash
# Called as `midflight run --linux BUILD --log DIR OPTION...`
echo "options: ${*:6}"
read -r status <"$3/arch/x86/boot/bzImage"
[ "$status" != 1 ] || printf '%s\n' 'not ok 2 - halted # hop 1: lost' 'not ok 4 - running # TODO known KVM bug: tsc-synced-to-startup'
[ "$status" != 2 ] || echo 'lab: the emulator died (exit status 9).'
[ "$status" != 22 ] || printf '%s\n' 'lab: booting L0 ... FAILED (2 s)' '    Kernel panic - not syncing: x'
[ "$status" != 22 ] || status=2
exit "$status"
FAKE
chmod +x "$work/midflight"

commit() { # NAME: build.sh is stdin
	cat >build.sh
	git add -A
	git commit -qm "$1"
	git tag "$1"
}
kernel() { # NAME STATUS: a commit that builds, and whose run ends with STATUS
	commit "$1" <<<"mkdir -p \"\$1/arch/x86/boot\"; echo $2 >\"\$1/arch/x86/boot/bzImage\" # $1"
}
build_tree() {
	git init -q "$tree" && cd "$tree" && mkdir -p arch/x86/kvm && touch arch/x86/kvm/x86.c
	cat >Makefile <<'MAKEFILE'
allnoconfig: ; cp "$(KCONFIG_ALLCONFIG)" "$(O)/.config"
x86_64_defconfig: ; echo CONFIG_BASE=y >"$(O)/.config"
olddefconfig: ; @:
bzImage: ; sh ./build.sh "$(O)"
MAKEFILE
	kernel first 0
	kernel second 4
	commit third <<<'echo "x.c:1:1: error: no semicolon" >&2; exit 1'
	kernel fourth 0
	kernel fifth 1
	kernel sixth 2
	kernel seventh 1
	kernel odd 3
	kernel killed 137
	kernel panics 22
	commit missing <<<'echo "/bin/sh: 1: bc: not found" >&2; exit 1'
	commit slow <<<"exec >'$work/fifo'; echo; exec sleep 1000"
}

step() { # EXIT-STATUS COMMIT [OPTION-OF-RUN...]
	local want=$1 status=0
	what="(bisect-run.sh, commit $2)"
	git -C "$tree" checkout -q "$2"
	shift 2
	(cd "$tree" && "$repo/lab/bisect-run.sh" "$work/midflight" "$work/build" 2 "$log" '' "$@") \
		>"$work/out" 2>&1 </dev/null || status=$?
	[ "$status" = "$want" ] || report "not ok" "exit status $want: $what: was $status"
}

stops() { # NAME REGEX [DIRECTORY] [OPTION...]: midflight itself
	local name=$1 regex=$2 in=$3 status=0
	shift 3
	what="bisect-run $*"
	(cd "$in" && "$repo/build/midflight" bisect-run --build "$work/own" --log "$log" "$@") \
		>"$work/out" 2>&1 </dev/null || status=$?
	if [ "$status" -ge 128 ]; then
		expect "stops: $name" "$regex"
	else
		report "not ok" "stops: $name: exit status $status"
	fi
}

(build_tree) >"$work/out" 2>&1 || report "not ok" "a git tree"
mkdir "$work/empty" "$work/other"
touch "$work/other/.config"
mkfifo "$work/fifo"

# ---- verdicts -----------------------------------------------------------------------------------
step 0 first --driver kvm --scenario 'a b'
expect "good" '^bisect: [0-9a-f]{12} \(first\) build [0-9]+ s, run [0-9]+ s, good$'
holds "run gets the options" grep -qx 'options: --driver kvm --scenario a b' "$log"/bisect-*/run.txt
step 1 fifth
expect "bad, and what failed" 'bad: halted running \(known\)$'
step 125 second
expect "everything skipped" 'not testable: everything skipped'
step 125 third
expect "does not build, and why" 'not testable: does not build: x.c:1:1: error: no semicolon'
refuse "an older kernel is not run instead" ' run '
step 125 sixth
expect "the lab failed" 'not testable: lab: the emulator died'
step 125 panics
expect "does not boot, and why" 'not testable: Kernel panic - not syncing: x$'
step 128 odd
step 137 killed
step 128 missing
expect "what this machine lacks is no verdict" 'This machine lacks something.*bc: not found'
git -C "$tree" checkout -q slow
(cd "$tree" && exec "$repo/lab/bisect-run.sh" "$work/midflight" "$work/build" 2 "$log" '') >"$work/out" 2>&1 &
exec 7<"$work/fifo"
read -r _ <&7
kill "$!"
status=0
wait "$!" || status=$?
holds "interrupted: git stops" [ "$status" = 130 ]
expect "interrupted: the line says it" ' interrupted$'
holds "interrupted: nothing of the build goes on" timeout 60 cat <&7
exec 7<&-
holds "a line for each step" [ "$(wc -l <"$log/bisect.txt")" = 9 ]

what="(git bisect run)"
status=0
(cd "$tree" && git bisect start seventh first && git bisect run "$repo/lab/bisect-run.sh" \
	"$work/midflight" "$work/build" 2 "$log" x86_64_defconfig) >"$work/out" 2>&1 </dev/null || status=$?
holds "git bisect run ends" [ "$status" = 0 ]
expect "git bisect run finds the commit" "^$(git -C "$tree" rev-parse fifth) is the first bad commit"
clean() { [ -z "$(git -C "$tree" status --porcelain)" ]; }
holds "nothing was written into the tree" clean
holds "--defconfig: kernel.config on top" cmp -s "$work/build/.config" <(echo CONFIG_BASE=y; cat lab/kernel.config)
holds "make kernel-config" make -s kernel-config LINUX="$tree" O="$work/config" BASE=x86_64_defconfig
holds "make kernel-config: the same" cmp -s "$work/config/.config" "$work/build/.config"
git -C "$tree" bisect reset >"$work/out" 2>&1

# ---- no verdict ---------------------------------------------------------------------------------
stops "no git tree" 'is in no git tree' "$work/empty"
stops "not Linux" 'is no tree of Linux' "$repo"
stops "an option of run before the --" "unrecognized option '--driver'" "$tree" --driver kvm
stops "an unknown scenario" "no scenario 'nix'" "$tree" -- --scenario nix
stops "an unknown scenario, without an option" "no scenario 'haltd'; did you mean 'halted'" "$tree" -- haltd
stops "nothing to fly" '--dry-run of run has no place here' "$tree" -- --dry-run
stops "no image" 'cannot read the image' "$tree" -- --image "$work/none"
stops "a kernel of its own" '--kernel of run has no place here' "$tree" -- --kernel 6.1
stops "several kernels" '--kernel of run has no place here' "$tree" -- --kernel 6.1,6.12
stops "a module of its own" '--kvm-intel of run has no place here' "$tree" -- --kvm-intel x.ko
stops "several runs" '--each-param of run has no place here' "$tree" -- --each-param ept=0,1
stops "a log of its own" '--log goes before the --' "$tree" -- --log x
stops "without the lab" '--lab no of run has no place here' "$tree" -- --lab no
stops "no jobs" "--jobs: '0' is no number" "$tree" --jobs 0
stops "somebody's build directory" 'not of an earlier bisect-run' "$tree" --build "$work/other"
holds "which keeps its configuration" [ -f "$work/other/.config" ]
MIDFLIGHT_LAB_DIR=$work/empty stops "no lab" 'no lab at' "$tree"
stops "Linux cannot be configured" 'The kernel cannot be configured' "$tree" --defconfig none
exec 8>>"$work/own/midflight-bisect"
flock 8
stops "another bisect-run has the directory" 'Another bisect-run builds in' "$tree"
exec 8>&-
touch "$tree/.config"
stops "a tree that was built in" "'make mrproper' makes it clean" "$tree"
