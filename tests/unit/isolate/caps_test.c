/* SPDX-License-Identifier: Apache-2.0 */
/* caps_test.c - capability masks */
#include "runtime/isolate/caps.h"

#include <linux/capability.h>

#include "tests/unit/test.h"

#define BIT(cap) (UINT64_C(1) << (cap))

static char kill_name[] = "CAP_KILL", chown_name[] = "CAP_CHOWN", bad_name[] = "CAP_NONSENSE";

TEST(no_capabilities_means_none)
{
	struct caps c = { .effective = 7 };

	CHECK_INT(caps_make(NULL, "/process/capabilities", &c, NULL), 0);
	CHECK_INT(c.bounding | c.effective | c.permitted | c.inheritable | c.ambient, 0);
}

TEST(names_become_masks)
{
	char *both[] = { kill_name, chown_name };
	struct spec_caps s = { .bounding = { both, 2 }, .permitted = { both, 1 } };
	struct caps c;

	CHECK_INT(caps_make(&s, "/process/capabilities", &c, NULL), 0);
	CHECK_INT(c.bounding, BIT(CAP_KILL) | BIT(CAP_CHOWN));
	CHECK_INT(c.permitted, BIT(CAP_KILL));
	CHECK_INT(c.effective, 0);
}

TEST(what_is_left_out_is_named)
{
	char *names[] = { kill_name, bad_name };
	struct spec_caps s = { .bounding = { names, 2 } };
	struct caps_host host = { .last = 10, .bounding = 1 };
	struct caps c;
	AUTO_BUF text;

	buf_init(&text);
	CHECK_INT(caps_make(&s, "/process/capabilities", &c, NULL), 0);
	CHECK_INT(c.bounding, BIT(CAP_KILL));
	caps_left_out(&c, &text);
	CHECK_STR(text.s, "\"CAP_NONSENSE\"");
	caps_limit(&c, &host);
	buf_clear(&text);
	caps_left_out(&c, &text);
	CHECK_STR(text.s, "CAP_KILL, \"CAP_NONSENSE\"");
	c = (struct caps){ .not_ambient = BIT(CAP_KILL) };
	buf_clear(&text);
	caps_left_out(&c, &text);
	CHECK_STR(text.s, "CAP_KILL as ambient");
	c = (struct caps){ 0 };
	buf_clear(&text);
	caps_left_out(&c, &text);
	CHECK_INT(text.len, 0);
}

/* All 16 memberships of one capability in the four sets: which does the kernel take? */
TEST(only_combinations_the_kernel_takes_are_made)
{
	char *names[] = { kill_name };

	for (unsigned int i = 0; i < 16; i++) {
		bool e = i & 1, p = i & 2, inh = i & 4, a = i & 8;
		struct spec_caps s = {
			.bounding = { names, 1 },
			.effective = { names, e },
			.permitted = { names, p },
			.inheritable = { names, inh },
			.ambient = { names, a },
		};
		struct caps c;

		CHECK_INT(caps_make(&s, "", &c, NULL), !e || p ? 0 : -1);
		if (!e || p) {
			CHECK_INT(c.ambient, a && p && inh ? BIT(CAP_KILL) : 0);
			CHECK_INT(c.not_ambient, a && !(p && inh) ? BIT(CAP_KILL) : 0);
		}
	}
}

TEST(what_the_host_lacks_is_taken_out_and_remembered)
{
	struct caps_host host = { .last = 10, .bounding = 0x7ff };
	struct caps c = { .bounding = BIT(40) | BIT(5), .effective = BIT(40), .permitted = BIT(5) };

	caps_limit(&c, &host);
	CHECK_INT(c.unavailable, BIT(40));
	CHECK_INT(c.bounding, BIT(5));
	CHECK_INT(c.effective, 0);
	CHECK_INT(c.permitted, BIT(5));
	CHECK_INT(c.drop, 0x7ff & ~BIT(5));
}

TEST(the_host_has_a_last_capability)
{
	struct caps_host here, fresh;

	CHECK_INT(caps_host_find(false, "", &here, NULL), 0);
	CHECK_INT(caps_host_find(true, "", &fresh, NULL), 0);
	CHECK(here.last >= CAP_LAST_CAP - 1 && here.last < 64);
	CHECK_INT(here.bounding & ~fresh.bounding, 0);
	CHECK_INT(fresh.bounding, BIT(here.last + 1) - 1);
}

TEST(the_sets_the_process_has_can_be_set_again)
{
	struct caps none = { 0 };

	/* giving everything away is always allowed, and is read back */
	CHECK_INT(caps_apply(&none, NULL), 0);
}
