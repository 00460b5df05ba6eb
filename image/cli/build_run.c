/* SPDX-License-Identifier: Apache-2.0 */
/* build_run.c - RUN: a command in a container of the stage as it is
 *
 * The container is an ordinary one: `skerry run` with a bundle whose root is
 * the stage's layers and an empty upper one, which becomes the next layer.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/beneath.h"
#include "base/fd.h"
#include "base/file.h"
#include "base/proc.h"
#include "image/cli/build.h"

/* What the step reads besides the files: text, variables, user, folder. */
static void step_key(struct build *b, const struct dockerfile_instruction *i, struct digest *ret)
{
	const struct image_config *c = &b->now->config;
	struct hash h;
	hash_init(&h, DIGEST_SHA256);
	const char *words[] = { i->text, c->config.user, c->config.working_dir };
	for (size_t n = 0; n < ARRAY_SIZE(words); n++)
		hash_update(&h, words[n] ? words[n] : "", words[n] ? strlen(words[n]) + 1 : 1);
	const struct strings lists[] = { c->config.env, c->config.shell, i->heredocs };
	for (size_t l = 0; l < ARRAY_SIZE(lists); l++) {
		for (size_t n = 0; n < lists[l].n; n++)
			hash_update(&h, lists[l].v[n], strlen(lists[l].v[n]) + 1);
		hash_update(&h, "", 1);
	}
	for (size_t n = 0; n < b->now->args.n; n++) {
		hash_update(&h, b->now->args.v[n].key, strlen(b->now->args.v[n].key) + 1);
		hash_update(&h, b->now->args.v[n].value, strlen(b->now->args.v[n].value) + 1);
	}
	hash_final(&h, ret);
}

/* The words of the command: JSON as they are, else behind the shell's. */
static int make_words(struct build *b, const struct dockerfile_instruction *i, struct strings *ret,
		      struct err *err)
{
	static char sh[] = "/bin/sh", minus_c[] = "-c";
	static char *usual[] = { sh, minus_c };
	const struct strings *own = &b->now->config.config.shell;
	const struct strings shell = own->n ? *own : (struct strings){ usual, 2 };
	*ret = (struct strings){ 0 };
	for (size_t n = 0; n < (i->json ? i->args.n : shell.n); n++) {
		if (bundle_add(b->arena, ret, i->json ? i->args.v[n] : shell.v[n], err) < 0)
			return -1;
	}
	if (i->json)
		return 0;
	/* "<<EOF" alone is a script; elsewhere the shell reads its here-documents itself */
	const char *text = i->rest;
	if (i->heredocs.n > 0 && str_starts(text, "<<")) {
		text = i->heredocs.v[0];
	} else {
		const char *at = text;
		for (size_t n = 0; text && n < i->heredocs.n; n++) {
			at = strstr(at, "<<");
			at = at ? at + 2 + strspn(at + 2, "-\"'") : "";
			size_t len = strcspn(at, " \t\"'>|;&)");
			text = arena_printf(b->arena, "%s\n%s%.*s", text, i->heredocs.v[n],
					    (int)len, at);
		}
	}
	return bundle_add(b->arena, ret, text, err);
}

static int add_args(struct build *b, struct bundle *bundle, struct err *err)
{
	for (size_t i = 0; i < b->now->args.n; i++) {
		const struct pair *a = &b->now->args.v[i];
		bool hidden = false;
		for (size_t n = 0; n < bundle->env.n; n++) {
			size_t len = strlen(a->key);
			hidden = hidden || (strncmp(bundle->env.v[n], a->key, len) == 0 &&
					    bundle->env.v[n][len] == '=');
		}
		const char *text = arena_printf(b->arena, "%s=%s", a->key, a->value);
		if (!hidden && bundle_add(b->arena, &bundle->env, text, err) < 0)
			return -1;
	}
	return 0;
}

/* The host's resolver, for as long as the step takes. */
static int write_bundle(struct build *b, const struct workspace *w, const struct strings *words,
			struct err *err)
{
	static char none[] = "", resolv[] = "/etc/resolv.conf:/etc/resolv.conf:ro";
	static char *volumes[] = { resolv, NULL };
	char path[PATH_MAX];
	bool host = !str_eq(b->f->network, "none");
	const struct image_options o = {
		.image = "build",
		.entrypoint = none,
		.hostname = "build",
		.volumes = { .v = volumes, .n = host && access("/etc/resolv.conf", R_OK) == 0 },
	};
	AUTO_BUF text;
	buf_init(&text);
	struct bundle bundle = {
		.arena = b->arena,
		.store = b->store,
		.o = &o,
		.config = &b->now->config,
		.id = w->id,
		.dir = w->dir,
		.words = words->v,
		.n_words = words->n,
		.root = w->root,
		.host_network = host,
	};
	if (bundle_process(&bundle, err) < 0 || add_args(b, &bundle, err) < 0 ||
	    bundle_caps(&bundle, err) < 0 || bundle_mounts(&bundle, err) < 0 ||
	    bundle_limits(&bundle, err) < 0 || bundle_write(&bundle, &text, err) < 0)
		return -1;
	AUTO_FD cwd = beneath_make_dir(w->root, bundle.cwd, 0755);
	if (cwd < 0)
		return err_sys(err, "make the working directory \"%s\"", bundle.cwd);
	if (str_format(path, sizeof(path), "%s/config.json", w->dir) < 0 ||
	    file_replace(AT_FDCWD, path, text.s, text.len, 0600) < 0)
		return err_sys(err, "write \"%s\"", path);
	return 0;
}

static int execute(struct workspace *w, struct err *err)
{
	const char *const words[] = { "run", "--bundle", w->dir, w->id, NULL };
	const struct proc_run how = { .stdout_fd = STDERR_FILENO, .stderr_fd = STDERR_FILENO };
	int status = common_runtime(words, &how, err);
	if (status < 0)
		return -1;
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return 0;
	return err_set(err, EIO, "the command ended with status %d",
		       WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
}

static bool has_resolver(const struct workspace *w)
{
	AUTO_FD fd = beneath_open(w->root, "etc/resolv.conf", O_PATH | O_CLOEXEC, 0, 0);
	return fd >= 0;
}

/* An empty file that was only there to mount the host's upon. */
static void drop_resolver(const struct workspace *w, bool was_there)
{
	struct stat st;
	AUTO_FD etc = beneath_open(w->root, "etc", O_PATH | O_DIRECTORY | O_CLOEXEC, 0, 0);
	if (!was_there && etc >= 0 && fstatat(etc, "resolv.conf", &st, AT_SYMLINK_NOFOLLOW) == 0 &&
	    st.st_size == 0)
		(void)!unlinkat(etc, "resolv.conf", 0);
}

int build_run(struct build *b, const struct dockerfile_instruction *i, struct err *err)
{
	struct digest step;
	struct workspace w;
	struct strings words;
	step_key(b, i, &step);
	int cached = build_cached(b, &step, err);
	if (cached < 0)
		return -1;
	if (cached)
		return build_history(b, i->text, false, err);
	if (make_words(b, i, &words, err) < 0 || workspace_open(b, &w, err) < 0)
		return -1;
	bool resolver = has_resolver(&w);
	int rc = write_bundle(b, &w, &words, err);
	if (rc == 0)
		rc = execute(&w, err);
	if (rc == 0) {
		drop_resolver(&w, resolver);
		rc = workspace_commit(b, &w, err);
	}
	workspace_close(b, &w);
	return rc < 0 ? -1 : build_history(b, i->text, false, err);
}
