/* SPDX-License-Identifier: Apache-2.0 */
/* idmap.c - ids of a user namespace
 *
 * Who may write which map: with CAP_SETUID and CAP_SETGID in the parent
 * namespace any; without, one line with the caller's own id and setgroups
 * denied; all else goes through newuidmap(1) and newgidmap(1), which have the
 * privilege and check against /etc/subuid and /etc/subgid.
 * runtime-spec config-linux.md "User namespace mappings"; user_namespaces(7).
 */
#include "runtime/isolate/idmap.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/file.h"
#include "base/proc.h"
#include "base/units.h"

#define IDMAP_NONE	 UINT32_MAX
#define IDMAP_FILE_MAX	 ((size_t)4 << 20)
#define IDMAP_HELPER_MS	 30000
#define IDMAP_OWN_RANGES 64

/* --- pure ------------------------------------------------------------------ */

static int idmap_bad(const char *pointer, size_t index, const char *why, struct err *err)
{
	char field[ERR_FIELD_MAX];

	if (str_format(field, sizeof(field), "%s/%zu", pointer, index) < 0)
		field[0] = '\0';
	return err_field(err, EINVAL, field, "id mapping %s", why);
}

static bool ranges_meet(uint32_t a, uint32_t a_size, uint32_t b, uint32_t b_size)
{
	return (uint64_t)a < (uint64_t)b + b_size && (uint64_t)b < (uint64_t)a + a_size;
}

static int idmap_check(const struct spec_id_maps *maps, const char *pointer, struct err *err)
{
	if (maps->n > IDMAP_LINES_MAX)
		return idmap_bad(pointer, IDMAP_LINES_MAX, "is one more than the kernel takes",
				 err);
	for (size_t i = 0; i < maps->n; i++) {
		const struct spec_id_map *m = &maps->v[i];

		if (m->size == 0)
			return idmap_bad(pointer, i, "is empty", err);
		if (m->size > IDMAP_NONE - m->containerID || m->size > IDMAP_NONE - m->hostID)
			return idmap_bad(pointer, i, "goes beyond 32 bits", err);
		for (size_t k = 0; k < i; k++) {
			const struct spec_id_map *o = &maps->v[k];

			if (ranges_meet(m->containerID, m->size, o->containerID, o->size) ||
			    ranges_meet(m->hostID, m->size, o->hostID, o->size))
				return idmap_bad(pointer, i, "overlaps an earlier one", err);
		}
	}
	return 0;
}

int idmap_text(const struct spec_id_maps *maps, const char *pointer, struct arena *arena,
	       const char **ret, struct err *err)
{
	AUTO_BUF text;
	char *copy;

	buf_init(&text);
	if (idmap_check(maps, pointer, err) < 0)
		return -1;
	for (size_t i = 0; i < maps->n; i++)
		buf_printf(&text, "%u %u %u\n", maps->v[i].containerID, maps->v[i].hostID,
			   maps->v[i].size);
	copy = buf_failed(&text) ? NULL : arena_strdup(arena, text.s);
	if (copy == NULL)
		return err_set(err, ENOMEM, "id mappings: out of memory");
	*ret = copy;
	return 0;
}

int idmap_to_host(const struct spec_id_maps *maps, uint32_t id, uint32_t *ret)
{
	for (size_t i = 0; maps != NULL && i < maps->n; i++) {
		const struct spec_id_map *m = &maps->v[i];

		if (id >= m->containerID && id - m->containerID < m->size) {
			*ret = m->hostID + (id - m->containerID);
			return 0;
		}
	}
	return -1;
}

static bool idmap_is_own(const struct spec_id_maps *maps, uint32_t id)
{
	return maps->n == 1 && maps->v[0].size == 1 && maps->v[0].hostID == id;
}

/* Everything that follows from the two lists. */
static int idmap_finish(struct idmap *m, const struct idmap_caller *caller, struct arena *arena,
			struct err *err)
{
	if (idmap_text(m->uids, "/linux/uidMappings", arena, &m->uid_text, err) < 0 ||
	    idmap_text(m->gids, "/linux/gidMappings", arena, &m->gid_text, err) < 0)
		return -1;
	if (idmap_to_host(m->uids, 0, &m->root_uid) < 0)
		m->root_uid = IDMAP_NONE;
	if (idmap_to_host(m->gids, 0, &m->root_gid) < 0)
		m->root_gid = IDMAP_NONE;
	if (!caller->privileged) {
		m->deny_setgroups = idmap_is_own(m->gids, caller->gid);
		m->helpers = !m->deny_setgroups || !idmap_is_own(m->uids, caller->uid);
	}
	return 0;
}

