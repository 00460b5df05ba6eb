/* SPDX-License-Identifier: Apache-2.0 */
/* common.c - what the commands of skerry-image share */
#include "image/cli/common.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/libexec.h"
#include "base/log.h"
#include "image/config.h"
#include "image/manifest.h"
#include "image/rootless.h"

struct image_globals image_globals;

static volatile int interrupted;

static void on_signal(int sig)
{
	(void)sig;
	interrupted = 1;
}

const volatile int *common_interruptible(void)
{
	struct sigaction a = { .sa_handler = on_signal, .sa_flags = (int)SA_RESETHAND };
	(void)sigaction(SIGINT, &a, NULL);
	(void)sigaction(SIGTERM, &a, NULL);
	return &interrupted;
}

int common_runtime(const char *const words[], const struct proc_run *how, struct err *err)
{
	CLEANUP(arena_release) struct arena arena;
	char path[PATH_MAX];
	size_t n = 0, at = 0;
	arena_init(&arena, ARENA_MAX_DEFAULT);
	if (libexec_runtime(path, err) < 0)
		return -1;
	while (words[n])
		n++;
	char **argv = arena_array(&arena, n + 4, sizeof(*argv));
	if (!argv)
		return err_set(err, ENOMEM, "out of memory");
	argv[at++] = arena_strdup(&arena, "skerry");
	if (image_globals.root) {
		argv[at++] = arena_strdup(&arena, "--root");
		argv[at++] = arena_strdup(&arena, image_globals.root);
	}
	for (size_t i = 0; i < n; i++)
		argv[at++] = arena_strdup(&arena, words[i]);
	for (size_t i = 0; i < at; i++) {
		if (!argv[i])
			return err_set(err, ENOMEM, "out of memory");
	}
	struct proc_run run = *how;
	run.path = path;
	run.argv = argv;
	run.env = environ;
	return proc_run(&run, err);
}

int common_store(bool create, struct store **ret, struct err *err)
{
	char path[PATH_MAX];
	const char *given = getenv("SKERRY_STORE"); /* NOLINT(concurrency-mt-unsafe) */
	if (image_globals.store)
		given = image_globals.store;
	if (given && given[0]) {
		if (str_copy(path, sizeof(path), given) < 0)
			return err_set(err, ENAMETOOLONG, "the store's path is too long");
	} else if (store_default_path(path, sizeof(path), err) < 0) {
		return -1;
	}
	/* an ordinary user's store has files of ids that only its own namespace maps */
	if (rootless_enter(err) < 0 || store_open(path, create, ret, err) < 0)
		return -1;
	const char *form = getenv("SKERRY_LAYERS"); /* NOLINT(concurrency-mt-unsafe) */
	if (image_globals.layers)
		form = image_globals.layers;
	if (!form || !form[0] || strcmp(form, "auto") == 0)
		return 0;
	if (strcmp(form, "directory") == 0) {
		store_set_form(*ret, STORE_FORM_DIRECTORY);
	} else if (strcmp(form, "erofs") == 0) {
		store_set_form(*ret, STORE_FORM_EROFS);
	} else {
		store_close(*ret);
		*ret = NULL;
		return err_set(err, EINVAL,
			       "invalid value \"%s\" for --layers: auto, erofs or directory", form);
	}
	return 0;
}

void common_store_close(struct store **s)
{
	if (*s)
		store_close(*s);
}

/* A short name's path as it was typed. */
static const char *short_path(const struct reference *ref)
{
	return str_starts(ref->path, "library/") ? ref->path + 8 : ref->path;
}

const char *common_name(const struct image *image, const char *typed)
{
	struct reference ref;
	char name[REFERENCE_TEXT_MAX], local[REFERENCE_TEXT_MAX] = "";
	if (reference_parse(typed, &ref, NULL) < 0)
		return NULL;
	reference_format(&ref, name, sizeof(name));
	if (ref.is_short)
		(void)!str_format(local, sizeof(local), "localhost/%s:%s", short_path(&ref),
				  ref.tag);
	for (size_t i = 0; i < image->names.n; i++) {
		if (str_eq(image->names.v[i], name) || str_eq(image->names.v[i], local))
			return image->names.v[i];
	}
	return NULL;
}

