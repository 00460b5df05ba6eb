/* SPDX-License-Identifier: Apache-2.0 */
/* conditions.c - conditionsV4 and conditionsV6 of portmap as one nftables match
 *
 * iptables-extensions(8), nft(8).
 */
#include "cni/plugins/portmap/conditions.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "base/buf.h"
#include "cni/netconf.h"
#include "cni/nft_rule.h"

/* Options of iptables that one key of nft means. */
static const struct option {
	const char *names[3], *key;
	bool ifname; /* its value may end in "+", which is nft's "*" */
} options[] = {
	{ { "-s", "--source", "--src" }, "ip saddr", false },
	{ { "-d", "--destination", "--dst" }, "ip daddr", false },
	{ { "-i", "--in-interface" }, "iifname", true },
	{ { "-o", "--out-interface" }, "oifname", true },
	{ { "-p", "--protocol" }, "meta l4proto", false },
	{ { "--sport", "--source-port" }, "th sport", false },
	{ { "--dport", "--destination-port" }, "th dport", false },
};

struct reader {
	const struct strings *words;
	size_t next;
	struct buf *out;
	bool negate;
	struct err *err;
};

static const char *next_word(struct reader *r)
{
	return r->next < r->words->n ? r->words->v[r->next++] : "";
}

static const struct option *find_option(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(options); i++)
		for (size_t k = 0; k < ARRAY_SIZE(options[i].names); k++)
			if (str_eq(options[i].names[k], name))
				return &options[i];
	return NULL;
}

static int add_option(struct reader *r, const struct option *option)
{
	const char *value = next_word(r);
	size_t len = strlen(value);

	if (len == 0 || strpbrk(value, " \t"))
		return cni_err(r->err, CNI_ERR_CONFIG, "condition \"%s\" wants a value",
			       option->names[0]);
	buf_printf(r->out, "%s%s %s", r->out->len > 0 ? " " : "", option->key,
		   r->negate ? "!= " : "");
	if (option->ifname && value[len - 1] == '+')
		buf_printf(r->out, "%.*s*", (int)len - 1, value);
	else
		buf_puts(r->out, value);
	r->negate = false;
	return 0;
}

/* One option of iptables; modules that only carry the options above are nothing by themselves. */
static int iptables_word(struct reader *r, const char *word)
{
	const struct option *option = find_option(word);

	if (option)
		return add_option(r, option);
	if (strcmp(word, "!") == 0 && !r->negate) {
		r->negate = true;
		return 0;
	}
	if (strcmp(word, "-m") == 0 || strcmp(word, "--match") == 0) {
		static const char *const modules[] = { "tcp", "udp", "sctp", "comment" };
		const char *module = next_word(r);

		for (size_t i = 0; i < ARRAY_SIZE(modules); i++)
			if (strcmp(modules[i], module) == 0)
				return 0;
		return cni_err(r->err, CNI_ERR_CONFIG, "condition \"-m %s\" can't be met", module);
	}
	if (strcmp(word, "--comment") == 0) {
		(void)next_word(r);
		return 0;
	}
	return cni_err(r->err, CNI_ERR_CONFIG, "condition \"%s\" can't be met", word);
}

static int collect(struct reader *r)
{
	const char *first = r->words->v[0];

	if (first[0] != '-' && first[0] != '!') {
		while (r->next < r->words->n) {
			const char *separator = r->out->len > 0 ? " " : "";

			buf_printf(r->out, "%s%s", separator, next_word(r));
		}
		return 0;
	}
	while (r->next < r->words->n)
		if (iptables_word(r, next_word(r)) < 0)
			return -1;
	if (r->negate)
		return cni_err(r->err, CNI_ERR_CONFIG, "condition \"!\" with nothing behind it");
	return 0;
}

int conditions_format(const struct strings *words, int af, char dst[CONDITIONS_MAX],
		      struct err *err)
{
	struct nft_steps steps;
	AUTO_BUF out;
	struct reader r = { .words = words, .out = &out, .err = err };

	dst[0] = '\0';
	buf_init_max(&out, CONDITIONS_MAX);
	if (words->n == 0)
		return 0;
	if (collect(&r) < 0)
		return -1;
	if (buf_failed(&out) || str_copy(dst, CONDITIONS_MAX, out.s) < 0)
		return cni_err(err, CNI_ERR_CONFIG, "too long a condition");
	if (dst[0] != '\0' && nft_rule_parse(dst, nft_family(af), &steps, err) < 0)
		return cni_code_(err, CNI_ERR_CONFIG);
	/* a statement that ends the rule would decide about more than the mapping */
	for (size_t i = 0; dst[0] != '\0' && i < steps.n; i++)
		if (steps.v[i].kind == NFT_STEP_VERDICT || steps.v[i].kind == NFT_STEP_DNAT ||
		    steps.v[i].kind == NFT_STEP_MASQUERADE || steps.v[i].kind == NFT_STEP_LOOKUP)
			return cni_err(err, CNI_ERR_CONFIG, "condition \"%s\" is no match", dst);
	return 0;
}
