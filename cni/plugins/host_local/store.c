/* SPDX-License-Identifier: Apache-2.0 */
/* store.c - host-local: leases as files
 *
 * Everything here is done with the lock held.  flock(2), symlink(7).
 */
#include "cni/plugins/host_local/store.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <time.h>
#include <unistd.h>

#include "base/compiler.h"
#include "base/fd.h"
#include "base/file.h"
#include "base/units.h"
#include "cni/plugins/host_local/record.h"

#define INDEX_DIR   ".skerry"
#define BOOT_LINK   "boot"
#define BOOT_ID	    "/proc/sys/kernel/random/boot_id"
#define BOOT_MAX    64
#define OWNER_MAX   512 /* "CONTAINER\r\nIFNAME" */
#define RECENT_NS   20000000 /* a few of the clock ticks that file times are made of */
/* both folders may change in the same tick: the stamp is a time that can't come by itself */
#define STAMP_SHIFT 1000000000
#define LAST_MAX    48

/* --- walking a folder ------------------------------------------------------------- */

/* Calls each() with every name of the folder but those with a dot in front. */
static int each_name(int dir, int (*each)(const char *name, void *data, struct err *err),
		     void *data, struct err *err)
{
	int fd = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), result = 0;
	DIR *d = fd < 0 ? NULL : fdopendir(fd);

	if (!d) {
		(void)fd_close(fd);
		return err_sys(err, "list the leases");
	}
	while (result == 0) {
		const struct dirent *entry = readdir(d); /* NOLINT(concurrency-mt-unsafe) */

		if (!entry)
			break;
		if (entry->d_name[0] != '.')
			result = each(entry->d_name, data, err);
	}
	(void)closedir(d);
	return result;
}

/* --- one lease -------------------------------------------------------------------- */

/* The content of an address's file: its length, 0 also when there is no such file, -1 with err. */
static ssize_t read_content(int dir, const char *name, char *dst, size_t size, struct err *err)
{
	AUTO_FD fd = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	ssize_t n = fd < 0 ? -1 : fd_read_full(fd, dst, size - 1);

	/* a link or a folder is nobody's lease */
	if (n < 0 && errno != ENOENT && errno != ELOOP && errno != EISDIR && errno != ENXIO)
		return err_sys(err, "read the lease of %s", name);
	while (n > 0 && strchr(" \r\n", dst[n - 1]))
		n--;
	dst[n > 0 ? n : 0] = '\0';
	return n > 0 ? n : 0;
}

/* Splits "ID\r\nIFNAME" in place; very old files have no name: "". */
static const char *split_content(char *content)
{
	char *end = strpbrk(content, "\r\n");

	if (!end)
		return "";
	*end++ = '\0';
	return end + strspn(end, "\r\n");
}

int hl_store_owns(struct hl_store *s, const struct ip *ip, const struct hl_owner *owner,
		  struct err *err)
{
	char name[IP_TEXT_MAX], content[OWNER_MAX];
	const char *ifname;
	const ssize_t n = read_content(s->dir, ip_format(ip, name), content, sizeof(content), err);

	if (n <= 0)
		return (int)n;
	ifname = split_content(content);
	return str_eq(content, owner->container_id) &&
	       (ifname[0] == '\0' || str_eq(ifname, owner->ifname));
}

bool hl_store_holder(struct hl_store *s, const struct ip *ip, char *dst, size_t size)
{
	char name[IP_TEXT_MAX], content[OWNER_MAX];
	const char *ifname;

	if (read_content(s->dir, ip_format(ip, name), content, sizeof(content), NULL) <= 0)
		return false;
	ifname = split_content(content);
	return str_format(dst, size, "%s/%s", content, ifname) == 0;
}

int hl_store_drop(struct hl_store *s, const struct ip *ip, struct err *err)
{
	char name[IP_TEXT_MAX];

	s->changed = true;
	if (unlinkat(s->dir, ip_format(ip, name), 0) < 0 && errno != ENOENT)
		return err_sys(err, "give back address %s", name);
	return 0;
}

