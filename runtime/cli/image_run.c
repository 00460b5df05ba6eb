/* SPDX-License-Identifier: Apache-2.0 */
/* image_run.c - run and create with --image: a bundle of it is made first
 *
 * By `skerry-image bundle`, a program of its own, so that nothing here needs
 * what reads images.  A marker, STATE/.images/ID, names the store from before
 * the first effect until the bundle is gone; the bundle's poststop hook takes
 * both away, whoever deletes the container.
 */
#include "runtime/cli/image_run.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/file.h"
#include "base/libexec.h"
#include "base/log.h"
#include "base/proc.h"

#define HELPER	    "skerry-image"
#define WHO	    "images need"
#define MARKERS	    ".images"
#define STATE_ROOT  "/run/skerry"
#define WORDS_FIXED 7

int image_exec(struct cli *cli, char *const *words, int n, struct err *err)
{
	char path[PATH_MAX];
	char **argv = arena_array(&cli->arena, (size_t)n + 2, sizeof(*argv));

	if (!argv)
		return err_set(err, ENOMEM, "out of memory");
	if (libexec_need(WHO, HELPER, path, err) < 0)
		return -1;
	argv[0] = path;
	for (int i = 0; i < n; i++)
		argv[i + 1] = words[i];
	(void)execv(path, argv);
	return err_sys(err, "exec \"%s\"", path);
}

/* An ordinary user's layers have owners that only a namespace of the user's maps: this program starts
 * again there.  Nothing to do for root, and where that happened. */
static int enter_namespace(struct cli *cli, struct err *err)
{
	static char verb[] = "within", end[] = "--";
	AUTO_BUF line;
	size_t n = 0;

	if (geteuid() == 0 || proc_is_mapped())
		return 0;
	buf_init(&line);
	if (file_read(AT_FDCWD, "/proc/self/cmdline", &line, BUF_MAX_DEFAULT, false) < 0)
		return err_sys(err, "read the command line");
	for (size_t at = 0; at < line.len; at += strlen(line.s + at) + 1)
		n++;
	char **words = arena_array(&cli->arena, n + 3, sizeof(*words));
	if (!words)
		return err_set(err, ENOMEM, "out of memory");
	words[0] = verb;
	words[1] = end;
	n = 2;
	for (size_t at = 0; at < line.len; at += strlen(line.s + at) + 1) {
		words[n] = arena_strdup(&cli->arena, line.s + at);
		if (!words[n++])
			return err_set(err, ENOMEM, "out of memory");
	}
	return image_exec(cli, words, (int)n, err);
}

/* Where the runtime keeps its state, as the library chooses it. */
static int marker_path(const struct cli *cli, const char *id, char *dst, struct err *err)
{
	const char *runtime_dir = getenv("XDG_RUNTIME_DIR"); /* NOLINT(concurrency-mt-unsafe) */
	int rc;

	bool user = geteuid() != 0 || proc_is_mapped();

	if (cli->root)
		rc = str_format(dst, PATH_MAX, "%s/" MARKERS "/%s", cli->root, id);
	else if (user && runtime_dir && runtime_dir[0])
		rc = str_format(dst, PATH_MAX, "%s/skerry/" MARKERS "/%s", runtime_dir, id);
	else
		rc = str_format(dst, PATH_MAX, STATE_ROOT "/" MARKERS "/%s", id);
	return rc < 0 ? err_set(err, ENAMETOOLONG, "the state directory's path is too long") : 0;
}

static int run_helper(char *const *argv, struct buf *out, struct err *err)
{
	const struct proc_run run = {
		.path = argv[0],
		.argv = argv,
		.env = environ,
		.stdout_fd = -1,
		.stderr_fd = STDERR_FILENO,
		.output = out,
	};
	int status = proc_run(&run, err);
	if (status < 0)
		return -1;
	while (out->len > 0 && out->s[out->len - 1] == '\n')
		out->s[--out->len] = 0;
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return 0;
	err_set_(err, EIO, "%.480s", out->len ? out->s : HELPER " failed");
	if (err && WIFEXITED(status) && WEXITSTATUS(status) == 130)
		err->exit_code = 130;
	return -1;
}

/* skerry-image bundle [OPTION...] --marker M -- ID [COMMAND...] */
static int make_bundle(struct cli *cli, const struct create_words *words,
		       const struct option_args *args, struct image_run *run, struct err *err)
{
	static char verb[] = "bundle", end[] = "--", network[] = "--host-network";
	char path[PATH_MAX], marker[PATH_MAX];
	struct option_list options = { 0 };
	AUTO_BUF out;
	buf_init(&out);

	if (libexec_need(WHO, HELPER, path, err) < 0 ||
	    marker_path(cli, run->id, marker, err) < 0 ||
	    image_options_words(words, &cli->arena, &options, err) < 0)
		return -1;
	size_t n = WORDS_FIXED + options.n + (size_t)args->n, at = 0;
	char **argv = arena_array(&cli->arena, n, sizeof(*argv));
	char *mark = arena_printf(&cli->arena, "--marker=%s", marker);
	if (!argv || !mark)
		return err_set(err, ENOMEM, "out of memory");
	argv[at++] = path;
	argv[at++] = verb;
	argv[at++] = mark;
	/* its sysctls would be the host's */
	if (words->net.networks.n > 0 && str_eq(words->net.networks.v[0], "host"))
		argv[at++] = network;
	for (size_t i = 0; i < options.n; i++)
		argv[at++] = options.v[i];
	argv[at++] = end;
	for (int i = 0; i < args->n; i++)
		argv[at++] = args->v[i];
	if (run_helper(argv, &out, err) < 0)
		return -1;
	if (str_copy(run->bundle, sizeof(run->bundle), out.s) < 0)
		return err_set(err, ENAMETOOLONG, "the store's path is too long");
	run->made = true;
	return 0;
}

