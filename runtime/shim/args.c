/* SPDX-License-Identifier: Apache-2.0 */
/* args.c - the shim's command line, as containerd writes it
 *
 * Of an unknown option it cannot be known whether the next word is its value:
 * a word that is no option and no action is passed over.
 */
#include "runtime/shim/args.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

static const struct {
	const char *name;
	bool has_value;
	size_t offset;
} flags[] = {
	{ "namespace", true, offsetof(struct args, namespace) },
	{ "id", true, offsetof(struct args, id) },
	{ "address", true, offsetof(struct args, address) },
	{ "publish-binary", true, offsetof(struct args, publish_binary) },
	{ "bundle", true, offsetof(struct args, bundle) },
	{ "socket", true, offsetof(struct args, socket) },
	{ "debug", false, offsetof(struct args, debug) },
	{ "v", false, offsetof(struct args, version) },
	{ "version", false, offsetof(struct args, version) },
	{ "info", false, offsetof(struct args, info) },
	{ "h", false, offsetof(struct args, help) },
	{ "help", false, offsetof(struct args, help) },
};

static int take_flag(struct args *a, size_t f, const char *value, char **next, int *used,
		     struct err *err)
{
	char *at = (char *)a + flags[f].offset;

	if (!flags[f].has_value) {
		*(bool *)at = !value || strcmp(value, "false") != 0;
		return 0;
	}
	if (!value) {
		value = *next;
		*used = 1;
	}
	if (!value)
		return err_set(err, EINVAL, "option -%s needs a value", flags[f].name);
	memcpy(at, &value, sizeof(value));
	return 0;
}

int args_parse(int argc, char **argv, struct args *ret, struct err *err)
{
	*ret = (struct args){ .namespace = "",
			      .id = "",
			      .address = "",
			      .publish_binary = "",
			      .bundle = "",
			      .socket = "",
			      .action = "" };
	for (int i = 1; i < argc; i++) {
		const char *word = argv[i], *equals;
		size_t f = 0, len;
		int used = 0;

		if (word[0] != '-') {
			if (strcmp(word, "start") == 0 || strcmp(word, "delete") == 0)
				ret->action = word;
			continue;
		}
		word += word[1] == '-' ? 2 : 1;
		equals = strchr(word, '=');
		len = equals ? (size_t)(equals - word) : strlen(word);
		while (f < ARRAY_SIZE(flags) &&
		       (strncmp(flags[f].name, word, len) != 0 || flags[f].name[len] != '\0'))
			f++;
		if (f < ARRAY_SIZE(flags) &&
		    take_flag(ret, f, equals ? equals + 1 : NULL, &argv[i + 1], &used, err) < 0)
			return -1;
		i += used;
	}
	return 0;
}