/* A file without content, which is what a crash leaves: whoever writes one holds the lock. */
static bool is_empty(const struct hl_store *s, const char *name)
{
	struct stat st;

	return fstatat(s->dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st.st_mode) &&
	       st.st_size == 0;
}

/* 1, 0 it is there already, -1 with errno. */
static int make_lease(struct hl_store *s, const char *name, const char *content)
{
	AUTO_FD fd = openat(s->dir, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

	if (fd < 0)
		return errno == EEXIST ? 0 : -1;
	if (fd_write_full(fd, content, strlen(content)) == 0)
		return 1;
	(void)unlinkat(s->dir, name, 0);
	return -1;
}

int hl_store_take(struct hl_store *s, const struct ip *ip, const struct hl_owner *owner,
		  struct err *err)
{
	char name[IP_TEXT_MAX], content[OWNER_MAX];
	int result;

	if (str_format(content, sizeof(content), "%s\r\n%s", owner->container_id, owner->ifname) <
	    0)
		return err_sys(err, "lease of \"%s\"", owner->container_id);
	(void)ip_format(ip, name);
	s->changed = true;
	result = make_lease(s, name, content);
	if (result == 0 && is_empty(s, name) && unlinkat(s->dir, name, 0) == 0)
		result = make_lease(s, name, content);
	return result < 0 ? err_sys(err, "take address %s", name) : result;
}

struct address_walk {
	int (*each)(const struct ip *ip, void *data, struct err *err);
	void *data;
};

static int walk_address(const char *name, void *data, struct err *err)
{
	const struct address_walk *walk = data;
	struct ip ip;

	return ip_parse(name, &ip) == 0 ? walk->each(&ip, walk->data, err) : 0;
}

int hl_store_each(struct hl_store *s, int (*each)(const struct ip *ip, void *data, struct err *err),
		  void *data, struct err *err)
{
	struct address_walk walk = { .each = each, .data = data };

	return each_name(s->dir, walk_address, &walk, err);
}

/* --- records ---------------------------------------------------------------------- */

static int put_record(struct hl_store *s, const struct hl_record *record, struct err *err)
{
	char name[RECORD_NAME_MAX], text[PATH_MAX];

	if (record_name(name, sizeof(name), record->container_id, record->ifname) < 0 ||
	    record_format(record, text, sizeof(text)) < 0)
		return err_sys(err, "record the lease of \"%s\"", record->container_id);
	if (symlinkat(text, s->index, name) == 0)
		return 0;
	/* of an earlier life */
	if (errno == EEXIST && unlinkat(s->index, name, 0) == 0 &&
	    symlinkat(text, s->index, name) == 0)
		return 0;
	return err_sys(err, "record the lease of \"%s\"", record->container_id);
}

static NOINLINE bool get_record(struct hl_store *s, const char *name, struct hl_record *ret)
{
	char text[PATH_MAX];
	ssize_t n = readlinkat(s->index, name, text, sizeof(text) - 1);

	if (n < 0)
		return false;
	text[n] = '\0';
	return record_parse(name, text, ret) == 0;
}

static bool get_owner_record(struct hl_store *s, const struct hl_owner *owner,
			     struct hl_record *ret)
{
	char name[RECORD_NAME_MAX], first;

	/* mostly there is none */
	return record_name(name, sizeof(name), owner->container_id, owner->ifname) == 0 &&
	       readlinkat(s->index, name, &first, sizeof(first)) > 0 && get_record(s, name, ret);
}

int hl_store_record(struct hl_store *s, const struct hl_owner *owner, const struct hl_lease *lease,
		    struct err *err)
{
	struct hl_record record = { .id = lease->id, .has_id = lease->netns != NULL };

	if (str_copy(record.container_id, sizeof(record.container_id), owner->container_id) < 0 ||
	    str_copy(record.ifname, sizeof(record.ifname), owner->ifname) < 0 ||
	    (lease->netns && str_copy(record.netns, sizeof(record.netns), lease->netns) < 0))
		return err_sys(err, "record the lease of \"%s\"", owner->container_id);
	for (size_t i = 0; i < lease->n && i < HL_ADDRS_MAX; i++)
		record.v[record.n++] = lease->v[i];
	return put_record(s, &record, err);
}

/* Gives back what a record names and its owner has, and the record, which stays when that fails. */
static int drop_record(struct hl_store *s, const struct hl_record *record, const char *name,
		       struct err *err)
{
	const struct hl_owner owner = { record->container_id, record->ifname };

	s->changed = true;
	for (size_t i = 0; i < record->n; i++) {
		const int owns = hl_store_owns(s, &record->v[i], &owner, err);

		if (owns < 0 || (owns > 0 && hl_store_drop(s, &record->v[i], err) < 0))
			return -1;
	}
	(void)unlinkat(s->index, name, 0); /* invariant 2: one too many does no harm */
	return 0;
}

/* --- invariant 3 ------------------------------------------------------------------ */

static bool look_synced(const struct hl_store *s)
{
	struct stat dir, index;

	return fstat(s->dir, &dir) == 0 && fstat(s->index, &index) == 0 &&
	       dir.st_mtim.tv_sec - STAMP_SHIFT == index.st_mtim.tv_sec &&
	       dir.st_mtim.tv_nsec == index.st_mtim.tv_nsec;
}

/* File times have the grain of the clock tick: somebody else may have been there in the same one. */
static bool is_recent(const struct hl_store *s)
{
	struct timespec now;
	struct stat st;
	int64_t age;

	if (clock_gettime(CLOCK_REALTIME, &now) < 0 || fstat(s->dir, &st) < 0)
		return true;
	age = (now.tv_sec - st.st_mtim.tv_sec) * INT64_C(1000000000) +
	      (now.tv_nsec - st.st_mtim.tv_nsec);
	return age < RECENT_NS;
}

static int sync_address(const struct ip *ip, void *data, struct err *err)
{
	struct hl_store *s = data;
	char name[IP_TEXT_MAX], content[OWNER_MAX];
	struct hl_record record = { 0 };
	struct hl_owner owner;
	const ssize_t n = read_content(s->dir, ip_format(ip, name), content, sizeof(content), err);

	if (n == 0 && is_empty(s, name))
		return hl_store_drop(s, ip, err);
	if (n <= 0)
		return (int)n;
	owner.ifname = split_content(content);
	owner.container_id = content;
	/* what can't be an attachment's name can't be asked for either */
	if (!netconf_name_ok(content) || (owner.ifname[0] && !netconf_ifname_ok(owner.ifname)))
		return 0;
	if (!get_owner_record(s, &owner, &record)) {
		const struct hl_lease lease = { .v = ip, .n = 1 };

		return hl_store_record(s, &owner, &lease, err);
	}
	for (size_t i = 0; i < record.n; i++)
		if (ip_eq(&record.v[i], ip))
			return 0;
	if (record.n == HL_ADDRS_MAX)
		return 0;
	record.v[record.n++] = *ip;
	return put_record(s, &record, err);
}

/* Makes a record of every lease without, and takes away what a crash has left. */
static int sync_records(struct hl_store *s, bool careful, struct err *err)
{
	if (s->synced && !(careful && is_recent(s)))
		return 0;
	if (hl_store_each(s, sync_address, s, err) < 0)
		return -1;
	s->synced = true;
	s->changed = true;
	return 0;
}

/* --- another boot ----------------------------------------------------------------- */

static int drop_mortal(const char *name, void *data, struct err *err)
{
	struct hl_store *s = data;
	struct hl_record record;

	return get_record(s, name, &record) && record.has_id ? drop_record(s, &record, name, err)
							     : 0;
}

static NOINLINE int drop_mortals(struct hl_store *s, struct err *err)
{
	return each_name(s->index, drop_mortal, s, err);
}

/* No network namespace outlives its kernel, so neither do its leases. */
static int check_boot(struct hl_store *s, struct err *err)
{
	char now[BOOT_MAX], then[BOOT_MAX];
	ssize_t n = readlinkat(s->index, BOOT_LINK, then, sizeof(then) - 1);

	if (file_read_line(AT_FDCWD, BOOT_ID, now, sizeof(now)) < 0)
		return 0; /* without /proc nothing is said about boots */
	then[n > 0 ? n : 0] = '\0';
	if (str_eq(now, then))
		return 0;
	if (n > 0 && drop_mortals(s, err) < 0)
		return -1;
	s->changed = true;
	(void)unlinkat(s->index, BOOT_LINK, 0);
	if (symlinkat(now, s->index, BOOT_LINK) < 0)
		return err_sys(err, "record the boot of the leases");
	return 0;
}

/* --- the folder ------------------------------------------------------------------- */

/* A folder, made when missing and wanted: a descriptor, -1 with errno. */
static int open_folder(const char *path, mode_t mode, bool make)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd >= 0 || errno != ENOENT || !make)
		return fd;
	if (file_make_dirs(path, mode) < 0)
		return -1;
	return open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

