/* SPDX-License-Identifier: Apache-2.0 */
/* nft_rule_fuzz.c - rules, types, conditions and names of sysctls as text
 *
 * What an administrator writes as portmap's conditions is compiled to steps of a
 * rule: never more than there is room for, never a register too many.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "cni/nft_rule.h"
#include "cni/plugins/portmap/conditions.h"
#include "cni/plugins/tuning/sysctl.h"

#define TEXT_MAX      600
#define WORDS_MAX     64
#define REGISTERS     16 /* of nf_tables, four bytes each */
#define REGISTER_SIZE 4

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

static void fuzz_rule(const char *text)
{
	static const enum nft_family families[] = { NFT_IP, NFT_IP6, NFT_BRIDGE, NFT_INET };
	struct nft_steps steps;
	struct nft_type type;

	for (size_t i = 0; i < ARRAY_SIZE(families); i++) {
		if (nft_rule_parse(text, families[i], &steps, NULL) == 0)
			for (size_t k = 0; k < steps.n; k++)
				if (steps.v[k].reg * REGISTER_SIZE + steps.v[k].len >
				    REGISTERS * REGISTER_SIZE)
					abort();
		if (nft_type_parse(text, families[i], &type, NULL) == 0 &&
		    (type.len == 0 || type.len > REGISTERS * REGISTER_SIZE))
			abort();
	}
}

static void fuzz_words(char *text)
{
	char out[CONDITIONS_MAX], *words[WORDS_MAX + 1] = { 0 }, *next = text;
	struct strings list = { .v = words };
	struct nft_steps steps;

	while (next && list.n < WORDS_MAX)
		words[list.n++] = strsep(&next, " ");
	if (conditions_format(&list, AF_INET, out, NULL) == 0 && out[0] != '\0' &&
	    nft_rule_parse(out, NFT_IP, &steps, NULL) < 0)
		abort();
	(void)conditions_format(&list, AF_INET6, out, NULL);
}

/* The list itself is the administrator's, and the C library's to understand. */
static void fuzz_sysctl(char *text)
{
	char path[CONDITIONS_MAX];
	struct pair pair = { text, text };
	const struct pairs one = { &pair, 1 };

	if (sysctl_path(text, "eth0", path, sizeof(path), NULL) == 0 &&
	    (path[0] == '/' || strstr(path, "/../") || strstr(path, "//")))
		abort();
	(void)sysctl_allowed(&one, "^net\\.core\\.\n\n^net\\.ipv4\\..*$", NULL);
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
	char text[TEXT_MAX];

	if (size >= sizeof(text))
		return 0;
	memcpy(text, data, size);
	text[size] = '\0';
	fuzz_rule(text);
	fuzz_sysctl(text);
	fuzz_words(text);
	return 0;
}
