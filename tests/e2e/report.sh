#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# The HTML report in a real browser: layout, pictures, print; and with files that are hostile.
# shellcheck source=tests/e2e/common.sh
. "$(dirname "$0")/common.sh"

MAX_KIB=6144 # of 283 scenarios on one kernel

make_report() { # EXIT-STATUS NAME DIR...: writes $work/NAME.html
	local want=$1 name=$2 status=0
	shift 2
	what="report $*"
	build/midflight report --out "$work/$name.html" "$@" >"$work/out" 2>&1 </dev/null || status=$?
	holds "exit status $want: report of $name: was $status" [ "$status" = "$want" ]
}

fixture() { # KIND NAME KERNEL
	/usr/bin/python3 tests/report/fixture.py "$1" "$work/$2" "$3"
}

no_references() { # FILE
	! grep -nEo ".{0,40}((https?|ftp|file|data):|//|@import|url\(| src=| srcset=).{0,40}" "$1"
}

small_enough() { # FILE
	local kib=$(($(stat -c %s "$1") / 1024))
	echo "# $(basename "$1"): $kib KiB"
	[ "$kib" -lt $MAX_KIB ]
}

browser() { # OPTION... FILE
	timeout 300 chromium --headless --no-sandbox --disable-gpu --hide-scrollbars \
		--user-data-dir="$work/profile" --allow-file-access-from-files \
		--host-resolver-rules='MAP * ~NOTFOUND' "$@" 2>/dev/null
}

measure() { # NAME: what measure.html says of $work/NAME.html
	what="report, measured: $1"
	browser --virtual-time-budget=20000 --window-size=1700,1000 --dump-dom \
		"file://$PWD/tests/report/measure.html?file://$work/$1.html" |
		sed -nE 's/.*<pre id="out">//; /^[a-z0-9-]+ /p' >"$work/out"
}

value() { # KEY: of what was measured
	sed -nE "s/^$1 (.*)/\1/p" "$work/out"
}

not_wider() { # NAME
	holds "$1: no line is wider than a phone's or a desktop's screen" \
		[ "$(value width-360):$(value width-open-360):$(value width-open-1280)" = 360:360:1280 ]
}

pdf_pages() { # FILE
	grep -acE '/Type */Page$|/Type */Page[^s]' "$1"
}

if ! [ -x /usr/bin/python3 ]; then
	echo "ok - report # SKIP no /usr/bin/python3 to write fixtures with"
	exit 0
fi
fixture scenarios many 6.1.0-50-amd64
fixture methods six.one 6.1.0-50-amd64
fixture methods seven 7.3.4+deb13-amd64
fixture hostile hostile 6.12.117

make_report 0 scenarios "$work/many"
expect "it says what was written" 'scenarios\.html: 566 results, [0-9]+ KiB$'
refuse "nothing is damaged" 'damaged'
holds "283 scenarios: a few MiB" small_enough "$work/scenarios.html"
holds "no reference leads out of the file" no_references "$work/scenarios.html"
make_report 0 kernels "$work/six.one" "$work/seven"
make_report 0 real tests/report/real
fixture methods all/6.12 6.12.117
fixture methods all/6.1 6.1.0-50-amd64
make_report 0 all "$work/all"
expect "a directory of runs is a report of all of them" 'all\.html: 96 results, [0-9]+ KiB$'
make_report 0 hostile "$work/hostile"
expect "damaged files are counted" '^7 of the files .* damaged: the page says what and where'
cp "$work/hostile.html" "$work/out"
what="report hostile"
expect "damaged files are told of in their place" \
	'>a/timeline-2\.json: it is a link, which is refused' \
	'>b/failure\.txt: it is a link, which is refused' \
	'>b/timeline-1\.json: line [0-9]+: ' '>b/timeline-2\.json: is not of this result and hop' \
	'>b/pages-1\.json: a request has no good' '>b/pages-2\.json: No such file'
refuse "no text becomes markup" '<img' 'root:x:0' 'owned.?</script>'

