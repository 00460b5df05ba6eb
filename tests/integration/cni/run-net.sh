#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# lane: native
# run-net.sh - run and create with networks: addresses, ports, names, files, undo.
. "$(dirname "$0")/lib.sh"
world
links_before=$(links)
sysctl -qw net.ipv4.ip_forward=0

# left_as_before: no interface, lease, cache or state of a container.
left_as_before() {
	eventually left_now
}
left_now() {
	is "$links_before" "$(links)" && is "" "$(leases default)" && is "" "$(cached)" &&
		is "" "$(ls "$ROOT")" && lacks "$(cat /proc/self/mountinfo)" "$ROOT"
}

# --- the default network ------------------------------------------------------------
mk "$(args sh -c 'ip -4 -o addr show dev eth0 | cut -d" " -f7; ip route | head -n 1')"
check 'run --net default gives an address and a way out' prints "10.131.0.2/16
default via 10.131.0.1 dev eth0 " R run --net default c1
check 'nothing is left when it has ended' left_as_before
mk "$(args sh -c "$(page 192.0.2.2 8000)")"
check 'it reaches what is beyond the host, by masquerade' prints world R run --net default c1
mk "$(args ls /sys/class/net) | .linux.namespaces += [{type:\"network\"}]"
check 'without --net there is the loopback only' prints lo R run c1
check '--net none: the same' prints lo R run --net none c1
mk "$(args cat /proc/net/dev)"
check '--net none where config.json has no network namespace' hides up0 R run --net none c1
mk "$(args cat /proc/net/dev) | .linux.namespaces += [{type:\"network\"}]"
check '--net host: the interfaces of the host' shows up0 R run --net host c1
mk "$(args sh -c 'ip -4 -o addr show dev eth0; ip link show eth0')"
check 'address and hardware address as asked for' eval \
	'R run --net default:ip=10.131.9.9,mac=02:00:00:00:09:09 c1 >"$T/out" && grep -q 10.131.9.9/ "$T/out" && grep -qi 02:00:00:00:09:09 "$T/out"'
check 'by --ip and --mac-address as well' eval \
	'R run --net default --ip 10.131.9.8 --mac-address 02:00:00:00:09:08 c1 >"$T/out" && grep -q 10.131.9.8/ "$T/out" && grep -qi 02:00:00:00:09:08 "$T/out"'
mk "$(args sh -c 'ip -4 -o addr | cut -d" " -f2,7')"
bridge_list blue 10.50.0.0/24
check 'two networks are two interfaces' prints "lo 127.0.0.1/8
eth0 10.131.0.4/16
eth1 10.50.0.2/24" R run --net default:ip=10.131.0.4 --net blue c1
check 'an interface by another name' shows 'net7 10.50.0.3/24' R run --net blue:ifname=net7 c1

# --- networks that create makes -------------------------------------------------------
mk "$(args sh -c 'ip -o addr show dev eth0; ip route; ip -6 route')"
N create dual --subnet 10.60.0.0/24 --subnet fd60::/64 >/dev/null
check 'two families' eval 'R run --net dual c1 >"$T/out" && grep -q 10.60.0.2/24 "$T/out" && grep -q fd60::2/64 "$T/out" && grep -q "default via fd60::1" "$T/out"'
N create inner --subnet 10.61.0.0/24 --internal >/dev/null
check 'an internal one has no way out' eval 'R run --net inner c1 >"$T/out" && grep -q 10.61.0.2/24 "$T/out" && ! grep -q default "$T/out"'
N create point --driver ptp --subnet 10.62.0.0/24 >/dev/null
check 'point to point' eval 'R run --net point c1 >"$T/out" && grep -q 10.62.0.2/24 "$T/out"'
ip link add parent0 type veth peer name parent1 && ip link set parent0 up
links_before=$(links)
N create mac --driver macvlan --parent parent0 --subnet 10.63.0.0/24 >/dev/null
check 'macvlan on an interface of the host' eval 'R run --net mac c1 >"$T/out" && grep -q 10.63.0.2/24 "$T/out"'
N create small --subnet 10.64.0.0/24 --mtu 1300 --gateway 10.64.0.9 --ip-range 10.64.0.128/28 >/dev/null
mk "$(args sh -c 'ip link show eth0; ip -4 -o addr show dev eth0; ip route')"
check 'mtu, gateway and range as asked for' eval \
	'R run --net small c1 >"$T/out" && grep -q "mtu 1300" "$T/out" && grep -q 10.64.0.12 "$T/out" && grep -q "via 10.64.0.9" "$T/out"'
N create alone --subnet 10.65.0.0/24 --isolate >/dev/null
mk "$(args httpd -f -p 80 -h /tmp)" "$T/isolated"
echo isolated >"$B/rootfs/tmp/index.html"
R run -d --net alone:ip=10.65.0.50 c1 </dev/null >/dev/null 2>&1
mk "$(args sh -c "$(page 10.65.0.50 80)")"
check 'an isolated one is reached from within' eventually prints isolated R run --net alone c2
check 'and not from another network' hides isolated R run --net default c2
RD c1 c2
for network in dual inner point mac small alone; do
	check "rm $network" N rm "$network"
done
ip link del parent0
links_before=$(links)
check 'nothing of all that is left' left_as_before

