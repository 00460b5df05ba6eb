/* SPDX-License-Identifier: Apache-2.0 */
/* criu_options.c - what dump and restore ask of criu alike, and how a failure is told */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/file.h"
#include "base/units.h"
#include "runtime/container/checkpoint.h"

#define LOG_LEVEL   4
#define PAGE_FD	    "fd:"
#define LOG_MAX	    ((size_t)64 << 20)
#define GHOST_LIMIT ((uint32_t)512 << 20) /* deleted files that are open still */

static int open_dir(const char *path, bool make, char real[PATH_MAX], struct err *err)
{
	int fd;

	if (make && file_make_dirs(path, 0700) < 0)
		return err_sys(err, "make \"%s\"", path);
	if (!realpath(path, real))
		return err_sys(err, "\"%s\"", path);
	fd = open(real, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 ? err_sys(err, "open \"%s\"", path) : fd;
}

int image_dirs_open(const struct skerry_checkpoint_options *o, bool make, struct image_dirs *ret,
		    struct err *err)
{
	const char *images = o->image_path && o->image_path[0] ? o->image_path : "checkpoint";
	const char *work = o->work_path && o->work_path[0] ? o->work_path : images;

	*ret = (struct image_dirs){ .images_fd = -1, .work_fd = -1 };
	ret->images_fd = open_dir(images, make, ret->images, err);
	if (ret->images_fd < 0)
		return -1;
	ret->work_fd = open_dir(work, true, ret->work, err);
	return ret->work_fd < 0 ? -1 : 0;
}

void image_dirs_close(struct image_dirs *d)
{
	d->images_fd = fd_close(d->images_fd);
	d->work_fd = fd_close(d->work_fd);
}

/* A word of an option and criu's number for it. */
struct word {
	const char *name;
	int value;
};

/* Sets *ret when a word was given; an unknown one is an error that lists them. */
static int find_word(const char *option, const struct word *words, const char *given, int *ret,
		     struct err *err)
{
	char all[128] = "";

	if (!given || !given[0])
		return 0;
	for (const struct word *w = words; w->name; w++) {
		size_t n = strlen(all);

		if (strcmp(w->name, given) == 0) {
			*ret = w->value;
			return 0;
		}
		if (str_format(all + n, sizeof(all) - n, "%s%s", n ? ", " : "", w->name) < 0)
			break;
	}
	return err_set(err, EINVAL, "%s: \"%s\" is none of %s", option, given, all);
}

static int cgroup_mode(const char *given, struct criu_opts *o, struct err *err)
{
	static const struct word words[] = {
		{ "soft", CRIU_CG_SOFT },
		{ "full", CRIU_CG_FULL },
		{ "strict", CRIU_CG_STRICT },
		{ "props", CRIU_CG_PROPS },
		{ "none", CRIU_CG_NONE },
		{ "ignore", CRIU_CG_IGNORE },
		{ NULL, 0 },
	};
	/* Only the tree of version 2, which has no name: of version 1, where a host has both, criu would
	 * take all groups there are along, as the container's processes are in none of their own. */
	static char unified[] = "", *trees[] = { unified };
	int mode = CRIU_CG_SOFT;

	o->cgroup_dump_controller = (struct strings){ trees, 1 };
	if (find_word("--manage-cgroups-mode", words, given, &mode, err) < 0)
		return -1;
	o->manage_cgroups = mode != CRIU_CG_IGNORE;
	o->manage_cgroups_mode = mode;
	return 0;
}

int checkpoint_page_fd(const struct skerry_checkpoint_options *o)
{
	uint64_t fd;

	return o->page_server && str_starts(o->page_server, PAGE_FD) &&
			       units_u64(o->page_server + strlen(PAGE_FD), INT32_MAX, &fd) == 0 &&
			       fd > 2
		       ? (int)fd
		       : -1;
}

static int page_server(const struct skerry_checkpoint_options *from, struct arena *arena,
		       struct criu_opts *o, struct err *err)
{
	const char *text = from->page_server;
	const char *colon = text ? strrchr(text, ':') : NULL;
	const int fd = checkpoint_page_fd(from);
	uint64_t port;

	if (!text || !text[0] || (fd >= 0 && from->lazy_pages))
		return 0;
	if (fd >= 0) {
		o->ps = arena_alloc(arena, sizeof(*o->ps));
		if (!o->ps)
			return err_set(err, ENOMEM, "out of memory");
		o->ps->fd = fd;
		return 0;
	}
	if (!colon || colon == text || units_u64(colon + 1, UINT16_MAX, &port) < 0 || !port)
		return err_set(err, EINVAL, "--page-server: \"%s\" is not ADDRESS:PORT", text);
	o->ps = arena_alloc(arena, sizeof(*o->ps));
	if (o->ps)
		o->ps->address = arena_strndup(arena, text, (size_t)(colon - text));
	if (!o->ps || !o->ps->address)
		return err_set(err, ENOMEM, "out of memory");
	o->ps->port = (int32_t)port;
	return 0;
}

static int network_options(const struct skerry_checkpoint_options *o, struct criu_opts *ret,
			   struct err *err)
{
	static const struct word locks[] = {
		{ "iptables", CRIU_LOCK_IPTABLES },
		{ "nftables", CRIU_LOCK_NFTABLES },
		{ "skip", CRIU_LOCK_SKIP },
		{ NULL, 0 },
	};

	if (find_word("--network-lock", locks, o->network_lock, &ret->network_lock, err) < 0)
		return -1;
	if (o->empty_ns && o->empty_ns[0] && strcmp(o->empty_ns, "network") != 0)
		return err_set(err, EINVAL, "--empty-ns: only \"network\" can be one, not \"%s\"",
			       o->empty_ns);
	ret->empty_ns = CLONE_NEWNET;
	return 0;
}

int checkpoint_options(const struct skerry_checkpoint_options *o, const struct image_dirs *dirs,
		       struct arena *arena, struct criu_opts *ret, struct err *err)
{
	*ret = (struct criu_opts){
		.images_dir_fd = dirs->images_fd,
		.work_dir_fd = dirs->work_fd,
		.log_level = LOG_LEVEL,
		.notify_scripts = true,
		.tcp_established = o->tcp_established,
		.tcp_skip_in_flight = o->tcp_skip_in_flight,
		.tcp_close = o->tcp_close,
		.ext_unix_sk = o->ext_unix_sk,
		.shell_job = o->shell_job,
		.file_locks = true,
		.link_remap = o->link_remap,
		.lazy_pages = o->lazy_pages,
		.auto_dedup = o->auto_dedup,
		.orphan_pts_master = true,
		.ghost_limit = GHOST_LIMIT,
	};
	if (cgroup_mode(o->manage_cgroups_mode, ret, err) < 0 ||
	    page_server(o, arena, ret, err) < 0)
		return -1;
	return network_options(o, ret, err);
}

int checkpoint_failed(const struct image_dirs *dirs, const char *log, struct err *err)
{
	char why[320];
	struct err was;
	AUTO_BUF text;

	buf_init_max(&text, LOG_MAX);
	if (file_read(dirs->work_fd, log, &text, LOG_MAX, true) < 0)
		return -1;
	criu_log_explain(text.s, text.len, why, sizeof(why));
	if (!err)
		return -1;
	was = *err; /* its text is part of the new one */
	return err_set(err, was.code, "%.120s%s%s\nlog file: %.120s/%s", was.msg,
		       why[0] ? ": " : "", why, dirs->work, log);
}

int checkpoint_add_external(struct criu_opts *o, struct arena *arena, const char *text,
			    struct err *err)
{
	char **v = arena_array(arena, o->external.n + 2, sizeof(*v));

	if (!v || !text)
		return err_set(err, ENOMEM, "out of memory");
	for (size_t i = 0; i < o->external.n; i++)
		v[i] = o->external.v[i];
	v[o->external.n] = arena_strdup(arena, text);
	if (!v[o->external.n])
		return err_set(err, ENOMEM, "out of memory");
	o->external.v = v;
	o->external.n++;
	return 0;
}

const char *checkpoint_namespace_key(enum ns ns)
{
	if (ns == NS_NETWORK)
		return "extRootNetNS";
	return ns == NS_PID ? "extRootPidNS" : NULL;
}
