/* SPDX-License-Identifier: Apache-2.0 */
/* devices_test.c - the device filter against a direct reading of the rules
 *
 * The program is run by a small evaluator that knows the instructions it is
 * made of (and refuses others, jumps out of it and ends without exit), and
 * compared with a model: for each access the last rule that names it decides.
 */
#include "cgroups/internal.h"

#include <linux/bpf.h>
#include <string.h>

#include "tests/unit/test.h"

#define BAD (-1)

/* 0 denied, 1 allowed, BAD: a program that the verifier would not take. */
static int evaluate(const struct bpf_insn *insn, size_t n, const struct bpf_cgroup_dev_ctx *ctx)
{
	uint64_t r[11] = { 0 };
	const char *base = (const char *)ctx;

	for (size_t pc = 0; pc < n; pc++) {
		const struct bpf_insn *i = &insn[pc];
		uint64_t *dst = &r[i->dst_reg];
		uint32_t word = 0;
		bool jump = false;

		switch (i->code) {
		case BPF_LDX | BPF_MEM | BPF_W:
			if (i->src_reg != BPF_REG_1 || i->off < 0 ||
			    (size_t)i->off + 4 > sizeof(*ctx))
				return BAD;
			memcpy(&word, base + i->off, 4);
			*dst = word;
			continue;
		case BPF_ALU64 | BPF_MOV | BPF_X:
			*dst = r[i->src_reg];
			continue;
		case BPF_ALU64 | BPF_MOV | BPF_K:
			*dst = (uint64_t)(int64_t)i->imm;
			continue;
		case BPF_ALU64 | BPF_AND | BPF_K:
			*dst &= (uint64_t)(int64_t)i->imm;
			continue;
		case BPF_ALU64 | BPF_RSH | BPF_K:
			*dst >>= i->imm;
			continue;
		case BPF_ALU64 | BPF_LSH | BPF_K:
			*dst <<= i->imm;
			continue;
		case BPF_ALU64 | BPF_OR | BPF_X:
			*dst |= r[i->src_reg];
			continue;
		case BPF_JMP | BPF_JEQ | BPF_K:
			jump = *dst == (uint64_t)(int64_t)i->imm;
			break;
		case BPF_JMP | BPF_JNE | BPF_K:
			jump = *dst != (uint64_t)(int64_t)i->imm;
			break;
		case BPF_JMP | BPF_JSET | BPF_K:
			jump = (*dst & (uint64_t)(int64_t)i->imm) != 0;
			break;
		case BPF_JMP | BPF_JA:
			jump = true;
			break;
		case BPF_JMP | BPF_EXIT:
			return r[0] <= 1 ? (int)r[0] : BAD;
		default:
			return BAD;
		}
		if (i->off < 0 || pc + 1 + (size_t)i->off >= n)
			return BAD;
		if (jump)
			pc += (size_t)i->off;
	}
	return BAD;
}

/* Every instruction can be reached: the verifier refuses dead code. */
static bool all_reachable(const struct bpf_insn *insn, size_t n)
{
	unsigned char *seen = calloc(n, 1);
	bool all = true;

	if (!seen)
		return false;
	seen[0] = 1;
	for (size_t i = 0; i < n; i++) { /* jumps go forward only */
		bool jump = (insn[i].code & 7) == BPF_JMP;

		if (!seen[i]) {
			all = false;
			continue;
		}
		if (jump && insn[i].code != (BPF_JMP | BPF_EXIT))
			seen[i + 1 + (size_t)insn[i].off] = 1;
		if (!jump ||
		    (insn[i].code != (BPF_JMP | BPF_EXIT) && insn[i].code != (BPF_JMP | BPF_JA))) {
			if (i + 1 < n)
				seen[i + 1] = 1;
			else
				all = false;
		}
	}
	free(seen);
	return all;
}

static bool names(const struct spec_device_rule *r, char type, int64_t major, int64_t minor)
{
	return (!r->type || r->type[0] == 'a' || r->type[0] == type) &&
	       (!r->major.has || r->major.v < 0 || r->major.v == major) &&
	       (!r->minor.has || r->minor.v < 0 || r->minor.v == minor);
}

static int model(const struct spec_device_rule *rules, size_t n, char type, int64_t major,
		 int64_t minor, unsigned int access)
{
	static const struct {
		unsigned int bit;
		char letter;
	} kinds[] = { { BPF_DEVCG_ACC_MKNOD, 'm' },
		      { BPF_DEVCG_ACC_READ, 'r' },
		      { BPF_DEVCG_ACC_WRITE, 'w' } };

	for (size_t k = 0; k < ARRAY_SIZE(kinds); k++) {
		bool allowed = false;

		for (size_t i = 0; i < n; i++)
			if (names(&rules[i], type, major, minor) &&
			    (!rules[i].access || strchr(rules[i].access, kinds[k].letter)))
				allowed = rules[i].allow;
		if ((access & kinds[k].bit) && !allowed)
			return 0;
	}
	return 1;
}

static char *const types[] = { NULL, (char[]){ "a" }, (char[]){ "b" }, (char[]){ "c" } };
static char *const accesses[] = { NULL,
				  (char[]){ "r" },
				  (char[]){ "w" },
				  (char[]){ "m" },
				  (char[]){ "rw" },
				  (char[]){ "wm" },
				  (char[]){ "mrw" },
				  (char[]){ "rm" } };