static int open_lock(struct hl_store *s, const char *path, struct err *err)
{
	int result;

	s->lock = openat(s->dir, "lock", O_RDONLY | O_CREAT | O_CLOEXEC, 0600);
	if (s->lock < 0)
		return err_sys(err, "open the lock of \"%s\"", path);
	do {
		result = flock(s->lock, LOCK_EX);
	} while (result < 0 && errno == EINTR);
	return result < 0 ? err_sys(err, "lock \"%s\"", path) : 0;
}

static int open_all(struct hl_store *s, const char *data_dir, const char *network, bool make,
		    struct err *err)
{
	char path[PATH_MAX];

	if (str_format(path, sizeof(path), "%s/%s", data_dir, network) < 0)
		return err_sys(err, "folder of network \"%s\"", network);
	s->dir = open_folder(path, 0755, make);
	if (s->dir < 0 && errno == ENOENT && !make)
		return 0;
	if (s->dir < 0)
		return err_sys(err, "open \"%s\"", path);
	if (open_lock(s, path, err) < 0)
		return -1;
	if (str_format(path, sizeof(path), "%s/" INDEX_DIR "/%s", data_dir, network) < 0)
		return err_sys(err, "index of network \"%s\"", network);
	s->index = open_folder(path, 0700, true);
	if (s->index < 0)
		return err_sys(err, "open \"%s\"", path);
	s->synced = look_synced(s);
	return check_boot(s, err) < 0 ? -1 : 1;
}

