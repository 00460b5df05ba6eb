/* SPDX-License-Identifier: Apache-2.0 */
/* remove.c - `delete` and -info
 *
 * `delete` comes after every task: mostly there is nothing left to do.  When
 * the shim was killed it ends what runs, takes away what was made, and tells
 * how the init ended: what the shim had written down, else 137 now.
 */
#include <errno.h>
#include <fcntl.h>
#include <skerry/skerry.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/file.h"
#include "base/units.h"
#include "runtime/shim/shim.h"
#include "runtime/shim/start.h"

#define DELETE_ARENA ((size_t)16 << 20)
#define ADDRESS_MAX  256
#define KILLED	     137
#define FEATURES     "types.containerd.io/opencontainers/runtime-spec/1/features/Features"
#define OUR_NAME     "io.containerd.skerry.v2"

/* The socket that nobody serves any more; one that answers serves others. */
static void remove_stale_socket(void)
{
	struct sockaddr_un name = { .sun_family = AF_UNIX };
	char address[ADDRESS_MAX];
	AUTO_FD fd = -1;

	if (file_read_line(AT_FDCWD, "address", address, sizeof(address)) < 0 ||
	    !str_starts(address, "unix://") ||
	    str_copy(name.sun_path, sizeof(name.sun_path), address + strlen("unix://")) < 0)
		return;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd >= 0 && connect(fd, (const struct sockaddr *)&name, sizeof(name)) < 0 &&
	    errno == ECONNREFUSED)
		(void)unlink(name.sun_path);
}

static int delete_container(const struct args *a, const struct options *o, struct err *err)
{
	struct skerry_error e = { 0 };
	char root[4096];
	struct skerry_options so = { .size = sizeof(so),
				     .root = root,
				     .cgroup_manager =
					     o->systemd_cgroup ? SKERRY_SYSTEMD : SKERRY_CGROUPFS,
				     .rootless = -1 };
	struct skerry *s;
	int rc;

	if (str_format(root, sizeof(root), "%s/%s", o->root[0] ? o->root : OPTIONS_ROOT,
		       a->namespace) < 0)
		return err_sys(err, "name the state directory");
	if (access(root, F_OK) < 0 && errno == ENOENT)
		return 0;
	s = skerry_open(&so, &e);
	if (!s)
		return runtime_failed(&e, "", err);
	rc = skerry_delete(s, a->id, true, &e);
	skerry_close(s);
	return rc < 0 && e.code != ENOENT ? runtime_failed(&e, "", err) : 0;
}

static uint32_t saved_pid(void)
{
	char text[16];
	uint64_t pid;

	if (file_read_line(AT_FDCWD, "init.pid", text, sizeof(text)) < 0 ||
	    units_u64(text, INT32_MAX, &pid) < 0)
		return 0;
	return (uint32_t)pid;
}

int shim_delete(const struct args *a, struct buf *out, struct err *err)
{
	CLEANUP(arena_release) struct arena arena;
	struct options options;
	struct timestamp at = timestamp_now();
	struct delete_reply reply = { .exit_status = KILLED, .exited_at = &at };
	char bundle[4096];

	arena_init(&arena, DELETE_ARENA);
	if (!a->id[0] || !a->namespace[0])
		return err_set(err, EINVAL, "delete needs -namespace and -id");
	/* Of a bundle that has gone as well there is the id. */
	if (a->bundle[0] && chdir(a->bundle) < 0 && errno != ENOENT)
		return err_sys(err, "change to \"%s\"", a->bundle);
	if (!getcwd(bundle, sizeof(bundle)))
		return err_sys(err, "getcwd");
	reply.pid = saved_pid();
	if (options_load(".", &arena, &options, err) < 0 || delete_container(a, &options, err) < 0)
		return -1;
	(void)bundle_load_exit(".", &arena, &reply, &at);
	if (rootfs_unmount(bundle, err) < 0)
		return -1;
	remove_stale_socket();
	wire_encode(&delete_reply_table, &reply, out);
	return 0;
}

int shim_info(const char *input, size_t len, struct buf *out, struct err *err)
{
	CLEANUP(arena_release) struct arena arena;
	struct skerry_error e = { 0 };
	struct skerry *s = skerry_open(NULL, &e);
	AUTO_FREE char *json = s ? skerry_features_json(s, &e) : NULL;
	struct any options = { 0 };
	struct any features = { .type_url = (char[]){ FEATURES } };
	struct runtime_info info = {
		.name = (char[]){ OUR_NAME },
		.version = &(struct runtime_version){ .version = (char[]){ SKERRY_VERSION } },
		.features = &features
	};

	arena_init(&arena, DELETE_ARENA);
	skerry_close(s);
	if (!json)
		return runtime_failed(&e, "", err);
	features.value = (struct wire_bytes){ .v = json, .n = strlen(json) };
	if (len && wire_decode(&any_table, input, len, &options, &arena, err) < 0)
		return -1;
	if (len)
		info.options = &options;
	wire_encode(&runtime_info_table, &info, out);
	return 0;
}