sed 's|"b/failure.txt"|"/etc/passwd"|' "$work/hostile/result.json" >"$work/swap"
mkdir "$work/liar" && mv "$work/swap" "$work/liar/result.json"
make_report 2 liar "$work/liar"
expect "a result that names a file elsewhere is refused" 'result 4, b, has files that are not its own'

head -c 5000 "$work/seven/result.json" >"$work/six.one/result.json"
make_report 2 cut "$work/seven" "$work/six.one"
expect "a damaged result.json is refused by name" 'six\.one/result\.json: line [0-9]+: '
mkdir "$work/empty"
make_report 2 missing "$work/empty"
expect "so is a missing one" '/empty: no results of a run \(no result\.json\)$'
make_report 2 nowhere "$work/no such directory"
expect "so is a missing directory" '/no such directory: No such file or directory$'
what="report --out"
build/midflight report --out /proc/no-file tests/report/real >"$work/out" 2>&1
expect "the file that cannot be written is named" 'cannot create /proc/no-file: '

# A mail about one result.
make_mail() { # EXIT-STATUS RESULT [OPTION...]
	local want=$1 result=$2 status=0
	shift 2
	what="report --mail $* $result"
	build/midflight report --mail "$@" "$result" >"$work/out" 2>&1 </dev/null || status=$?
	holds "exit status $want: $what: was $status" [ "$status" = "$want" ]
}

fits() { # FILE: lines of at most 72 columns of printable ASCII and tabs
	! expand "$1" | LC_ALL=C grep -nE '.{73}|[^ -~]'
}

make_mail 0 tests/report/real/halted
holds "its lines fit" fits "$work/out"
expect "it is to the list, and says that the bug is known" '^To: kvm@vger\.kernel\.org$' '^Subject: \[BUG\] KVM: nVMX: ' \
	'docs/known-failures\.md#halted-posted-interrupt-lost$' '^Upstream: '
expect "it has kernels, steps, what was found, function, cure" '^  - this run: 6\.12\.117\+deb13-cloud-amd64$' \
	'^    midflight run --driver kvm --loops 2 --seed 1 --scenario halted$' '^  - hop 1: lost wake-up: ' \
	'^  vcpu_block\(\), which the cure below changes' '^--- 8< --- fixes/halted-posted-interrupt-lost\.cocci$'
cp "$work/out" "$work/known.mail"
make_mail 0 tests/report/real --out "$work/mail"
holds "--out: the same in a file, which the only failure's run means too" cmp "$work/mail" "$work/known.mail"
refuse "and nothing is printed" .
make_mail 2 tests/report/real/running
expect "a pass is refused" 'running is a PASS, so there is nothing to report$'
make_mail 2 "$work/seven"
expect "of several failures one is to be chosen" 'results failed; give the directory of one: '
make_mail 2 "$work/hostile/b"
expect "what is to be pasted into a shell must be a command of ours" "its 'repro' is no command of Midflight"
make_mail 2 "$work/empty"
expect "what is no result is refused" '/empty: it is no result of a run'
make_mail 2 "$work/six.one/result.json"
expect "so is a damaged result.json" 'six\.one/result\.json: line [0-9]+: '
make_mail 2 "$work/no such/halted"
expect "and a missing one" 'no such/halted: No such file or directory$'
make_mail 2 tests/report/real/halted tests/report/real/running
expect "it is about one result" '--mail takes one result'

if ! command -v chromium >/dev/null; then
	echo "ok - report in a browser # SKIP no chromium here"
	exit 0
fi
measure scenarios
not_wider "many scenarios"
holds "all results are in the matrix: $(value cells)" [ "$(value cells)" = 566 ]
holds "no link leads nowhere" [ "$(value dead-links)" = 0 ]
holds "labels do not overlap: $(value overlaps) of $(value labels)" \
	[ "$(value overlaps)" = 0 -a "$(value labels)" -gt 4000 -a "$(value outside)" = 0 ]
holds "the filter filters: $(value rows-bad)" [ "$(value rows)" = 283 -a \
	"$(value rows-none)" = 0 -a "$(value rows-bad)" -gt 10 -a "$(value rows-bad)" -lt 60 ]
