#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# lane: native
# build.sh - build: every instruction of a Dockerfile, stages, the cache, .dockerignore.
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/registry-lib.sh"

layout_make || { echo 'Bail out! no image'; exit 1; }
I load -q -i "$LAYOUT"
C=$T/context
mkdir -p "$C/dir/sub"
echo one >"$C/one"
echo two >"$C/two"
echo deep >"$C/dir/sub/deep"
echo secret >"$C/dir/secret"
ln -s one "$C/link"
chmod 750 "$C/one"
tar -C "$C" -czf "$C/archive.tar.gz" dir
# builds DOCKERFILE [OPTION...]: the image `built`
builds() {
	printf '%s\n' "$1" >"$T/Dockerfile"
	I build -f "$T/Dockerfile" -t built "${@:2}" "$C"
}
shown() { # shown COMMAND: its output in a container of the image built
	R run --image built --entrypoint '' -u 0 b1 sh -c "$1"
}
built() { # built JQ-FILTER: of the configuration
	I inspect built | jq -e ".[0] | $1"
}

# --- files ----------------------------------------------------------------------------------------
check 'FROM, COPY and RUN' builds 'FROM bb
USER root
COPY one /app/first
COPY one two /app/
RUN echo made >/app/made && cat /app/one >>/app/made'
check 'what RUN made is there' prints $'made\none' shown 'cat /app/made'
check 'what COPY brought is there' prints $'one\none\ntwo' shown 'cat /app/first /app/one /app/two'
check 'with its mode and root as its owner' prints '750 0:0' shown 'stat -c "%a %u:%g" /app/first'
check 'COPY of a directory' builds $'FROM bb\nCOPY dir /d/'
check 'is of what it holds' prints deep shown 'cat /d/sub/deep'
check 'COPY of a pattern' builds $'FROM bb\nCOPY t*o o?e /g/'
check 'copies what fits' prints 'one two' shown 'cd /g && echo *'
check 'COPY --chown and --chmod' builds $'FROM bb\nCOPY --chown=app:extra --chmod=0600 one /x'
check 'set them' prints '600 1000:2000' shown 'stat -c "%a %u:%g" /x'
check 'COPY of a link' builds $'FROM bb\nCOPY link /l'
check 'copies the link' shown 'test -L /l'
check 'COPY leads nowhere else' refuses 'line 2: COPY' builds $'FROM bb\nCOPY ../../../../etc/hostname /x'
check 'COPY of what is not there' refuses 'No such file' builds $'FROM bb\nCOPY none /x'
check 'a here-document for COPY' builds $'FROM bb\nCOPY <<EOF /etc/conf\nline 1\nline 2\nEOF'
check 'is the file' prints $'line 1\nline 2' shown 'cat /etc/conf'
check 'a here-document for RUN' builds $'FROM bb\nUSER root\nRUN <<EOF\necho a >/r\necho b >>/r\nEOF'
check 'is the script' prints $'a\nb' shown 'cat /r'
check 'a here-document of the shell' builds $'FROM bb\nUSER root\nRUN cat <<EOF >/r\nx\nEOF'
check 'is read by the shell' prints x shown 'cat /r'
check 'ADD of an archive' builds $'FROM bb\nADD archive.tar.gz /un/'
check 'unpacks it' prints deep shown 'cat /un/dir/sub/deep'
check 'COPY of an archive' builds $'FROM bb\nCOPY archive.tar.gz /un/'
check 'does not' shown 'test -f /un/archive.tar.gz'
cat >"$T/web.py" <<'PY'
import http.server, sys
class Web(http.server.BaseHTTPRequestHandler):
    def log_message(self, *args): pass
    def do_GET(self):
        away = {"/moved": "/file?x=1", "/round": "/round", "/away": "ftp://127.0.0.1/x"}.get(self.path)
        self.send_response(302 if away else 404 if self.path == "/none" else 200)
        body = open(sys.argv[2], "rb").read()
        if away: self.send_header("Location", away)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), Web).serve_forever()
