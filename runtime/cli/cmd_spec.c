/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_spec.c - skerry spec: a config.json to start from */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "runtime/cli/cmd.h"
#include "runtime/cli/print.h"

struct spec_options {
	const char *bundle, *file;
	bool rootless;
};

static const struct option rows[] = {
	{ .name = "bundle",
	  .letter = 'b',
	  .kind = OPTION_STRING,
	  .offset = offsetof(struct spec_options, bundle),
	  .value = "DIR",
	  .help = "folder to write to (default: the current folder)" },
	{ .name = "file",
	  .letter = 'f',
	  .kind = OPTION_STRING,
	  .offset = offsetof(struct spec_options, file),
	  .value = "FILE",
	  .help = "file to write, - for standard output (default: config.json)" },
	{ .name = "rootless",
	  .kind = OPTION_FLAG,
	  .offset = offsetof(struct spec_options, rootless),
	  .help = "for a container that is run without root's rights" },
};
static const struct spec_options defaults = { .bundle = ".", .file = "config.json" };

static int write_new(const char *bundle, const char *file, const char *text, struct err *err)
{
	AUTO_FD dir = open(bundle, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0)
		return err_sys(err, "open \"%s\"", bundle);
	AUTO_FD fd = openat(dir, file, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
	if (fd < 0 && errno == EEXIST)
		return err_set(err, EEXIST, "file \"%s\" exists, remove it first", file);
	if (fd < 0)
		return err_sys(err, "create \"%s\"", file);
	if (fd_write_full(fd, text, strlen(text)) < 0 || fd_write_full(fd, "\n", 1) < 0) {
		(void)err_sys(err, "write \"%s\"", file);
		(void)unlinkat(dir, file, 0);
		return -1;
	}
	return 0;
}

static int run(struct cli *cli, const void *options, const struct option_args *args,
	       struct err *err)
{
	(void)cli;
	(void)args; /* takes none */
	const struct spec_options *o = options;
	AUTO_FREE char *text = skerry_spec_default(o->rootless);
	if (!text)
		return err_set(err, ENOMEM, "make a config.json: out of memory");
	if (str_eq(o->file, "-"))
		return print_line(text, err);
	return write_new(o->bundle, o->file, text, err);
}

const struct command cmd_spec = {
	.name = "spec",
	.summary = "write a config.json to start from",
	.options = { rows, ARRAY_SIZE(rows), NULL },
	.size = sizeof(struct spec_options),
	.defaults = &defaults,
	.plain = true,
	.run = run,
};
