/* SPDX-License-Identifier: Apache-2.0 */
/* landlock.c - Landlock rules of a container
 *
 * The annotation is decoded strictly (an unknown key is an error: it may be a
 * rule somebody relies on) in the parent; init opens the paths in the entered
 * root and makes the ruleset.  What the kernel is too old for fails, unless
 * best_effort says that a weaker sandbox will do.
 * landlock(7); the kernel's Documentation/userspace-api/landlock.rst.
 */
#include "runtime/isolate/landlock.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/fd.h"
#include "base/json.h"

/* Newer than Debian 12's headers. */
#define FS_TRUNCATE	    (UINT64_C(1) << 14) /* ABI 3 */
#define FS_IOCTL_DEV	    (UINT64_C(1) << 15) /* ABI 5 */
#define NET_BIND_TCP	    (UINT64_C(1) << 0) /* ABI 4 */
#define NET_CONNECT_TCP	    (UINT64_C(1) << 1)
#define SCOPE_ABSTRACT_UNIX (UINT64_C(1) << 0) /* ABI 6 */
#define SCOPE_SIGNAL	    (UINT64_C(1) << 1)
#define RULE_NET_PORT	    2

#define FS_READ (LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR)
#define FS_ABI_1                                                                                  \
 (FS_READ | LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_WRITE_FILE |                          \
  LANDLOCK_ACCESS_FS_REMOVE_DIR | LANDLOCK_ACCESS_FS_REMOVE_FILE | LANDLOCK_ACCESS_FS_MAKE_CHAR | \
  LANDLOCK_ACCESS_FS_MAKE_DIR | LANDLOCK_ACCESS_FS_MAKE_REG | LANDLOCK_ACCESS_FS_MAKE_SOCK |      \
  LANDLOCK_ACCESS_FS_MAKE_FIFO | LANDLOCK_ACCESS_FS_MAKE_BLOCK | LANDLOCK_ACCESS_FS_MAKE_SYM)
#define FS_ALL (FS_ABI_1 | LANDLOCK_ACCESS_FS_REFER | FS_TRUNCATE | FS_IOCTL_DEV)
/* What a rule on something that is no directory may hold. */
#define FS_FILE                                                                               \
 (LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_READ_FILE | \
  FS_TRUNCATE | FS_IOCTL_DEV)

#define FIELD "/annotations/" LANDLOCK_ANNOTATION

/* struct landlock_ruleset_attr of ABI 6; an older kernel takes it if what it does not know is 0. */
struct ruleset_attr {
	uint64_t fs, net, scoped;
};
struct port_attr {
	uint64_t access, port;
};

struct document {
	struct strings ro, rw, exec, scope;
	char *tcp_bind, *tcp_connect; /* raw: an empty list is not the same as none */
	bool best_effort;
};

static const struct json_field document_fields[] = {
	JSON_FIELD(struct document, ro, JSON_STRINGS),
	JSON_FIELD(struct document, rw, JSON_STRINGS),
	JSON_FIELD(struct document, exec, JSON_STRINGS),
	JSON_FIELD(struct document, scope, JSON_STRINGS),
	JSON_FIELD(struct document, tcp_bind, JSON_RAW),
	JSON_FIELD(struct document, tcp_connect, JSON_RAW),
	JSON_FIELD(struct document, best_effort, JSON_BOOL),
};
static const struct json_table document_table = {
	.fields = document_fields,
	.n = ARRAY_SIZE(document_fields),
	.size = sizeof(struct document),
	.strict = true,
};

struct port_list {
	struct u32s ports;
};
static const struct json_field port_fields[] = {
	JSON_FIELD(struct port_list, ports, JSON_U32S),
};
static const struct json_table port_table = JSON_TABLE(struct port_list, port_fields);

struct builder {
	struct arena *arena;
	struct landlock_path *paths;
	size_t n_paths, cap_paths;
	struct landlock_port *ports;
	size_t n_ports, cap_ports;
};

