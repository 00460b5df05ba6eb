# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# completion.bash - what "skerry completion bash" prints
_skerry()
{
	local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]}
	local i word command='' options='' valued='' ids='' root=()
	COMPREPLY=()
	for ((i = 1; i < COMP_CWORD; i++)); do
		word=${COMP_WORDS[i]}
		case $word in
		--root|-r|--log|-l|--log-format|--log-level|--cgroup-manager|--rootless|--criu)
			((i++))
			[[ ${COMP_WORDS[i]} != = ]] || ((i++))
			[[ $word != --root && $word != -r ]] ||
				root=(--root "${COMP_WORDS[i]}") ;;
		-*) ;;
		*)
			command=$word
			break ;;
		esac
	done
	case $command in
	'')
		options='--root --log --log-format --log-level --debug --cgroup-manager --systemd-cgroup --rootless --criu --version --help'
		ids='create start run exec state kill delete list ps pause resume update events checkpoint restore clone migrate wait mounts net device spec check features doctor pull push build commit diff cp save load import export prune logs attach images rmi tag untag inspect history login logout search tags image help'
		valued='--root|-r|--log|-l|--log-format|--log-level|--cgroup-manager|--rootless|--criu' ;;
	create)
		options='--bundle --config --console-socket --pidfd-socket --pid-file --preserve-fds --no-pivot --no-new-keyring --no-subreaper --net --publish --ip --mac-address --dns --dns-search --dns-option --add-host --pod --image --env --env-file --volume --mount --tmpfs --device --workdir --user --group-add --hostname --entrypoint --interactive --tty --rm --restart --health-cmd --health-interval --health-timeout --health-retries --health-start-period --health-start-interval --no-healthcheck --read-only --memory --memory-swap --cpus --cpu-shares --cpuset-cpus --pids --shm-size --ulimit --cap-add --cap-drop --security-opt --privileged --sysctl --label --stop-signal --pull --platform --store --help'
		valued='--bundle|-b|--config|-f|--console-socket|--pidfd-socket|--pid-file|--preserve-fds|--net|--network|--publish|-p|--ip|--mac-address|--dns|--dns-search|--dns-option|--add-host|--pod|--image|--env|-e|--env-file|--volume|-v|--mount|--tmpfs|--device|--workdir|-w|--user|-u|--group-add|--hostname|--entrypoint|--restart|--health-cmd|--health-interval|--health-timeout|--health-retries|--health-start-period|--health-start-interval|--memory|-m|--memory-swap|--cpus|--cpu-shares|-c|--cpuset-cpus|--pids|--pids-limit|--shm-size|--ulimit|--cap-add|--cap-drop|--security-opt|--sysctl|--label|-l|--stop-signal|--pull|--platform|--store'
		ids=$("${COMP_WORDS[0]}" "${root[@]}" list --quiet 2>/dev/null) ;;
	start)
		options='--help'
		valued=''''
		ids=$("${COMP_WORDS[0]}" "${root[@]}" list --quiet 2>/dev/null) ;;
	run)
		options='--detach --keep --plan --bundle --config --console-socket --pidfd-socket --pid-file --preserve-fds --no-pivot --no-new-keyring --no-subreaper --net --publish --ip --mac-address --dns --dns-search --dns-option --add-host --pod --image --env --env-file --volume --mount --tmpfs --device --workdir --user --group-add --hostname --entrypoint --interactive --tty --rm --restart --health-cmd --health-interval --health-timeout --health-retries --health-start-period --health-start-interval --no-healthcheck --read-only --memory --memory-swap --cpus --cpu-shares --cpuset-cpus --pids --shm-size --ulimit --cap-add --cap-drop --security-opt --privileged --sysctl --label --stop-signal --pull --platform --store --help'
		valued='--bundle|-b|--config|-f|--console-socket|--pidfd-socket|--pid-file|--preserve-fds|--net|--network|--publish|-p|--ip|--mac-address|--dns|--dns-search|--dns-option|--add-host|--pod|--image|--env|-e|--env-file|--volume|-v|--mount|--tmpfs|--device|--workdir|-w|--user|-u|--group-add|--hostname|--entrypoint|--restart|--health-cmd|--health-interval|--health-timeout|--health-retries|--health-start-period|--health-start-interval|--memory|-m|--memory-swap|--cpus|--cpu-shares|-c|--cpuset-cpus|--pids|--pids-limit|--shm-size|--ulimit|--cap-add|--cap-drop|--security-opt|--sysctl|--label|-l|--stop-signal|--pull|--platform|--store'
		ids=$("${COMP_WORDS[0]}" "${root[@]}" list --quiet 2>/dev/null) ;;
	exec)
		options='--process --detach --tty --cwd --env --user --additional-gids --cap --no-new-privs --apparmor --process-label --cgroup --console-socket --pidfd-socket --pid-file --preserve-fds --ignore-paused --help'
		valued='--process|-p|--cwd|--env|-e|--user|-u|--additional-gids|-g|--cap|-c|--apparmor|--process-label|--cgroup|--console-socket|--pidfd-socket|--pid-file|--preserve-fds'
		ids=$("${COMP_WORDS[0]}" "${root[@]}" list --quiet 2>/dev/null) ;;
	state)
		options='--help'
		valued=''''
		ids=$("${COMP_WORDS[0]}" "${root[@]}" list --quiet 2>/dev/null) ;;
	kill)
		options='--all --regex --help'
		valued=''''
		ids=$("${COMP_WORDS[0]}" "${root[@]}" list --quiet 2>/dev/null) ;;
	delete)
		options='--force --regex --help'
		valued=''''
		ids=$("${COMP_WORDS[0]}" "${root[@]}" list --quiet 2>/dev/null) ;;
	list)
		options='--format --quiet --help'
		valued='--format|-f' ;;
	ps)
		options='--format --help'
		valued='--format|-f'
		ids=$("${COMP_WORDS[0]}" "${root[@]}" list --quiet 2>/dev/null) ;;
	pause)
		options='--help'
		valued=''''
		ids=$("${COMP_WORDS[0]}" "${root[@]}" list --quiet 2>/dev/null) ;;
	resume)
		options='--help'
		valued=''''
		ids=$("${COMP_WORDS[0]}" "${root[@]}" list --quiet 2>/dev/null) ;;
	update)
		options='--resources --l3-cache-schema --mem-bw-schema --blkio-weight --cpu-share --cpu-quota --cpu-period --cpu-burst --cpu-idle --cpu-rt-runtime --cpu-rt-period --cpuset-cpus --cpuset-mems --memory --memory-reservation --memory-swap --kernel-memory --kernel-memory-tcp --pids-limit --cpu-weight --io-weight --memory-high --memory-low --memory-min --memory-swap-high --memory-zswap --unified --help'
		valued='--resources|-r|--l3-cache-schema|--mem-bw-schema|--blkio-weight|--cpu-share|--cpu-quota|--cpu-period|--cpu-burst|--cpu-idle|--cpu-rt-runtime|--cpu-rt-period|--cpuset-cpus|--cpuset-mems|--memory|--memory-reservation|--memory-swap|--kernel-memory|--kernel-memory-tcp|--pids-limit|--cpu-weight|--io-weight|--memory-high|--memory-low|--memory-min|--memory-swap-high|--memory-zswap|--unified'
		ids=$("${COMP_WORDS[0]}" "${root[@]}" list --quiet 2>/dev/null) ;;
	events)
		options='--interval --stats --help'
		valued='--interval'
		ids=$("${COMP_WORDS[0]}" "${root[@]}" list --quiet 2>/dev/null) ;;
	checkpoint)
		options='--export --compress --create-image --rootfs-image --ignore-rootfs --leave-running --pre-dump --parent-path --page-server --status-fd --tcp-skip-in-flight --link-remap --image-path --work-path --tcp-established --ext-unix-sk --shell-job --file-locks --lazy-pages --auto-dedup --manage-cgroups-mode --notify-fd --empty-ns --network-lock --help'
		valued='--export|--compress|--create-image|--rootfs-image|--parent-path|--page-server|--status-fd|--image-path|--work-path|--manage-cgroups-mode|--notify-fd|--empty-ns|--network-lock'
		ids=$("${COMP_WORDS[0]}" "${root[@]}" list --quiet 2>/dev/null) ;;
	restore)
		options='--import --ignore-rootfs --bundle --config --console-socket --pid-file --detach --no-subreaper --no-pivot --tcp-close --lsm-profile --lsm-mount-context --image-path --work-path --tcp-established --ext-unix-sk --shell-job --file-locks --lazy-pages --auto-dedup --manage-cgroups-mode --notify-fd --empty-ns --network-lock --help'
		valued='--import|--bundle|-b|--config|-f|--console-socket|--pid-file|--lsm-profile|--lsm-mount-context|--image-path|--work-path|--manage-cgroups-mode|--notify-fd|--empty-ns|--network-lock'
		ids=$("${COMP_WORDS[0]}" "${root[@]}" list --quiet 2>/dev/null) ;;
	clone)
		options='--bundle --console-socket --pid-file --ext-unix-sk --network-lock --help'
		valued='--bundle|-b|--console-socket|--pid-file|--network-lock'
		ids=$("${COMP_WORDS[0]}" "${root[@]}" list --quiet 2>/dev/null) ;;
	migrate)
		options='--help'
		valued=''''
		ids=$("${COMP_WORDS[0]}" "${root[@]}" list --quiet 2>/dev/null) ;;
	wait)
		options='--timeout --print --help'
		valued='--timeout|-t'
		ids=$("${COMP_WORDS[0]}" "${root[@]}" list --quiet 2>/dev/null) ;;
	mounts)
		options='--help'
		valued=''''
		ids="add remove $("${COMP_WORDS[0]}" "${root[@]}" list --quiet 2>/dev/null)" ;;
	net)
		options='--help'
		valued='''' ;;
	device)
		options='--help'
		valued=''''
		ids="add remove $("${COMP_WORDS[0]}" "${root[@]}" list --quiet 2>/dev/null)" ;;
	spec)
		options='--bundle --file --rootless --help'
		valued='--bundle|-b|--file|-f' ;;
	check)
		options='--bundle --config --json --help'
		valued='--bundle|-b|--config|-f' ;;
	features)
		options='--help'
		valued='''' ;;
	doctor)
		options='--json --strict --help'
		valued='''' ;;
	completion)
		options='--help'
		valued='''' ;;
	pull)
		options='--help'
		valued='''' ;;
	push)
		options='--help'
		valued='''' ;;
	build)
		options='--help'
		valued='''' ;;
	commit)
		options='--help'
		valued='''' ;;
	diff)
		options='--help'
		valued='''' ;;
	cp)
		options='--help'
		valued='''' ;;
	save)
		options='--help'
		valued='''' ;;
	load)
		options='--help'
		valued='''' ;;
	import)
		options='--help'
		valued='''' ;;
	export)
		options='--help'
		valued='''' ;;
	prune)
		options='--help'
		valued='''' ;;
	logs)
		options='--follow --tail --help'
		valued='--tail|-n'
		ids=$("${COMP_WORDS[0]}" "${root[@]}" list --quiet 2>/dev/null) ;;
	attach)
		options='--no-stdin --help'
		valued=''''
		ids=$("${COMP_WORDS[0]}" "${root[@]}" list --quiet 2>/dev/null) ;;
	images)
		options='--help'
		valued='''' ;;
	rmi)
		options='--help'
		valued='''' ;;
	tag)
		options='--help'
		valued='''' ;;
	untag)
		options='--help'
		valued='''' ;;
	inspect)
		options='--help'
		valued='''' ;;
	history)
		options='--help'
		valued='''' ;;
	login)
		options='--help'
		valued='''' ;;
	logout)
		options='--help'
		valued='''' ;;
	search)
		options='--help'
		valued='''' ;;
	tags)
		options='--help'
		valued='''' ;;
	image)
		options='--help'
		valued='''' ;;
	help)
		options='--help'
		valued='''' ;;
	esac
	if [[ "|$valued|" == *"|$prev|"* || $prev == = ]]; then
		return
	fi
	case $cur in
	-*) mapfile -t COMPREPLY < <(compgen -W "$options" -- "$cur") ;;
	*) mapfile -t COMPREPLY < <(compgen -W "$ids" -- "$cur") ;;
	esac
}
complete -o default -F _skerry skerry
