#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# lane: native
# shellcheck disable=SC2034 # what checks evaluate
# ipam.sh - host-local and static: leases, their files, their end; what is asked for by name.
. "$(dirname "$0")/plugin-lib.sh"
netns a

# ranges JSON [MORE]: host-local alone.
ranges() {
	CONFIG="{\"cniVersion\":\"1.1.0\",\"name\":\"net1\",\"ipam\":{\"type\":\"host-local\",
		\"dataDir\":\"$DATA\",\"ranges\":$1${2:+,$2}}${3:+,$3}}"
}
get() { # get ID: an address for it
	ID=$1
	plugin ADD host-local || {
		echo "$out" >&2
		return 1
	}
	jq -r '[.ips[].address] | join(" ")' <<<"$out"
}
put() {
	ID=$1
	plugin DEL host-local
}
file() { # what is written in the file of an address
	od -An -c "$DATA/net1/$1" | tr -d ' \n'
}

# --- the files, as the reference plugin writes them ---------------------------------
ranges '[[{"subnet":"10.1.0.0/29"}],[{"subnet":"fd00::/64"}]]' '"routes":[{"dst":"0.0.0.0/0","gw":"10.1.0.1"}]'
check 'one address of each set, behind the gateway' is '10.1.0.2/29 fd00::2/64' "$(get c1)"
plugin ADD host-local
check 'with its gateway and the routes' is '10.1.0.1 fd00::1 0.0.0.0/0' \
	"$(ID=c2 && plugin ADD host-local && jq -r '[.ips[].gateway, .routes[].dst] | join(" ")' <<<"$out")"
check 'the file holds id and interface' is 'c1\r\neth0' "$(file 10.1.0.2)"
check 'the last address is remembered' is '10.1.0.3 fd00::3' \
	"$(cat "$DATA/net1/last_reserved_ip.0") $(cat "$DATA/net1/last_reserved_ip.1")"
check 'the same attachment gets no second one' eval 'ID=c1 refused 7 "duplicate allocation" ADD host-local'
check 'and keeps the first' is 'c1\r\neth0' "$(file 10.1.0.2)"
check 'another interface of it does' eval 'is "10.1.0.4/29 fd00::4/64" "$(IFNAME=eth1 get c1)"'
check 'DEL gives back what is its own only' eval 'put c2 && is "10.1.0.2 10.1.0.4 fd00::2 fd00::4" "$(leased)"'
check 'the next is behind the last one, not the free one' is '10.1.0.5/29 fd00::5/64' "$(get c3)"
check 'then round' is '10.1.0.6/29 10.1.0.3/29' "$(get c4 | cut -d' ' -f1) $(get c5 | cut -d' ' -f1)"
check 'a full range says who has what: code 11' eval \
	'ID=c6 refused 11 "no IP addresses available in range set: 10.1.0.1-10.1.0.6; held by: 10.1.0.2 c1/eth0" ADD host-local'
check 'and took nothing from the other set' lacks "$(leased)" fd00::8
check 'STATUS says that it is full: code 50' refused 50 'no free address' STATUS host-local
check 'GC keeps what is valid' eval \
	'passes GC host-local "$(jq -c ".\"cni.dev/valid-attachments\" = [{containerID:\"c1\",ifname:\"eth0\"},
		{containerID:\"c3\",ifname:\"eth0\"}]" <<<"$CONFIG")" && is "10.1.0.2 10.1.0.5 fd00::2 fd00::5" "$(leased)"'
check 'STATUS is content' passes STATUS host-local
check 'GC with nothing valid frees all' eval 'passes GC host-local && is "" "$(leased)"'
check 'the index has no records left' is boot "$(ls "$DATA/.skerry/net1")"
rm -rf "$DATA"

