# SPDX-License-Identifier: BSD-2-Clause
# coverage.awk: joins what the emulator recorded of L0's code with one module's symbols, and prints the
# module as a member of coverage.json's "modules" (docs/coverage.md).
#     awk -v module=NAME -v id=BUILD-ID -f coverage.awk SECTIONS RANGES READELF
# SECTIONS  /sys/module/NAME/sections/SECTION:0xADDRESS, as grep -H prints these files
# RANGES    START END in hex a line, ascending: bytes of instructions that were executed
# READELF   readelf -W -S -s of the module
# All addresses lie in the kernel's upper 4 GB: the lower 32 bits are enough, and exact in any awk.

function hex(text,    n, i) {
    sub(/^(0x)?ffffffff/, "", text)
    sub(/^0x/, "", text)
    n = 0
    for (i = 1; i <= length(text); i++)
        n = n * 16 + index("123456789abcdef", substr(text, i, 1))
    return n
}

# The first range that ends behind @address.
function first(address,    low, high, middle) {
    low = 1
    high = ranges + 1
    while (low < high) {
        middle = int((low + high) / 2)
        if (ends[middle] > address) high = middle
        else low = middle + 1
    }
    return low
}

function print_function(name, section, at, size,    start, i, from, to, comma) {
    printf "%s\n  {\"name\": \"%s\", \"section\": \"%s\", \"at\": %d, \"size\": %d, \"ran\": [",
        printed++ ? "," : "", name, section, at, size
    # Code that is only there while the module is loaded: its memory may be somebody else's by now.
    if (section in base && section !~ /^\.init/) {
        start = base[section] + at
        for (i = first(start); i <= ranges && starts[i] < start + size; i++) {
            from = starts[i] < start ? 0 : starts[i] - start
            to = ends[i] > start + size ? size : ends[i] - start
            printf "%s[%d, %d]", comma, from, to
            comma = ", "
        }
    }
    printf "]}"
}

FILENAME == ARGV[1] {
    prefix = "/sys/module/" module "/sections/"
    if (index($0, prefix) == 1) {
        sub(prefix, "")
        base[substr($0, 1, index($0, ":") - 1)] = hex(substr($0, index($0, ":") + 1))
    }
    next
}

FILENAME == ARGV[2] {
    if (NF == 2) {
        starts[++ranges] = hex($1)
        ends[ranges] = hex($2)
    }
    next
}

FNR == 1 { printf "{\"module\": \"%s\", \"build_id\": \"%s\", \"functions\": [", module, id }

# "  [ 1] .text PROGBITS ..."
/^ *\[ *[0-9]+\] / {
    number = $0
    sub(/^ *\[ */, "", number)
    split(number, words, /\] *| +/)
    sections[words[1]] = words[2]
    next
}

# "  Num: Value Size Type Bind Vis Ndx Name". Padding before a function has a symbol of its own.
$4 == "FUNC" && $3 ~ /^[1-9][0-9]*$/ && $7 in sections && $8 ~ /^[A-Za-z0-9_.]+$/ && $8 !~ /^__pfx_/ {
    print_function($8, sections[$7], hex($2), $3)
}

END { print "]}" }