int hl_store_open(struct hl_store *s, const char *data_dir, const char *network, bool make,
		  struct err *err)
{
	int result;

	*s = (struct hl_store){ .dir = -1, .index = -1, .lock = -1, .last = -1 };
	result = open_all(s, data_dir, network, make, err);
	if (result <= 0)
		hl_store_close(s);
	return result;
}

void hl_store_close(struct hl_store *s)
{
	struct stat st;

	/* not stamped only means that the next one reads all files */
	if (s->synced && s->changed && fstat(s->dir, &st) == 0) {
		const struct timespec times[] = {
			{ .tv_nsec = UTIME_OMIT },
			{ .tv_sec = st.st_mtim.tv_sec - STAMP_SHIFT,
			  .tv_nsec = st.st_mtim.tv_nsec },
		};

		(void)futimens(s->index, times);
	}
	s->last = fd_close(s->last);
	s->index = fd_close(s->index);
	s->dir = fd_close(s->dir);
	s->lock = fd_close(s->lock); /* unlocks */
}

/* --- an owner's leases ------------------------------------------------------------ */

int hl_store_list(struct hl_store *s, const struct hl_owner *owner, bool careful, struct ip *v,
		  size_t max, struct err *err)
{
	/* files of very old versions name no interface */
	const struct hl_owner *owners[] = { owner,
					    &(const struct hl_owner){ owner->container_id, "" } };
	struct hl_record record;
	size_t n = 0;

	if (sync_records(s, careful, err) < 0)
		return -1;
	for (size_t i = 0; i < ARRAY_SIZE(owners) && n == 0; i++) {
		if (!get_owner_record(s, owners[i], &record))
			continue;
		for (size_t k = 0; k < record.n && n < max; k++) {
			const int owns = hl_store_owns(s, &record.v[k], owner, err);

			if (owns < 0)
				return -1;
			if (owns > 0)
				v[n++] = record.v[k];
		}
	}
	return (int)n;
}

