#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# What fields.def says, for people and for tests/e2e/fields.sh:
#   fields.sh table    the tables of docs/fields.md
#   fields.sh flights  a line for each: NAME PARAMETER VALUE SCENARIO OPTION..., PARAMETER being that of lossy.sh
set -euo pipefail
cd "$(dirname "$0")/../.."

awk -v what="$1" -F'[(,] *|[)]' '
	function role(name) {
		if (kind[name] == "CONTROL" || kind[name] == "HOST") return "L1"
		if (kind[name] == "INFO") return "VM exits"
		return kind[name] == "" ? "KVM" : "L1, L2, the processor"
	}
	function hex(digits, i, n) {
		for (i = 3; i <= length(digits); i++) n = 16 * n + index("0123456789abcdef", substr(digits, i, 1)) - 1
		return n
	}
	# What was lost often hangs; QEMU takes longer to move a VM than that.
	BEGIN { patience = " --timeout 3 --nudge 1" }
	function is_scenario(cell) { return cell ~ /^[a-z]/ }
	# SCENARIO, or SCENARIO:ORDER for another order than QEMU has.
	function shown(cell, part) {
		if (!is_scenario(cell)) return number[cell]
		return split(cell, part, ":") > 1 ? "`" part[1] "` (order `" part[2] "`)" : "`" cell "`"
	}
	function flight(name, parameter, value, cell, part) {
		print name, parameter, value, (split(cell, part, ":") > 1 ? part[1] " --driver kvm --order " part[2] : cell " --driver kvm") patience
	}
	# The text of a row that ends in one, between its quotes.
	function text(line) { sub(/^[^"]*"/, "", line); sub(/".*/, "", line); return line }
	FILENAME ~ /vmcs_fields/ && /^F\(/ { encoding[$2] = hex($3); kind[$2] = $4 }
	FILENAME ~ /vmcs12/ && /^F\(/ { offset[$2] = $3; size[$2] = $4 }
	FILENAME !~ /fields\.def$/ || FILENAME ~ /vmcs_fields/ { next }
	/^R\(/ { number[$2] = ++reasons; reason[reasons] = text($0) }
	/^M\(/ {
		split($0, quoted, "\"")
		if (what == "flights") print $2, "lossy_mistake", $3, $4, quoted[4] (quoted[4] ~ /kvm/ ? patience : "")
		else mistakes = mistakes "| " quoted[2] " | `" $4 "`" (quoted[4] ? " (`" quoted[4] "`)" : "") " |\n"
	}
	/^F\(/ && what == "flights" {
		if (is_scenario($3)) flight("save:" $2, "lossy_saves", offset[$2] * 65536 + size[$2], $3)
		if (is_scenario($4)) flight("restore:" $2, "lossy_restores", 65536 + encoding[$2], $4)
	}
	/^F\(/ {
		fields = fields "| `" $2 "` | " role($2) " | " shown($3) " | " shown($4) " |\n"
	}
	END {
		if (what != "table") exit
		print "| field | who writes it | lost by a save | lost by a restore |\n|---|---|---|---|\n" fields
		for (i = 1; i <= reasons; i++) print i ". " reason[i]
		print "\n| another mistake | noticed by |\n|---|---|\n" mistakes
	}' hv/vmcs_fields.def host/snapshot/vmcs12.def tests/broken_kvm/fields.def