PY
echo 'from the net' >"$T/web"
python3 "$T/web.py" 5004 "$T/web" &
web=$!
eventually curl -so /dev/null http://127.0.0.1:5004/
check 'ADD of a URL' builds $'FROM bb\nADD http://127.0.0.1:5004/dir/name?query#part /net/'
check 'is a file of its name, for its owner' prints 'from the net 600 0:0' shown 'echo $(cat /net/name) $(stat -c "%a %u:%g" /net/name)'
check 'ADD of a URL under another name, --chown, --chmod' builds $'FROM bb\nADD --chown=app --chmod=0644 http://127.0.0.1:5004/moved /other'
check 'through a redirect' prints 'from the net 644 1000:1000' shown 'echo $(cat /other) $(stat -c "%a %u:%g" /other)'
layer_of() { I inspect built | jq -r '.[0].layers[-1].diffId'; }
# shellcheck disable=SC2034 # in the checks below
net=$(layer_of)
echo 'from the net, later' >"$T/web"
check 'what changed there is taken anew' eval 'builds $'"'"'FROM bb\nADD --chown=app --chmod=0644 http://127.0.0.1:5004/moved /other'"'"' && isnt "$net" "$(layer_of)"'
check 'a URL of nothing' refuses 'status 404' builds $'FROM bb\nADD http://127.0.0.1:5004/none /x'
check 'redirects in circles' refuses 'redirects' builds $'FROM bb\nADD http://127.0.0.1:5004/round /x'
check 'a redirect to another scheme' refuses 'ftp' builds $'FROM bb\nADD http://127.0.0.1:5004/away /x'
check 'a URL without a name, into a folder' refuses 'no name' builds $'FROM bb\nADD http://127.0.0.1:5004/ /x/'
safe_kill KILL $web
printf 'dir/secret\n*wo\n!nothing\n' >"$C/.dockerignore"
check '.dockerignore' builds $'FROM bb\nCOPY . /all/'
check 'leaves out what it names' prints 'archive.tar.gz dir link one' shown 'cd /all && echo * && test ! -e dir/secret'
rm "$C/.dockerignore"

# --- the configuration ----------------------------------------------------------------------------
check 'the instructions that change no file' builds 'ARG BASE=bb
FROM ${BASE}
ARG GIVEN=no
ARG DEFAULT="a b"
ENV X=1 Y="two words"
ENV OLD old style
ENV Z=${X}${Y:+-set}${NONE:-default}
LABEL a=b "c d"="e f"
EXPOSE 80 53/udp
VOLUME ["/v1", "/v2"]
WORKDIR /work
WORKDIR sub
USER app:extra
STOPSIGNAL SIGINT
HEALTHCHECK --interval=5s --retries=3 CMD true || false
ENTRYPOINT ["/bin/sh", "-c"]
CMD echo $X
LABEL given=$GIVEN default=$DEFAULT
MAINTAINER me' --build-arg GIVEN=yes --label last=one
check 'ENV' built '.config.Env | index("X=1") and index("Y=two words") and index("OLD=old style") and index("Z=1-setdefault")'
check 'ARG and --build-arg' built '.config.Labels | .given == "yes" and .default == "a b"'
check 'LABEL and --label' built '.config.Labels | .a == "b" and .["c d"] == "e f" and .last == "one" and .k == "v"'
check 'EXPOSE' built '.config.ExposedPorts | has("80/tcp") and has("53/udp")'
check 'VOLUME' built '.config.Volumes | has("/v1") and has("/v2")'
check 'WORKDIR adds up' built '.config.WorkingDir == "/work/sub"'
check 'USER' built '.config.User == "app:extra"'
check 'STOPSIGNAL' built '.config.StopSignal == "SIGINT"'
check 'HEALTHCHECK' built '.config.Healthcheck == {"Test": ["CMD-SHELL", "true || false"], "Interval": 5000000000, "Retries": 3}'
check 'ENTRYPOINT' built '.config.Entrypoint == ["/bin/sh", "-c"]'
check 'CMD by a shell' built '.config.Cmd == ["/bin/sh", "-c", "echo $X"]'
check 'MAINTAINER' built '.author == "me"'
check 'ENTRYPOINT takes the command of the base away' eval "builds \$'FROM bb\\nENTRYPOINT [\"/bin/echo\"]' && built '.config.Cmd == null'"
check 'but not one of its own stage before it' eval "builds \$'FROM bb\\nCMD [\"a\"]\\nENTRYPOINT [\"/bin/echo\"]' && built '.config.Cmd == [\"a\"]'"
check 'SHELL' builds $'FROM bb\nSHELL ["/bin/busybox", "ash", "-c"]\nUSER root\nRUN echo x >/shell'
check 'is in the configuration' built '.config.Shell[1] == "ash"'
check 'RUN in exec form, with variables of ENV and ARG' builds 'FROM bb
ARG A2
ENV E2=env
USER root
RUN ["/bin/sh", "-c", "echo $E2 $A2 >/vars"]' --build-arg A2=arg
check 'sees both' prints 'env arg' shown 'cat /vars'
check 'RUN as another user, in the folder' builds 'FROM bb
USER root
WORKDIR /w
RUN mkdir -m 777 /open
USER app
RUN id >/open/id; pwd >>/open/id'
check 'is that user, there' prints $'uid=1000(app) gid=1000(app) groups=2000(extra)\n/w' shown 'cat /open/id'
check 'a continued line with a comment in it' builds 'FROM bb
LABEL x=1 \
  # a comment

  y=2'