static void unbundle(struct cli *cli, const char *id, const char *marker, const char *store)
{
	static char verb[] = "unbundle", option[] = "--store";
	char path[PATH_MAX];
	struct err err = { 0 };
	AUTO_BUF out;
	buf_init(&out);
	char *argv[] = { path,
			 option,
			 arena_strdup(&cli->arena, store),
			 verb,
			 arena_strdup(&cli->arena, id),
			 arena_strdup(&cli->arena, marker),
			 NULL };

	if (!argv[2] || !argv[4] || !argv[5])
		return;
	if (libexec_need(WHO, HELPER, path, &err) < 0 || run_helper(argv, &out, &err) < 0)
		log_warning("remove the bundle of \"%s\": %s", id, err.msg);
}

bool image_run_has(const struct cli *cli, const char *id)
{
	char marker[PATH_MAX];

	return marker_path(cli, id, marker, NULL) == 0 && access(marker, F_OK) == 0;
}

void image_run_clean(struct cli *cli, const char *id)
{
	char marker[PATH_MAX];
	AUTO_BUF store;
	buf_init(&store);

	if (marker_path(cli, id, marker, NULL) == 0 &&
	    file_read(AT_FDCWD, marker, &store, PATH_MAX, true) == 0 && store.len > 0)
		unbundle(cli, id, marker, store.s);
}

void image_run_undo(struct cli *cli, const struct image_run *run)
{
	if (run->made)
		image_run_clean(cli, run->id);
}

void image_run_end(struct image_run *run)
{
	for (int fd = 0; fd < 3; fd++) {
		if (run->saved[fd] >= 0)
			(void)dup2(run->saved[fd], fd);
		run->saved[fd] = fd_close(run->saved[fd]);
	}
}

static int replace(struct image_run *run, int fd, int by)
{
	run->saved[fd] = fcntl(fd, F_DUPFD_CLOEXEC, 3);
	return run->saved[fd] < 0 || dup2(by, fd) < 0 ? -1 : 0;
}

/* 0 from /dev/null; 1 and 2 into the log. */
static int redirect(struct image_run *run, bool input, bool output, struct err *err)
{
	char log[PATH_MAX];
	AUTO_FD null = open("/dev/null", O_RDONLY | O_CLOEXEC);

	if (input && (null < 0 || replace(run, STDIN_FILENO, null) < 0))
		return err_sys(err, "open /dev/null");
	if (!output)
		return 0;
	if (str_format(log, sizeof(log), "%s/log", run->bundle) < 0)
		return err_set(err, ENAMETOOLONG, "the store's path is too long");
	/* the bundle was made just now, by us.  O_NOFOLLOW would stay with the descriptor, and criu, which
	 * opens it again by /proc/self/fd, could not restore a container that has it */
	AUTO_FD fd = open(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	if (fd < 0 || replace(run, STDOUT_FILENO, fd) < 0 || replace(run, STDERR_FILENO, fd) < 0)
		return err_sys(err, "open \"%s\"", log);
	return 0;
}

/* The first option of an image that was given without one. */
static int check_absent(struct cli *cli, const struct create_words *words, struct err *err)
{
	struct option_list options = { 0 };

	if (image_options_words(words, &cli->arena, &options, err) < 0)
		return -1;
	if (options.n == 0)
		return 0;
	return err_set(err, EINVAL, "\"%.*s\" needs --image", (int)strcspn(options.v[0], "="),
		       options.v[0]);
}

/* Only who stays beside it can start it again. */
static int check_watch(const struct image_options *i, const struct skerry_create_options *o,
		       struct err *err)
{
	if (!o->detach && i->restart && !str_eq(i->restart, "no"))
		return err_set(err, EINVAL, "--restart needs \"run --detach\"");
	if (o->detach && i->tty && o->console_socket)
		return err_set(err, EINVAL, "either --detach with --tty or --console-socket");
	return 0;
}

int image_run_begin(struct cli *cli, const struct create_words *words,
		    const struct option_args *args, struct skerry_create_options *o,
		    struct image_run *ret, struct err *err)
{
	const struct image_options *i = &words->image;

	*ret = (struct image_run){ .id = args->v[0], .saved = { -1, -1, -1 } };
	if (!i->image) {
		if (args->n > 1)
			return err_set(err, EINVAL,
				       "requires exactly 1 argument; a command behind the ID needs "
				       "--image");
		return check_absent(cli, words, err);
	}
	if (words->create.bundle)
		return err_set(err, EINVAL, "either --image or --bundle");
	if (enter_namespace(cli, err) < 0 || make_bundle(cli, words, args, ret, err) < 0)
		return -1;
	o->bundle = ret->bundle;
	if (check_watch(i, o, err) == 0 && redirect(ret, !i->interactive, o->detach, err) == 0)
		return 0;
	image_run_end(ret);
	image_run_undo(cli, ret);
	return -1;
}
