# SPDX-License-Identifier: BSD-2-Clause
# What docs/known-failures.md and fixes/*.cocci say of each known bug, as rows of a table of C:
#   TEXT("ID", "kernels", "expected", "what happens", "why", "upstream", "cure: a file of fixes/",
#        "functions that the cure changes", "functions that `why` names")
# Each paragraph is one line, without the marks of Markdown; "" is told nowhere.

function plain(text) {
	while (match(text, /\[[^]]*\]\([^)]*\)/)) {
		link = substr(text, RSTART, RLENGTH)
		sub(/^\[/, "", link)
		sub(/\]\(.*/, "", link)
		text = substr(text, 1, RSTART - 1) link substr(text, RSTART + RLENGTH)
	}
	gsub(/[`*]/, "", text)
	gsub(/[ \t]+/, " ", text)
	return text
}

# The functions that @text names, once each.
function named(text, list, name) {
	list = ""
	while (match(text, /`[a-z_0-9]+\(\)`/)) {
		name = substr(text, RSTART + 1, RLENGTH - 2)
		if (index(", " list ",", ", " name ",") == 0)
			list = list (list == "" ? "" : ", ") name
		text = substr(text, RSTART + RLENGTH)
	}
	return list
}

function quoted(text) {
	gsub(/[\\"]/, "\\\\&", text)
	return "\"" text "\""
}

# A paragraph ends: it is kept if it is one that is told.
function end_paragraph(head) {
	if (id == "" || paragraph == "")
		return
	head = paragraph
	if (head ~ /^\*\*(What the architecture promises|What should hold|What the API promises|What QEMU promises)\.\*\*/)
		key = "expected"
	else if (head ~ /^\*\*What happens\.\*\*/)
		key = "happens"
	else if (head ~ /^\*\*Upstream\.\*\*/)
		key = "upstream"
	else if (head ~ /^\*\*Why( \(.*\))?\.\*\*/)
		key = "why"
	else
		key = ""
	if (key != "" && !((id, key) in told)) {
		names[id, key] = named(paragraph)
		sub(/^\*\*Why \(/, "(", paragraph)
		sub(/^\*\*[A-Z][A-Za-z ]*\.\*\* */, "", paragraph)
		# Of `(proved on 6.12 by ...).** text` the stop goes.
		if (key == "why")
			sub(/\)\.\*\*/, ")", paragraph)
		told[id, key] = plain(paragraph)
	}
	paragraph = ""
}

# In a semantic patch the head of a function stands at the line's start, its brace below, and a rule ends
# with an empty line.
FILENAME ~ /\.cocci$/ {
	bug = FILENAME
	sub(/.*\//, "", bug)
	sub(/\.cocci$/, "", bug)
	cure[bug] = "fixes/" bug ".cocci"
	if (/^[a-z_0-9]+\(/) {
		head = $0
		sub(/\(.*/, "()", head)
	} else if (/^@@/ || $0 == "") {
		head = ""
	} else if (/^[-+]/ && head != "" && index(", " changes[bug] ",", ", " head ",") == 0) {
		changes[bug] = changes[bug] (changes[bug] == "" ? "" : ", ") head
	}
	next
}

/^##/ {
	end_paragraph()
	id = $2
	ids[++count] = id
	next
}
/^\| kernels \|/ {
	row = $0
	sub(/^\| kernels \| */, "", row)
	sub(/ *\|$/, "", row)
	told[id, "kernels"] = plain(row)
}
/^$/ || /^[|#]/ || /^    / { end_paragraph(); next }
{ paragraph = paragraph (paragraph == "" ? "" : " ") $0 }

END {
	end_paragraph()
	print "/* Made by host/report/known_text.awk. */"
	for (i = 1; i <= count; i++) {
		id = ids[i]
		if (!((id, "kernels") in told))
			continue
		printf "TEXT(%s, %s, %s, %s, %s, %s, %s, %s, %s)\n", quoted(id), quoted(told[id, "kernels"]),
			quoted(told[id, "expected"]), quoted(told[id, "happens"]), quoted(told[id, "why"]),
			quoted(told[id, "upstream"]), quoted(cure[id]), quoted(changes[id]),
			quoted(names[id, "why"])
	}
}
