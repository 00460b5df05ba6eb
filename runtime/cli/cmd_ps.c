/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_ps.c - skerry ps: the processes of a container
 *
 * As JSON, the pids; as a table, what ps(1) says about them.  ps(1)'s output goes
 * into a memfd(2), because a busy host's is larger than what proc_run() keeps.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/json.h"
#include "base/proc.h"
#include "runtime/cli/cmd.h"
#include "runtime/cli/print.h"
#include "runtime/cli/ps_filter.h"

#define PS_OUTPUT_MAX ((size_t)64 << 20)
#define PS_TIMEOUT_MS 30000

struct ps_options {
	const char *format;
};

static const struct option rows[] = {
	{ .name = "format",
	  .letter = 'f',
	  .kind = OPTION_STRING,
	  .offset = offsetof(struct ps_options, format),
	  .value = "FORMAT",
	  .help = "table or json (default: table)" },
};
static const struct ps_options defaults = { .format = "table" };

static int print_pids(const pid_t *pids, size_t n, struct err *err)
{
	AUTO_BUF out;
	struct json_out o;
	buf_init(&out);
	json_out_init(&o, &out, 0);
	json_begin_array(&o);
	for (size_t i = 0; i < n; i++)
		json_int(&o, pids[i]);
	json_end_array(&o);
	buf_putc(&out, '\n');
	return print_buf(&out, err);
}

/* Not by PATH: engines start us with whatever they have. */
static const char *find_ps(void)
{
	static const char *const paths[] = { "/usr/bin/ps", "/bin/ps", "/usr/local/bin/ps",
					     "/run/current-system/sw/bin/ps" };
	for (size_t i = 0; i < ARRAY_SIZE(paths); i++) {
		if (access(paths[i], X_OK) == 0)
			return paths[i];
	}
	return NULL;
}

static int run_ps(char *const *argv, struct buf *ret, struct err *err)
{
	const char *path = find_ps();
	if (!path)
		return err_set(err, ENOENT, "ps: executable file not found; use --format json");
	AUTO_FD fd = memfd_create("ps", MFD_CLOEXEC);
	if (fd < 0)
		return err_sys(err, "memfd_create");
	AUTO_BUF said;
	buf_init(&said);
	const struct proc_run ps = {
		.path = path,
		.argv = argv,
		.env = environ, /* TZ, LC_ALL, PS_FORMAT and so on are the caller's choice */
		.stdout_fd = fd,
		.stderr_fd = -1,
		.output = &said,
		.timeout_ms = PS_TIMEOUT_MS,
	};
	int status = proc_run(&ps, err);
	if (status < 0)
		return -1;
	/* it also fails when it found nothing, which it says on standard error or not at all */
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
		return err_set(err, EIO, "ps failed: %.*s", (int)strcspn(said.s, "\n"), said.s);
	if (lseek(fd, 0, SEEK_SET) < 0)
		return err_sys(err, "read the output of ps");
	char chunk[4096];
	ssize_t n;
	while ((n = fd_read_full(fd, chunk, sizeof(chunk))) > 0)
		buf_add(ret, chunk, (size_t)n);
	if (n < 0)
		return err_sys(err, "read the output of ps");
	if (buf_failed(ret))
		return err_set(err, EFBIG, "read the output of ps: too long");
	return 0;
}

static int print_ps(struct cli *cli, const struct option_args *args, const pid_t *pids, size_t n,
		    struct err *err)
{
	/* "ps", then the caller's options in place of the id, or -ef */
	char **argv = arena_array(&cli->arena, (size_t)args->n + 2, sizeof(*argv));
	char *name = arena_strdup(&cli->arena, "ps"), *all = arena_strdup(&cli->arena, "-ef");
	if (!argv || !name || !all)
		return err_set(err, ENOMEM, "read the command line: out of memory");
	argv[0] = name;
	argv[1] = all;
	for (int i = 1; i < args->n; i++)
		argv[i] = args->v[i];
	AUTO_BUF table;
	AUTO_BUF out;
	buf_init_max(&table, PS_OUTPUT_MAX);
	buf_init(&out);
	if (run_ps(argv, &table, err) < 0 || ps_filter(table.s, pids, n, &out, err) < 0)
		return -1;
	return print_buf(&out, err);
}

static int run(struct cli *cli, const void *options, const struct option_args *args,
	       struct err *err)
{
	const struct ps_options *o = options;
	bool json = str_eq(o->format, "json");
	if (!json && !str_eq(o->format, "table"))
		return err_set(err, EINVAL, "invalid format option \"%s\"", o->format);
	struct skerry_error failed = { 0 };
	AUTO_FREE pid_t *pids = NULL;
	size_t n = 0;
	if (skerry_pids(cli->skerry, args->v[0], &pids, &n, &failed) < 0)
		return cli_fail(&failed, err);
	return json ? print_pids(pids, n, err) : print_ps(cli, args, pids, n, err);
}

const struct command cmd_ps = {
	.name = "ps",
	.arguments = "ID [PS-OPTION...]",
	.summary = "list the processes of a container",
	.description =
		"A table is what ps(1) prints for PS-OPTION (default: -ef), cut down to the\n"
		"container's processes; it needs a PID column.\n",
	.options = { rows, ARRAY_SIZE(rows), NULL },
	.size = sizeof(struct ps_options),
	.defaults = &defaults,
	.min_args = 1,
	.max_args = -1,
	.options_first = true,
	.run = run,
};
