#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# help.sh - the program, its help, its man pages and its peers agree
#
# usage: tests/lint/help.sh [PROGRAM]      (default: build/skerry)
#
# 1. every command has a man page, every man page a command
# 2. --help and the man page name the same options with the same short forms
# 3. the program accepts every option of peer-options.txt, with a value where
#    one belongs to it
# 4. every command and option that the help of an installed runc or crun shows
#    is there too
# 5. every public function is described in libskerry(3)
# 6. completion.bash is what the program prints, and knows the commands
set -u
cd "$(dirname "$0")/../.." || exit 1
program=${1:-build/skerry}
[[ $program = /* ]] || program=$PWD/$program
[ -x "$program" ] || { echo "help.sh: no program $program"; exit 1; }
man=docs/man
checks=0
bad=0

complain() {
	echo "help.sh: $*"
	bad=$((bad + 1))
}

# "--bundle -b" for each option line of a help text.
options_of_help() {
	"$program" "$@" --help | awk '
	/OPTIONS:$/ { on = 1; next }
	on && /^   --/ {
		split($0, part, /   +/)
		line = ""
		n = split(part[2], word, /[ ,]+/)
		for (i = 1; i <= n; i++)
			if (word[i] ~ /^-/)
				line = line (line == "" ? "" : " ") word[i]
		print line
	}' | sort
}

# The same of ".It Fl -bundle Ar dir , Fl b Ar dir".
options_of_page() {
	awk '
	/^\.It Fl -/ {
		line = ""
		for (i = 2; i <= NF; i++)
			if ($(i - 1) == "Fl")
				line = line (line == "" ? "" : " ") "-" $i
		print line
	}' "$1" | sort
}

commands=$("$program" --help | awk '/^COMMANDS:$/ { on = 1; next } /^$/ { on = 0 } on { print $1 }')
[ "$(wc -w <<<"$commands")" -ge 20 ] || complain "the help lists too few commands: $commands"
hidden=completion

compare() {
	local page=$1 difference
	shift
	checks=$((checks + 1))
	if [ ! -f "$page" ]; then
		complain "$page is missing"
		return
	fi
	difference=$(diff <(options_of_help "$@") <(options_of_page "$page"))
	[ -z "$difference" ] || complain "${*:-skerry} --help (<) and $page (>) differ:
$difference"
}

compare "$man/skerry.1"
for command in $commands $hidden; do
	[ "$command" != net ] || { # a program with verbs, one page for all
		checks=$((checks + 1))
		difference=$(diff <(for verb in $("$program" net help | awk '/^VERBS:$/ { on = 1; next } on { print $1 }'); do
			options_of_help net "$verb"
		done | sort -u) <(options_of_page "$man/skerry-net.8"))
		[ -z "$difference" ] || complain "skerry net VERB --help (<) and skerry-net.8 (>) differ:
$difference"
		continue
	}
	compare "$man/skerry-$command.1" "$command"
	grep -q "^\.It Cm $command\$" "$man/skerry.1" || complain "skerry.1 does not name $command"
done
for page in "$man"/skerry-*.1; do
	command=${page##*/skerry-}
	command=${command%.1}
	grep -qw -- "$command" <<<"$commands $hidden" || complain "$page is of no command"
done

# --help behind it keeps the command from running; an option that is not
# known, or misses its value, fails before that.
while read -r command option value; do
	case $command in
	'' | '#'*) continue ;;
	esac
	checks=$((checks + 1))
	line=()
	[ "$command" = global ] || line=("$command")
	line+=("$option")
	[ -z "$value" ] || line+=(3) # a number is text as well
	"$program" "${line[@]}" --help >/dev/null 2>&1 || complain "not accepted: ${line[*]}"
	[ -n "$value" ] || continue
	unset 'line[-1]'
	message=$("$program" "${line[@]}" 2>&1) && complain "no value, but accepted: ${line[*]}"
	[[ $message == *'flag needs an argument: -'* ]] || complain "${line[*]}: $message"
done <tests/lint/peer-options.txt
# "create" for each command of a peer, then "create --bundle value" for its options; the help of
# runc is urfave/cli's, that of crun argp's.
commands_of_peer() {
	"$1" --help | awk '/^COMMANDS:$/ { on = 1; next } /^ *$/ { on = 0 } on { sub(/,.*/, "", $1); print $1 }'
}
options_of_peer() { # PEER [COMMAND]
	"$@" --help | awk -v command="${2:-global}" '
	/^ +-/ {
		n = split($0, part, /   +|  +[a-z]/)
		line = part[1] ~ /-/ ? part[1] : part[2]
		takes = line ~ /[a-z]=[A-Z]|[a-z] value/ ? " value" : ""
		while (match(line, /--?[a-zA-Z?][a-z0-9-]*/)) {
			print command " " substr(line, RSTART, RLENGTH) takes
			line = substr(line, RSTART + RLENGTH)
		}
	}'
}
for peer in runc crun; do
	command -v "$peer" >/dev/null || continue
	known=$(commands_of_peer "$peer")
	[ "$(wc -w <<<"$known")" -ge 10 ] || complain "the help of $peer lists too few commands: $known"
	for command in '' $known; do
		if [ -n "$command" ] && ! grep -qx -- "$command" <<<"$commands"; then
			complain "$peer has a command $command"
			continue
		fi
		while read -r _ option value; do
			checks=$((checks + 1))
			"$program" $command "$option" ${value:+3} --help >/dev/null 2>&1 ||
				complain "$peer takes: ${command:-(global)} $option $value"
		done < <(options_of_peer "$peer" $command)
	done
done
if "$program" run --no-such-option --help >/dev/null 2>&1; then
	complain "an unknown option is accepted"
fi

for function in $(grep -o '\bskerry_[a-z0-9_]*(' runtime/include/skerry/skerry.h | tr -d '(' | sort -u); do
	checks=$((checks + 1))
	grep -q "^\.Fn $function " "$man/libskerry.3" || complain "libskerry.3 lacks $function()"
done

checks=$((checks + 1))
"$program" completion bash | cmp - runtime/cli/completion.bash ||
	complain "runtime/cli/completion.bash is not what \"skerry completion bash\" prints"
# shellcheck disable=SC2016 # for the inner shell
completed=$(bash -c 'eval "$("$1" completion bash)"; COMP_WORDS=("$1" ""); COMP_CWORD=1
	_skerry; printf "%s\n" "${COMPREPLY[@]}"' bash "$program")
[ "$(sort <<<"$completed")" = "$(sort <<<"$commands")" ] ||
	complain "completed are other commands: $completed"

echo "help.sh: $checks checks, $bad failed"
[ "$bad" = 0 ] && [ "$checks" -gt 100 ]
