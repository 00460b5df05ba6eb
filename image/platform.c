/* SPDX-License-Identifier: Apache-2.0 */
/* platform.c - operating system, architecture and variant of an image
 *
 * image-spec image-index.md "platform"; the x86-64 levels are those of the
 * psABI.
 */
#include "image/platform.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>
#ifdef __x86_64__
# include <cpuid.h>
#endif

#include "base/buf.h"

static const struct {
	const char *name, *architecture, *variant;
} aliases[] = {
	{ "x86_64", "amd64", NULL },	{ "x86-64", "amd64", NULL }, { "aarch64", "arm64", NULL },
	{ "armhf", "arm", "v7" },	{ "armel", "arm", "v6" },    { "armv7l", "arm", "v7" },
	{ "armv6l", "arm", "v6" },	{ "i386", "386", NULL },     { "i686", "386", NULL },
	{ "ppc64el", "ppc64le", NULL },
};

/* "v3" is 3, "" is the architecture's lowest level. */
static int level(const struct platform *p)
{
	if (p->variant[0] == 'v' && p->variant[1] >= '1' && p->variant[1] <= '9')
		return p->variant[1] - '0';
	if (strcmp(p->architecture, "arm64") == 0)
		return 8;
	if (strcmp(p->architecture, "arm") == 0)
		return 7;
	return 1;
}

void platform_set(struct platform *p, const char *os, const char *architecture, const char *variant)
{
	*p = (struct platform){ 0 };
	const char *name = architecture ? architecture : "";
	const char *its_variant = variant ? variant : "";
	for (size_t i = 0; i < ARRAY_SIZE(aliases); i++) {
		if (strcmp(name, aliases[i].name) != 0)
			continue;
		name = aliases[i].architecture;
		if (aliases[i].variant && !its_variant[0])
			its_variant = aliases[i].variant;
		break;
	}
	/* words that are too long belong to no platform that we know: cut, they match nothing */
	(void)!str_copy(p->os, sizeof(p->os), os ? os : "");
	(void)!str_copy(p->architecture, sizeof(p->architecture), name);
	(void)!str_copy(p->variant, sizeof(p->variant), its_variant);
	bool digit = p->variant[0] >= '1' && p->variant[0] <= '9' && !p->variant[1];
	if (strcmp(p->architecture, "arm") == 0) {
		if (digit)
			(void)!snprintf(p->variant, sizeof(p->variant), "v%.1s", its_variant);
		else if (!p->variant[0])
			(void)!str_copy(p->variant, sizeof(p->variant), "v7");
	}
	bool plain64 = strcmp(p->architecture, "arm64") == 0 &&
		       (strcmp(p->variant, "8") == 0 || strcmp(p->variant, "v8") == 0 ||
			strcmp(p->variant, "v8.0") == 0);
	bool plain_amd = strcmp(p->architecture, "amd64") == 0 && strcmp(p->variant, "v1") == 0;
	if (plain64 || plain_amd)
		p->variant[0] = 0;
}

#ifdef __x86_64__
/* The highest x86-64 level that this processor has. */
static int x86_level(void)
{
	unsigned int a, b, c, d, b7 = 0, c7, d7, c81 = 0;
	if (!__get_cpuid(1, &a, &b, &c, &d))
		return 1;
	if (!__get_cpuid_count(7, 0, &a, &b7, &c7, &d7))
		b7 = 0;
	if (!__get_cpuid(0x80000001, &a, &b, &c81, &d))
		c81 = 0;
	const unsigned int v2 =
		bit_SSE3 | bit_SSSE3 | bit_SSE4_1 | bit_SSE4_2 | bit_POPCNT | bit_CMPXCHG16B;
	const unsigned int v3 = bit_AVX | bit_FMA | bit_F16C | bit_MOVBE | bit_OSXSAVE;
	const unsigned int v3_7 = bit_AVX2 | bit_BMI | bit_BMI2;
	const unsigned int v4_7 =
		bit_AVX512F | bit_AVX512BW | bit_AVX512CD | bit_AVX512DQ | bit_AVX512VL;
	if ((c & v2) != v2 || !(c81 & bit_LAHF_LM))
		return 1;
	if ((c & v3) != v3 || (b7 & v3_7) != v3_7 || !(c81 & bit_LZCNT))
		return 2;
	return (b7 & v4_7) == v4_7 ? 4 : 3;
}
#endif

void platform_host(struct platform *ret)
{
	struct utsname name;
	if (uname(&name) < 0)
		name.machine[0] = 0;
	platform_set(ret, "linux", name.machine, NULL);
#ifdef __x86_64__
	if (strcmp(ret->architecture, "amd64") == 0 && x86_level() > 1)
		(void)!snprintf(ret->variant, sizeof(ret->variant), "v%d", x86_level());
#endif
}

int platform_parse(const char *text, struct platform *ret, struct err *err)
{
	char copy[3 * PLATFORM_WORD_MAX];
	char *word[3] = { copy, NULL, NULL };
	size_t n = 1;

	if (!text[0] || str_copy(copy, sizeof(copy), text) < 0)
		return err_set(err, EINVAL, "invalid platform \"%.64s\"", text);
	for (char *c = copy; *c; c++) {
		if (*c != '/')
			continue;
		*c = 0;
		if (n == 3)
			return err_set(err, EINVAL, "invalid platform \"%s\"", text);
		word[n++] = c + 1;
	}
	for (size_t i = 0; i < n; i++) {
		if (!word[i][0] || strlen(word[i]) >= PLATFORM_WORD_MAX)
			return err_set(err, EINVAL, "invalid platform \"%s\"", text);
	}
	if (n == 1 && strcmp(word[0], "linux") == 0) {
		platform_host(ret);
		return 0;
	}
	if (n == 1)
		platform_set(ret, "linux", word[0], NULL);
	else
		platform_set(ret, word[0], word[1], word[2]);
	return 0;
}

void platform_format(const struct platform *p, char *dst, size_t size)
{
	(void)!snprintf(dst, size, "%s/%s%s%s", p->os[0] ? p->os : "unknown",
			p->architecture[0] ? p->architecture : "unknown", p->variant[0] ? "/" : "",
			p->variant);
}

int platform_rank(const struct platform *wanted, const struct platform *offered)
{
	enum { OTHER_ARCHITECTURE = 100 }; /* worse than any variant of the own one */
	if (strcmp(wanted->os, offered->os) != 0)
		return -1;
	int own = level(wanted), its = level(offered);
	if (strcmp(wanted->architecture, offered->architecture) == 0)
		return its > own ? -1 : own - its;
	if (strcmp(wanted->architecture, "amd64") == 0 && strcmp(offered->architecture, "386") == 0)
		return OTHER_ARCHITECTURE;
	if (strcmp(wanted->architecture, "arm64") == 0 && strcmp(offered->architecture, "arm") == 0)
		return OTHER_ARCHITECTURE + 8 - its;
	return -1;
}
