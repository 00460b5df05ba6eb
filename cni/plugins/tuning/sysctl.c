/* SPDX-License-Identifier: Apache-2.0 */
/* sysctl.c - kernel parameters of the container's network namespace
 *
 * sysctl(8), regex(7).
 */
#include "cni/plugins/tuning/sysctl.h"

#include <errno.h>
#include <regex.h>
#include <stdbool.h>
#include <string.h>

#include "base/buf.h"
#include "cni/netconf.h"

#define PLACEHOLDER "IFNAME"
#define PREFIX	    "net/"
#define PATTERN_MAX 512

/* No part of the path is empty, "." or "..". */
static bool is_plain(const char *path)
{
	while (*path) {
		const size_t len = strcspn(path, "/");

		if (len == 0 || (len == 1 && path[0] == '.') ||
		    (len == 2 && path[0] == '.' && path[1] == '.'))
			return false;
		path += len;
		if (*path == '/' && *++path == '\0')
			return false;
	}
	return true;
}

int sysctl_path(const char *name, const char *ifname, char *dst, size_t size, struct err *err)
{
	const bool has_slash = strchr(name, '/') != NULL;
	AUTO_BUF path;

	buf_init_max(&path, size);
	while (*name) {
		if (str_starts(name, PLACEHOLDER)) {
			buf_puts(&path, ifname);
			name += strlen(PLACEHOLDER);
			continue;
		}
		if (!has_slash && *name == '.')
			buf_putc(&path, '/');
		else
			buf_putc(&path, *name);
		name++;
	}
	if (buf_failed(&path) || !str_starts(path.s, PREFIX) || !is_plain(path.s) ||
	    str_copy(dst, size, path.s + strlen(PREFIX)) < 0)
		return cni_err(err, CNI_ERR_CONFIG, "invalid net sysctl key: \"%s\"", path.s);
	return 0;
}

static int matches(const char *pattern, const char *name, bool *ret, struct err *err)
{
	regex_t regex;

	if (regcomp(&regex, pattern, REG_EXTENDED | REG_NOSUB) != 0)
		return cni_err(err, CNI_ERR_CONFIG, "%s: \"%s\" is no regular expression",
			       SYSCTL_ALLOWLIST, pattern);
	*ret = regexec(&regex, name, 0, NULL, 0) == 0;
	regfree(&regex);
	return 0;
}

static int is_allowed(const char *name, const char *list, struct err *err)
{
	while (*list) {
		const size_t len = strcspn(list, "\n");
		char pattern[PATTERN_MAX];
		bool match = false;

		if (len >= sizeof(pattern))
			return cni_err(err, CNI_ERR_CONFIG, "%s: too long a line",
				       SYSCTL_ALLOWLIST);
		memcpy(pattern, list, len);
		pattern[len] = '\0';
		if (len > 0 && matches(pattern, name, &match, err) < 0)
			return -1;
		if (match)
			return 0;
		list += len + (list[len] == '\n');
	}
	return cni_err(err, CNI_ERR_CONFIG, "sysctl \"%s\" is not allowed by %s", name,
		       SYSCTL_ALLOWLIST);
}

int sysctl_allowed(const struct pairs *sysctls, const char *list, struct err *err)
{
	for (size_t i = 0; i < sysctls->n; i++) {
		for (size_t k = 0; k < i; k++)
			if (strcmp(sysctls->v[i].key, sysctls->v[k].key) == 0)
				return cni_err(err, CNI_ERR_CONFIG,
					       "duplicate net sysctl key: \"%s\"",
					       sysctls->v[i].key);
		if (list && is_allowed(sysctls->v[i].key, list, err) < 0)
			return -1;
	}
	return 0;
}