static bool is_id(const char *typed)
{
	if (str_starts(typed, "sha256:"))
		return true;
	size_t len = strlen(typed);
	return len >= 4 && len <= DIGEST_SHA256_HEX && !typed[strspn(typed, "0123456789abcdef")];
}

int common_find(const struct store *s, const char *typed, struct image *ret, struct arena *arena,
		struct err *err)
{
	struct reference ref;
	char name[REFERENCE_TEXT_MAX];
	struct err why = { 0 };
	if (str_starts(typed, "sha256:"))
		return store_find_image(s, typed, ret, arena, err);
	if (reference_parse(typed, &ref, err) < 0)
		return -1;
	reference_format(&ref, name, sizeof(name));
	if (store_find_image(s, name, ret, arena, &why) == 0)
		return 0;
	if (why.code == ENOENT && ref.is_short) {
		/* "localhost/NAME" is what a build without a registry is called */
		char local[REFERENCE_TEXT_MAX];
		if (str_format(local, sizeof(local), "localhost/%s:%s", short_path(&ref),
			       ref.tag) == 0 &&
		    store_find_image(s, local, ret, arena, NULL) == 0)
			return 0;
	}
	if (why.code == ENOENT && ref.digest[0] &&
	    store_find_image(s, ref.digest, ret, arena, NULL) == 0)
		return 0;
	if (why.code == ENOENT && is_id(typed))
		return store_find_image(s, typed, ret, arena, err);
	if (why.code == ENOENT)
		return err_set(err, ENOENT, "no such image \"%s\"", typed);
	if (err)
		*err = why;
	return -1;
}

static int rank_of(const struct platform *wanted, const struct image *i)
{
	struct platform is;
	platform_set(&is, i->os, i->architecture, i->variant);
	return platform_rank(wanted, &is);
}

int common_find_for(const struct store *s, const char *typed, const char *platform,
		    struct image *ret, struct arena *arena, struct err *err)
{
	struct platform wanted;
	struct image first;
	struct images all;
	if (common_find(s, typed, &first, arena, err) < 0)
		return -1;
	if (!platform) {
		*ret = first;
		return 0;
	}
	if (platform_parse(platform, &wanted, err) < 0 ||
	    store_list_images(s, &all, arena, err) < 0)
		return -1;
	const struct image *best = &first;
	int best_rank = rank_of(&wanted, best);
	for (size_t i = 0; digest_is_set(&first.index) && i < all.n; i++) {
		const struct image *other = &all.v[i];
		int rank =
			digest_is_equal(&other->index, &first.index) ? rank_of(&wanted, other) : -1;
		if (rank >= 0 && (best_rank < 0 || rank < best_rank)) {
			best = other;
			best_rank = rank;
		}
	}
	if (best_rank < 0)
		return err_set(err, ENOENT, "no image \"%s\" for %s is here", typed, platform);
	*ret = *best;
	return 0;
}

int common_config(const struct store *s, const struct image *image, struct image_config *ret,
		  struct arena *arena, struct err *err)
{
	AUTO_BUF text;
	buf_init(&text);
	if (store_read_blob(s, &image->config, CONFIG_SIZE_MAX, &text, err) < 0)
		return -1;
	return config_parse("config", text.s, text.len, ret, arena, err);
}

int common_output_open(const char *path, struct err *err)
{
	char dir[PATH_MAX];
	struct stat st;
	const char *slash = strrchr(path, '/');
	bool plain = lstat(path, &st) < 0 ? errno == ENOENT : S_ISREG(st.st_mode);
	int fd = -1;
	if (plain && str_format(dir, sizeof(dir), "%.*s/", slash ? (int)(slash - path) : 1,
				slash ? path : ".") == 0)
		fd = open(dir, O_TMPFILE | O_WRONLY | O_CLOEXEC, 0644);
	/* not every file system has files without names */
	if (fd < 0)
		fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	return fd < 0 ? err_sys(err, "open \"%s\"", path) : fd;
}

