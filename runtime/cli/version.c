/* SPDX-License-Identifier: Apache-2.0 */
/* version.c - what --version prints
 *
 * docker takes the line with the word "version" apart and looks for "commit: ";
 * go-runc wants "runc version " first.  What was built in is read from the
 * features document, so that there is one truth about it.
 */
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "runtime/cli/print.h"
#include "runtime/cli/version.h"

#ifndef SKERRY_COMMIT
# define SKERRY_COMMIT "unknown"
#endif

struct toggle {
	bool enabled;
};
struct cgroup {
	bool systemd;
};
struct linux_features {
	struct toggle seccomp, apparmor, selinux;
	struct cgroup cgroup;
};
struct features {
	struct linux_features linux_;
	struct pairs annotations;
};

static const struct json_field toggle_fields[] = { JSON_FIELD(struct toggle, enabled, JSON_BOOL) };
static const struct json_table toggle_table = JSON_TABLE(struct toggle, toggle_fields);
static const struct json_field cgroup_fields[] = { JSON_FIELD(struct cgroup, systemd, JSON_BOOL) };
static const struct json_table cgroup_table = JSON_TABLE(struct cgroup, cgroup_fields);
static const struct json_field linux_fields[] = {
	JSON_FIELD(struct linux_features, seccomp, JSON_INLINE, .sub = &toggle_table),
	JSON_FIELD(struct linux_features, apparmor, JSON_INLINE, .sub = &toggle_table),
	JSON_FIELD(struct linux_features, selinux, JSON_INLINE, .sub = &toggle_table),
	JSON_FIELD(struct linux_features, cgroup, JSON_INLINE, .sub = &cgroup_table),
};
static const struct json_table linux_table = JSON_TABLE(struct linux_features, linux_fields);
static const struct json_field features_fields[] = {
	JSON_FIELD_AS("linux", struct features, linux_, JSON_INLINE, .sub = &linux_table),
	JSON_FIELD(struct features, annotations, JSON_PAIRS),
};
static const struct json_table features_table = JSON_TABLE(struct features, features_fields);

/* "io.github.seccomp.libseccomp.version": "2.5.4" becomes "libseccomp: 2.5.4". */
static void print_libraries(struct buf *out, const struct pairs *annotations)
{
	static const char suffix[] = ".version";
	for (size_t i = 0; i < annotations->n; i++) {
		const char *key = annotations->v[i].key, *end = strstr(key, suffix);
		if (!end || end[strlen(suffix)] || str_starts(key, "org."))
			continue;
		const char *name = end;
		while (name > key && name[-1] != '.')
			name--;
		buf_printf(out, "%.*s: %s\n", (int)(end - name), name, annotations->v[i].value);
	}
}

static void print_features(struct buf *out, const struct features *f)
{
	buf_puts(out, "+CAP +EBPF +YAJL");
	if (f->linux_.seccomp.enabled)
		buf_puts(out, " +SECCOMP");
	if (f->linux_.apparmor.enabled)
		buf_puts(out, " +APPARMOR");
	if (f->linux_.selinux.enabled)
		buf_puts(out, " +SELINUX");
	if (f->linux_.cgroup.systemd)
		buf_puts(out, " +SYSTEMD");
	buf_putc(out, '\n');
	print_libraries(out, &f->annotations);
}

int version_print(const char *program, struct err *err)
{
	AUTO_BUF b;
	buf_init(&b);
	buf_printf(&b, "%s version %s\ncommit: %s\nspec: %s\n",
		   str_eq(program, "runc") ? "runc" : "skerry", SKERRY_VERSION, SKERRY_COMMIT,
		   SKERRY_SPEC_VERSION);

	/* The lines above are what callers need; a host where the rest can't be
	 * found out still has a version. */
	struct skerry_options options = { .size = sizeof(options), .rootless = -1 };
	struct skerry *s = skerry_open(&options, NULL);
	AUTO_FREE char *text = s ? skerry_features_json(s, NULL) : NULL;
	struct arena arena;
	struct features f;
	arena_init(&arena, ARENA_MAX_DEFAULT);
	if (text &&
	    json_decode("features", text, strlen(text), &features_table, &f, &arena, NULL) == 0)
		print_features(&b, &f);
	arena_release(&arena);
	skerry_close(s);
	return print_buf(&b, err);
}