# --- with the reference plugin on the same files -------------------------------------
ranges '[[{"subnet":"10.1.0.0/24"}]]'
mkdir -p "$DATA/net1"
printf 'other\r\neth0' >"$DATA/net1/10.1.0.2"
printf 'ancient' >"$DATA/net1/10.1.0.3"
: >"$DATA/net1/10.1.0.4"
check 'leases of another plugin are kept, an empty file is none' is 10.1.0.4/24 "$(get c1)"
check 'DEL finds a lease that another plugin took' eval 'put other && is "10.1.0.3 10.1.0.4" "$(leased)"'
check 'also one without an interface' eval 'put ancient && is "10.1.0.4" "$(leased)"'
sleep 0.05
printf 'late\r\neth0' >"$DATA/net1/10.1.0.99"
check 'also one taken meanwhile' eval 'put late && is "10.1.0.4" "$(leased)"'
rm "$DATA/net1/10.1.0.4"
check 'an address that was removed by hand is free' eval 'echo 10.1.0.3 >"$DATA/net1/last_reserved_ip.0"
	is 10.1.0.4/24 "$(get c2)"'
check 'and its old owner can have another' is 10.1.0.5/24 "$(get c1)"
if [ -x "$PEERS/host-local" ]; then
	check 'the reference plugin sees our leases' is 10.1.0.6/24 "$(ID=c7 CNI_COMMAND=ADD CNI_CONTAINERID=c7 \
		CNI_NETNS=$NETNS CNI_IFNAME=eth0 CNI_PATH=$PEERS "$PEERS/host-local" <<<"${CONFIG/1.1.0/1.0.0}" |
		jq -r '.ips[0].address')"
	check 'and gives them back' eval 'CNI_COMMAND=DEL CNI_CONTAINERID=c1 CNI_NETNS=$NETNS CNI_IFNAME=eth0 \
		CNI_PATH=$PEERS "$PEERS/host-local" <<<"${CONFIG/1.1.0/1.0.0}" && lacks "$(leased)" 10.1.0.5'
	check 'and we give back its own' eval 'put c7 && is "10.1.0.4" "$(leased)"'
else
	skip 'the reference plugin on our leases' "no $PEERS/host-local on this host"
fi
rm -rf "$DATA"

# --- ranges --------------------------------------------------------------------------
ranges '[[{"subnet":"10.1.0.0/24","rangeStart":"10.1.0.10","rangeEnd":"10.1.0.11","gateway":"10.1.0.10"},{"subnet":"10.2.0.0/24","rangeStart":"10.2.0.7","rangeEnd":"10.2.0.7"}]]'
check 'a set goes on in its next range, without the gateway' is '10.1.0.11/24 10.2.0.7/24' "$(get c1) $(get c2)"
check 'then it is full' eval 'ID=c3 refused 11 "10.1.0.10-10.1.0.11,10.2.0.7-10.2.0.7" ADD host-local'
CONFIG='{"cniVersion":"0.2.0","name":"net1","ipam":{"type":"host-local","dataDir":"'$DATA'","subnet":"10.3.0.0/24","rangeStart":"10.3.0.5","gateway":"10.3.0.254"}}'
check 'the old form of a single range' eval 'IFNAME=eth7 plugin ADD host-local && is "10.3.0.5/24 10.3.0.254" \
	"$(jq -r ".ip4 | .ip + \" \" + .gateway" <<<"$out")"'
ranges '[[{"subnet":"10.1.0.0/24"}]]' '' '"runtimeConfig":{"ipRanges":[[{"subnet":"10.9.0.0/24"}]]}'
check 'ranges of the runtime come first' is '10.9.0.2/24 10.1.0.2/24' "$(get c8)"
ranges '[[{"subnet":"10.1.0.0/24"},{"subnet":"10.1.0.128/25"}]]'
check 'overlapping ranges: code 7' refused 7 overlap ADD host-local
ranges '[[{"subnet":"10.1.0.0/24"},{"subnet":"fd00::/64"}]]'
check 'two families in a set: code 7' refused 7 'mixed address families' ADD host-local
ranges '[[{"subnet":"10.1.0.0/31"}]]'
check 'a network without room: code 7' refused 7 'too small' ADD host-local
ranges '[[{"subnet":"10.1.0.7/24"}]]'
check 'host bits in a subnet: code 7' refused 7 'host bits' ADD host-local
ranges '[[{"subnet":"10.1.0.0/24","rangeStart":"10.2.0.1"}]]'
check 'a start outside: code 7' refused 7 'not in network' ADD host-local
ranges '[]'
check 'no range: code 7' refused 7 'no IP ranges' ADD host-local
check 'DEL and GC do not need the ranges' eval 'ID=c8 passes DEL host-local && passes GC host-local && is "" "$(leased)"'
rm -rf "$DATA"

