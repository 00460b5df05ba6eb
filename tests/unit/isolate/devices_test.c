/* SPDX-License-Identifier: Apache-2.0 */
/* devices_test.c - the default devices and those of config.json */
#include <errno.h>
#include <sys/stat.h>

#include "base/buf.h"
#include "tests/unit/isolate/mount_spec.h"
#include "tests/unit/test.h"

static const struct device *find(const struct fixture *f, const char *path)
{
	for (size_t i = 0; i < f->m.devices.n; i++)
		if (strcmp(f->m.devices.v[i].path, path) == 0)
			return &f->m.devices.v[i];
	return NULL;
}

TEST(six_devices_are_always_there)
{
	static const char *const paths[] = { "/dev/null",   "/dev/zero",    "/dev/full",
					     "/dev/random", "/dev/urandom", "/dev/tty" };
	struct fixture f;

	fixture_init(&f);
	REQUIRE(made(&f, "") == 0);
	CHECK_INT(f.m.devices.n, 6);
	for (size_t i = 0; i < ARRAY_SIZE(paths); i++) {
		const struct device *d = find(&f, paths[i]);

		REQUIRE(d);
		CHECK_INT(d->mode, S_IFCHR | 0666);
		CHECK_STR(d->name, paths[i] + 5);
	}
	fixture_release(&f);
}

TEST(a_device_of_the_config_replaces_a_default)
{
	struct fixture f;
	const struct device *d;

	fixture_init(&f);
	REQUIRE(made(&f,
		     "'linux': {'devices': [{'path': '/dev//null', 'type': 'c', 'major': 1, 'minor': 3, "
		     "'fileMode': 8576, 'uid': 5, 'gid': 6}]}") == 0);
	CHECK_INT(f.m.devices.n, 6);
	d = find(&f, "/dev/null");
	REQUIRE(d);
	CHECK_INT(d->mode, S_IFCHR | 0600);
	CHECK_INT(d->uid, 5);
	CHECK_INT(d->gid, 6);
	fixture_release(&f);
}

TEST(types_have_their_letters)
{
	static const struct {
		const char *type;
		mode_t mode;
	} types[] = { { "c", S_IFCHR }, { "u", S_IFCHR }, { "b", S_IFBLK }, { "p", S_IFIFO } };
	struct fixture f;
	char text[256];

	fixture_init(&f);
	for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
		const struct device *d;

		(void)snprintf(
			text, sizeof(text),
			"'linux': {'devices': [{'path': '/dev/a/b', 'type': '%s', 'major': 10, "
			"'minor': 200}]}",
			types[i].type);
		REQUIRE(made(&f, text) == 0);
		d = find(&f, "/dev/a/b");
		REQUIRE(d);
		CHECK_INT(d->mode, types[i].mode | 0666);
		CHECK(d->name == NULL);
	}
	fixture_release(&f);
}

TEST(a_device_that_makes_no_sense_is_refused)
{
	static const char *const bad[] = {
		"{'path': '/dev/x', 'type': 'z', 'major': 1, 'minor': 1}",
		"{'path': '/dev/x', 'type': 'cc', 'major': 1, 'minor': 1}",
		"{'path': '/dev/x', 'type': 'c', 'minor': 1}",
		"{'path': '/dev/x', 'type': 'b', 'major': 1}",
		"{'path': '/dev/x', 'type': 'c', 'major': -1, 'minor': 1}",
		"{'path': '/', 'type': 'c', 'major': 1, 'minor': 1}",
		"{'path': '/dev/..', 'type': 'p'}",
	};
	struct fixture f;
	char text[256];

	fixture_init(&f);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		(void)snprintf(text, sizeof(text), "'linux': {'devices': [%s]}", bad[i]);
		CHECK_INT(made(&f, text), -1);
		CHECK(str_starts(f.err.field, "/linux/devices/0"));
	}
	fixture_release(&f);
}