check 'is one line' built '.config.Labels | .x == "1" and .y == "2"'

# --- stages ---------------------------------------------------------------------------------------
check 'stages, and COPY --from' builds 'FROM bb AS first
USER root
RUN echo built >/result
FROM scratch AS empty
COPY --from=first /result /
FROM bb
COPY --from=0 /result /r0
COPY --from=FIRST /result /r1
COPY --from=empty /result /r2'
check 'the last stage is the image' prints $'built\nbuilt\nbuilt' shown 'cat /r0 /r1 /r2'
check '--target' builds $'FROM bb AS one\nLABEL stage=one\nFROM bb AS two\nRUN false' --target one
check 'ends there' built '.config.Labels.stage == "one"'
check 'COPY --from of an image' builds $'FROM bb\nCOPY --from=bb /data/file /f'
check 'copies from it' prints base shown 'cat /f'
printf 'FROM bb\nONBUILD LABEL triggered=yes\nONBUILD COPY one /triggered\n' >"$T/Triggers"
check 'ONBUILD' I build -q -f "$T/Triggers" -t triggers "$C"
check 'is done by who builds upon it' builds 'FROM triggers'
check 'and not again' built '.config.Labels.triggered == "yes" and (.config.OnBuild | not)'
check 'with the files of that context' prints one shown 'cat /triggered'
check 'a stage upon a stage' builds $'FROM bb AS a\nCOPY one /one\nFROM a\nCOPY two /two'
check 'has the files of both' prints $'one\ntwo' shown 'cat /one /two'

# --- the cache ------------------------------------------------------------------------------------
cached='FROM bb
USER root
COPY one /one
RUN head -c 16 /dev/urandom >/random'
layers() {
	I inspect built | jq -c '.[0].layers | map(.diffId)'
}
check 'a build' builds "$cached"
first=$(layers)
check 'the same build again' builds "$cached"
check 'has the same layers' is "$first" "$(layers)"
echo changed >"$C/one"
check 'a changed file' builds "$cached"
second=$(layers)
check 'makes other layers' isnt "$first" "$second"
check '--no-cache' builds "$cached" --no-cache
check 'does every step' isnt "$second" "$(layers)"

# --- what goes wrong ------------------------------------------------------------------------------
check 'a command that fails ends the build' refuses 'line 2: RUN' builds $'FROM bb\nRUN exit 3'
check 'an unknown instruction' refuses 'unknown instruction' builds $'FROM bb\nNOSUCH x'
check 'no FROM' refuses 'first instruction' builds 'RUN true'
check 'build --pull never: a base that is not there' refuses 'no such image' builds 'FROM nosuch' --pull never
check 'no Dockerfile' refuses 'Dockerfile' I build "$C"
check 'history tells the steps' shows 'COPY one /one' I history --no-trunc built
echo 'FROM bb' >"$C/Dockerfile"
check 'build --iidfile' eval 'I build -q --rm --force-rm --layers=true --iidfile "$T/iid" "$C" >"$T/iid.out" && is "$(cat "$T/iid.out")" "$(cat "$T/iid")"'
check 'build --quiet prints the id alone' matches "$(I build -q "$C" 2>&1)" '^sha256:[0-9a-f]{64}$'
check 'build --network none' builds $'FROM bb\nRUN grep -q lo: /proc/net/dev' --network none
check 'build --platform' builds 'FROM bb' --platform linux/amd64
check 'nothing is left' eval '[ -z "$(ls "$STORE/containers")" ] && ! grep -q "$STORE" /proc/self/mountinfo'
check 'the store is sound' I fsck
done_testing