int common_output_finish(int fd, const char *path, struct err *err)
{
	char from[64], beside[PATH_MAX];
	struct stat st;
	if (fstat(fd, &st) < 0)
		return err_sys(err, "write \"%s\"", path);
	if (st.st_nlink > 0)
		return 0;
	if (str_format(from, sizeof(from), "/proc/self/fd/%d", fd) < 0 ||
	    str_format(beside, sizeof(beside), "%s.%d.new", path, (int)getpid()) < 0)
		return err_sys(err, "write \"%s\"", path);
	if (linkat(AT_FDCWD, from, AT_FDCWD, path, AT_SYMLINK_FOLLOW) == 0)
		return 0;
	if (linkat(AT_FDCWD, from, AT_FDCWD, beside, AT_SYMLINK_FOLLOW) < 0)
		return err_sys(err, "write \"%s\"", path);
	if (rename(beside, path) == 0)
		return 0;
	(void)err_sys(err, "write \"%s\"", path);
	(void)unlink(beside);
	return -1;
}

void common_fold(struct images *images)
{
	size_t kept = 0;
	for (size_t i = 0; i < images->n; i++) {
		const struct image *image = &images->v[i];
		bool again = false;
		/* kept ones before it, all behind it */
		for (size_t k = 0; image->names.n == 0 && !again && k < images->n; k++) {
			if (k < kept || (k > i && images->v[k].names.n > 0))
				again = digest_is_equal(&images->v[k].config, &image->config);
		}
		if (!again)
			images->v[kept++] = images->v[i];
	}
	images->n = kept;
}

void common_short_id(const struct digest *d, char *dst, size_t size)
{
	(void)!snprintf(dst, size, "%.*s", SHORT_ID, digest_hex(d));
}

int common_note(const char *path, const struct digest *d, struct err *err)
{
	if (path && file_replace(AT_FDCWD, path, d->text, strlen(d->text), 0644) < 0)
		return err_sys(err, "write \"%s\"", path);
	return 0;
}

#define ROW(name_, letter_, kind_, member, value_, help_) \
 .name = (name_), .letter = (letter_), .kind = (kind_),   \
 .offset = offsetof(struct registry_flags, member), .value = (value_), .help = (help_)

static const struct option rows[] = {
	{ ROW("authfile", 0, OPTION_STRING, authfile, "FILE",
	      "credentials (default: where podman and docker keep them)") },
	{ ROW("creds", 0, OPTION_STRING, creds, "USER:PASSWORD", "credentials for this once") },
	{ ROW("tls-verify", 0, OPTION_SWITCH, tls_verify, NULL,
	      "demand TLS with a trusted certificate; --tls-verify=false demands neither") },
	{ ROW("cert-dir", 0, OPTION_STRING, cert_dir, "DIR",
	      "certificates for the registry (default: DIR of its name in "
	      "/etc/containers/certs.d)") },
	{ ROW("registries-conf", 0, OPTION_STRING, registries_conf, "FILE",
	      "mirrors and short names (default: /etc/containers/registries.conf)") },
};
const struct option_table registry_flag_table = { rows, ARRAY_SIZE(rows), NULL };

static void warn(const char *text, void *arg)
{
	struct progress *const *p = arg;
	if (p && *p)
		progress_say(*p, text);
	else
		log_warning("%s", text);
}

int common_registry(struct cli *cli, const struct registry_flags *flags,
		    struct registry_options *ret, struct err *err)
{
	*ret = (struct registry_options){
		.endpoint = { .registries_conf = flags->registries_conf,
			      .cert_dir = flags->cert_dir,
			      .tls_verify = flags->tls_verify },
		.authfile = flags->authfile,
		.interrupted = common_interruptible(),
		.warn = warn,
	};
	if (!flags->creds)
		return 0;
	char *user = arena_strdup(&cli->arena, flags->creds);
	if (!user)
		return err_set(err, ENOMEM, "out of memory");
	char *colon = strchr(user, ':');
	ret->password = "";
	if (colon) {
		*colon = 0;
		ret->password = colon + 1;
	}
	ret->user = user;
	return 0;
}
