#!/bin/bash
# lane: vm
. "$(dirname "$0")/../lib.sh"
IMAGE=$BUILD/skerry-image
. "$HERE/vm/guest.sh"
WHO=user; U=/home/user/skerry-test; mkdir -p $U; chown user: $U
as_user() { as user "$@"; }
truncate -s 300M "$T/disk.img" && mkfs.ext4 -q -E lazy_itable_init=1 "$T/disk.img" && mount -o loop "$T/disk.img" "$U"
mkdir -p "$U/run" "$U/store" "$U/bin"; cp "$SKERRY" "$IMAGE" "$U/bin/" && chmod 755 "$U" "$U/bin" "$U/bin/"*;  chown -R user: $U
tar -C $T/rootfs -cf $U/root.tar . ; chmod 644 $U/root.tar
as_user $U/bin/skerry-image --store $U/store import $U/root.tar i
dmesg -c >/dev/null
as_user strace -f -o $U/trace -e trace=fsconfig,fsopen,fsmount,openat,unshare,setns $U/bin/skerry --root $U/run/state run --store $U/store --image i r1 echo hello 2>&1 | sed 's/^/# /'
dmesg | tail -20 | sed 's/^/# /'
grep -E "fsconfig|fsmount|fsopen" $U/trace | tail -40 | sed 's/^/# /'
uname -r | sed 's/^/# /'
ok x
done_testing
