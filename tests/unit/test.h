/* SPDX-License-Identifier: Apache-2.0 */
/* test.h - a unit test program in one header
 *
 *	TEST(a_long_message_is_cut_not_overrun)
 *	{
 *		CHECK_INT(err_set(&err, EINVAL, "..."), -1);
 *	}
 *
 * Every TEST registers itself before main(), which is here, and is reported as
 * one line of TAP; a failed check says where and what as a TAP comment, and
 * the test goes on.  REQUIRE ends the test instead; SKIP ends it as skipped.
 * A name as argument runs only the tests that contain it.
 */
#ifndef SKERRY_TESTS_UNIT_TEST_H
#define SKERRY_TESTS_UNIT_TEST_H

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A test that takes longer hangs. */
#define TEST_SECONDS 60

struct test {
	const char *name;
	void (*run)(void);
	struct test *next;
};

static struct {
	struct test *first, **last;
	unsigned int bad; /* failed checks of the running test */
	const char *skip_reason; /* NULL: not skipped */
} test_state;

static inline void test_add(struct test *t)
{
	if (!test_state.last)
		test_state.last = &test_state.first;
	*test_state.last = t;
	test_state.last = &t->next;
}

#define TEST(name_)                                                        \
 static void name_(void);                                                  \
 static struct test test_entry_##name_ = { .name = #name_, .run = name_ }; \
 __attribute__((constructor)) static void test_register_##name_(void)      \
 {                                                                         \
  test_add(&test_entry_##name_);                                           \
 }                                                                         \
 static void name_(void)

static inline bool test_check(bool good, const char *file, int line, const char *text)
{
	if (!good) {
		test_state.bad++;
		printf("# %s:%d: not so: %s\n", file, line, text);
	}
	return good;
}

static inline bool test_check_str(const char *a, const char *b, const char *file, int line,
				  const char *text)
{
	bool good = a && b ? strcmp(a, b) == 0 : a == b;

	if (!good) {
		test_state.bad++;
		printf("# %s:%d: %s is \"%s\", not \"%s\"\n", file, line, text, a ? a : "(null)",
		       b ? b : "(null)");
	}
	return good;
}

static inline bool test_check_int(long long a, long long b, const char *file, int line,
				  const char *text)
{
	if (a != b) {
		test_state.bad++;
		printf("# %s:%d: %s is %lld, not %lld\n", file, line, text, a, b);
	}
	return a == b;
}

#define CHECK(cond)	(void)test_check((cond), __FILE__, __LINE__, #cond)
/* what is found, what is expected */
#define CHECK_STR(a, b) (void)test_check_str((a), (b), __FILE__, __LINE__, #a)
#define CHECK_INT(a, b) (void)test_check_int((long long)(a), (long long)(b), __FILE__, __LINE__, #a)
/* for what the rest of the test can't do without */
#define REQUIRE(cond)                                 \
 do {                                                 \
  if (!test_check((cond), __FILE__, __LINE__, #cond)) \
   return;                                            \
 } while (0)
#define SKIP(reason)                 \
 do {                                \
  test_state.skip_reason = (reason); \
  return;                            \
 } while (0)

int main(int argc, char **argv)
{
	unsigned int n = 0, failed = 0;

	if (setvbuf(stdout, NULL, _IOLBF, 0) != 0)
		return 1;
	for (struct test *t = test_state.first; t; t = t->next) {
		bool good;

		if (argc > 1 && !strstr(t->name, argv[1]))
			continue;
		test_state.bad = 0;
		test_state.skip_reason = NULL;
		(void)alarm(TEST_SECONDS);
		t->run();
		(void)alarm(0);
		n++;
		good = test_state.bad == 0;
		failed += !good;
		printf("%sok %u - %s", good ? "" : "not ", n, t->name);
		if (good && test_state.skip_reason)
			printf(" # SKIP %s", test_state.skip_reason);
		printf("\n");
	}
	printf("1..%u\n", n);
	return failed > 0 || n == 0;
}

#endif
