/* SPDX-License-Identifier: Apache-2.0 */
/* build_copy.c - COPY and ADD: files of the context, of another stage or image, or of the net
 *
 * No path of a Dockerfile leads out of the context or of the root file system:
 * both are resolved beneath their tops.  ADD unpacks archives by making a layer
 * of them, whose tree is then copied.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/beneath.h"
#include "base/fd.h"
#include "base/file.h"
#include "image/cli/build.h"
#include "image/copy.h"
#include "image/layer.h"
#include "image/rootfs.h"

#define SOURCES_MAX 100000
#define DEPTH_MAX   64

struct copying {
	struct build *b;
	const struct dockerfile_instruction *i;
	int from; /* where sources are: the context, or another root */
	bool context;
	struct strings sources; /* relative to it */
	int *fetched; /* of each what its URL had, or -1 */
	size_t n_fetched;
	const char *to;
	bool to_dir; /* a directory by its name or by the number of sources */
	struct copy_options options;
	const char *prefix; /* of the paths that `wants` is asked about */
	struct hash hash;
};

/* --- which files ------------------------------------------------------------------ */

static bool wants(void *arg, const char *path, bool is_dir)
{
	const struct copying *c = arg;
	char whole[PATH_MAX];
	if (!c->context || c->b->ignore.patterns.n == 0)
		return true;
	if (str_format(whole, sizeof(whole), "%s%s%s", c->prefix, c->prefix[0] ? "/" : "", path) <
	    0)
		return true;
	if (!dockerignore_matches(&c->b->ignore, whole))
		return true;
	/* something below may be wanted again */
	for (size_t i = 0; is_dir && i < c->b->ignore.patterns.n; i++) {
		if (c->b->ignore.patterns.v[i][0] == '!')
			return true;
	}
	return false;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The names of a directory, sorted. */
static int list_dir(struct build *b, int root, const char *path, struct strings *ret,
		    struct err *err)
{
	const struct dirent *d;
	int fd = beneath_open(root, path[0] ? path : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0, 0);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	if (!dir) {
		(void)fd_close(fd);
		return errno == ENOTDIR || errno == ENOENT ? 0 : err_sys(err, "read \"%s\"", path);
	}
	int rc = 0;
	while (rc == 0 && (d = readdir(dir))) { /* NOLINT(concurrency-mt-unsafe): one thread */
		if (ret->n == SOURCES_MAX)
			rc = err_set(err, E2BIG, "\"%s\" holds too many files", path);
		else if (strcmp(d->d_name, ".") != 0 && strcmp(d->d_name, "..") != 0)
			rc = bundle_add(b->arena, ret, d->d_name, err);
	}
	(void)closedir(dir);
	if (rc == 0 && ret->n > 1)
		qsort(ret->v, ret->n, sizeof(char *), by_name);
	return rc;
}

/* What a pattern's components, from `rest` on, name below `dir`. */
static int expand_pattern(struct copying *c, const char *dir, const char *rest, unsigned int depth,
			  struct err *err)
{
	struct strings names = { 0 };
	size_t len = strcspn(rest, "/");
	const char *one = arena_strndup(c->b->arena, rest, len);
	const char *next = rest + len + strspn(rest + len, "/");
	if (!one || depth > DEPTH_MAX)
		return err_set(err, ELOOP, "a path too deep");
	if (!one[strcspn(one, "*?[\\")]) {
		if (bundle_add(c->b->arena, &names, one, err) < 0)
			return -1;
	} else if (list_dir(c->b, c->from, dir, &names, err) < 0) {
		return -1;
	}
	for (size_t n = 0; n < names.n; n++) {
		if (names.n > 0 && strcmp(names.v[n], one) != 0 &&
		    !dockerfile_glob(one, names.v[n]))
			continue;
		const char *path =
			arena_printf(c->b->arena, "%s%s%s", dir, dir[0] ? "/" : "", names.v[n]);
		if (!path)
			return err_set(err, ENOMEM, "out of memory");
		if (*next ? expand_pattern(c, path, next, depth + 1, err) < 0
			  : bundle_add(c->b->arena, &c->sources, path, err) < 0)
			return -1;
	}
	return 0;
}

static bool is_url(const char *text)
{
	return str_starts(text, "http://") || str_starts(text, "https://");
}

static int add_source(struct copying *c, const char *text, struct err *err)
{
	size_t before = c->sources.n;
	if (c->i->word == DOCKERFILE_ADD && is_url(text))
		return bundle_add(c->b->arena, &c->sources, text, err);
	while (*text == '/' || (text[0] == '.' && text[1] == '/'))
		text++;
	if (!*text || str_eq(text, "."))
		return bundle_add(c->b->arena, &c->sources, ".", err);
	char *plain = arena_strdup(c->b->arena, text);
	if (!plain)
		return err_set(err, ENOMEM, "out of memory");
	size_t len = strlen(plain);
	while (len > 0 && plain[len - 1] == '/')
		plain[--len] = 0;
	if (expand_pattern(c, "", plain, 0, err) < 0)
		return -1;
	struct stat st;
	for (size_t n = before; n < c->sources.n; n++) {
		AUTO_FD fd = beneath_open(c->from, c->sources.v[n], O_PATH | O_NOFOLLOW | O_CLOEXEC,
					  0, 0);
		if (fd < 0 || fstat(fd, &st) < 0)
			return err_sys(err, "\"%s\"", c->sources.v[n]);
	}
	return c->sources.n > before ? 0 : err_set(err, ENOENT, "\"%s\" names no file", text);
}

/* --- the key: what is copied, by content ------------------------------------------ */

static int hash_entry(struct copying *c, int dir, const char *name, const char *path,
		      unsigned int depth, struct err *err);

static int hash_dir(struct copying *c, int dir, const char *path, unsigned int depth,
		    struct err *err)
{
	struct strings names = { 0 };
	if (depth > DEPTH_MAX)
		return err_set(err, ELOOP, "\"%s\" is too deep", path);
	if (list_dir(c->b, dir, "", &names, err) < 0)
		return -1;
	for (size_t n = 0; n < names.n; n++) {
		const char *below =
			arena_printf(c->b->arena, "%s%s%s", path, path[0] ? "/" : "", names.v[n]);
		if (!below)
			return err_set(err, ENOMEM, "out of memory");
		if (hash_entry(c, dir, names.v[n], below, depth + 1, err) < 0)
			return -1;
	}
	return 0;
}

static int hash_entry(struct copying *c, int dir, const char *name, const char *path,
		      unsigned int depth, struct err *err)
{
	struct stat st;
	char link[PATH_MAX];
	struct digest content = { 0 };
	c->prefix = "";
	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return err_sys(err, "look at \"%s\"", path);
	if (!wants(c, path, S_ISDIR(st.st_mode)))
		return 0;
	const uint32_t numbers[] = { st.st_mode, c->context ? 0 : st.st_uid,
				     c->context ? 0 : st.st_gid };
	hash_update(&c->hash, path, strlen(path) + 1);
	hash_update(&c->hash, numbers, sizeof(numbers));
	if (S_ISLNK(st.st_mode)) {
		ssize_t n = readlinkat(dir, name, link, sizeof(link));
		hash_update(&c->hash, link, n > 0 ? (size_t)n : 0);
	}
	AUTO_FD fd = S_ISREG(st.st_mode) || S_ISDIR(st.st_mode)
			     ? openat(dir, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK)
			     : -1;
	if (fd < 0)
		return S_ISREG(st.st_mode) || S_ISDIR(st.st_mode)
			       ? err_sys(err, "open \"%s\"", path)
			       : 0;
	if (S_ISDIR(st.st_mode))
		return hash_dir(c, fd, path, depth, err);
	if (digest_of_file(fd, 0, UINT64_MAX, DIGEST_SHA256, &content, err) < 0)
		return -1;
	hash_update(&c->hash, content.text, strlen(content.text) + 1);
	return 0;
}

static int make_key(struct copying *c, struct digest *ret, struct err *err)
{
	struct digest content;
	hash_init(&c->hash, DIGEST_SHA256);
	hash_update(&c->hash, c->i->text, strlen(c->i->text) + 1);
	hash_update(&c->hash, c->to, strlen(c->to) + 1);
	for (size_t n = 0; n < c->i->heredocs.n; n++)
		hash_update(&c->hash, c->i->heredocs.v[n], strlen(c->i->heredocs.v[n]) + 1);
	for (size_t n = 0; n < c->sources.n; n++) {
		char name[NAME_MAX + 1];
		const char *source = c->sources.v[n];
		hash_update(&c->hash, source, strlen(source) + 1);
		if (str_starts(source, "<<"))
			continue;
		if (c->fetched[n] >= 0) {
			if (digest_of_file(c->fetched[n], 0, UINT64_MAX, DIGEST_SHA256, &content,
					   err) < 0)
				return -1;
			hash_update(&c->hash, content.text, strlen(content.text) + 1);
			continue;
		}
		AUTO_FD dir = str_eq(source, ".") ? fcntl(c->from, F_DUPFD_CLOEXEC, 3)
						  : beneath_parent(c->from, source, false, name);
		if (dir < 0)
			return err_sys(err, "open \"%s\"", source);
		if (str_eq(source, ".") ? hash_dir(c, dir, "", 0, err) < 0
					: hash_entry(c, dir, name, source, 0, err) < 0)
			return -1;
	}
	hash_final(&c->hash, ret);
	return 0;
}

/* --- copying ---------------------------------------------------------------------- */

/* An archive by its first bytes: gzip, zstd, xz is left alone, a tar. */
static bool is_archive(int fd)
{
	unsigned char m[512] = { 0 };
	ssize_t n = pread(fd, m, sizeof(m), 0);
	if (n > 3 && ((m[0] == 0x1f && m[1] == 0x8b) ||
		      (m[0] == 0x28 && m[1] == 0xb5 && m[2] == 0x2f && m[3] == 0xfd)))
		return true;
	return n == 512 && memcmp(m + 257, "ustar", 5) == 0;
}

/* 1 unpacked, 0 it is no archive. */
static int try_unpack(struct copying *c, const char *source, int to, struct err *err)
{
	struct stat st;
	if (c->i->word != DOCKERFILE_ADD || !c->context)
		return 0;
	AUTO_FD fd = beneath_open(c->from, source, O_RDONLY | O_CLOEXEC | O_NONBLOCK, 0, 0);
	if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || !is_archive(fd))
		return 0;
	return common_unpack(c->b->txn, fd, to, err) < 0 ? -1 : 1;
}

