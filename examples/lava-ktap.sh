#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Shows the KTAP on stdin and tells LAVA of each result in it, with lava-test-case, which is there in
# LAVA's test shell. A known KVM bug (TODO) becomes `unknown`, so that a new failure of the same
# scenario differs from it, as its end does. At last `midflight-complete`: whether all planned results came.
planned=none
results=0

tell() { # NAME RESULT
	lava-test-case "$1" --result "$2"
}

while IFS= read -r line; do
	printf '%s\n' "$line"
	case $line in
	1..*)
		planned=${line#1..}
		planned=${planned%% *}
		continue
		;;
	'ok '*' # SKIP'*) result=skip ;;
	'ok '*) result=pass ;;
	'not ok '*' # TODO'*) result=unknown ;;
	'not ok '*) result=fail ;;
	*) continue ;;
	esac
	name=${line#*ok * - }
	tell "${name%% *}" "$result"
	results=$((results + 1))
done
if [ "$results" = "$planned" ]; then tell midflight-complete pass; else tell midflight-complete fail; fi
