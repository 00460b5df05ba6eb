#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# lane: native
# shellcheck disable=SC2034 # variables are used in what check evaluates
# firewalld.sh - plugin firewall with the backend firewalld: over a real bus, with a service of its words.
. "$(dirname "$0")/chain-lib.sh"
check 'two containers on a bridge' chain_begin
firewall() { # firewall NETNS [KEYS]
	chain "$1" "\"type\":\"firewall\"${2:+,$2}"
}
zones() { # ZONE SOURCE, ...
	paste -sd, "$T/zones"
}
export DBUS_SYSTEM_BUS_ADDRESS=unix:path=$T/bus

# --- nobody there --------------------------------------------------------------------------
firewall a '"backend":"firewalld"'
check 'no bus: an error that says so' refused 999 'system bus' ADD firewall
check '  DEL is no error' passes DEL firewall
check '  STATUS: code 50' refused 50 'system bus' STATUS firewall "$(jq -c 'del(.prevResult)' <<<"$CONFIG")"
cat >"$T/bus.conf" <<-END
	<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
	 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
	<busconfig><type>system</type><listen>unix:path=$T/bus</listen><auth>EXTERNAL</auth>
	<policy context="default"><allow user="*"/><allow own="*"/><allow send_type="*"/><allow receive_type="*"/></policy>
	</busconfig>
END
dbus-daemon --config-file="$T/bus.conf" --nofork --nopidfile >"$T/bus.log" 2>&1 &
SERVERS+=($!)
check 'a bus' eventually test -S "$T/bus"
check 'no firewalld: an error that says so' refused 999 'firewalld' ADD firewall
check '  DEL is no error' passes DEL firewall
check '  STATUS: code 50' refused 50 'does not run' STATUS firewall "$(jq -c 'del(.prevResult)' <<<"$CONFIG")"

# --- its words --------------------------------------------------------------------------------
/usr/bin/python3 "$HERE/cni/firewalld.py" "$T/zones" >"$T/firewalld.log" 2>&1 &
SERVERS+=($!)
check 'a firewalld' eventually test -e "$T/zones"
A=$(jq -r '[.ips[].address | sub("/.*"; "")] | "trusted \(.[0])/32,trusted \(.[1])/128"' "$T/a.result")
check 'ADD' add firewall
check '  the addresses of both families are sources of the zone' is "$A" "$(zones)"
check '  CHECK agrees' passes CHECK firewall
check '  STATUS' passes STATUS firewall "$(jq -c 'del(.prevResult)' <<<"$CONFIG")"
check '  the same again is no error' eval 'plugin ADD firewall && is "$A" "$(zones)"'
first=$CONFIG
firewall a '"backend":"firewalld","firewalldZone":"internal"'
check '  CHECK sees another zone' refused 999 'zone "internal" does not have' CHECK firewall
check 'what another zone has changes to this one' eval 'plugin ADD firewall && is "${A//trusted/internal}" "$(zones)" && passes CHECK firewall'
check '  the other zone has nothing to take away' eval 'passes DEL firewall "$first" && isnt "" "$(zones)"'
check 'DEL takes the sources back' eval 'passes DEL firewall && is "" "$(zones)"'
check '  twice is no error' passes DEL firewall
check '  without prevResult as well' passes DEL firewall "$(jq -c 'del(.prevResult)' <<<"$CONFIG")"
firewall a '"backend":"firewalld","firewalldZone":"nowhere"'
check 'a zone that is not there: an error with its words, nothing left' eval 'refused 999 INVALID_ZONE ADD firewall && is "" "$(zones)"'
firewall a '"backend":"firewalld","ingressPolicy":"same-bridge"'
check 'with an ingress policy as well' eval 'add firewall && is "$A" "$(zones)" && has "$(nft list ruleset)" skerry_firewall && passes CHECK firewall && passes DEL firewall'

# --- by itself ----------------------------------------------------------------------------------
firewall a
check 'no backend given and no rules of firewalld: it is not asked' eval 'add firewall && is "" "$(zones)" && passes DEL firewall'
nft -f - <<-'END'
	table inet firewalld {
		chain filter_FORWARD {
			type filter hook forward priority filter + 10; policy accept;
		}
	}
END
firewall a
check 'no backend given and firewalld filters: it is' eval 'add firewall && is "$A" "$(zones)" && passes CHECK firewall && passes DEL firewall && is "" "$(zones)"'
firewall a '"backend":"nftables"'
check 'another backend given: it is not' eval 'add firewall && is "" "$(zones)" && passes DEL firewall'

chain_end
done_testing