# --- ports ----------------------------------------------------------------------------
mk "$(args httpd -f -p 80 -h /tmp)"
echo inside >"$B/rootfs/tmp/index.html"
check 'a detached container with a published port' eval 'R run -d --net default -p 8080:80/tcp c1 </dev/null >/dev/null 2>&1'
check 'is reached from another host' eventually serves inside 192.0.2.1 8080 world
check 'and from this one' serves inside 192.0.2.1 8080
check 'net check agrees with the kernel' N check default c1
check 'the network namespace is held in the state directory' grep -q "$ROOT/c1/netns" /proc/self/mountinfo
mk "$(args true)"
check 'the same port for a second container is refused' fails R run --net default -p 8080:80 c2
check 'and leaves nothing of it' eval 'gone c2 && [ "$(cached)" = default-c1-eth0 ]'
R kill c1 KILL
check 'a stopped container keeps its address until it is deleted' eval \
	'eventually is_status stopped c1 && [ -n "$(leases default)" ]'
check 'delete gives everything back' eval 'R delete c1 && left_as_before'
check 'the port is nobody'\''s now' eval 'WAIT=3 fails fetch 192.0.2.1 8080'
check '-p alone means the default network' eval 'mk "$(args ip -4 -o addr show dev eth0)"; R run -p 8080:80 c1 | grep -q 10.131'

# --- files ------------------------------------------------------------------------------
mk "$(args cat /etc/hosts) | .hostname = \"web\""
R run --net default --add-host db:10.1.2.3 --add-host up:host-gateway c1 >"$T/hosts"
check '/etc/hosts has the container' grep -Eq $'^10\\.131\\.0\\.[0-9]+\tweb c1$' "$T/hosts"
check 'what was added' grep -qx $'10.1.2.3\tdb' "$T/hosts"
check 'and the host by "host-gateway"' grep -qx $'10.131.0.1\tup' "$T/hosts"
mk "$(args cat /etc/resolv.conf)"
check '/etc/resolv.conf is what was asked for' prints "search example.net
nameserver 192.0.2.53
options ndots:2" R run --net default --dns 192.0.2.53 --dns-search example.net --dns-option ndots:2 c1
mk "$(args cat /etc/hostname) | .hostname = \"web\" | .root.readonly = true"
check '/etc/hostname, also over a read-only root' prints web R run --net default c1
mk "$(args cat /etc/hosts) | .mounts += [{destination:\"/etc/hosts\",type:\"bind\",source:\"$T/hosts\",options:[\"bind\"]}]"
check 'a mount of config.json is left alone' shows 10.1.2.3 R run --net default c1
check 'the root file system itself is untouched' eval '[ ! -s "$B/rootfs/etc/hosts" ]'

# --- names ------------------------------------------------------------------------------
if [ -x /usr/sbin/dnsmasq ]; then
	mk "$(args sleep 100)"
	R run -d --net default:alias=store db </dev/null >/dev/null 2>&1
	address=$(ip netns exec world true; leases default | tail -n 1)
	mk "$(args sh -c 'nslookup db; nslookup store')"
	check 'a container finds another of the network by its id' shows "$address" R run --net default c1
	mk "$(args nslookup store)"
	check 'and by its alias' shows "$address" R run --net default c1
	check 'the resolver runs as long as somebody needs it' pgrep -x dnsmasq
	R delete -f db
	check 'and no longer' eventually fails pgrep -x dnsmasq
else
	skip 'a container finds another of the network by its id' 'dnsmasq is not installed'
fi

# --- create, start, hooks, user namespace -----------------------------------------------
mk "$(args ip -4 -o addr show dev eth0)"
check 'create attaches, start lets go' eval 'up --net default c1 && eventually grep -q 10.131 "$T/c1.out"'
RD c1
cat >"$T/hook" <<'HOOK'
#!/bin/sh
pid=$(sed 's/.*"pid":\([0-9]*\).*/\1/')
nsenter -t "$pid" -n ip -4 -o addr show dev eth0 >"$0.out"
HOOK
chmod +x "$T/hook"
mk "$(args true) | .hooks.createRuntime = [{path:\"$T/hook\",env:[\"PATH=$PATH\"]}]"
check 'createRuntime hooks find the network in place' eval 'R run --net default c1 && grep -q 10.131 "$T/hook.out"'
mk "$(args sh -c 'cat /etc/hostname; ip -4 -o addr show dev eth0') | .hostname = \"u\" |
	.linux.namespaces += [{type:\"user\"}] |
	.linux.uidMappings = [{containerID:0,hostID:100000,size:65536}] |
	.linux.gidMappings = [{containerID:0,hostID:100000,size:65536}]"
chown -R 100000:100000 "$B/rootfs"
check 'in a user namespace too' shows 10.131 R run --net default c1

# --- what fails leaves nothing -------------------------------------------------------------
mk "$(args true)"
for bad in nope ../x default:ip=1.2.3 default:what=1 default:ip=10.99.0.1 'default:ifname=a/b'; do
	check "--net $bad is refused" fails R run --net "$bad" c1
done
check '-p nonsense is refused' refuses 'is not [ADDRESS:]HOST-PORT' R run -p 80 c1
check '--net host with a port is refused' fails R run --net host -p 1:1 c1
check '--net none with another network is refused' fails R run --net none --net default c1
mk "$(args /no/such/program)"
check 'a program that is not there' fails R run --net default c1
mk "$(args true) | .hooks.createRuntime = [{path:\"/bin/false\"}]"
check 'a hook that fails' fails R run --net default c1
check 'none of them left anything' left_as_before
mk "$(args sleep 100)"
R run --net default -p 8081:80 c1 </dev/null >/dev/null 2>&1 &
job=$!
eventually is_status running c1
pkill -KILL -P $job 2>/dev/null
kill -KILL $job 2>/dev/null
wait $job 2>/dev/null
check 'after SIGKILL of the runtime delete --force takes everything' eval 'R delete --force c1 && left_as_before'

nft list tables | grep -c . >"$T/tables"
rm -f "$CONF/blue.conflist"
world_end
net_end
done_testing
