#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# What docs/adding-a-*.md tell to write is written into a copy of the tree, into the files that they name and no
# others, and is there once it is built.
# shellcheck source=tests/e2e/common.sh
. "$(dirname "$0")/common.sh"

tree=$work/tree

# What a document shows of the file that it names last in a line that ends in `:`, behind what is in it.
follow() { # DOCUMENT [WORD NEW-WORD]: the example under another name
	sed "s/${2:-^$}/${3:-}/g" "docs/$1" | awk -v tree="$tree" '
		/:$/ && match($0, /`(hv|l2guest|host)\/[^` ]*\.(c|def)`/) {
			file = substr($0, RSTART + 1, RLENGTH - 2)
		}
		/^    / && file { print substr($0, 5) >>(tree "/" file); next }
		/./ && !/:$/ { file = "" }'
}

mkdir "$tree"
git ls-files -z | xargs -0 cp -a --parents -t "$tree"
cp -a --parents -t "$tree" build/{flags,include,boot,host,hv,l2guest,lib}
follow adding-a-scenario.md rvi_behind_if added_here
follow adding-a-method.md
follow adding-a-breakage.md
follow adding-an-option.md

# The objects are those of here: only what includes a table is built again.
what="in a copy of the tree, with what docs/adding-a-*.md show"
status=0
make -C "$tree" -j2 -o build/flags -o build/include/midflight_version.h \
	HOST_CFLAGS="-std=gnu11 -O0 -D_GNU_SOURCE -I. -Ibuild/include" \
	build/midflight build/midflight.elf >"$work/out" 2>&1 </dev/null || status=$?
holds "the examples of docs/adding-a-*.md build" [ "$status" = 0 ]
cd "$tree" || exit 2
build/midflight list >"$work/out" 2>&1
expect "adding-a-scenario.md: list shows it" '^added_here .*three virtual interrupts wait'
build/midflight list --methods >"$work/out" 2>&1
expect "adding-a-method.md: list --methods shows it" '^pipe-again +qemu '
build/midflight run --help >"$work/out" 2>&1
expect "adding-an-option.md: --help shows it" '^ +--chatty +As --verbose$'
build/midflight complete -- run --break gs >"$work/out" 2>&1
expect "adding-a-breakage.md: run --break completes it" '^gs-swapped$'
