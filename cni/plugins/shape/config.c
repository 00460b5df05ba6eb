/* SPDX-License-Identifier: Apache-2.0 */
/* config.c - the words of plugin shape: rates, ceilings, priorities, weights
 *
 * What the runtime supplies as "bandwidth" is the most a container may use; it
 * lowers the ceilings of the configuration, never raises them.
 */
#include "cni/plugins/shape/config.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/buf.h"
#include "base/units.h"

#define DIGITS_MAX 20
#define THOUSAND   1000ULL

struct share_words {
	char *rate, *ceil;
	struct opt_u64 prio, weight;
};
struct words {
	char *uplink, *link_rate, *direction, *overcommit, *dir;
	struct share_words network;
	struct share_words *container;
	uint32_t burst_ms;
};

static const struct json_field network_fields[] = {
	JSON_FIELD(struct share_words, rate, JSON_RAW, .required = true),
	JSON_FIELD(struct share_words, ceil, JSON_RAW),
	JSON_FIELD(struct share_words, prio, JSON_OPT_U64),
	JSON_FIELD(struct share_words, weight, JSON_OPT_U64),
};
static const struct json_table network_table = JSON_TABLE(struct share_words, network_fields);
static const struct json_field container_fields[] = {
	JSON_FIELD(struct share_words, rate, JSON_RAW),
	JSON_FIELD(struct share_words, ceil, JSON_RAW),
};
static const struct json_table container_table = JSON_TABLE(struct share_words, container_fields);
static const struct json_field fields[] = {
	JSON_FIELD(struct words, uplink, JSON_STRING),
	JSON_FIELD_AS("linkRate", struct words, link_rate, JSON_RAW),
	JSON_FIELD(struct words, direction, JSON_STRING),
	JSON_FIELD(struct words, overcommit, JSON_STRING),
	JSON_FIELD_AS("dataDir", struct words, dir, JSON_STRING),
	JSON_FIELD(struct words, network, JSON_INLINE, .sub = &network_table),
	JSON_FIELD(struct words, container, JSON_OBJECT, .sub = &container_table),
	JSON_FIELD_AS("maxBurstMs", struct words, burst_ms, JSON_U32, .max = SHAPE_BURST_MS_MAX),
};
static const struct json_table table = JSON_TABLE(struct words, fields);

int shape_rate_parse(const char *text, uint64_t *ret)
{
	static const struct {
		const char *name;
		uint64_t factor;
	} units[] = {
		{ "", 1 },
		{ "bit", 1 },
		{ "kbit", THOUSAND },
		{ "mbit", THOUSAND * THOUSAND },
		{ "gbit", THOUSAND * THOUSAND * THOUSAND },
		{ "tbit", THOUSAND * THOUSAND * THOUSAND * THOUSAND },
	};
	const size_t digits = strspn(text, "0123456789");
	char number[DIGITS_MAX];
	uint64_t v;

	if (digits == 0 || digits >= sizeof(number))
		return -1;
	memcpy(number, text, digits);
	number[digits] = '\0';
	for (size_t i = 0; i < ARRAY_SIZE(units); i++) {
		if (strcasecmp(text + digits, units[i].name) != 0)
			continue;
		if (units_u64(number, SHAPE_RATE_MAX / units[i].factor, &v) < 0)
			return -1;
		*ret = v * units[i].factor;
		return 0;
	}
	return -1;
}

void shape_rate_format(uint64_t rate, char dst[SHAPE_RATE_TEXT])
{
	static const char *const units[] = { "bit", "kbit", "mbit", "gbit", "tbit" };
	double v = (double)rate;
	size_t i = 0;

	for (; v >= (double)THOUSAND && i + 1 < ARRAY_SIZE(units); i++)
		v /= (double)THOUSAND;
	(void)snprintf(dst, SHAPE_RATE_TEXT, i == 0 ? "%.0f%s" : "%.1f%s", v, units[i]);
}

/* A JSON number or string; NULL and "auto" leave *ret alone. */
static int parse_rate(const char *what, const char *raw, uint64_t *ret, struct err *err)
{
	const size_t len = raw ? strlen(raw) : 0;
	char text[DIGITS_MAX + sizeof("tbit")];
	size_t quotes = 0;
	uint64_t v;

	if (!raw)
		return 0;
	if (len >= 2 && raw[0] == '"' && raw[len - 1] == '"')
		quotes = 1;
	if (len - 2 * quotes >= sizeof(text))
		return cni_err(err, CNI_ERR_CONFIG, "%s: %.40s is no rate", what, raw);
	memcpy(text, raw + quotes, len - 2 * quotes);
	text[len - 2 * quotes] = '\0';
	if (quotes && strcmp(text, "auto") == 0)
		return 0;
	if (shape_rate_parse(text, &v) < 0 || v < SHAPE_RATE_MIN)
		return cni_err(err, CNI_ERR_CONFIG,
			       "%s: %s is no rate from 8kbit to 1tbit (\"200mbit\")", what, raw);
	*ret = v;
	return 0;
}

