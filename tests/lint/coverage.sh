#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# coverage.sh - docs/coverage.md and docs/security.md agree with the decode tables, the help and the tests
#
# usage: tests/lint/coverage.sh [PROGRAM]      (default: build/skerry)
#        tests/lint/coverage.sh --keys         the fields that need a row
#        tests/lint/coverage.sh --flags [PROGRAM]   the flags that need a row
#
# 1. every field that the tables of runtime/spec decode has a row, named by its
#    path (/process/user/uid, * for an item of a list), and every row a field; so has
#    every key of a CNI plugin ("cni bridge vlan")
# 2. every option that a --help shows has a row, and every row an option
# 3. every file of a row is there, and its tests hold the sentences given; the same
#    for docs/security.md, whose CVE numbers all have to stand in a test
set -u
cd "$(dirname "$0")/../.." || exit 1
table=docs/coverage.md
rows=0
bad=0

complain() {
	echo "coverage.sh: $*"
	bad=$((bad + 1))
}

# The tables are C: "static const struct json_field NAME_fields[] = { ... };", entries
# FIELD(member, KIND, ...), JSON_FIELD(struct, member, KIND, ...) and JSON_FIELD_AS("key", ...),
# then "struct json_table TABLE = JSON_TABLE(struct, NAME_fields);".
keys() {
	cat runtime/spec/*.c | awk '
	function walk(table, path,    n, i, word, at) {
		n = split(fields[table], word, " ")
		for (i = 1; i <= n; i++) {
			split(word[i], at, "|") # key|kind|sub
			print path "/" at[1]
			if (at[3] != "")
				walk(at[3], path "/" at[1] (at[2] ~ /OBJECTS|MAP/ ? "/*" : ""))
		}
	}
	/^\/\* SPDX/ { file++ }
	# a static name is of its file, a spec_ one of all
	function named(name) { return name ~ /^spec_/ && name != "spec_table" ? name : file ":" name }
	/struct json_field [a-z_]+\[\]/ { list = ""; on = 1; next }
	on && /^};/ { on = 0; next }
	on {
		line = line $0
		while (match(line, /(JSON_FIELD_AS|JSON_FIELD|FIELD)\([^()]*\)/)) {
			entry = substr(line, RSTART, RLENGTH)
			line = substr(line, RSTART + RLENGTH)
			kind = entry; sub(/.*JSON_/, "", kind); sub(/[^A-Z0-9_].*/, "", kind)
			sub_table = ""
			if (entry ~ /\.sub = &/) {
				sub_table = entry
				sub(/.*\.sub = &/, "", sub_table)
				sub(/[^a-z_].*/, "", sub_table)
				sub_table = named(sub_table)
			}
			key = entry
			if (entry ~ /^JSON_FIELD_AS/) { sub(/^[^"]*"/, "", key); sub(/".*/, "", key) }
			else {
				if (entry ~ /^JSON_FIELD\(/) sub(/^[^,]*,[ \t]*/, "", key)
				else sub(/^FIELD\(/, "", key)
				sub(/,.*/, "", key)
			}
			list = list key "|" kind "|" sub_table " "
		}
		next
	}
	/struct json_table [a-z_]+ =/ {
		name = $0; sub(/.*struct json_table /, "", name); sub(/ .*/, "", name)
		fields[named(name)] = list
		if (name == "spec_table")
			top = named(name)
		line = ""
	}
	END { walk(top, "") }'
}

# "cni bridge vlan" for each key that a CNI plugin decodes, but those of isolated networks, which have
# rows of another kind, and our own ("skerry.").
plugin_keys() {
	awk '
	FILENAME ~ /\/lease\.c$/ { next } # what a server said is no configuration
	{ line = line $0 }
	/;$/ {
		while (match(line, /(JSON_FIELD_AS|JSON_FIELD)\([^()]*\)/)) {
			entry = substr(line, RSTART, RLENGTH)
			line = substr(line, RSTART + RLENGTH)
			key = entry
			if (entry ~ /^JSON_FIELD_AS/) { sub(/^[^"]*"/, "", key); sub(/".*/, "", key) }
			else { sub(/^JSON_FIELD\([^,]*,[ \t]*/, "", key); sub(/,.*/, "", key) }
			type = FILENAME
			sub(/^cni\/plugins\//, "", type)
			sub(/\/.*/, "", type)
			gsub(/_/, "-", type)
			if (key ~ /^[A-Za-z]+[46]?$/)
				print "cni " type " " key
		}
		line = ""
	}' cni/plugins/*/*.c | grep -vE '^cni (shape|tenant|vxlan|outside) ' | sort -u
}

commands_of() {
	"$1" --help | awk '/^COMMANDS:$/ { on = 1; next } /^$/ { on = 0 } on { print $1 }'
}

# "create --bundle" for each option of each command, "skerry --root" for the global ones.
flags() {
	local command
	"$1" --help | awk '/^ +--/ { print "skerry " substr($1, 1) }' | tr -d ,
	for command in $(commands_of "$1") completion; do
		echo "$command"
		"$1" "$command" --help | awk -v command="$command" '/^ +--/ { sub(/,$/, "", $1); print command " " $1 }'
	done | grep -v -- ' --help$'
}

case ${1-} in
--keys)
	keys
	exit
	;;
--flags)
	flags "${2:-build/skerry}"
	exit
	;;
esac
program=${1:-build/skerry}
[ -x "$program" ] || { echo "coverage.sh: no program $program"; exit 1; }
[ -f "$table" ] || { echo "coverage.sh: no $table"; exit 1; }

# A row: | `what` | file, file | test: sentence; test: sentence |
named=$(sed -n 's/^| `\([^`]*\)` |.*/\1/p' "$table")
need=$(keys; plugin_keys; flags "$program")
[ "$(grep -c . <<<"$need")" -gt 300 ] || complain "too few fields and flags were found"
missing=$(comm -23 <(sort -u <<<"$need") <(sort -u <<<"$named"))
[ -z "$missing" ] || complain "$table has no row of:
$missing"
stale=$(comm -13 <(sort -u <<<"$need") <(sort -u <<<"$named"))
[ -z "$stale" ] || complain "$table has rows of what is neither decoded nor an option:
$stale"
twice=$(sort <<<"$named" | uniq -d)
[ -z "$twice" ] || complain "$table has two rows of: $twice"

while IFS='|' read -r _ what files tests _; do
	rows=$((rows + 1))
	what=${what//[\` ]/}
	for file in ${files//,/ }; do
		[ -f "$file" ] || complain "$what: no file $file"
	done
	[[ $tests == *[a-z]* ]] || complain "$what: no test"
	while read -r test; do
		[ -n "$test" ] || continue
		file=${test%%: *}
		sentence=${test#*: }
		if [ ! -f "$file" ]; then
			complain "$what: no test $file"
		elif [ "$file" = "$sentence" ] || ! grep -qF -e "$sentence" "$file"; then
			complain "$what: $file has no \"$sentence\""
		fi
	done < <(sed 's/^ *//; s/ *$//; s/; */\n/g' <<<"$tests")
done < <(grep -h '^| `' "$table" docs/security.md)

for cve in $(grep -o 'CVE-[0-9]*-[0-9]*' docs/security.md | sort -u); do
	grep -rqw -e "$cve" tests/integration tests/unit || complain "docs/security.md: no test names $cve"
done

echo "coverage.sh: $rows rows, $bad complaints"
[ "$bad" = 0 ]