static int add_paths(struct builder *b, const struct strings *list, uint64_t access,
		     struct err *err)
{
	for (size_t i = 0; i < list->n; i++) {
		if (list->v[i][0] != '/')
			return err_field(err, EINVAL, FIELD, "landlock path \"%s\" is not absolute",
					 list->v[i]);
		if (b->n_paths == LANDLOCK_RULES_MAX)
			return err_field(err, E2BIG, FIELD, "more than %d landlock paths",
					 LANDLOCK_RULES_MAX);
		b->paths = arena_grow(b->arena, b->paths, b->n_paths, &b->cap_paths,
				      sizeof(*b->paths));
		if (b->paths == NULL)
			return err_set(err, ENOMEM, "landlock rules: out of memory");
		b->paths[b->n_paths++] = (struct landlock_path){ list->v[i], access };
	}
	return 0;
}

static int add_ports(struct builder *b, const char *raw, uint64_t access, struct err *err)
{
	struct port_list list;
	char *text = arena_printf(b->arena, "{\"ports\":%s}", raw);

	if (text == NULL)
		return err_set(err, ENOMEM, "landlock rules: out of memory");
	if (json_decode(LANDLOCK_ANNOTATION, text, strlen(text), &port_table, &list, b->arena,
			err) < 0)
		return -1;
	for (size_t i = 0; i < list.ports.n; i++) {
		if (list.ports.v[i] > UINT16_MAX)
			return err_field(err, ERANGE, FIELD, "landlock port %u is above 65535",
					 list.ports.v[i]);
		if (b->n_ports == LANDLOCK_RULES_MAX)
			return err_field(err, E2BIG, FIELD, "more than %d landlock ports",
					 LANDLOCK_RULES_MAX);
		b->ports = arena_grow(b->arena, b->ports, b->n_ports, &b->cap_ports,
				      sizeof(*b->ports));
		if (b->ports == NULL)
			return err_set(err, ENOMEM, "landlock rules: out of memory");
		b->ports[b->n_ports++] =
			(struct landlock_port){ (uint16_t)list.ports.v[i], access };
	}
	return 0;
}

static int make_scope(const struct strings *scope, uint64_t *ret, struct err *err)
{
	for (size_t i = 0; i < scope->n; i++) {
		if (strcmp(scope->v[i], "abstract-unix") == 0)
			*ret |= SCOPE_ABSTRACT_UNIX;
		else if (strcmp(scope->v[i], "signal") == 0)
			*ret |= SCOPE_SIGNAL;
		else
			return err_field(err, EINVAL, FIELD, "unknown landlock scope \"%s\"",
					 scope->v[i]);
	}
	return 0;
}

/* What comes back from json_decode() points into the annotation, not into config.json. */
static int rename_field(struct err *err)
{
	if (err != NULL) {
		err->field[0] = '\0';
		return err_at(err, FIELD);
	}
	return -1;
}

int landlock_make(const char *text, struct arena *arena, struct landlock *ret, struct err *err)
{
	struct landlock l = { .set = text != NULL };
	struct builder b = { .arena = arena };
	struct document d;

	if (text == NULL) {
		*ret = l;
		return 0;
	}
	if (json_decode(LANDLOCK_ANNOTATION, text, strlen(text), &document_table, &d, arena, err) <
	    0)
		return rename_field(err);
	if (add_paths(&b, &d.ro, FS_READ, err) < 0 ||
	    add_paths(&b, &d.exec, FS_READ | LANDLOCK_ACCESS_FS_EXECUTE, err) < 0 ||
	    add_paths(&b, &d.rw, FS_ALL & ~LANDLOCK_ACCESS_FS_EXECUTE, err) < 0 ||
	    make_scope(&d.scope, &l.scoped, err) < 0)
		return -1;
	if ((d.tcp_bind != NULL && add_ports(&b, d.tcp_bind, NET_BIND_TCP, err) < 0) ||
	    (d.tcp_connect != NULL && add_ports(&b, d.tcp_connect, NET_CONNECT_TCP, err) < 0))
		return rename_field(err);
	l.handled_fs = b.n_paths > 0 ? FS_ALL : 0;
	l.handled_net = (d.tcp_bind != NULL ? NET_BIND_TCP : 0) |
			(d.tcp_connect != NULL ? NET_CONNECT_TCP : 0);
	l.paths = b.paths;
	l.n_paths = b.n_paths;
	l.ports = b.ports;
	l.n_ports = b.n_ports;
	l.best_effort = d.best_effort;
	if (l.handled_fs == 0 && l.handled_net == 0 && l.scoped == 0)
		return err_field(err, EINVAL, FIELD, "landlock rules restrict nothing");
	*ret = l;
	return 0;
}