measure kernels
not_wider "many methods, two kernels"
holds "a matrix that is wider than a phone shows that it goes on: $(value cut-360)" \
	[ "$(value cut-360)" = "true 0 true 0" ]
holds "many methods are rows: $(value rows), $(value cells)" \
	[ "$(value rows):$(value cells)" = 24:96 ]
measure real
not_wider "a real run"
holds "a real run's labels do not overlap: $(value overlaps) of $(value labels)" \
	[ "$(value overlaps)" = 0 -a "$(value labels)" -gt 50 -a "$(value lanes)" -ge 10 ]
holds "on a phone its overviews fit, and the lanes' names do not scroll away" \
	[ "$(value scrolling-360):$(value scrolling-1280)" = "true 0 true 0:true 0 false 0" ]
holds "what a check found is told whole, and what scrolls shows it: $(value cut-360)" \
	[ "$(value cut-360)" = "true 0 true 0" -a "$(value cut-1280)" = "true 0 false 0" ]
# What is measured is measured: labels that are too large, a line that is too long, names that
# scroll, overviews that do not fit, evidence that is cut.
sed -E 's/position: sticky; left: 0/position: static/
	s/ no-repeat local/ no-repeat scroll/; s/\.checks td \{[^}]*\}/.checks td { white-space: nowrap }/
	s/<svg width="100%"/<svg width="900"/g
	s/font-family="monospace" font-size="10"/font-size="19"/g
	s/<h2>/<h2 style="white-space:pre">'"$(printf '%090d' 0)"'/' "$work/real.html" >"$work/ugly.html"
measure ugly
holds "overlaps and long lines are noticed: $(value overlaps), $(value width-360)" \
	[ "$(value overlaps)" -gt 10 -a "$(value outside)" -gt 0 -a "$(value width-360)" -gt 600 ]
holds "so are names that scroll and overviews that do not fit: $(value scrolling-360)" \
	grep -qE '^scrolling-360 true [1-9][0-9]* true [1-9]' "$work/out"
holds "so are evidence that is cut and boxes without a hint: $(value cut-360)" \
	grep -qE '^cut-360 true [1-9][0-9]* true [1-9]' "$work/out"
measure hostile
not_wider "hostile texts"
holds "hostile texts stay texts" \
	[ "$(value scripts):$(value foreign):$(value title)" = "1:0:Midflight: ✗ 2 of 4 results failed" ]

browser --print-to-pdf="$work/report.pdf" "file://$work/kernels.html"
pages=$(pdf_pages "$work/report.pdf")
holds "it prints: $pages pages" [ "$pages" -ge 3 ]

pixels() { # FILE COLOUR...
	browser --screenshot="$work/shot.png" --window-size=1280,2000 "file://$work/$1.html"
	shift
	what="report, screenshot"
	/usr/bin/python3 tests/report/pixels.py "$work/shot.png" "$@" >"$work/out" 2>&1
}

if ! /usr/bin/python3 -c 'import PIL' 2>/dev/null; then
	echo "ok - colours of screenshots # SKIP python3-pil is missing"
	exit 0
fi
pixels scenarios b3401b f2c063 cdebdf
expect "the matrix shows what failed, is known and passed" \
	'^b3401b [0-9]{4,}' '^f2c063 [0-9]{4,}' '^cdebdf [0-9]{5,}' '^kinds [0-9]{3,}'
pixels real d5dae1 a9d5f5 a8e0cb f9cf8f
expect "a timeline shows phases, ioctls, KVM_RUN and page requests" \
	'^d5dae1 [0-9]{4,}' '^a9d5f5 [0-9]{4,}' '^a8e0cb [0-9]{4,}' '^f9cf8f [0-9]{4,}'
# As Jenkins serves it: neither scripts nor inline styles.
sed -E "s/default-src 'none'; style-src [^;]*; script-src [^;]*/default-src 'none'/" \
	"$work/scenarios.html" >"$work/bare.html"
pixels bare f2c063 cdebdf
expect "without styles and scripts the matrix has its colours too" \
	'^f2c063 [0-9]{4,}' '^cdebdf [0-9]{5,}'
