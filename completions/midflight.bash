# shellcheck shell=bash
# SPDX-License-Identifier: BSD-2-Clause
# Completion for bash: midflight itself says what the last word may become, file names if it says nothing.
_midflight() {
	local words=("${COMP_WORDS[@]:1:COMP_CWORD}") last
	last=${words[-1]}
	words[-1]=${last#[\"\']} # within quotes
	mapfile -t COMPREPLY < <("${COMP_WORDS[0]}" complete -- "${words[@]}" 2>/dev/null)
	[[ ${COMPREPLY[0]-} != *= ]] || compopt -o nospace
}
complete -o default -F _midflight midflight