int landlock_abi(void)
{
	long abi = syscall(SYS_landlock_create_ruleset, NULL, 0UL,
			   (unsigned long)LANDLOCK_CREATE_RULESET_VERSION);

	return abi > 0 ? (int)abi : 0;
}

int landlock_limit(struct landlock *l, int abi, struct err *err)
{
	static const uint64_t fs[] = {
		0,
		FS_ABI_1,
		FS_ABI_1 | LANDLOCK_ACCESS_FS_REFER,
		FS_ABI_1 | LANDLOCK_ACCESS_FS_REFER | FS_TRUNCATE,
		FS_ABI_1 | LANDLOCK_ACCESS_FS_REFER | FS_TRUNCATE,
		FS_ALL,
	};
	uint64_t known_fs = fs[abi < (int)ARRAY_SIZE(fs) ? abi : (int)ARRAY_SIZE(fs) - 1];
	uint64_t known_net = abi >= 4 ? NET_BIND_TCP | NET_CONNECT_TCP : 0;
	uint64_t known_scope = abi >= 6 ? SCOPE_ABSTRACT_UNIX | SCOPE_SIGNAL : 0;

	if (!l->set)
		return 0;
	if (!l->best_effort &&
	    ((l->handled_fs & ~known_fs) != 0 || (l->handled_net & ~known_net) != 0 ||
	     (l->scoped & ~known_scope) != 0))
		return err_field(err, EOPNOTSUPP, FIELD,
				 "this kernel has landlock ABI %d, the rules need a newer one; "
				 "\"best_effort\":true takes what there is",
				 abi);
	l->handled_fs &= known_fs;
	l->handled_net &= known_net;
	l->scoped &= known_scope;
	return 0;
}

static int apply_path(int ruleset, const struct landlock *l, const struct landlock_path *p,
		      struct err *err)
{
	struct landlock_path_beneath_attr attr = { .allowed_access = p->access & l->handled_fs };
	struct stat st;
	AUTO_FD fd = open(p->path, O_PATH | O_CLOEXEC);

	if (fd < 0 && l->best_effort && (errno == ENOENT || errno == ENOTDIR))
		return 0;
	if (fd < 0 || fstat(fd, &st) < 0)
		return err_sys(err, "open landlock path \"%s\"", p->path);
	if (!S_ISDIR(st.st_mode))
		attr.allowed_access &= FS_FILE;
	attr.parent_fd = fd;
	if (syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &attr, 0U) < 0)
		return err_sys(err, "add landlock path \"%s\"", p->path);
	return 0;
}

static int apply_rules(int ruleset, const struct landlock *l, struct err *err)
{
	for (size_t i = 0; l->handled_fs != 0 && i < l->n_paths; i++) {
		if (apply_path(ruleset, l, &l->paths[i], err) < 0)
			return -1;
	}
	for (size_t i = 0; i < l->n_ports; i++) {
		struct port_attr attr = { l->ports[i].access & l->handled_net, l->ports[i].port };

		if (attr.access != 0 &&
		    syscall(SYS_landlock_add_rule, ruleset, RULE_NET_PORT, &attr, 0U) < 0)
			return err_sys(err, "add landlock port %u", l->ports[i].port);
	}
	return 0;
}

int landlock_apply(const struct landlock *l, struct err *err)
{
	struct ruleset_attr attr = { l->handled_fs, l->handled_net, l->scoped };
	AUTO_FD ruleset = -1;

	if (!l->set || (attr.fs == 0 && attr.net == 0 && attr.scoped == 0))
		return 0;
	ruleset = (int)syscall(SYS_landlock_create_ruleset, &attr, sizeof(attr), 0U);
	if (ruleset < 0)
		return err_sys(err, "make a landlock ruleset");
	if (apply_rules(ruleset, l, err) < 0)
		return -1;
	if (syscall(SYS_landlock_restrict_self, ruleset, 0U) < 0)
		return err_sys(err, "enforce landlock rules");
	return 0;
}