# --- asked for -------------------------------------------------------------------------
ranges '[[{"subnet":"10.1.0.0/24"}],[{"subnet":"fd00::/64"}]]'
check 'CNI_ARGS asks for an address' eval 'is "10.1.0.77/24 fd00::2/64" "$(ARGS="IgnoreUnknown=1;IP=10.1.0.77" get c1)"'
check 'the gateway can not be had: code 7' eval 'ID=c2 ARGS=IP=10.1.0.1 refused 7 gateway ADD host-local'
check 'one that is taken neither: code 11, and who has it' eval \
	'ID=c2 ARGS=IP=10.1.0.77 refused 11 "held by c1/eth0" ADD host-local'
check 'one that is in no range: code 7' eval 'ID=c2 ARGS=IP=10.7.0.1 refused 7 "in no range" ADD host-local'
check 'nothing is kept of these' is '10.1.0.77 fd00::2' "$(leased)"
ranges '[[{"subnet":"10.1.0.0/24"}],[{"subnet":"fd00::/64"}]]' '' \
	'"args":{"cni":{"ips":["10.1.0.20"]}},"runtimeConfig":{"ips":["fd00::99/64"]}'
check 'args and the capability ask too' is '10.1.0.20/24 fd00::99/64' "$(get c3)"
printf '# comment\nnameserver 192.0.2.53\nsearch a.example b.example\noptions ndots:2\n' >"$T/resolv.conf"
ranges '[[{"subnet":"10.1.0.0/24"}]]' "\"resolvConf\":\"$T/resolv.conf\""
check 'resolvConf becomes dns' eval 'ID=c4 plugin ADD host-local && is "192.0.2.53 a.example b.example ndots:2" \
	"$(jq -r "[.dns.nameservers[], .dns.search[], .dns.options[]] | join(\" \")" <<<"$out")"'
rm -rf "$DATA"

# --- CHECK ------------------------------------------------------------------------------
ranges '[[{"subnet":"10.1.0.0/24"}]]'
ID=c1
check 'CHECK agrees with ADD' eval 'add host-local && passes CHECK host-local'
printf 'thief\r\neth0' >"$DATA/net1/10.1.0.2"
check 'a lease of another is not ours' refused 999 'not reserved' CHECK host-local
rm -rf "$DATA"

# --- life and death ----------------------------------------------------------------------
ranges '[[{"subnet":"10.1.0.0/29"}]]'
for i in 1 2 3 4 5; do
	netns "dead$i"
	NETNS=/run/netns/dead$i get "d$i" >/dev/null
done
check 'a full range' eval 'ID=c1 refused 11 available ADD host-local'
ip netns del dead2
check 'the lease of a namespace that is gone is free' is 10.1.0.3/29 "$(get c1)"
ip netns exec dead4 sleep 60 &
sleeper=$!
in_dead4() { [ "$(readlink /proc/$sleeper/ns/net)" = "net:[$(stat -Lc %i /run/netns/dead4)]" ]; }
eventually in_dead4
ip netns del dead4
check 'one that a process lives in is not gone' eval 'ID=c2 refused 11 available ADD host-local'
kill $sleeper
wait $sleeper 2>/dev/null
check 'until the process is' is 10.1.0.5/29 "$(get c2)"
ln -sfn 00000000-0000-0000-0000-000000000000 "$DATA/.skerry/net1/boot"
printf 'foreign\r\neth0' >"$DATA/net1/10.1.0.2"
check 'after a boot all leases of the last one are free, but not those of other plugins' eval \
	'is 10.1.0.6/29 "$(get c9)" && is "10.1.0.2 10.1.0.6" "$(leased)"'
