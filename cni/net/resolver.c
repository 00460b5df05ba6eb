/* SPDX-License-Identifier: Apache-2.0 */
/* resolver.c - the containers of a network find each other by name
 *
 * dnsmasq(8): --hostsdir reads files again when they change or go.  It becomes
 * an ordinary user after its start, so the folder is one that anybody may read.
 */
#include "cni/net/resolver.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/file.h"
#include "base/proc.h"
#include "cni/net/tool.h"

#define DNSMASQ "dnsmasq"

struct folder {
	char path[PATH_MAX], hosts[PATH_MAX], pid[PATH_MAX];
};

static int folder_of(const struct net *n, const char *network, struct folder *ret, struct err *err)
{
	if (str_format(ret->path, PATH_MAX, "%s/resolver/%s", n->run_dir, network) < 0 ||
	    str_format(ret->hosts, PATH_MAX, "%s/resolver/%s/hosts", n->run_dir, network) < 0 ||
	    str_format(ret->pid, PATH_MAX, "%s/resolver/%s/pid", n->run_dir, network) < 0)
		return err_sys(err, "resolver of network \"%s\"", network);
	return 0;
}

/* One at a time starts or ends it. */
static int lock_resolver(const struct net *n, const char *network, struct err *err)
{
	char name[NAME_MAX];

	if (str_format(name, sizeof(name), ".resolver-%s", network) < 0)
		return err_sys(err, "resolver of network \"%s\"", network);
	return net_lock(n, name, NET_ALONE, err);
}

bool resolver_exists(void)
{
	char path[PATH_MAX];

	return tool_find(DNSMASQ, path);
}

static int start(const struct folder *f, const struct ip *at, struct err *err)
{
	char path[PATH_MAX], hosts[PATH_MAX + 16], pid[PATH_MAX + 16], listen[IP_TEXT_MAX + 24],
		address[IP_TEXT_MAX];
	char *argv[] = { path,
			 (char[]){ "--conf-file=/dev/null" },
			 (char[]){ "--no-hosts" },
			 (char[]){ "--bind-interfaces" },
			 (char[]){ "--except-interface=lo" },
			 (char[]){ "--domain-needed" },
			 (char[]){ "--bogus-priv" },
			 hosts,
			 pid,
			 listen,
			 NULL };

	if (!tool_find(DNSMASQ, path))
		return err_set(err, ENOENT, "\"" DNSMASQ "\" is not installed");
	if (str_format(hosts, sizeof(hosts), "--hostsdir=%s", f->hosts) < 0 ||
	    str_format(pid, sizeof(pid), "--pid-file=%s", f->pid) < 0 ||
	    str_format(listen, sizeof(listen), "--listen-address=%s", ip_format(at, address)) < 0)
		return err_sys(err, "resolver");
	return tool_run(argv, err);
}

int resolver_add(const struct net *n, const char *network, const char *container,
		 const struct ip *at, const char *lines, struct err *err)
{
	AUTO_LOCK lock = lock_resolver(n, network, err);
	AUTO_FD hosts = -1;
	struct folder f;

	if (lock < 0 || folder_of(n, network, &f, err) < 0)
		return -1;
	if (file_make_dirs(f.hosts, 0755) < 0)
		return err_sys(err, "make \"%s\"", f.hosts);
	hosts = open(f.hosts, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (hosts < 0 || file_replace(hosts, container, lines, strlen(lines), 0644) < 0)
		return err_sys(err, "write \"%s/%s\"", f.hosts, container);
	return tool_runs(f.pid, DNSMASQ) ? 0 : start(&f, at, err);
}

static bool is_empty(const char *path)
{
	DIR *d = opendir(path);
	bool found = false;

	if (!d)
		return true;
	for (const struct dirent *e;
	     !found && (e = readdir(d));) /* NOLINT(concurrency-mt-unsafe) */
		found = e->d_name[0] != '.';
	(void)closedir(d);
	return !found;
}

static void end(const struct folder *f)
{
	tool_end(f->pid, DNSMASQ);
	(void)file_remove_tree(AT_FDCWD, f->path);
}

static int end_it(void *folder)
{
	end(folder);
	return 0;
}

void resolver_remove(const struct net *n, const char *network, const char *container)
{
	AUTO_FD done = -1;
	AUTO_LOCK lock = -1;
	char path[PATH_MAX];
	struct folder f;

	if (folder_of(n, network, &f, NULL) < 0 || access(f.hosts, F_OK) < 0)
		return;
	lock = lock_resolver(n, network, NULL);
	if (lock < 0 || str_format(path, sizeof(path), "%s/%s", f.hosts, container) < 0)
		return;
	(void)unlink(path);
	if (!is_empty(f.hosts))
		return;
	done = proc_background(end_it, &f, NULL);
	if (done < 0)
		end(&f);
	else
		(void)fd_close(fd_take(&lock)); /* the child has it until the resolver is gone */
}

void resolver_stop(const struct net *n, const char *network)
{
	AUTO_LOCK lock = lock_resolver(n, network, NULL);
	struct folder f;

	if (lock >= 0 && folder_of(n, network, &f, NULL) == 0 && access(f.path, F_OK) == 0)
		end(&f);
}
