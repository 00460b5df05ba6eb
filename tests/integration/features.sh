#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# lane: both
# features.sh - features: the document of runtime-spec features.md, complete
# and true.
. "$(dirname "$0")/lib.sh"

needs "this $KIND has no features command" "$SKERRY" features
f=$T/features.json
"$SKERRY" features >"$f" 2>"$T/features.err"
check 'features ends with 0' "$SKERRY" features
check 'features is JSON' jq . "$f"
check 'nothing on standard error' test ! -s "$T/features.err"
check 'features needs no root and no state' eval 'setpriv --reuid 1000 --regid 1000 --clear-groups env -i "$SKERRY" features | jq -e .ociVersionMax'
check 'ociVersionMin 1.0.0' jq -e '.ociVersionMin == "1.0.0"' "$f"
check 'ociVersionMax at least 1.0.2' jq -e '.ociVersionMax | test("^1\\.[0-9]+\\.[0-9]+")' "$f"
check 'six hooks' jq -e '.hooks | sort == (["prestart", "createRuntime", "createContainer", "startContainer", "poststart", "poststop"] | sort)' "$f"
check 'mountOptions is sorted and without repeats' jq -e '.mountOptions == (.mountOptions | unique)' "$f"
for option in bind rbind ro rro rw nosuid nodev noexec private rprivate shared slave unbindable tmpcopyup nosymfollow \
	idmap ridmap rnosuid strictatime lazytime iversion silent loud symfollow rnosymfollow; do
	check "mountOptions: $option" jq -e --arg o $option '.mountOptions | index($o) != null' "$f"
done
for ns in cgroup ipc mount network pid time user uts; do
	check "namespaces: $ns" jq -e --arg n $ns '.linux.namespaces | index($n) != null' "$f"
done
check 'capabilities: every one the kernel knows' jq -e --argjson n "$(cat /proc/sys/kernel/cap_last_cap)" '.linux.capabilities | length >= $n + 1' "$f"
check 'cgroup.v2' jq -e '.linux.cgroup.v2 == true' "$f"
check 'cgroup.v1 is a boolean or absent' jq -e '.linux.cgroup.v1 | type | IN("boolean", "null")' "$f"
check 'seccomp.enabled' jq -e '.linux.seccomp.enabled == true' "$f"
for action in SCMP_ACT_ALLOW SCMP_ACT_ERRNO SCMP_ACT_KILL SCMP_ACT_KILL_PROCESS SCMP_ACT_KILL_THREAD SCMP_ACT_LOG \
	SCMP_ACT_NOTIFY SCMP_ACT_TRACE SCMP_ACT_TRAP; do
	check "seccomp.actions: $action" jq -e --arg a $action '.linux.seccomp.actions | index($a) != null' "$f"
done
check 'seccomp.operators: seven' jq -e '.linux.seccomp.operators | length == 7' "$f"
check 'seccomp.archs holds this one' jq -e '.linux.seccomp.archs | index("SCMP_ARCH_X86_64") != null' "$f"
check 'seccomp.knownFlags' jq -e '.linux.seccomp.knownFlags | contains(["SECCOMP_FILTER_FLAG_LOG", "SECCOMP_FILTER_FLAG_TSYNC", "SECCOMP_FILTER_FLAG_SPEC_ALLOW"])' "$f"
check 'seccomp.supportedFlags is part of knownFlags' jq -e '.linux.seccomp | (.supportedFlags - .knownFlags) == []' "$f"
check 'apparmor.enabled' jq -e '.linux.apparmor.enabled | type == "boolean"' "$f"
check 'selinux.enabled' jq -e '.linux.selinux.enabled | type == "boolean"' "$f"
check 'mountExtensions.idmap.enabled' jq -e '.linux.mountExtensions.idmap.enabled == true' "$f"
check 'intelRdt.enabled is a boolean or absent' jq -e '.linux.intelRdt.enabled | type | IN("boolean", "null")' "$f"
check 'memoryPolicy' jq -e '.linux.memoryPolicy.modes | length > 0' "$f"
check 'netDevices.enabled' jq -e '.linux.netDevices.enabled | type == "boolean"' "$f"
check 'potentiallyUnsafeConfigAnnotations is a list' jq -e '.potentiallyUnsafeConfigAnnotations | type == "array"' "$f"
check 'annotations are strings' jq -e '.annotations | all(.[]; type == "string")' "$f"
check 'the answer is always the same' cmp "$f" <("$SKERRY" features)
# every option that features claims is taken by mount
if [ "$KIND" = skerry ]; then
	for option in $(jq -r '.mountOptions[]' "$f"); do
		case $option in
		bind | rbind | remount | shared | rshared | slave | rslave | unbindable | runbindable | idmap | ridmap) continue ;;
		mand | rmand) continue ;; # gone from the kernel since 5.15
		esac
		mk "$(args true) | .mounts += [{destination: \"/mnt\", type: \"tmpfs\", source: \"tmpfs\", options: [\"$option\"]}]"
		check "mount option $option is taken as claimed" R run c1
	done
fi
clean_or_fail
done_testing