for i in 1 3 5; do ip netns del "dead$i"; done
rm -rf "$DATA"

# --- at once -------------------------------------------------------------------------------
ranges '[[{"subnet":"10.1.0.0/24"}]]'
many() { # many VERB: forty of them at the same time
	for i in $(seq 40); do
		(ID=m$i && plugin "$1" host-local && jq -r '.ips[0].address' <<<"${out:-null}") &
	done
	wait
}
check 'forty at once get forty addresses' is 40 "$(many ADD | sort -u | grep -c /24)"
check 'and forty files' is 40 "$(leased | wc -w)"
many DEL >/dev/null
check 'forty at once give them back' is "" "$(leased)"
calls() { # system calls of one ADD and one DEL
	ID=probe
	CNI_COMMAND=ADD CNI_CONTAINERID=probe CNI_NETNS=$NETNS CNI_IFNAME=eth0 CNI_PATH=$PLUGINS \
		strace -f -o "$T/strace" "$PLUGINS/host-local" <<<"$CONFIG" >/dev/null
	CNI_COMMAND=DEL CNI_CONTAINERID=probe CNI_NETNS=$NETNS CNI_IFNAME=eth0 CNI_PATH=$PLUGINS \
		strace -f -A -o "$T/strace" "$PLUGINS/host-local" <<<"$CONFIG"
	wc -l <"$T/strace"
}
ranges '[[{"subnet":"10.0.0.0/8"}]]'
get first >/dev/null
few=$(calls)
(cd "$DATA/net1" && for a in $(seq 1 10); do for b in $(seq 1 200); do
	printf 'x%s-%s\r\neth0' $a $b >10.77.$a.$b; done; done)
get second >/dev/null
check 'a request costs the same with 2000 leases' eval 'n=$(calls); [ $n -le $((few + 2)) ] || { echo "$few then $n"; false; }'
rm -rf "$DATA"

