#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# lane: native
# bad-input.sh - what is wrong is refused with the code the specification has for it, and leaves nothing.
. "$(dirname "$0")/lib.sh"

# code NUMBER COMMAND...: fails and says this CNI error.
code() {
	local want=$1
	shift
	refuses "CNI error $want:" "$@"
}
# nothing NETWORK: afterwards there is nothing, and a good ADD works.
nothing() {
	check "$1: nothing is left" nothing_left "$1"
}
netns a
bridge_list one 10.9.0.0/24 1.1.0

# --- parameters -------------------------------------------------------------------------
long=$(printf 'x%.0s' $(seq 300))
check 'a container id that is none' code 4 N add one '../c' /run/netns/a
check 'an empty one' code 4 N add one '' /run/netns/a
check 'one too long for a file' code 7 N add one "$long" /run/netns/a
check 'an interface name with a slash' code 4 N add one c1 /run/netns/a --ifname a/b
check 'one of 16 letters' code 4 N add one c1 /run/netns/a --ifname abcdefghijklmnop
check 'a network namespace that is not there' code 8 N add one c1 /run/netns/nope
check 'a file that is none' code 8 N add one c1 /etc/passwd
check 'a fifo' eval 'mkfifo "$T/fifo"; code 8 N add one c1 "$T/fifo"'
check 'the namespace of the host itself' code 8 N add one c1 /proc/self/ns/net
check 'a network that is not there' code 7 N add nope c1 /run/netns/a
check 'a capability that is not JSON' fails N add one c1 /run/netns/a --capability 'mac=x'
check 'an address outside of the range' fails N add one c1 /run/netns/a --capability 'ips=["10.99.0.1"]'
check 'a hardware address that is none' fails N add one c1 /run/netns/a --capability 'mac="zz"'
check 'a port that is none' fails N add one c1 /run/netns/a --capability 'portMappings=[{"hostPort":70000,"containerPort":1,"protocol":"tcp"}]'
nothing one

# --- configurations -----------------------------------------------------------------------
# config TEXT: the file of network "bad"
config() {
	printf '%s' "$1" >"$CONF/bad.conflist"
}
while IFS='|' read -r what text; do
	config "$text"
	check "$what: the network is left out with a reason" shows 'left out' N ls -q
	check "$what: and can't be used" code 7 N add bad c1 /run/netns/a