int idmap_make(const struct spec *spec, const struct idmap_caller *caller, struct arena *arena,
	       struct idmap *ret, struct err *err)
{
	struct idmap m = {
		.uids = &spec->linux_->uidMappings,
		.gids = &spec->linux_->gidMappings,
		.root_uid = IDMAP_NONE,
		.root_gid = IDMAP_NONE,
	};

	if ((m.uids->n == 0) != (m.gids->n == 0))
		return err_field(err, EINVAL,
				 m.uids->n == 0 ? "/linux/uidMappings" : "/linux/gidMappings",
				 "user and group mappings must be given together");
	if (m.uids->n > 0 && idmap_finish(&m, caller, arena, err) < 0)
		return -1;
	*ret = m;
	return 0;
}

/* --- a caller's own maps ------------------------------------------------------ */

/* The first `n` fields of a line, cut at ':'; false if there are fewer. */
static bool idmap_fields(char *line, char **fields, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (line == NULL)
			return false;
		fields[i] = strsep(&line, ":");
	}
	return true;
}

/* The caller's name in /etc/passwd; "" when it has none there. */
static int idmap_user_name(uint32_t uid, struct arena *arena, const char **ret, struct err *err)
{
	AUTO_BUF text;
	char *rest, *line, *fields[3];
	uint32_t id;

	*ret = "";
	buf_init(&text);
	if (file_read(AT_FDCWD, "/etc/passwd", &text, IDMAP_FILE_MAX, true) < 0)
		return errno == ENOENT ? 0 : err_sys(err, "read \"/etc/passwd\"");
	rest = text.s;
	while ((line = strsep(&rest, "\n")) != NULL) {
		if (!idmap_fields(line, fields, ARRAY_SIZE(fields)) ||
		    units_id(fields[2], &id) < 0 || id != uid)
			continue;
		*ret = arena_strdup(arena, fields[0]);
		if (*ret == NULL)
			return err_sys(err, "copy a user name");
		break;
	}
	return 0;
}

/* Appends the ranges that a file such as /etc/subuid gives to a user. */
static int idmap_add_ranges(const char *path, const char *name, uint32_t uid,
			    struct spec_id_maps *maps, struct err *err)
{
	AUTO_BUF text;
	char *rest, *line, *fields[3];
	char number[16];
	uint64_t next = 1;

	buf_init(&text);
	if (str_format(number, sizeof(number), "%u", uid) < 0)
		return err_sys(err, "format user id");
	if (file_read(AT_FDCWD, path, &text, IDMAP_FILE_MAX, true) < 0)
		return errno == ENOENT ? 0 : err_sys(err, "read \"%s\"", path);
	rest = text.s;
	while (maps->n < IDMAP_OWN_RANGES && (line = strsep(&rest, "\n")) != NULL) {
		uint32_t start;
		uint64_t count;

		if (!idmap_fields(line, fields, ARRAY_SIZE(fields)) || fields[0][0] == '\0' ||
		    (strcmp(fields[0], name) != 0 && strcmp(fields[0], number) != 0) ||
		    units_id(fields[1], &start) < 0 ||
		    units_u64(fields[2], IDMAP_NONE, &count) < 0 || count == 0 ||
		    count > IDMAP_NONE - start || next + count > IDMAP_NONE)
			continue;
		maps->v[maps->n++] = (struct spec_id_map){ (uint32_t)next, start, (uint32_t)count };
		next += count;
	}
	return 0;
}

static const char *idmap_helper(const char *const *places)
{
	for (; *places != NULL; places++) {
		if (access(*places, X_OK) == 0)
			return *places;
	}
	return NULL;
}

static const char *const newuidmap_places[] = {
	"/usr/bin/newuidmap",
	"/bin/newuidmap",
	"/usr/sbin/newuidmap",
	"/usr/local/bin/newuidmap",
	NULL,
};
static const char *const newgidmap_places[] = {
	"/usr/bin/newgidmap",
	"/bin/newgidmap",
	"/usr/sbin/newgidmap",
	"/usr/local/bin/newgidmap",
	NULL,
};

static struct spec_id_maps *idmap_new_own(uint32_t id, struct arena *arena)
{
	struct spec_id_maps *maps = arena_alloc(arena, sizeof(*maps));

	if (maps == NULL)
		return NULL;
	maps->v = arena_array(arena, IDMAP_OWN_RANGES, sizeof(*maps->v));
	if (maps->v == NULL)
		return NULL;
	maps->v[0] = (struct spec_id_map){ 0, id, 1 };
	maps->n = 1;
	return maps;
}