# --- static -------------------------------------------------------------------------------
fixed() {
	CONFIG="{\"cniVersion\":\"1.1.0\",\"name\":\"net1\",\"ipam\":{\"type\":\"static\",\"addresses\":
		[{\"address\":\"10.10.0.1/24\",\"gateway\":\"10.10.0.254\"},{\"address\":\"fd00::5/64\"}],
		\"routes\":[{\"dst\":\"0.0.0.0/0\"}],\"dns\":{\"nameservers\":[\"10.10.0.9\"]}}${1:+,$1}}"
}
asked() {
	plugin ADD static && jq -r '[.ips[] | .address + "," + (.gateway // "")] | join(" ")' <<<"$out"
}
fixed
check 'static: addresses of the configuration' is '10.10.0.1/24,10.10.0.254 fd00::5/64,' "$(asked)"
check 'static: with routes and dns' is '0.0.0.0/0 10.10.0.9' \
	"$(plugin ADD static && jq -r '.routes[0].dst + " " + .dns.nameservers[0]' <<<"$out")"
check 'static: CNI_ARGS adds' is '10.10.0.1/24,10.10.0.254 fd00::5/64, 10.8.0.1/16,10.8.0.254' \
	"$(ARGS='IP=10.8.0.1/16;GATEWAY=10.8.0.254' asked)"
fixed '"args":{"cni":{"ips":["10.7.0.1/24"]}}'
check 'static: args replace' is '10.7.0.1/24,' "$(asked)"
fixed '"runtimeConfig":{"ips":["10.6.0.1/24"]},"args":{"cni":{"ips":["10.7.0.1/24"]}}'
check 'static: the capability replaces that' is '10.6.0.1/24,' "$(asked)"
fixed '"runtimeConfig":{"ips":["10.6.0.1"]}'
check 'static: an address needs its prefix: code 7' refused 7 CIDR ADD static
fixed
check 'static: CHECK compares' eval 'add static && passes CHECK static && CONFIG=${CONFIG/10.10.0.1/10.10.0.3} && refused 999 10.10.0.3 CHECK static'

# --- another's plugin -----------------------------------------------------------------------
cat >"$PLUGINS/fake" <<FAKE
#!/bin/sh
echo "\$CNI_COMMAND \$CNI_CONTAINERID \$CNI_NETNS \$CNI_IFNAME \$CNI_ARGS" >>$T/fake.log
cat >$T/fake.in
echo noise >&2
. $T/fake.do
FAKE
chmod +x "$PLUGINS/fake"
logged() {
	cat "$T/fake.log"
	rm -f "$T/fake.log"
}
ID=c1
CONFIG='{"cniVersion":"1.1.0","name":"net1","type":"bridge","ipam":{"type":"fake","key":[1]}}'
cat >"$T/fake.do" <<'DO'
[ $CNI_COMMAND != ADD ] || echo '{"cniVersion":"0.4.0","ips":[{"version":"4","address":"10.44.0.7/24","gateway":"10.44.0.1"}],"dns":{}}'
DO
check 'an IPAM plugin that is not ours is executed' eval 'ARGS="A=1;B=2" add bridge && is "10.44.0.7/24" "$(result .ips[0].address)" &&
	is 10.44.0.7 "$(address a)"'
check 'with the parameters of the call' is 'ADD c1 /run/netns/a eth0 A=1;B=2' "$(logged)"
check 'and its configuration' is '{"type":"fake","key":[1]}' "$(jq -c .ipam "$T/fake.in")"
check 'its noise is not in the result' jq -e .cniVersion "$T/result"
check 'CHECK, STATUS and GC go to it' eval 'passes CHECK bridge && passes STATUS bridge && passes GC bridge &&
	is "CHECK STATUS GC" "$(logged | cut -d" " -f1 | paste -sd" ")"'
check 'DEL too' eval 'passes DEL bridge && is "DEL c1 /run/netns/a eth0 " "$(logged)"'
CONFIG=$(jq -c 'del(.prevResult)' <<<"$CONFIG")
cat >"$T/fake.do" <<'DO'
[ $CNI_COMMAND = DEL ] || { echo '{"code":11,"msg":"none left","details":"try later"}'; exit 1; }
DO
check 'its error keeps the code and the words' refused 11 'fake: none left: try later' ADD bridge
check 'after which it is asked to undo' is 'ADD DEL' "$(logged | cut -d' ' -f1 | paste -sd' ')"
echo 'echo nonsense' >"$T/fake.do"
check 'an answer that is no JSON: code 6' refused 6 fake ADD bridge
echo 'echo "{\"cniVersion\":\"1.0.0\"}"' >"$T/fake.do"
check 'an answer without addresses: code 7' refused 7 'missing IP config' ADD bridge
echo 'exit 3' >"$T/fake.do"
check 'a failure without words' refused 999 'plugin "fake" failed (status 3)' ADD bridge
# shellcheck disable=SC2016
echo 'kill -9 $$' >"$T/fake.do"
check 'a death' refused 999 'plugin "fake" failed (signal 9)' ADD bridge
check 'nothing is left inside' eval '! ip -n a link show eth0 2>/dev/null'
CONFIG=$(jq -c '.bridge = "late0"' <<<"$CONFIG")
echo 'exit 3' >"$T/fake.do"
check 'nor the bridge that was made for it' eval 'refused 999 fake ADD bridge && ! ip link show late0 2>/dev/null'
ip link add late0 type bridge
check 'one that was there stays' eval 'refused 999 fake ADD bridge && ip link show late0'
ip link del late0
cat >"$T/fake.do" <<DO
ip link add late1 master late0 type veth peer late2
exit 3
DO
check 'and one that has a port by then' eval 'refused 999 fake ADD bridge && ip link show late0'
ip link del late1
ip link del late0

ranges '[[{"subnet":"10.1.0.0/29"}],[{"subnet":"fd00::/64"}]]'
CONFIG=${CONFIG/net1/net9}
mkdir -p "$DATA/net9/last_reserved_ip.1"
check 'where the last address can not be written: an error, and none is taken' eval \
	'ID=c9 refused 999 last_reserved_ip ADD host-local && is "" "$(leased)"'

plugin_end
done_testing
