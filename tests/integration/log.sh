#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# lane: both
# log.sh - --log and --log-format: the file exists from the start, one JSON
# object for one failure, plain text on standard error beside it.
. "$(dirname "$0")/lib.sh"

L=$T/log.json
fresh() {
	rm -f "$L"
}

# fail_json COMMAND...: run it with a JSON log; the log must be one error object.
fail_json() {
	fresh
	timeout 60 "$SKERRY" --root "$ROOT" --log "$L" --log-format json "$@" >"$T/o" 2>"$T/e"
	[ $? != 0 ] || {
		echo 'did not fail'
		return 1
	}
	cat "$L" "$T/e"
	is 1 "$(wc -l <"$L")" && jq -es 'length == 1 and .[0].level == "error" and (.[0].msg | length > 0) and
		(.[0].time | test("^20[0-9-]+T[0-9:.]+(Z|[+-]..:..)$"))' "$L"
}

mk "$(args true)"
fresh
check 'a success makes the log file' eval 'timeout 60 "$SKERRY" --root "$ROOT" --log "$L" --log-format json run c1 && [ -e "$L" ]'
check 'and writes nothing into it' test ! -s "$L"
fresh
check 'a list makes the log file' eval 'timeout 60 "$SKERRY" --root "$ROOT" --log "$L" list && [ -e "$L" ]'
check 'state of an unknown id: one object' fail_json state none
check 'start of an unknown id: one object' fail_json start none
check 'kill of an unknown id: one object' fail_json kill none KILL
check 'delete of an unknown id: one object' fail_json delete none
check 'exec in an unknown id: one object' fail_json exec none true
mk "$(args /no/such)"
check 'create of a missing program: one object' fail_json create c1
check 'the plain message is on standard error as well' grep -qi 'no such file' "$T/e"
except 'crun runc' 'no such rule' check 'standard error is not JSON' eval '! grep -q "^{" "$T/e"'
check 'the message names the program' jq -e '.msg | contains("/no/such")' "$L"
check 'run of a missing program: one object' fail_json run c1
mk "$(args true) | .process.cwd = \"relative\""
check 'a bad configuration: one object' fail_json create c1
mk "$(args 'quote"back\slash' $'line\nline' $'\001')"
check 'quotes, newlines and control characters are escaped' fail_json create c1
mk "$(args true)"
echo '{' >config.json
check 'a broken config.json: one object' fail_json create c1
check 'a bundle that is not there: one object' fail_json create -b "$T/none" c1
mk "$(args true) | .mounts += [{destination: \"/x\", type: \"bind\", source: \"/no/source\", options: [\"bind\"]}]"
check 'a mount that fails in the child: one object' fail_json create c1
mk "$(args sleep 1000)"
up c1
check 'delete of a running container: one object' fail_json delete c1
check 'exec of a missing program: one object' fail_json exec c1 /no/such
check 'update with a bad value: one object' fail_json update --pids-limit x c1
RD c1
check 'an unknown option: fails, and the log holds objects only' eval \
	'fresh; ! timeout 60 "$SKERRY" --root "$ROOT" --log "$L" --log-format json create --nonsense c1 >/dev/null 2>&1; [ ! -s "$L" ] || jq -es . "$L"'

# append, never truncate
printf '{"level":"info","msg":"before","time":"2026-01-01T00:00:00Z"}\n' >"$L"
timeout 60 "$SKERRY" --root "$ROOT" --log "$L" --log-format json state none >/dev/null 2>&1
check 'the log is appended to' eval 'is 2 "$(wc -l <"$L")" && head -n 1 "$L" | grep -q before'
fresh
timeout 60 "$SKERRY" --log-format=json --log="$L" --root="$ROOT" state none >/dev/null 2>&1
check 'options with = and in another order' jq -e '.level == "error"' "$L"
fresh
timeout 60 "$SKERRY" --root "$ROOT" --log "$L" --log-format text state none >/dev/null 2>"$T/e"
check 'text format is a line, not JSON' eval '[ -s "$L" ] && ! grep -q "^{" "$L"'
except 'crun runc' 'writes as it likes' check 'text format: level and msg' eval 'grep -q "level=error msg=" "$L"'
fresh
timeout 60 "$SKERRY" --root "$ROOT" --log "$L" state none >/dev/null 2>&1
check 'text is the default format' eval '[ -s "$L" ] && ! grep -q "^{" "$L"'
check 'without --log the error goes to standard error' eval '[ -n "$(R state none 2>&1 >/dev/null)" ]'
check 'and standard output stays empty' eval '[ -z "$(R state none 2>/dev/null)" ]'
check 'a log file in a missing folder is an error' fails timeout 60 "$SKERRY" --root "$ROOT" --log "$T/none/log" list
check 'an unknown format is an error' fails timeout 60 "$SKERRY" --root "$ROOT" --log "$L" --log-format xml list
fresh
mk "$(args true)"
check '--debug with a JSON log still gives objects' eval \
	'timeout 60 "$SKERRY" --debug --root "$ROOT" --log "$L" --log-format json run c1; jq -es . "$L"'
if [ "$KIND" = skerry ]; then
	check 'a machine can read the error: code, errno, phase, field' eval \
		'mk "$(args true) | .process.cwd = 7"; fail_json create c1; jq -e "has(\"code\") or has(\"errno\") or has(\"field\")" "$L"'
	fresh
	printf '%s' "$(printf 'x%.0s' $(seq 5000))" >"$T/long"
	check 'a very long id gives one object of bounded size' eval \
		'fail_json create "$(cat "$T/long")"; [ "$(wc -c <"$L")" -lt 8192 ]'
fi
clean_or_fail
done_testing