int hl_store_release(struct hl_store *s, const struct hl_owner *owner, struct err *err)
{
	char name[RECORD_NAME_MAX];
	struct ip v[HL_ADDRS_MAX];
	int n;

	/* with a record there is nothing to look for */
	n = record_name(name, sizeof(name), owner->container_id, owner->ifname);
	if (n == 0 && faccessat(s->index, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
		n = hl_store_list(s, owner, false, v, ARRAY_SIZE(v), err);
	else
		n = hl_store_list(s, owner, true, v, ARRAY_SIZE(v), err);
	if (n < 0)
		return -1;
	for (int i = 0; i < n; i++)
		if (hl_store_drop(s, &v[i], err) < 0)
			return -1;
	if (unlinkat(s->index, name, 0) == 0)
		s->changed = true;
	if (n > 0 && record_name(name, sizeof(name), owner->container_id, "") == 0)
		(void)unlinkat(s->index, name, 0);
	return 0;
}

/* --- where the search goes on ----------------------------------------------------- */

struct ip hl_store_last(struct hl_store *s, size_t set)
{
	char name[LAST_MAX], text[IP_TEXT_MAX];
	struct ip ip = { 0 };
	ssize_t n;

	s->last = fd_close(s->last);
	s->last_size = 0;
	s->last_set = set;
	if (str_format(name, sizeof(name), "last_reserved_ip.%zu", set) < 0)
		return ip;
	s->last = openat(s->dir, name, O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	n = s->last < 0 ? -1 : fd_read_full(s->last, text, sizeof(text) - 1);
	if (n <= 0)
		return ip;
	s->last_size = (size_t)n;
	text[n] = '\0';
	text[strcspn(text, "\n")] = '\0';
	if (ip_parse(text, &ip) < 0)
		ip.family = 0;
	return ip;
}

/* It is written over; what is left of a longer one goes.  Killed in between the search only goes on
 * somewhere else. */
int hl_store_set_last(struct hl_store *s, size_t set, const struct ip *ip, struct err *err)
{
	char name[LAST_MAX], text[IP_TEXT_MAX];
	size_t len;

	if (str_format(name, sizeof(name), "last_reserved_ip.%zu", set) < 0)
		return err_sys(err, "remember the last address");
	if (s->last < 0 || s->last_set != set) {
		(void)fd_close(s->last);
		s->last_size = 0;
		s->last = openat(s->dir, name,
				 O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	}
	len = strlen(ip_format(ip, text));
	if (s->last < 0 || pwrite(s->last, text, len, 0) != (ssize_t)len ||
	    (s->last_size > len && ftruncate(s->last, (off_t)len) < 0))
		return err_sys(err, "write \"%s\"", name);
	return 0;
}

/* --- what nobody owns ------------------------------------------------------------- */

struct gc {
	struct hl_store *store;
	const struct netconf *conf;
};

static bool id_attached(const struct netconf *conf, const char *id)
{
	for (size_t i = 0; i < conf->attachments.n; i++)
		if (str_eq(conf->attachments.v[i].container_id, id))
			return true;
	return false;
}

static int gc_address(const struct ip *ip, void *data, struct err *err)
{
	const struct gc *gc = data;
	char name[IP_TEXT_MAX], content[OWNER_MAX];
	const char *ifname;

	if (read_content(gc->store->dir, ip_format(ip, name), content, sizeof(content), err) < 0)
		return -1;
	ifname = split_content(content);
	if (ifname[0] ? !netconf_attached(gc->conf, content, ifname)
		      : !id_attached(gc->conf, content))
		return hl_store_drop(gc->store, ip, err);
	return 0;
}

static int gc_record(const char *name, void *data, struct err *err)
{
	const struct gc *gc = data;
	struct hl_record record;

	(void)err;
	if (get_record(gc->store, name, &record) && record.ifname[0] &&
	    !netconf_attached(gc->conf, record.container_id, record.ifname))
		(void)unlinkat(gc->store->index, name, 0);
	return 0;
}

int hl_store_gc(struct hl_store *s, const struct netconf *conf, struct err *err)
{
	struct gc gc = { .store = s, .conf = conf };

	if (hl_store_each(s, gc_address, &gc, err) < 0)
		return -1;
	return each_name(s->index, gc_record, &gc, err);
}

/* Network namespaces that processes live in. */
struct alive {
	struct netns_id *v;
	size_t n, cap;
};

static bool is_alive(const struct alive *alive, const struct netns_id *id)
{
	for (size_t i = 0; i < alive->n; i++)
		if (alive->v[i].dev == id->dev && alive->v[i].ino == id->ino)
			return true;
	return false;
}

static int add_alive(struct alive *alive, const struct stat *st, struct err *err)
{
	const struct netns_id id = { st->st_dev, st->st_ino };

	if (is_alive(alive, &id))
		return 0;
	if (alive->n == alive->cap) {
		size_t cap = alive->cap ? alive->cap * 2 : 64;
		struct netns_id *v = reallocarray(alive->v, cap, sizeof(*v));

		if (!v)
			return err_sys(err, "look at the processes");
		alive->v = v;
		alive->cap = cap;
	}
	alive->v[alive->n++] = id;
	return 0;
}

static int look_process(const char *name, void *data, struct err *err)
{
	char path[64];
	struct stat st;
	uint64_t pid;

	if (units_u64(name, INT32_MAX, &pid) < 0 ||
	    str_format(path, sizeof(path), "/proc/%s/ns/net", name) < 0)
		return 0;
	if (stat(path, &st) == 0)
		return add_alive(data, &st, err);
	/* one that we may not look at may live anywhere */
	if (errno == EACCES || errno == EPERM)
		return err_sys(err, "look at process %s", name);
	return 0;
}

struct reclaim {
	struct hl_store *store;
	struct alive alive;
	int n;
};

static int reclaim_record(const char *name, void *data, struct err *err)
{
	struct reclaim *reclaim = data;
	struct hl_record record;
	struct stat st;

	if (!get_record(reclaim->store, name, &record) || !record.has_id)
		return 0;
	if (stat(record.netns, &st) == 0 && st.st_dev == record.id.dev &&
	    st.st_ino == record.id.ino)
		return 0;
	if (is_alive(&reclaim->alive, &record.id))
		return 0;
	if (drop_record(reclaim->store, &record, name, err) < 0)
		return -1;
	reclaim->n += (int)record.n;
	return 0;
}

static int reclaim_empty(const struct ip *ip, void *data, struct err *err)
{
	struct reclaim *reclaim = data;
	char name[IP_TEXT_MAX];

	if (is_empty(reclaim->store, ip_format(ip, name))) {
		if (hl_store_drop(reclaim->store, ip, err) < 0)
			return -1;
		reclaim->n++;
	}
	return 0;
}

int hl_store_reclaim(struct hl_store *s, struct err *err)
{
	struct reclaim reclaim = { .store = s };
	AUTO_FD proc = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int result = 0;

	if (hl_store_each(s, reclaim_empty, &reclaim, err) < 0)
		return -1;
	if (proc >= 0 && each_name(proc, look_process, &reclaim.alive, NULL) == 0)
		result = each_name(s->index, reclaim_record, &reclaim, err);
	free(reclaim.alive.v);
	return result < 0 ? -1 : reclaim.n;
}
