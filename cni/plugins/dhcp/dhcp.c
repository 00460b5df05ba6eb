/* SPDX-License-Identifier: Apache-2.0 */
/* dhcp.c - IPAM plugin dhcp: the address that a server on the container's network gives
 *
 * There is no daemon to be started first: each attachment has a client of its
 * own (client.c), which renews the lease for as long as the namespace lives.
 * ADD   waits for the first lease, at most about ten seconds
 * DEL   the client gives it back and ends
 * CHECK the client lives and has the address of prevResult
 * GC    ends the clients of attachments that aren't valid
 */
#include "cni/plugins/dhcp/dhcp.h"

#include <dirent.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/file.h"
#include "cni/link.h"
#include "cni/plugins/registry.h"

#define PID_SUFFIX ":pid"
#define DIR_MODE   0700

int dhcp_files_name(struct dhcp_files *ret, const char *network, const char *container_id,
		    const char *ifname, struct err *err)
{
	if (str_format(ret->pid, sizeof(ret->pid), DHCP_DIR "/%s/%s:%s" PID_SUFFIX, network,
		       container_id, ifname) < 0 ||
	    str_format(ret->lease, sizeof(ret->lease), DHCP_DIR "/%s/%s:%s:lease", network,
		       container_id, ifname) < 0)
		return err_sys(err, "name the files of a lease");
	return 0;
}

void dhcp_files_remove(const struct dhcp_files *files)
{
	(void)unlink(files->pid); /* the client removes its own */
	(void)unlink(files->lease);
}

static int name_own(const struct cni_call *call, struct dhcp_files *ret, struct err *err)
{
	return dhcp_files_name(ret, call->conf->name, call->args->container_id, call->args->ifname,
			       err);
}

/* The interface must be there; a client can't ask on one that is down. */
static int bring_up(struct cni_call *call, struct err *err)
{
	struct rtnl *r = cni_inside(call, err);
	struct link link;

	if (!r)
		return -1;
	if (link_get(r, call->args->ifname, &link, err) < 0)
		return err_wrap(err, "DHCP needs the interface");
	link_up(r, link.index);
	return rtnl_flush(r, err);
}

static int take_lease(struct cni_call *call, const struct dhcp_config *config,
		      const struct dhcp_files *files, struct err *err)
{
	struct dhcp_lease lease;
	int there = dhcp_lease_load(files->lease, call->arena, &lease, err);

	if (there == 0)
		return err_set(err, EIO, "the DHCP client told nothing of its lease");
	return there < 0 ? -1 : dhcp_lease_result(&lease, config, call->arena, &call->result, err);
}

static int dhcp_add(struct cni_call *call, struct err *err)
{
	struct dhcp_config config;
	struct dhcp_files files;
	char dir[PATH_MAX];

	if (dhcp_config_load(call, &config, err) < 0 || name_own(call, &files, err) < 0)
		return -1;
	if (call->netns < 0)
		return cni_err(err, CNI_ERR_NETNS, "DHCP needs a network namespace");
	if (str_format(dir, sizeof(dir), DHCP_DIR "/%s", call->conf->name) < 0 ||
	    file_make_dirs(dir, DIR_MODE) < 0)
		return err_sys(err, "make \"" DHCP_DIR "/%s\"", call->conf->name);
	/* of an ADD that was cut short */
	if (dhcp_client_end(&files, err) < 0)
		return -1;
	if (bring_up(call, err) == 0 && dhcp_client_start(call, &config, &files, err) == 0 &&
	    take_lease(call, &config, &files, err) == 0)
		return 0;
	(void)dhcp_client_end(&files, NULL);
	return -1;
}

static int dhcp_del(struct cni_call *call, struct err *err)
{
	struct dhcp_files files;
	char dir[PATH_MAX];

	if (name_own(call, &files, err) < 0 || dhcp_client_end(&files, err) < 0)
		return -1;
	/* of the last one; not empty is the usual refusal */
	if (str_format(dir, sizeof(dir), DHCP_DIR "/%s", call->conf->name) == 0)
		(void)rmdir(dir);
	return 0;
}

static int dhcp_check(struct cni_call *call, struct err *err)
{
	const struct result *prev = &call->conf->prev;
	struct dhcp_config config;
	struct dhcp_files files;
	char text[IP_TEXT_MAX];

	if (dhcp_config_load(call, &config, err) < 0 || name_own(call, &files, err) < 0)
		return -1;
	if (!dhcp_client_lives(&files))
		return err_set(err, ESRCH, "nobody holds the DHCP lease of \"%s\" any more",
			       call->args->ifname);
	if (take_lease(call, &config, &files, err) < 0)
		return -1;
	for (size_t i = 0; i < prev->n_ips; i++)
		if (ip_net_eq(&prev->ips[i].address, &call->result.ips[0].address))
			return 0;
	return err_set(err, ENOENT, "the DHCP lease is of %s, which prevResult does not have",
		       ip_net_format(&call->result.ips[0].address, text));
}

/* "CONTAINER:IFNAME:pid" */
static int collect(const struct netconf *conf, char *name, struct err *err)
{
	char *ifname = strchr(name, ':'), *suffix = strrchr(name, ':');
	struct dhcp_files files;

	if (!ifname || suffix == ifname || !str_eq(suffix, PID_SUFFIX))
		return 0;
	*ifname++ = '\0';
	*suffix = '\0';
	if (netconf_attached(conf, name, ifname))
		return 0;
	if (dhcp_files_name(&files, conf->name, name, ifname, err) < 0)
		return -1;
	return dhcp_client_end(&files, err);
}

static int dhcp_gc(struct cni_call *call, struct err *err)
{
	char path[PATH_MAX];
	struct dirent *entry;
	int rc = 0;
	DIR *dir;

	if (str_format(path, sizeof(path), DHCP_DIR "/%s", call->conf->name) < 0)
		return err_sys(err, "name the folder of the leases");
	dir = opendir(path);
	if (!dir)
		return errno == ENOENT ? 0 : err_sys(err, "open \"%s\"", path);
	/* all are tried, the first failure is told */
	while ((entry = readdir(dir))) /* NOLINT(concurrency-mt-unsafe): the stream is ours */
		if (collect(call->conf, entry->d_name, rc == 0 ? err : NULL) < 0)
			rc = -1;
	(void)closedir(dir);
	return rc;
}

static int dhcp_status(struct cni_call *call, struct err *err)
{
	struct dhcp_config config;
	char program[PATH_MAX];

	return dhcp_config_load(call, &config, err) < 0 ||
			       dhcp_client_find(program, sizeof(program), err) < 0
		       ? -1
		       : 0;
}

const struct cni_plugin cni_plugin_dhcp = {
	.type = "dhcp",
	.about = "the address that a DHCP server gives",
	.is_ipam = true,
	.needs_link = true,
	.add = dhcp_add,
	.del = dhcp_del,
	.check = dhcp_check,
	.gc = dhcp_gc,
	.status = dhcp_status,
};
