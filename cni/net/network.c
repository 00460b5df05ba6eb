/* SPDX-License-Identifier: Apache-2.0 */
/* network.c - which networks there are, where plugins are, and who may work on them */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/file.h"
#include "base/log.h"
#include "cni/names.h"
#include "cni/net/net.h"
#include "cni/netconf.h"
#include "cni/plugins/registry.h"

#define CONF_DIR "/etc/cni/net.d"
#ifndef SKERRY_LIBEXECDIR
# define SKERRY_LIBEXECDIR "/usr/libexec/skerry"
#endif

/* Its addresses are as far as they can be from those that routers, virtual machines and other
 * engines begin with. */
const char net_default_text[] =
	"{\"cniVersion\":\"1.1.0\",\"name\":\"" NET_DEFAULT "\",\"skerry.resolver\":true,"
	"\"plugins\":["
	"{\"type\":\"bridge\",\"bridge\":\"" NET_DEFAULT_BRIDGE
	"\",\"isGateway\":true,\"ipMasq\":true,"
	"\"hairpinMode\":true,\"capabilities\":{\"ips\":true,\"mac\":true},"
	"\"ipam\":{\"type\":\"host-local\",\"ranges\":[[{\"subnet\":\"10.131.0.0/16\"}]],"
	"\"routes\":[{\"dst\":\"0.0.0.0/0\"}]}},"
	"{\"type\":\"portmap\",\"snat\":true,\"capabilities\":{\"portMappings\":true}},"
	"{\"type\":\"firewall\",\"ingressPolicy\":\"same-bridge\"}]}";

static void warn(const struct err *why)
{
	log_warning("left out: %s", why->msg);
}

static void debug(const char *text)
{
	log_debug("%s", text);
}

static const char *variable(const char *name)
{
	const char *value = getenv(name); /* NOLINT(concurrency-mt-unsafe) */

	return value && value[0] ? value : NULL;
}

/* "DIR:DIR" into the list; what does not fit is an error, not another search path. */
static int split_path(struct net *n, const char *text, struct err *err)
{
	char *copy = arena_strdup(&n->arena, text);
	size_t i = 0;

	for (char *at = copy; at && *at;) {
		char *end = strchr(at, ':');

		if (i == NET_FOLDERS_MAX)
			return err_set(err, E2BIG, "more than %d folders of plugins",
				       NET_FOLDERS_MAX);
		if (*at != ':')
			n->plugin_folders[i++] = at;
		if (!end)
			break;
		*end = '\0';
		at = end + 1;
	}
	return copy ? 0 : err_set(err, ENOMEM, "out of memory");
}

/* The program of our plugins, beside this one or installed: its links in a search path stand for
 * what is linked in. */
static void find_own_program(struct net *n)
{
	static const char beside[] = "skerry-cni";
	char path[PATH_MAX + sizeof(beside)];
	ssize_t len = readlink("/proc/self/exe", path, PATH_MAX);
	struct stat st;
	char *slash;

	if (len <= 0 || len >= PATH_MAX)
		return;
	path[len] = '\0';
	slash = strrchr(path, '/');
	if (!slash)
		return;
	memcpy(slash + 1, beside, sizeof(beside));
	if (stat(path, &st) < 0 && stat(SKERRY_LIBEXECDIR "/skerry-cni", &st) < 0)
		return;
	n->exec.own_dev = st.st_dev;
	n->exec.own_ino = st.st_ino;
}

static int open_plugins(struct net *n, const struct net_options *o, struct err *err)
{
	static const char usual[] = SKERRY_LIBEXECDIR "/../cni:/opt/cni/bin:/usr/local/libexec/cni:"
						      "/usr/libexec/cni:/usr/lib/cni";
	const char *given = o->plugin_path ? o->plugin_path : variable("CNI_PATH");

	n->exec.path_text = given ? given : usual;
	n->exec.path = n->plugin_folders;
	n->exec.find = cni_plugin_find;
	n->exec.linked_first = !given;
	n->exec.debug = o->debug ? debug : NULL;
	if (given)
		find_own_program(n);
	return split_path(n, n->exec.path_text, err);
}

static const char *user_folder(struct net *n)
{
	const char *config = variable("XDG_CONFIG_HOME"), *home = variable("HOME");

	if (config)
		return arena_printf(&n->arena, "%s/cni/net.d", config);
	return home ? arena_printf(&n->arena, "%s/.config/cni/net.d", home) : NULL;
}