static int make_dir(int root, const char *path, struct err *err)
{
	AUTO_FD made = beneath_make_dir(root, path, 0755);
	if (made < 0)
		return err_sys(err, "make \"%s\"", path);
	int fd = openat(made, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 ? err_sys(err, "open \"%s\"", path) : fd;
}

static int write_file(struct copying *c, int root, const char *name, const void *data, size_t size,
		      struct err *err)
{
	char last[NAME_MAX + 1];
	const char *path = c->to_dir ? arena_printf(c->b->arena, "%s/%s", c->to, name) : c->to;
	if (!path)
		return err_set(err, ENOMEM, "out of memory");
	AUTO_FD dir = beneath_parent(root, path, true, last);
	if (dir < 0 || file_replace(dir, last, data, size, 0644) < 0)
		return err_sys(err, "write \"%s\"", path);
	mode_t mode = c->options.mode ? c->options.mode : 0644;
	if (fchownat(dir, last, c->options.uid, c->options.gid, AT_SYMLINK_NOFOLLOW) < 0 ||
	    fchmodat(dir, last, mode, 0) < 0)
		return err_sys(err, "write \"%s\"", path);
	return 0;
}

/* The last part of a URL's path. */
static const char *url_name(struct copying *c, const char *url)
{
	const char *path = strstr(url, "://") + 3;
	size_t len = strcspn(path, "?#"), begin = len;
	while (begin > 0 && path[begin - 1] != '/')
		begin--;
	if (begin == 0 || begin == len)
		return NULL;
	return arena_printf(c->b->arena, "%.*s", (int)(len - begin), path + begin);
}

/* What was fetched is for its owner alone, as in docker, where nothing else is said. */
static int write_fetched(struct copying *c, const char *url, int from, int root, struct err *err)
{
	const char *name = url_name(c, url);
	char last[NAME_MAX + 1];
	const char *path = c->to;
	if (c->to_dir && !name)
		return err_set(err, EINVAL, "\"%.400s\" has no name", url);
	if (c->to_dir)
		path = arena_printf(c->b->arena, "%s/%s", c->to, name);
	if (!path)
		return err_set(err, ENOMEM, "out of memory");
	AUTO_FD dir = beneath_parent(root, path, true, last);
	if (dir < 0 || (unlinkat(dir, last, 0) < 0 && errno != ENOENT))
		return err_sys(err, "write \"%s\"", path);
	AUTO_FD to = openat(dir, last, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	ssize_t n = 1;
	for (off_t at = 0; to >= 0 && n > 0;)
		n = sendfile(to, from, &at, (size_t)1 << 30);
	if (to < 0 || n < 0 || fchown(to, c->options.uid, c->options.gid) < 0 ||
	    fchmod(to, c->options.mode ? c->options.mode : 0600) < 0)
		return err_sys(err, "write \"%s\"", path);
	return 0;
}

static int copy_source(struct copying *c, const char *source, int root, struct err *err)
{
	char name[NAME_MAX + 1], last[NAME_MAX + 1];
	struct stat st;
	AUTO_FD dir = str_eq(source, ".") ? -1
					  : beneath_open(c->from, source,
							 O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0, 0);
	bool whole = str_eq(source, ".");
	c->prefix = whole ? "" : source;
	if (whole || dir >= 0) {
		AUTO_FD top = whole ? openat(c->from, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC)
				    : fd_take(&dir);
		AUTO_FD to = make_dir(root, c->to, err);
		return to < 0 || top < 0 ? -1 : copy_tree(top, to, &c->options, err);
	}
	AUTO_FD parent = beneath_parent(c->from, source, false, name);
	if (parent < 0)
		return err_sys(err, "open \"%s\"", source);
	AUTO_FD there = beneath_open(root, c->to, O_PATH | O_DIRECTORY | O_CLOEXEC, 0, 0);
	bool into = c->to_dir || (there >= 0 && fstat(there, &st) == 0);
	AUTO_FD to = into ? make_dir(root, c->to, err) : beneath_parent(root, c->to, true, last);
	if (to < 0)
		return into ? -1 : err_sys(err, "make \"%s\"", c->to);
	int unpacked = into ? try_unpack(c, source, to, err) : 0;
	if (unpacked != 0)
		return unpacked < 0 ? -1 : 0;
	c->prefix = "";
	return copy_entry(parent, name, to, into ? name : last, &c->options, err);
}

/* --chown and --chmod; without them root owns what comes. */
static int make_options(struct copying *c, int root, struct err *err)
{
	const char *owner = build_flag(c->i, "chown"), *mode = build_flag(c->i, "chmod");
	struct image_user user = { 0 };
	uint64_t bits = 0;
	if (owner && image_user_find(root, owner, &user, err) < 0)
		return -1;
	if (owner && !strchr(owner, ':') && user.gid == 0 && user.uid != 0)
		user.gid = user.uid;
	for (const char *m = mode; m && *m; m++) {
		if (*m < '0' || *m > '7' || bits > 07777)
			return err_set(err, EINVAL, "invalid value \"%s\" for --chmod", mode);
		bits = bits * 8 + (uint64_t)(*m - '0');
	}
	c->options = (struct copy_options){
		.chown = c->context || owner != NULL,
		.uid = user.uid,
		.gid = user.gid,
		.mode = (uint32_t)bits,
		.keep_root = true,
		.wants = wants,
		.arg = c,
	};
	return 0;
}

static int copy_all(struct copying *c, int root, struct err *err)
{
	size_t heredoc = 0;
	if (make_options(c, root, err) < 0)
		return -1;
	for (size_t n = 0; n < c->sources.n; n++) {
		const char *source = c->sources.v[n];
		bool here = str_starts(source, "<<");
		int rc = here ? write_file(c, root, source + 2, c->i->heredocs.v[heredoc],
					   strlen(c->i->heredocs.v[heredoc]), err)
			 : c->fetched[n] >= 0 ? write_fetched(c, source, c->fetched[n], root, err)
					      : copy_source(c, source, root, err);
		heredoc += here;
		if (rc < 0)
			return -1;
	}
	return 0;
}

/* --- the instruction -------------------------------------------------------------- */

static int take_words(struct copying *c, struct err *err)
{
	struct build *b = c->b;
	struct strings words = c->i->args;
	const struct dockerfile_scope scope = build_scope(b);
	if (!c->i->json && dockerfile_split(c->i->rest, &scope, &words, b->arena, err) < 0)
		return -1;
	if (words.n < 2)
		return err_set(err, EINVAL, "sources and a destination are wanted");
	const char *to = words.v[words.n - 1];
	const char *cwd = b->now->config.config.working_dir;
	size_t len = strlen(to);
	c->to_dir = words.n > 2 || (len > 0 && to[len - 1] == '/') || str_eq(to, ".");
	c->to = to[0] == '/' ? to : arena_printf(b->arena, "%s/%s", cwd ? cwd : "", to);
	if (!c->to)
		return err_set(err, ENOMEM, "out of memory");
	for (size_t n = 0; n + 1 < words.n; n++) {
		bool here = str_starts(words.v[n], "<<") && c->i->heredocs.n > 0;
		if (here ? bundle_add(b->arena, &c->sources,
				      arena_printf(b->arena, "<<%s",
						   words.v[n] + 2 + (words.v[n][2] == '-')),
				      err) < 0
			 : add_source(c, words.v[n], err) < 0)
			return -1;
	}
	c->to_dir = c->to_dir || c->sources.n > 1;
	return 0;
}

/* Everything that is named by a URL. */
static int fetch_all(struct copying *c, struct err *err)
{
	c->fetched = arena_array(c->b->arena, c->sources.n + 1, sizeof(*c->fetched));
	if (!c->fetched)
		return err_set(err, ENOMEM, "out of memory");
	for (; c->n_fetched < c->sources.n; c->n_fetched++) {
		int *fd = &c->fetched[c->n_fetched];
		*fd = -1;
		if (c->i->word != DOCKERFILE_ADD || !is_url(c->sources.v[c->n_fetched]))
			continue;
		*fd = build_fetch(c->b, c->sources.v[c->n_fetched], err);
		if (*fd < 0)
			return -1;
	}
	return 0;
}

static int copy_into_layer(struct copying *c, struct err *err)
{
	struct workspace w;
	struct digest step;
	if (take_words(c, err) < 0 || fetch_all(c, err) < 0 || make_key(c, &step, err) < 0)
		return -1;
	int cached = build_cached(c->b, &step, err);
	if (cached != 0)
		return cached < 0 ? -1 : 0;
	if (workspace_open(c->b, &w, err) < 0)
		return -1;
	int rc = copy_all(c, w.root, err);
	if (rc == 0)
		rc = workspace_commit(c->b, &w, err);
	workspace_close(c->b, &w);
	return rc;
}

int build_copy(struct build *b, const struct dockerfile_instruction *i, struct err *err)
{
	const char *from = build_flag(i, "from");
	struct copying c = { .b = b, .i = i, .context = !from, .prefix = "" };
	AUTO_FD root = -1;
	if (from) {
		AUTO_FD tree = build_open_stage(b, from, err);
		if (tree < 0)
			return -1;
		root = openat(tree, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	} else {
		root = fcntl(b->context, F_DUPFD_CLOEXEC, 3);
	}
	if (root < 0)
		return err_sys(err, "open the files to copy from");
	c.from = root;
	int rc = copy_into_layer(&c, err);
	while (c.n_fetched > 0)
		(void)fd_close(c.fetched[--c.n_fetched]);
	if (rc < 0)
		return -1;
	return build_history(b, i->text, false, err);
}