int idmap_make_own(const struct idmap_caller *caller, struct arena *arena, struct idmap *ret,
		   struct err *err)
{
	struct spec_id_maps *uids = idmap_new_own(caller->uid, arena);
	struct spec_id_maps *gids = idmap_new_own(caller->gid, arena);
	struct idmap m = { .uids = uids, .gids = gids };
	const char *name;

	if (uids == NULL || gids == NULL)
		return err_sys(err, "make id mappings");
	if (idmap_helper(newuidmap_places) != NULL && idmap_helper(newgidmap_places) != NULL) {
		if (idmap_user_name(caller->uid, arena, &name, err) < 0 ||
		    idmap_add_ranges("/etc/subuid", name, caller->uid, uids, err) < 0 ||
		    idmap_add_ranges("/etc/subgid", name, caller->uid, gids, err) < 0)
			return -1;
		/* one without the other is of no use */
		if (uids->n == 1 || gids->n == 1)
			uids->n = gids->n = 1;
	}
	if (idmap_finish(&m, caller, arena, err) < 0)
		return -1;
	*ret = m;
	return 0;
}

/* --- writing -------------------------------------------------------------------- */

/* newuidmap PID INSIDE OUTSIDE COUNT... */
static int idmap_run(const char *const *places, const struct spec_id_maps *maps, pid_t pid,
		     struct err *err)
{
	char numbers[3 * IDMAP_LINES_MAX + 1][12];
	char *argv[3 * IDMAP_LINES_MAX + 3];
	const char *path = idmap_helper(places);
	struct proc_run run = { .stdout_fd = -1, .stderr_fd = -1, .timeout_ms = IDMAP_HELPER_MS };
	AUTO_BUF output;
	char name[64];
	size_t n = 0;
	int status;

	buf_init(&output);
	if (path == NULL)
		return err_set(err, ENOENT,
			       "\"%s\" is not installed; without it and without "
			       "privileges only the caller's own id can be mapped",
			       places[0]);
	if (str_copy(name, sizeof(name), path) < 0)
		return err_sys(err, "run \"%s\"", path);
	if (str_format(numbers[n++], sizeof(numbers[0]), "%d", (int)pid) < 0)
		return err_sys(err, "format pid");
	for (size_t i = 0; i < maps->n; i++) {
		if (str_format(numbers[n++], sizeof(numbers[0]), "%u", maps->v[i].containerID) <
			    0 ||
		    str_format(numbers[n++], sizeof(numbers[0]), "%u", maps->v[i].hostID) < 0 ||
		    str_format(numbers[n++], sizeof(numbers[0]), "%u", maps->v[i].size) < 0)
			return err_sys(err, "format id mappings");
	}
	argv[0] = name;
	for (size_t i = 0; i < n; i++)
		argv[i + 1] = numbers[i];
	argv[n + 1] = NULL;
	run.path = path;
	run.argv = argv;
	run.output = &output;
	status = proc_run(&run, err);
	if (status < 0)
		return -1;
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
		return err_set(err, EPERM, "\"%s\" failed: %.300s", path,
			       output.len > 0 ? output.s : "no message");
	return 0;
}

static int idmap_write_file(pid_t pid, const char *name, const char *text, struct err *err)
{
	char path[64];

	if (str_format(path, sizeof(path), "/proc/%d/%s", (int)pid, name) < 0)
		return err_sys(err, "path of \"%s\"", name);
	if (file_write_text(AT_FDCWD, path, text) < 0)
		return err_sys(err, "write \"%s\"", path);
	return 0;
}

int idmap_write(const struct idmap *m, pid_t pid, struct err *err)
{
	if (m->uid_text == NULL || m->gid_text == NULL)
		return 0;
	if (m->deny_setgroups && idmap_write_file(pid, "setgroups", "deny", err) < 0)
		return -1;
	if ((m->helpers ? idmap_run(newuidmap_places, m->uids, pid, err)
			: idmap_write_file(pid, "uid_map", m->uid_text, err)) < 0)
		return -1;
	/* with setgroups denied the own group can be written without help */
	if (m->helpers && !m->deny_setgroups)
		return idmap_run(newgidmap_places, m->gids, pid, err);
	return idmap_write_file(pid, "gid_map", m->gid_text, err);
}

int idmap_userns_fd(const struct spec_id_maps *uids, const struct spec_id_maps *gids,
		    struct arena *arena, struct err *err)
{
	const char *uid_text, *gid_text;

	if (idmap_text(uids, "/mounts/uidMappings", arena, &uid_text, err) < 0 ||
	    idmap_text(gids, "/mounts/gidMappings", arena, &gid_text, err) < 0)
		return -1;
	return spawn_userns(uid_text, gid_text, err);
}
