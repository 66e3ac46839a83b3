# SPDX-License-Identifier: BSD-2-Clause
# Exit status 0 when the log is a complete one with the verdict PASS (docs/protocol.md, "A reader
# must not call a run passed unless"), with every sum right. What it leaves to the runner is the
# grammar inside a scenario.

function bad(why) {
    if (!failed) print "not a pass: line " NR ": " why
    failed = 1
}
function number(key,    text) {
    if (!match($0, " " key "=[0-9]+")) { bad("the verdict has no " key); return -1 }
    text = substr($0, RSTART, RLENGTH)
    sub(/^.*=/, "", text)
    return text + 0
}
# lib/sum.h: all products are below 2^53, which doubles hold.
function add(text,    i, end) {
    end = length(text)
    for (i = 1; i <= end; i++)
        sum = (sum * 65599 + code[substr(text, i, 1)]) % 4294967291
}
function hex(text,    i, value) {
    for (i = 1; i <= length(text); i++)
        value = value * 16 + index("0123456789abcdef", substr(text, i, 1)) - 1
    return value
}
function check_sum(    at) {
    at = match($0, / sum=0x[0-9a-f]+$/)
    if (RLENGTH != 15) { bad("an event without a sum: " $0); return }
    add(substr($0, 1, at - 1))
    if (hex(substr($0, at + 7)) != sum) bad("the sum is wrong of " $0)
    sum = 0
}

BEGIN { for (i = 1; i < 256; i++) code[sprintf("%c", i)] = i }

{ sub(/\r$/, "") }

verdict && /^(#|ok |not ok |1\.\.|KTAP version)/ { bad("something follows the verdict") }
verdict { next }
/^(KTAP version|1\.\.|ok |not ok |#)/ && !/^# @/ && (version || /^KTAP/) { add($0 "\n") }

/^KTAP version/ {
    if (version || $0 != "KTAP version 1") bad("version line: " $0)
    version = 1
    next
}
/^1\.\.[0-9]+$/ {
    if (!version || planned || results) bad("the plan is out of place")
    planned = substr($0, 4) + 0
    next
}
/^(not )?ok / {
    is_ok = ($1 == "ok")
    if (!planned) bad("a result before the plan")
    if (is_ok && hop && $0 !~ /# SKIP/) bad("a result inside a hop")
    if ((is_ok ? $2 : $3) + 0 != ++results) bad("results out of order: " $0)
    if ($0 ~ /# SKIP/) skips++
    else if (is_ok) passes++
    else fails++
    next
}
/^# @[0-9]+ / {
    if (substr($2, 2) + 0 != ++sequence) bad("events lost before " $0)
    check_sum()
    if ($3 == "start" || $3 == "hello") hop = 0
    if ($3 == "ready") hop = 1
    if ($3 == "hop" || $3 == "missed") hop = 0
    if ($3 != "verdict") next
    verdict = 1
    if ($0 !~ / word=PASS( |$)/) bad($0)
    if (number("passed") != passes + 0 || number("failed") != fails + 0 ||
        number("skipped") != skips + 0 || number("errors") != 0)
        bad("the results disagree with the verdict: " $0)
}

END {
    if (!version) bad("no version line")
    if (!planned) bad("no plan")
    if (results != planned) bad(results + 0 " results of " planned + 0)
    if (!passes) bad("nothing passed")
    if (fails) bad(fails " failed")
    if (!verdict) bad("no verdict")
    exit failed + 0
}
