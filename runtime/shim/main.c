/* SPDX-License-Identifier: Apache-2.0 */
/* main.c - containerd-shim-skerry-v2: containers of containerd, a small process for each pod
 *
 * One program, five roles: `start` makes the socket and the process that
 * serves it, that process (no action), `delete` cleans up after it, -info
 * tells what it can do, `pause` holds a pod's namespaces.  Standard output of the short ones is read by
 * containerd, and of `start` standard error too: nothing but the answer is
 * printed, unless something failed.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/fd.h"
#include "runtime/shim/shim.h"
#include "runtime/shim/start.h"

#define INPUT_MAX ((size_t)10 << 20)
#define CHUNK	  4096

static const char usage[] =
	"usage: containerd-shim-skerry-v2 -namespace NS -id ID [-address PATH] [-publish-binary PATH]\n"
	"           [-bundle PATH] [-socket PATH] [-debug] [start | delete]\n"
	"       containerd-shim-skerry-v2 -v | -info | -help\n"
	"Started by containerd for runtime type io.containerd.skerry.v2.\n";

static int read_input(struct buf *in, struct err *err)
{
	for (;;) {
		ssize_t n;

		if (buf_reserve(in, CHUNK) < 0)
			return err_sys(err, "read standard input");
		n = read(STDIN_FILENO, in->s + in->len, CHUNK);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_sys(err, "read standard input");
		if (n == 0)
			break;
		in->len += (size_t)n;
	}
	in->s[in->len] = '\0';
	return 0;
}

static const char *env_or_empty(const char *name)
{
	const char *value = getenv(name); /* NOLINT(concurrency-mt-unsafe) */

	return value ? value : "";
}

/* containerd's own affairs with its service manager: a runtime that finds them takes them for the container's. */
static void forget_environment(void)
{
	static const char *const names[] = { "NOTIFY_SOCKET", "LISTEN_FDS", "LISTEN_PID",
					     "LISTEN_FDNAMES" };

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		(void)unsetenv(names[i]); /* NOLINT(concurrency-mt-unsafe) */
}

static int serve_as(const struct args *a, struct err *err)
{
	struct serve_options o = { .id = a->id,
				   .namespace = a->namespace,
				   .address = a->address,
				   .publish_binary = a->publish_binary,
				   .ttrpc_address = env_or_empty("TTRPC_ADDRESS"),
				   .debug = a->debug };

	if (!a->id[0] || !a->namespace[0])
		return err_set(err, EINVAL, "-namespace and -id are needed");
	return serve(&o, err);
}

static int run(const struct args *a, const char *self, struct err *err)
{
	AUTO_BUF in;
	AUTO_BUF out;
	int rc;

	buf_init_max(&in, INPUT_MAX);
	buf_init(&out);
	if (a->help) {
		buf_puts(&out, usage);
		rc = 0;
	} else if (a->version) {
		buf_printf(&out, "containerd-shim-skerry-v2:\n  Version:  %s\n  Revision: \n",
			   SKERRY_VERSION);
		rc = 0;
	} else if (a->info) {
		rc = read_input(&in, err) < 0 ? -1 : shim_info(in.s, in.len, &out, err);
	} else if (strcmp(a->action, "start") == 0) {
		rc = read_input(&in, err) < 0 ? -1 : shim_start(a, self, in.s, in.len, &out, err);
	} else if (strcmp(a->action, "delete") == 0) {
		rc = shim_delete(a, &out, err);
	} else {
		rc = serve_as(a, err);
	}
	if (rc == 0 && fd_write_full(STDOUT_FILENO, out.s, out.len) < 0)
		return err_sys(err, "write the answer");
	return rc;
}

int main(int argc, char **argv)
{
	struct err err = { 0 };
	struct args args;

	/* How sandbox.c has it executed; containerd has no such word. */
	if (argc == 2 && strcmp(argv[1], "pause") == 0)
		return pause_main();
	if (fd_ensure_stdio() < 0)
		return 1;
	forget_environment();
	if (args_parse(argc, argv, &args, &err) == 0 && run(&args, argv[0], &err) == 0)
		return 0;
	(void)dprintf(STDERR_FILENO, "containerd-shim-skerry-v2: %s\n", err.msg);
	return 1;
}
