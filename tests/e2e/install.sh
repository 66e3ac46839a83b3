#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Installed: the runner finds its image and its lab, writes nothing beside itself, and the shell, man
# and dpkg get along with what comes with it.
# shellcheck source=tests/e2e/common.sh
. "$(dirname "$0")/common.sh"

repo=$PWD
dest="$work/dest dir" prefix=/opt/midflight
root=$dest$prefix
midflight=$root/bin/midflight
mkdir "$work/cwd"

installed() { # EXIT-STATUS ARG...: the installed runner, in a directory of its own
	local want=$1 status=0
	shift
	what="(installed) $*"
	(cd "$work/cwd" && "$midflight" "$@") >"$work/out" 2>&1 </dev/null || status=$?
	holds "exit status $want: midflight $what: was $status" [ "$status" = "$want" ]
}

quietly() { # COMMAND...: it must succeed and have nothing to say
	what="$*"
	"$@" >"$work/out" 2>&1 && [ ! -s "$work/out" ]
}

what="make install"
if ! make -s install "DESTDIR=$dest" "PREFIX=$prefix" >"$work/out" 2>&1; then
	report "not ok" "make install"
	exit
fi
report ok "make install"
chmod -R a-w "$dest"
trap 'chmod -R u+w "$work"; rm -rf "$work"' EXIT
find "$dest" | sort >"$work/before"

installed 0 list
holds "the installed runner finds its image" cmp -s "$work/out" <(build/midflight list)
installed 4 run --accel tcg --loops 1 --machine microvm --scenario running
holds "its log is in the current directory" test -f "$work/cwd/midflight-log/result.json"
installed 0 run --lab yes --driver kvm --loops 1 --scenario running
expect "the installed runner finds its lab" '^ok 2 - running # 1 hop'
holds "nothing is written where it is installed" cmp -s "$work/before" <(find "$dest" | sort)

# Without the rest of it.
mkdir "$work/alone"
cp build/midflight "$work/alone/"
midflight=$work/alone/midflight
installed 2 run
expect "a missing image is named, with what mends it" \
	"L1's image is missing: .*$work/alone/midflight.elf .*make.*--image"
cp build/midflight.elf "$work/alone/"
installed 2 run --lab yes --loops 1
expect "a missing lab is named, with what mends it" "no lab at .*/lab/lab.sh.*MIDFLIGHT_LAB_DIR"
midflight=$root/bin/midflight

# The manual page. man tells of roff's warnings on stderr alone.
if command -v man >/dev/null; then
	page() { man --warnings -E UTF-8 -l -Tutf8 -Z "$root/share/man/man1/midflight.1" >/dev/null; }
	holds "man has nothing to complain of" quietly page
else
	echo "ok - man has nothing to complain of # SKIP no man here"
fi

# Completion, as bash calls it.
completes() { # NAME WANT WORD...: the candidates for the last WORD
	local name=$1 want=$2
	shift 2
	what="completion of: $*"
	bash -c '
		. "$1"
		COMP_WORDS=("${@:2}")
		COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
		_midflight
		echo "${COMPREPLY[*]}"
	' - "$root/share/bash-completion/completions/midflight" "$midflight" "$@" >"$work/out" 2>&1
	holds "completion: $name" [ "$(cat "$work/out")" = "$want" ]
}
completes "commands" "replay report" rep
completes "options" "--shard" run --sh
completes "scenarios behind a comma" "running,mtf_init running,mtf_init_evmcs running,mtf_irq running,mtf_irq_evmcs" run --scenario running,mtf_i
completes "words behind = as bash splits it" "auto yes no" run --lab =
completes "words within quotes" "precopy-multifd" run --method "'precopy-m"
completes "a file: nothing, so that bash takes over" "" save ""

what="make uninstall"
chmod -R u+w "$dest"
make -s uninstall "DESTDIR=$dest" "PREFIX=$prefix" >"$work/out" 2>&1
find "$dest" -type f >>"$work/out"
holds "make uninstall leaves no file" [ ! -s "$work/out" ]

# The Debian package.
missing=
for tool in dpkg-buildpackage dh lintian; do
	command -v "$tool" >/dev/null || missing+=" $tool"
done
[ "$(uname -m)" = x86_64 ] || missing=' an x86-64'
if [ -n "$missing" ]; then
	echo "ok - make deb # SKIP not here:$missing"
	exit
fi
what="make deb"
if ! make -s deb >"$work/out" 2>&1; then
	report "not ok" "make deb"
	exit
fi
report ok "make deb"
deb=$(tail -n 1 "$work/out")
holds "lintian has nothing to complain of" quietly \
	lintian --allow-root --fail-on error,warning --tag-display-limit 0 "$repo/$deb"
dpkg-deb -x "$deb" "$work/deb"
midflight=$work/deb/usr/bin/midflight
installed 0 list
holds "the packaged runner finds its image" cmp -s "$work/out" <(build/midflight list)
installed 4 run --accel tcg --loops 1 --machine microvm --scenario running
installed 0 --version
expect "it has the package's version" "^midflight $(dpkg-deb -f "$deb" Version | sed 's/+/[+]/g')$"
