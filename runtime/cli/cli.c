/* SPDX-License-Identifier: Apache-2.0 */
/* cli.c - what the commands share */
#include <errno.h>
#include <fcntl.h>
#include <regex.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/log.h"
#include "runtime/cli/cli.h"

/* A document on the command line or on standard input is at most this long. */
#define DOCUMENT_MAX ((size_t)16 << 20)

const struct command *command_find(const char *name)
{
	for (size_t i = 0; commands[i]; i++) {
		if (strcmp(commands[i]->name, name) == 0)
			return commands[i];
	}
	return NULL;
}

int cli_fail(const struct skerry_error *from, struct err *err)
{
	err_set_(err, from->code ? from->code : EIO, "%s", from->message);
	err->exit_code = from->exit_code;
	/* the library's fields have the size of ours */
	(void)str_copy(err->phase, sizeof(err->phase), from->phase);
	(void)str_copy(err->field, sizeof(err->field), from->field);
	return -1;
}

int cli_read(const char *path, struct buf *out, struct err *err)
{
	bool standard = strcmp(path, "-") == 0;
	/* not only regular files: a shell's <(command) is a pipe */
	AUTO_FD opened = standard ? -1 : open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	if (!standard && opened < 0)
		return err_sys(err, "open \"%s\"", path);
	int fd = standard ? STDIN_FILENO : opened;
	char chunk[4096];
	for (;;) {
		ssize_t n = fd_read_full(fd, chunk, sizeof(chunk));
		if (n < 0)
			return err_sys(err, "read \"%s\"", path);
		if (n == 0)
			return 0;
		if (out->len + (size_t)n > DOCUMENT_MAX)
			return err_set(err, EFBIG, "read \"%s\": more than %zu bytes", path,
				       DOCUMENT_MAX);
		buf_add(out, chunk, (size_t)n);
		if (buf_failed(out))
			return err_set(err, ENOMEM, "read \"%s\": out of memory", path);
	}
}

int cli_each_match(struct cli *cli, const char *pattern,
		   int (*each)(struct cli *cli, const char *id, const void *arg, struct err *err),
		   const void *arg, struct err *err)
{
	regex_t regex;
	int code = regcomp(&regex, pattern, REG_EXTENDED | REG_NOSUB);
	if (code != 0) {
		char why[128];
		(void)regerror(code, &regex, why, sizeof(why));
		return err_set(err, EINVAL, "regular expression \"%s\": %s", pattern, why);
	}
	struct skerry_error failed = { 0 };
	char **ids = skerry_list(cli->skerry, &failed);
	int ret = ids ? 0 : cli_fail(&failed, err);
	for (size_t i = 0; ids && ids[i]; i++) {
		struct err one = { 0 };
		if (regexec(&regex, ids[i], 0, NULL, 0) != 0 || each(cli, ids[i], arg, &one) >= 0)
			continue;
		if (ret < 0)
			log_warning("container \"%s\": %s", ids[i], one.msg);
		else
			*err = one;
		ret = -1;
	}
	skerry_strings_free(ids);
	regfree(&regex);
	return ret;
}
