# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# registry-lib.sh - for the tests of images: a registry on loopback, images to pull
#
# $REG is the registry's HOST:PORT, $STORE the image store, $LAYOUT an OCI
# layout with the image `bb` (busybox; three layers with a whiteout, an opaque
# directory, a hard link, a capability, a user).
IMAGE=$BUILD/skerry-image
STORE=$T/images
export SKERRY_STORE=$STORE HOME=$T/home XDG_RUNTIME_DIR=
unset REGISTRY_AUTH_FILE DOCKER_CONFIG
mkdir -p "$HOME"
REG=127.0.0.1:5000
LAYOUT=$T/layout

if grep -q registry_start "$0"; then
	needs 'no docker-registry here (tests/setup installs it)' command -v docker-registry
fi
needs 'no umoci here (tests/setup installs it)' command -v umoci
needs 'no skopeo here (tests/setup installs it)' command -v skopeo
needs "no $IMAGE" test -x "$IMAGE"

I() {
	timeout -k 5 "${TMO:-90}" "$IMAGE" "$@"
}

# registry_start [CONFIG LINES]: a registry of its own; more of its configuration may be given.
registry_start() {
	cat >"$T/registry.yml" <<-END
		version: 0.1
		log: {level: error, accesslog: {disabled: true}}
		storage: {filesystem: {rootdirectory: $T/registry}, delete: {enabled: true}}
		http: {addr: "$REG"${TLS:+, tls: $TLS}}
		${1-}
	END
	docker-registry serve "$T/registry.yml" >"$T/registry.log" 2>&1 &
	REGISTRY_PID=$!
	eventually curl -sko /dev/null "${TLS:+https://}$REG/v2/"
}

registry_stop() {
	kill "$REGISTRY_PID" 2>/dev/null
	wait "$REGISTRY_PID" 2>/dev/null
}

# layout_make: $LAYOUT with the image bb.
layout_make() {
	local rootfs=$T/image-rootfs applet
	mkdir -p "$rootfs"/{bin,etc,tmp,data/old} || return 1
	cp "$(command -v busybox)" "$rootfs/bin/busybox"
	for applet in sh ls cat echo sleep id env pwd test touch rm mkdir hostname stat sync true false kill head ln grep; do
		ln "$rootfs/bin/busybox" "$rootfs/bin/$applet"
	done
	printf 'root:x:0:0:root:/root:/bin/sh\napp:x:1000:1000::/home/app:/bin/sh\n' >"$rootfs/etc/passwd"
	printf 'root:x:0:\napp:x:1000:\nextra:x:2000:app\n' >"$rootfs/etc/group"
	echo base >"$rootfs/data/file"
	echo gone >"$rootfs/data/gone"
	echo old >"$rootfs/data/old/file"
	chmod 1777 "$rootfs/tmp"
	umoci init --layout "$LAYOUT" && umoci new --image "$LAYOUT:bb" || return 1
	umoci unpack --image "$LAYOUT:bb" "$T/work" >/dev/null &&
		cp -a "$rootfs/." "$T/work/rootfs/" &&
		umoci repack --image "$LAYOUT:bb" "$T/work" >/dev/null || return 1
	rm -rf "$T/work"
	umoci unpack --image "$LAYOUT:bb" "$T/work" >/dev/null &&
		rm -r "$T/work/rootfs/data/gone" "$T/work/rootfs/data/old" &&
		mkdir "$T/work/rootfs/data/old" &&
		echo new >"$T/work/rootfs/data/old/new" &&
		mkfifo -m 640 "$T/work/rootfs/data/pipe" &&
		ln -s file "$T/work/rootfs/data/link" &&
		chown 1000:1000 "$T/work/rootfs/data/old/new" &&
		umoci repack --image "$LAYOUT:bb" "$T/work" >/dev/null || return 1
	umoci config --image "$LAYOUT:bb" --config.entrypoint /bin/echo --config.cmd hello \
		--config.env A=b --config.user app --config.workingdir /data --config.label k=v \
		--config.exposedports 80/tcp --config.volume /vol --config.stopsignal SIGUSR1
	rm -rf "$T/work"
}

# tree DIR: what is below it, one line a file, with all that belongs to it.
tree() {
	(
		cd "$1" || exit
		find . -mindepth 1 \( -type l -o -printf '%m ' \) -printf '%P %y %U:%G %l\n'
		find . -type f -printf '%P %s %Ts %n\n' -exec sha256sum {} +
		getfattr -Rhd -m - . 2>/dev/null | grep -v overlay
	) | LC_ALL=C sort
}