static int open_folders(struct net *n, const struct net_options *o, struct err *err)
{
	const char *given = o->conf_dir ? o->conf_dir : variable("NETCONFPATH");
	const char *mine = user_folder(n), *runtime_dir = variable("XDG_RUNTIME_DIR");
	size_t i = 0;

	if (given) {
		n->folders[i++] = given;
	} else {
		if (mine && n->rootless)
			n->folders[i++] = mine;
		n->folders[i++] = CONF_DIR;
		if (mine && !n->rootless)
			n->folders[i++] = mine;
	}
	n->cache_dir = o->cache_dir ? o->cache_dir : CACHE_DIR;
	n->run_dir = o->run_dir ? o->run_dir : "/run/skerry-net";
	if (n->rootless && !o->run_dir)
		n->run_dir = runtime_dir ? arena_printf(&n->arena, "%s/skerry-net", runtime_dir)
					 : arena_printf(&n->arena, "/run/user/%u/skerry-net",
							(unsigned int)geteuid());
	return n->run_dir ? 0 : err_set(err, ENOMEM, "out of memory");
}

static int add_default(struct net *n, struct err *err)
{
	struct conflist *v;
	size_t cap = n->lists.n;

	if (conflist_find(&n->lists, NET_DEFAULT))
		return 0;
	v = arena_grow(&n->arena, n->lists.v, n->lists.n, &cap, sizeof(*v));
	if (!v)
		return err_set(err, ENOMEM, "out of memory");
	n->lists.v = v;
	if (conflist_parse("network \"" NET_DEFAULT "\"", net_default_text,
			   strlen(net_default_text), false, &n->arena, &v[n->lists.n], err) < 0)
		return -1;
	v[n->lists.n++].built_in = true;
	return 0;
}

int net_open(struct net *n, const struct net_options *o, struct err *err)
{
	*n = (struct net){ .rootless = geteuid() != 0 };
	arena_init(&n->arena, ARENA_MAX_DEFAULT);
	if (open_plugins(n, o, err) < 0 || open_folders(n, o, err) < 0 ||
	    conflist_load_all(n->folders, &n->arena, warn, &n->lists, err) < 0)
		return -1;
	return add_default(n, err);
}

void net_close(struct net *n)
{
	arena_release(&n->arena);
}

const struct conflist *net_find(const struct net *n, const char *name, struct err *err)
{
	const struct conflist *list = conflist_find(&n->lists, name);

	if (!list)
		(void)cni_err(err, CNI_ERR_CONFIG, "there is no network \"%.64s\"", name);
	return list;
}

int net_lock(const struct net *n, const char *network, enum net_lock how, struct err *err)
{
	char path[PATH_MAX];
	AUTO_FD fd = -1;
	int rc;

	if (str_format(path, sizeof(path), "%s/%s.lock", n->run_dir, network) < 0)
		return err_sys(err, "lock network \"%s\"", network);
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0 && errno == ENOENT && file_make_dirs(n->run_dir, 0755) == 0)
		fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return cni_err_sys(err, CNI_ERR_IO, "open \"%s\"", path);
	do
		rc = flock(fd, how == NET_ALONE ? LOCK_EX : LOCK_SH);
	while (rc < 0 && errno == EINTR);
	return rc < 0 ? cni_err_sys(err, CNI_ERR_IO, "lock \"%s\"", path) : fd_take(&fd);
}

void net_unlock(int *lock)
{
	struct flock all = { .l_type = F_UNLCK, .l_whence = SEEK_SET };

	if (*lock < 0)
		return;
	(void)fcntl(*lock, F_OFD_SETLK, &all);
	(void)flock(*lock, LOCK_UN);
	*lock = fd_close(*lock);
}

/* A byte of the same file stands for the attachment (fcntl_locking(2), open file description locks):
 * nothing to create, nothing to clean up; two that share a byte wait for each other, no more. */
int net_lock_attachment(int lock, const char *container, const char *ifname, struct err *err)
{
	const char *const parts[] = { container, ifname };
	struct flock range = { .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_len = 1 };
	char digits[9];
	int rc;

	names_hash(digits, sizeof(digits), parts, ARRAY_SIZE(parts));
	for (const char *d = digits; *d; d++)
		range.l_start = range.l_start * 16 + (*d <= '9' ? *d - '0' : *d - 'a' + 10);
	do
		rc = fcntl(lock, F_OFD_SETLKW, &range);
	while (rc < 0 && errno == EINTR);
	return rc < 0 ? cni_err_sys(err, CNI_ERR_IO, "lock container \"%s\"", container) : 0;
}