done <<'CASES'
no JSON|{
half of one|{"cniVersion":"1.0.0","name":"bad","plugins":[{"type":"bridge"
an array|[]
a number|7
no name|{"cniVersion":"1.0.0","plugins":[{"type":"loopback"}]}
a name that is a path|{"cniVersion":"1.0.0","name":"../bad","plugins":[{"type":"loopback"}]}
no plugins|{"cniVersion":"1.0.0","name":"bad","plugins":[]}
plugins that are no list|{"cniVersion":"1.0.0","name":"bad","plugins":{}}
a plugin without type|{"cniVersion":"1.0.0","name":"bad","plugins":[{}]}
a type that is a path (CVE-2021-20206)|{"cniVersion":"1.0.0","name":"bad","plugins":[{"type":"../../../bin/sh"}]}
a version from the future|{"cniVersion":"9.0.0","name":"bad","plugins":[{"type":"loopback"}]}
a version that is none|{"cniVersion":"one","name":"bad","plugins":[{"type":"loopback"}]}
a name twice|{"cniVersion":"1.0.0","name":"bad","name":"bad","plugins":[{"type":"loopback"}]}
capabilities that are no object|{"cniVersion":"1.0.0","name":"bad","plugins":[{"type":"loopback","capabilities":7}]}
CASES
config "$(printf '{"cniVersion":"1.0.0","name":"bad","plugins":[{"type":"loopback","x":"\377"}]}')"
check 'bytes that are no UTF-8' code 7 N add bad c1 /run/netns/a
# deeper than any reader goes
config "{\"cniVersion\":\"1.0.0\",\"name\":\"bad\",\"plugins\":[{\"type\":\"loopback\",\"x\":$(printf '[%.0s' $(seq 5000))$(printf ']%.0s' $(seq 5000))}]}"
check 'nested five thousand deep' code 7 N add bad c1 /run/netns/a
head -c 3000000 /dev/zero | tr '\0' ' ' >"$CONF/bad.conflist"
check 'three million bytes' code 7 N add bad c1 /run/netns/a
rm "$CONF/bad.conflist"
ln -s /dev/zero "$CONF/bad.conflist"
check 'a device in place of a file' code 7 N add bad c1 /run/netns/a
rm "$CONF/bad.conflist"

# --- plugins that are refused what they ask ------------------------------------------------
range() {
	conflist bad "\"cniVersion\":\"1.0.0\",\"plugins\":[{\"type\":\"bridge\",\"bridge\":\"br-bad\",\"ipam\":{$1}}]"
}
range '"type":"host-local","ranges":[[{"subnet":"10.8.0.0/31"}]]'
check 'a range too small for an address' fails N add bad c1 /run/netns/a
range '"type":"host-local","ranges":[[{"subnet":"10.8.0.0/24"}],[{"subnet":"10.8.0.128/25"}]]'
check 'ranges that overlap' fails N add bad c1 /run/netns/a
range '"type":"host-local","ranges":[[{"subnet":"10.8.0.0/24","rangeStart":"10.8.0.9","rangeEnd":"10.8.0.9","gateway":"10.8.0.1"}]]'
netns b
N add bad c1 /run/netns/a >/dev/null
check 'a range that is used up says who has it' refuses c1 N add bad c2 /run/netns/b
check 'and the second has nothing' eval '[ -z "$(address b)" ] && [ "$(cached)" = bad-c1-eth0 ]'
check 'del of the second is no error' N del bad c2
check 'the first is as it was' N check bad c1
N del bad c1
range '"type":"no-such-ipam"'
check 'an IPAM plugin that is not there' fails N add bad c1 /run/netns/a
conflist bad '"cniVersion":"1.0.0","plugins":[{"type":"bridge","bridge":"br-bad","ipam":{"type":"host-local","subnet":"10.8.0.0/24"}},{"type":"no-such-plugin"}]'
check 'a second plugin that is not there' fails N add bad c1 /run/netns/a
nothing bad

# a plugin of others that misbehaves
mkdir "$T/plugins"
# plugin BODY: executable "odd"
plugin() {
	printf '#!/bin/sh\n%s\n' "$1" >"$T/plugins/odd"
	chmod 755 "$T/plugins/odd"
}
conflist bad '"cniVersion":"1.0.0","plugins":[{"type":"bridge","bridge":"br-bad","ipam":{"type":"host-local","subnet":"10.8.0.0/24"}},{"type":"odd"}]'
odd() {
	N --help >/dev/null && TMO=30 N "$@" --plugin-path "$T/plugins"
}
while IFS='|' read -r what body want; do
	plugin "[ \$CNI_COMMAND = DEL ] && exit 0; $body"
	check "a plugin that $what" refuses "$want" odd add bad c1 /run/netns/a
done <<'CASES'
says nothing and fails|exit 3|status 3
fails with words on standard error|echo out of luck >&2; exit 1|out of luck
prints no JSON|echo hello|line 1
is killed|kill -9 $$|signal 9
gives an error object|echo '{"cniVersion":"1.0.0","code":11,"msg":"later","details":"soon"}'; exit 1|CNI error 11: plugin "odd": later: soon
gives one without a message|echo '{"code":7}'; exit 1|odd
CASES
check 'after each of them the bridge was undone' eval '[ -z "$(links)" ] && [ -z "$(leases bad)" ] && [ -z "$(cached)" ]'
plugin '[ $CNI_COMMAND = DEL ] && { echo "{\"code\":999,\"msg\":\"will not\"}"; exit 1; }; sed "s/.*\"prevResult\"://;s/}\$//"'
odd add bad c1 /run/netns/a >/dev/null
check 'a plugin that refuses DEL keeps no other from its DEL' eval \
	'refuses "will not" odd del bad c1; [ -z "$(links)" ] && [ -z "$(leases bad)" ]'
check 'and the attachment is remembered for another try' is bad-c1-eth0 "$(cached)"
plugin 'exit 0'
check 'which works' eval 'odd del bad c1 && nothing_left bad'
printf 'not executable' >"$T/plugins/odd"
chmod 644 "$T/plugins/odd"
check 'a plugin that can'\''t be executed' refuses odd odd add bad c1 /run/netns/a

check 'after all that a good one works' eval 'N add one c1 /run/netns/a >/dev/null && N check one && N del one c1'
nothing one
rm "$CONF/bad.conflist"
netns_gone a
netns_gone b
net_end
done_testing
