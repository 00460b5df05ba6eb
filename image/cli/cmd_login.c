/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_login.c - skerry login and logout: credentials for a registry */
#include <errno.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "base/fd.h"
#include "image/auth.h"
#include "image/cli/common.h"

#define SECRET_MAX 65536

struct login_flags {
	struct registry_flags registry; /* first */
	const char *user, *password;
	bool stdin_password, get_login;
};

#define ROW(name_, letter_, kind_, member, value_, help_) \
 .name = (name_), .letter = (letter_), .kind = (kind_),   \
 .offset = offsetof(struct login_flags, member), .value = (value_), .help = (help_)

static const struct option rows[] = {
	{ ROW("username", 'u', OPTION_STRING, user, "USER", "name of the user") },
	{ ROW("password", 'p', OPTION_STRING, password, "PASSWORD",
	      "the password; others may see it in the list of processes") },
	{ ROW("password-stdin", 0, OPTION_FLAG, stdin_password, NULL,
	      "read the password from standard input") },
	{ ROW("get-login", 0, OPTION_FLAG, get_login, NULL,
	      "only print the name of the user who is logged in") },
};
static const struct login_flags defaults = { .registry = REGISTRY_FLAGS_DEFAULT };

/* One line of standard input into dst. */
static int read_line(char *dst, size_t size, struct err *err)
{
	size_t n = 0;
	char c;
	ssize_t got;
	while ((got = fd_read_full(STDIN_FILENO, &c, 1)) == 1 && c != '\n') {
		if (n + 1 >= size)
			return err_set(err, EFBIG, "the line is too long");
		dst[n++] = c;
	}
	if (got < 0)
		return err_sys(err, "read standard input");
	while (n > 0 && dst[n - 1] == '\r')
		n--;
	dst[n] = 0;
	return n > 0 ? 0 : err_set(err, EINVAL, "standard input is empty");
}

static int ask(const char *what, bool hidden, char *dst, size_t size, struct err *err)
{
	struct termios was, quiet;
	if (!isatty(STDIN_FILENO))
		return err_set(err, EINVAL, "%s is missing", what);
	(void)!fd_write_full(STDERR_FILENO, what, strlen(what));
	(void)!fd_write_full(STDERR_FILENO, ": ", 2);
	if (hidden && tcgetattr(STDIN_FILENO, &was) == 0) {
		quiet = was;
		quiet.c_lflag &= ~(tcflag_t)ECHO;
		(void)tcsetattr(STDIN_FILENO, TCSAFLUSH, &quiet);
	} else {
		hidden = false;
	}
	int rc = read_line(dst, size, err);
	if (hidden) {
		(void)tcsetattr(STDIN_FILENO, TCSAFLUSH, &was);
		(void)!fd_write_full(STDERR_FILENO, "\n", 1);
	}
	return rc;
}

/* The registry's name as a reference of some repository in it. */
static int registry_reference(struct arena *arena, const char *name, struct reference *ref,
			      struct err *err)
{
	if (str_starts(name, "https://"))
		name += 8;
	size_t len = strlen(name);
	while (len > 0 && name[len - 1] == '/')
		len--;
	const char *text = arena_printf(arena, "%.*s/login", (int)len, name);
	if (!text || reference_parse(text, ref, err) < 0 || ref->is_short)
		return err_set(err, EINVAL, "\"%s\" is no registry's name (HOST[:PORT])", name);
	return 0;
}

static int print_user(const char *authfile, const struct reference *ref, struct err *err)
{
	struct credentials known;
	if (auth_find(authfile, ref->domain, NULL, &known, err) < 0)
		return -1;
	int rc = known.user ? print_line(known.user, err)
			    : err_set(err, ENOENT, "not logged in to \"%s\"", ref->domain);
	credentials_release(&known);
	return rc;
}

static int login(struct cli *cli, const void *options, const struct option_args *args,
		 struct err *err)
{
	const struct login_flags *f = options;
	static char user[SECRET_MAX], password[SECRET_MAX];
	struct registry_options o;
	struct registry *registry;
	struct reference ref;
	const char *name = args->n > 0 ? args->v[0] : "docker.io";

	if (registry_reference(&cli->arena, name, &ref, err) < 0 ||
	    common_registry(cli, &f->registry, &o, err) < 0)
		return -1;
	if (f->get_login)
		return print_user(f->registry.authfile, &ref, err);
	if (f->user ? str_copy(user, sizeof(user), f->user) < 0
		    : ask("user", false, user, sizeof(user), err) < 0)
		return -1;
	int rc = 0;
	if (f->stdin_password)
		rc = read_line(password, sizeof(password), err);
	else if (f->password)
		rc = str_copy(password, sizeof(password), f->password);
	else
		rc = ask("password", true, password, sizeof(password), err);
	if (rc < 0)
		return -1;
	o.user = user;
	o.password = password;
	if (registry_open(&ref, &o, &registry, err) < 0)
		return -1;
	rc = registry_login(registry, err);
	registry_close(registry);
	if (rc == 0)
		rc = auth_store(f->registry.authfile, ref.domain, user, password, err);
	explicit_bzero(password, sizeof(password));
	if (rc < 0)
		return err_wrap(err, "log in to \"%s\"", ref.domain);
	return print_line("Login succeeded", err);
}

const struct command verb_login = {
	.name = "login",
	.arguments = "[REGISTRY]",
	.summary = "keep credentials for a registry",
	.description = "They are tried first, then kept where podman keeps them.\n",
	.options = { rows, ARRAY_SIZE(rows), &registry_flag_table },
	.size = sizeof(struct login_flags),
	.defaults = &defaults,
	.max_args = 1,
	.run = login,
};

struct logout_flags {
	struct registry_flags registry; /* first */
	bool all;
};
static const struct option logout_rows[] = {
	{ .name = "all",
	  .letter = 'a',
	  .kind = OPTION_FLAG,
	  .offset = offsetof(struct logout_flags, all),
	  .help = "those for every registry" },
};
static const struct logout_flags logout_defaults = { .registry = REGISTRY_FLAGS_DEFAULT };

static int logout(struct cli *cli, const void *options, const struct option_args *args,
		  struct err *err)
{
	const struct logout_flags *f = options;
	const char *authfile = f->registry.authfile;
	struct reference ref;
	const char *name = args->n > 0 ? args->v[0] : "docker.io";
	if (f->all && args->n > 0)
		return err_set(err, EINVAL, "either a registry or --all");
	if (f->all)
		return auth_store(authfile, NULL, NULL, NULL, err);
	if (registry_reference(&cli->arena, name, &ref, err) < 0)
		return -1;
	return auth_store(authfile, ref.domain, NULL, NULL, err);
}

const struct command verb_logout = {
	.name = "logout",
	.arguments = "[REGISTRY]",
	.summary = "forget the credentials for a registry",
	.options = { logout_rows, ARRAY_SIZE(logout_rows), &registry_flag_table },
	.size = sizeof(struct logout_flags),
	.defaults = &logout_defaults,
	.max_args = 1,
	.run = logout,
};
