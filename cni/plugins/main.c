/* SPDX-License-Identifier: Apache-2.0 */
/* main.c - the program of all CNI plugins
 *
 * It is whichever plugin it is called as: a link named by the type in the
 * runtime's plugin folder, or `skerry-cni TYPE`.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/fd.h"
#include "cni/plugins/dhcp/event.h"
#include "cni/plugins/registry.h"

#define OWN_NAME "skerry-cni"

static int usage(FILE *out)
{
	int bad =
		fprintf(out, "usage: " OWN_NAME " [--list | TYPE]\n"
			     "A CNI plugin: parameters in CNI_*, configuration on standard input.\n"
			     "Types:\n") < 0;

	for (size_t i = 0; cni_plugins[i]; i++)
		bad |= fprintf(out, "  %-12s %s\n", cni_plugins[i]->type, cni_plugins[i]->about) <
		       0;
	return bad || fflush(out) != 0;
}

static int list_types(void)
{
	int bad = 0;

	for (size_t i = 0; cni_plugins[i]; i++)
		bad |= puts(cni_plugins[i]->type) < 0;
	return bad || fflush(stdout) != 0;
}

/* A type that isn't one of ours: said as an error object, since that is what a runtime reads. */
static int no_such_plugin(const char *type)
{
	AUTO_BUF out;
	struct err err = { 0 };

	buf_init(&out);
	(void)cni_err(&err, CNI_ERR_CONFIG, "there is no plugin \"%s\"", type);
	cni_error_format(&err, CNI_VERSION_LAST, &out);
	buf_putc(&out, '\n');
	(void)fd_write_full(STDOUT_FILENO, out.s, out.len); /* the status says it as well */
	return 1;
}

int main(int argc, char **argv)
{
	const char *slash = argc > 0 ? strrchr(argv[0], '/') : NULL;
	const char *type = slash ? slash + 1 : argc > 0 ? argv[0] : "";
	const struct cni_plugin *plugin;

	int status;

	if (fd_ensure_stdio() < 0)
		return 1;
	status = dhcp_event(argc, argv);
	if (status != DHCP_EVENT_NONE)
		return status;
	if (str_eq(type, OWN_NAME)) {
		if (argc != 2 || str_eq(argv[1], "--help") || str_eq(argv[1], "-h"))
			return usage(argc == 2 ? stdout : stderr) || argc != 2;
		if (str_eq(argv[1], "--list"))
			return list_types();
		type = argv[1];
	}
	plugin = cni_plugin_find(type);
	return plugin ? skel_main(plugin, cni_plugin_find) : no_such_plugin(type);
}
