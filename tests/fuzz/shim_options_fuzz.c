/* SPDX-License-Identifier: Apache-2.0 */
/* shim_options_fuzz.c - any bytes as options of a runtime, as TOML, as a logger's URL, as input of start
 *
 * The first byte chooses.  Oracle: no crash, no sanitizer report; a refusal
 * has a message; what is accepted has no string missing.
 */
#include <stdlib.h>
#include <string.h>

#include "runtime/shim/logger.h"
#include "runtime/shim/options.h"
#include "runtime/shim/start.h"

#define MEMORY_MAX ((size_t)64 << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool good)
{
	if (!good)
		abort();
}

static void check(int rc, const struct options *o, const struct err *err)
{
	if (rc < 0)
		must(err->msg[0] != '\0');
	else
		must(o->root && o->shim_cgroup && o->criu_image_path && o->criu_work_path);
}

static void as_any(const char *type, const char *bytes, size_t size, struct arena *arena)
{
	struct any a = { .type_url = (char *)(uintptr_t)type, .value = { bytes, size } };
	struct runtime_options generic;
	struct err err = { 0 };
	struct options o;

	/* A path would be opened: only texts. */
	if (strcmp(type, "runtimeoptions.v1.Options") == 0 &&
	    wire_decode(&runtime_options_table, bytes, size, &generic, arena, NULL) == 0 &&
	    generic.config_body.n == 0)
		return;
	check(options_from_any(&a, arena, &o, &err), &o, &err);
}

static void as_url(const char *text, struct arena *arena)
{
	struct err err = { 0 };
	struct logger l;

	if (logger_parse(text, arena, &l, &err) == 0)
		must(l.path[0] == '/' && l.argv[0] == l.path);
	else
		must(err.msg[0] != '\0');
}

static void as_input(const char *bytes, size_t size, struct arena *arena)
{
	struct err err = { 0 };
	struct start_params p;

	if (start_parse(bytes, size, "i", "n", arena, &p, &err) == 0)
		must(p.socket_dir && (p.handshake == HANDSHAKE_ADDRESS || size > 0));
	else
		must(err.msg[0] != '\0');
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct err err = { 0 };
	struct arena arena;
	struct options o;
	struct buf text;

	if (size < 1)
		return 0;
	arena_init(&arena, MEMORY_MAX);
	buf_init(&text);
	buf_add(&text, data + 1, size - 1);
	switch (data[0] % 6) {
	case 0:
		check(options_from_toml(text.s, text.len, &arena, &o, &err), &o, &err);
		break;
	case 1:
		as_any("containerd.runc.v1.Options", text.s, text.len, &arena);
		break;
	case 2:
		as_any("runtimeoptions.v1.Options", text.s, text.len, &arena);
		break;
	case 3:
		as_any("x/containerd.linux.runc.CreateOptions", text.s, text.len, &arena);
		break;
	case 4:
		as_url(text.s, &arena);
		break;
	default:
		as_input(text.s, text.len, &arena);
	}
	buf_release(&text);
	arena_release(&arena);
	return 0;
}