static int check_share(const char *what, const struct shape_share *share, struct err *err)
{
	if (share->ceil > 0 && share->rate > share->ceil)
		return cni_err(err, CNI_ERR_CONFIG, "the %s's rate is above its ceiling", what);
	return 0;
}

static int parse_network(const struct share_words *w, struct shape_config *ret, struct err *err)
{
	if (parse_rate("network.rate", w->rate, &ret->network.rate, err) < 0 ||
	    parse_rate("network.ceil", w->ceil, &ret->network.ceil, err) < 0)
		return -1;
	if (ret->network.rate == 0)
		return cni_err(err, CNI_ERR_CONFIG, "network.rate: a guarantee must be given");
	if (w->prio.v > SHAPE_PRIORITY_MAX)
		return cni_err(err, CNI_ERR_CONFIG, "network.prio is above %d", SHAPE_PRIORITY_MAX);
	if (w->weight.has && (w->weight.v < 1 || w->weight.v > SHAPE_WEIGHT_MAX))
		return cni_err(err, CNI_ERR_CONFIG, "network.weight isn't from 1 to %d",
			       SHAPE_WEIGHT_MAX);
	ret->priority = (uint32_t)w->prio.v;
	ret->weight = w->weight.has ? (uint32_t)w->weight.v : 1;
	return check_share("network", &ret->network, err);
}

/* What the runtime says lowers the ceiling. */
static void lower(struct shape_share *share, uint64_t most)
{
	if (most < SHAPE_RATE_MIN)
		return;
	if (share->ceil == 0 || share->ceil > most)
		share->ceil = most;
	if (share->rate == 0 || share->rate > most)
		share->rate = share->rate == 0 ? SHAPE_RATE_MIN : most;
}

static int parse_container(const struct netconf *conf, const struct share_words *w,
			   struct shape_config *ret, struct err *err)
{
	struct shape_share share = { 0 };

	if (w && (parse_rate("container.rate", w->rate, &share.rate, err) < 0 ||
		  parse_rate("container.ceil", w->ceil, &share.ceil, err) < 0 ||
		  check_share("container", &share, err) < 0))
		return -1;
	if (share.ceil > 0 && share.rate == 0)
		share.rate = SHAPE_RATE_MIN;
	ret->up = ret->down = share;
	if (conf->runtime.bandwidth) {
		lower(&ret->up, conf->runtime.bandwidth->egress_rate);
		lower(&ret->down, conf->runtime.bandwidth->ingress_rate);
	}
	return 0;
}

static int parse_choices(const struct words *w, struct shape_config *ret, struct err *err)
{
	const char *direction = w->direction ? w->direction : "both";

	ret->shape_up = strcmp(direction, "down") != 0;
	ret->shape_down = strcmp(direction, "up") != 0;
	if (ret->shape_up && ret->shape_down && strcmp(direction, "both") != 0)
		return cni_err(err, CNI_ERR_CONFIG,
			       "direction: \"%.32s\" is not \"up\", \"down\" or \"both\"",
			       direction);
	ret->overcommit = str_eq(w->overcommit, "allow");
	if (w->overcommit && !ret->overcommit && strcmp(w->overcommit, "refuse") != 0)
		return cni_err(err, CNI_ERR_CONFIG,
			       "overcommit: \"%.32s\" is not \"refuse\" or \"allow\"",
			       w->overcommit);
	return 0;
}

int shape_config_parse(const struct netconf *conf, struct arena *arena, struct shape_config *ret,
		       struct err *err)
{
	struct words w;

	memset(ret, 0, sizeof(*ret));
	if (netconf_decode(conf, &table, &w, arena, err) < 0)
		return -1;
	if (w.uplink && w.uplink[0] && strcmp(w.uplink, "auto") != 0) {
		if (!netconf_ifname_ok(w.uplink))
			return cni_err(err, CNI_ERR_CONFIG, "uplink: \"%.32s\" is no interface",
				       w.uplink);
		ret->uplink = w.uplink;
	}
	ret->dir = w.dir && w.dir[0] ? w.dir : SHAPE_DIR;
	ret->burst_ms = w.burst_ms ? w.burst_ms : SHAPE_BURST_MS;
	if (parse_rate("linkRate", w.link_rate, &ret->link_rate, err) < 0 ||
	    parse_network(&w.network, ret, err) < 0 ||
	    parse_container(conf, w.container, ret, err) < 0)
		return -1;
	return parse_choices(&w, ret, err);
}