static void compare(const struct spec_device_rule *rules, size_t n)
{
	struct arena arena;
	void *insn = NULL;
	size_t len = 0;

	arena_init(&arena, ARENA_MAX_DEFAULT);
	REQUIRE(cgroup_devices_make(rules, n, &arena, &insn, &len, NULL) == 0);
	CHECK(all_reachable(insn, len));
	for (int type = 0; type < 2; type++)
		for (uint32_t major = 0; major < 4; major++)
			for (uint32_t minor = 0; minor < 4; minor++)
				for (uint32_t access = 1; access < 8; access++) {
					struct bpf_cgroup_dev_ctx ctx = {
						.access_type =
							access << 16 | (type ? BPF_DEVCG_DEV_CHAR
									     : BPF_DEVCG_DEV_BLOCK),
						.major = major,
						.minor = minor,
					};

					CHECK_INT(evaluate(insn, len, &ctx),
						  model(rules, n, type ? 'c' : 'b', major, minor,
							access));
				}
	arena_release(&arena);
}

TEST(random_rules_are_decided_as_the_model_does)
{
	unsigned int seed = 12345;

	for (int round = 0; round < 400; round++) {
		struct spec_device_rule rules[12];
		size_t n = (size_t)(rand_r(&seed) % 13);

		memset(rules, 0, sizeof(rules));
		for (size_t i = 0; i < n; i++) {
			rules[i].allow = rand_r(&seed) % 2;
			rules[i].type = types[rand_r(&seed) % 4];
			rules[i].access = accesses[rand_r(&seed) % 8];
			rules[i].major.has = rand_r(&seed) % 2;
			rules[i].major.v = rand_r(&seed) % 5 - 1;
			rules[i].minor.has = rand_r(&seed) % 2;
			rules[i].minor.v = rand_r(&seed) % 5 - 1;
		}
		compare(rules, n);
	}
}

TEST(neighbours_that_allow_all_of_one_kind_share_a_test)
{
	static char c[] = "c", b[] = "b", all[] = "rwm";
	struct spec_device_rule rules[8] = { 0 };
	struct arena arena;
	void *insn;
	size_t few = 0, many = 0;

	for (size_t i = 0; i < ARRAY_SIZE(rules); i++)
		rules[i] = (struct spec_device_rule){
			.allow = true,
			.type = i == 7 ? b : c,
			.access = all,
			.major = { .has = true, .v = (int64_t)i % 3 },
			.minor = { .has = i != 2, .v = (int64_t)i % 4 },
		};
	arena_init(&arena, ARENA_MAX_DEFAULT);
	for (size_t n = 2; n <= ARRAY_SIZE(rules); n++)
		compare(rules, n);
	REQUIRE(cgroup_devices_make(rules, 6, &arena, &insn, &few, NULL) == 0);
	REQUIRE(cgroup_devices_make(rules, 7, &arena, &insn, &many, NULL) == 0);
	CHECK_INT(many - few, 1);
	/* a number that does not fit the shared word is still told apart */
	rules[1].major.v = 1 << 11;
	rules[3].minor.v = 1 << 20;
	compare(rules, ARRAY_SIZE(rules));
	arena_release(&arena);
}

TEST(without_a_rule_everything_is_denied)
{
	compare(NULL, 0);
}

TEST(the_default_rules_allow_null_and_deny_disks)
{
	struct spec_device_rule deny = { .allow = false, .access = accesses[6] }, *rules = NULL;
	struct spec_resources r = { .devices = { .v = &deny, .n = 1 } };
	struct bpf_cgroup_dev_ctx null = { .access_type = 6U << 16 | BPF_DEVCG_DEV_CHAR,
					   .major = 1,
					   .minor = 3 };
	struct bpf_cgroup_dev_ctx disk = { .access_type = 2U << 16 | BPF_DEVCG_DEV_BLOCK,
					   .major = 8 };
	struct bpf_cgroup_dev_ctx node = { .access_type = 1U << 16 | BPF_DEVCG_DEV_BLOCK,
					   .major = 8 };
	struct arena arena;
	void *insn = NULL;
	size_t n = 0, len = 0;

	arena_init(&arena, ARENA_MAX_DEFAULT);
	REQUIRE(cgroup_devices_rules(&r, &arena, &rules, &n, NULL) == 0);
	REQUIRE(cgroup_devices_make(rules, n, &arena, &insn, &len, NULL) == 0);
	CHECK_INT(evaluate(insn, len, &null), 1);
	CHECK_INT(evaluate(insn, len, &disk), 0);
	CHECK_INT(evaluate(insn, len, &node), 1);
	arena_release(&arena);
}

TEST(rules_that_make_no_sense_are_refused)
{
	struct spec_device_rule bad_type = { .type = (char[]){ "x" } };
	struct spec_device_rule bad_access = { .access = (char[]){ "rx" } };
	struct spec_device_rule too_big = { .major = { .has = true, .v = 1LL << 40 } };
	struct arena arena;
	void *insn = NULL;
	size_t len = 0;

	arena_init(&arena, ARENA_MAX_DEFAULT);
	CHECK_INT(cgroup_devices_make(&bad_type, 1, &arena, &insn, &len, NULL), -1);
	CHECK_INT(cgroup_devices_make(&bad_access, 1, &arena, &insn, &len, NULL), -1);
	CHECK_INT(cgroup_devices_make(&too_big, 1, &arena, &insn, &len, NULL), -1);
	arena_release(&arena);
}
