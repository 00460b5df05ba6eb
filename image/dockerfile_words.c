/* SPDX-License-Identifier: Apache-2.0 */
/* dockerfile_words.c - words, variables and patterns of a Dockerfile
 *
 * Quotes and escapes as docker reads them: in single quotes nothing is
 * special, in double quotes variables and the escape are.
 */
#include <errno.h>
#include <fnmatch.h>
#include <string.h>

#include "base/buf.h"
#include "image/dockerfile.h"

#define DEPTH_MAX      16
#define GLOB_STEPS_MAX 100000
#define NAME_CHARS     "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_"

static int expand_into(struct buf *out, const char *text, const struct dockerfile_scope *s,
		       unsigned int depth, struct err *err);

/* ${NAME}, ${NAME:-WORD}, ${NAME:+WORD} from behind the brace; how many bytes it took, or -1. */
static ssize_t braced(struct buf *out, const char *text, const struct dockerfile_scope *s,
		      unsigned int depth, struct err *err)
{
	char name[128], word[4096];
	size_t len = strspn(text, NAME_CHARS), nested = 1, end = len;
	if (len == 0 || str_format(name, sizeof(name), "%.*s", (int)len, text) < 0)
		return err_set(err, EINVAL, "a variable without a name: \"${%.40s\"", text);
	while (text[end] && nested > 0) {
		nested += text[end] == '{';
		nested -= text[end] == '}';
		end++;
	}
	if (nested > 0)
		return err_set(err, EINVAL, "\"${%s\" has no end", name);
	const char *value = s->get(s->arg, name);
	bool set = value && value[0];
	if (text[len] == '}') {
		buf_puts(out, value ? value : "");
		return (ssize_t)end;
	}
	bool colon = text[len] == ':';
	char how = text[len + colon];
	size_t from = len + colon + 1;
	if ((how != '-' && how != '+') ||
	    str_format(word, sizeof(word), "%.*s", (int)(end - 1 - from), text + from) < 0)
		return err_set(err, EINVAL, "\"${%s\" asks for something unknown", name);
	if (!colon)
		set = value != NULL;
	if (how == '-' ? set : !set) {
		buf_puts(out, how == '-' ? value : "");
		return (ssize_t)end;
	}
	return expand_into(out, word, s, depth + 1, err) < 0 ? -1 : (ssize_t)end;
}

/* A variable from behind its dollar; how many bytes it took, or -1. */
static ssize_t variable(struct buf *out, const char *text, const struct dockerfile_scope *s,
			unsigned int depth, struct err *err)
{
	char name[128];
	if (*text == '{') {
		ssize_t n = braced(out, text + 1, s, depth, err);
		return n < 0 ? -1 : n + 1;
	}
	size_t len = strspn(text, NAME_CHARS);
	if (len == 0) {
		buf_putc(out, '$');
		return 0;
	}
	if (str_format(name, sizeof(name), "%.*s", (int)len, text) < 0)
		return err_set(err, EINVAL, "a variable's name is too long");
	const char *value = s->get(s->arg, name);
	buf_puts(out, value ? value : "");
	return (ssize_t)len;
}

/* One character or variable of the text, quotes minded; how many bytes it took, or -1. */
static ssize_t take_char(struct buf *out, const char *text, char *quote,
			 const struct dockerfile_scope *s, struct err *err)
{
	char c = *text;
	if (*quote == '\'' || (*quote && c == *quote) || (!*quote && (c == '"' || c == '\''))) {
		if (*quote && c == *quote)
			*quote = 0;
		else if (!*quote)
			*quote = c;
		else
			buf_putc(out, c);
		return 1;
	}
	if (c == s->escape && text[1]) {
		/* in quotes only what is special there is escaped */
		if (*quote && !strchr("\"$", text[1]) && text[1] != s->escape)
			buf_putc(out, c);
		buf_putc(out, text[1]);
		return 2;
	}
	if (c == '$') {
		ssize_t n = variable(out, text + 1, s, 0, err);
		return n < 0 ? -1 : n + 1;
	}
	buf_putc(out, c);
	return 1;
}

static int expand_into(struct buf *out, const char *text, const struct dockerfile_scope *s,
		       unsigned int depth, struct err *err)
{
	if (depth > DEPTH_MAX)
		return err_set(err, ELOOP, "variables in variables, more than %d deep", DEPTH_MAX);
	while (*text) {
		if (*text == '$') {
			ssize_t n = variable(out, text + 1, s, depth, err);
			if (n < 0)
				return -1;
			text += n + 1;
		} else {
			buf_putc(out, *text++);
		}
	}
	return buf_failed(out) ? err_set(err, ENOMEM, "out of memory") : 0;
}

int dockerfile_expand(const char *text, const struct dockerfile_scope *scope, char **ret,
		      struct arena *arena, struct err *err)
{
	char quote = 0;
	AUTO_BUF out;
	buf_init(&out);
	while (*text) {
		ssize_t n = take_char(&out, text, &quote, scope, err);
		if (n < 0)
			return -1;
		text += n;
	}
	*ret = buf_failed(&out) ? NULL : arena_strdup(arena, out.s);
	return *ret ? 0 : err_set(err, ENOMEM, "out of memory");
}

static int add(struct arena *arena, struct strings *list, size_t *cap, const char *word,
	       struct err *err)
{
	for (size_t i = 0; i < 2; i++) {
		char **v = arena_grow(arena, list->v, list->n + i, cap, sizeof(*v));
		char *copy = i ? NULL : arena_strdup(arena, word);
		if (!v || (!i && !copy))
			return err_set(err, ENOMEM, "out of memory");
		list->v = v;
		v[list->n + i] = copy;
	}
	list->n++;
	return 0;
}

int dockerfile_split(const char *text, const struct dockerfile_scope *scope, struct strings *ret,
		     struct arena *arena, struct err *err)
{
	char quote = 0;
	bool word = false;
	size_t cap = 0;
	AUTO_BUF out;
	buf_init(&out);
	*ret = (struct strings){ 0 };
	for (;;) {
		bool blank = *text == ' ' || *text == '\t';
		if (!*text || (blank && !quote)) {
			if (word && (buf_failed(&out) || add(arena, ret, &cap, out.s, err) < 0))
				return err_set(err, ENOMEM, "out of memory");
			word = false;
			buf_clear(&out);
			if (!*text)
				return quote ? err_set(err, EINVAL, "a quote without an end") : 0;
			text++;
			continue;
		}
		word = true;
		ssize_t n = take_char(&out, text, &quote, scope, err);
		if (n < 0)
			return -1;
		text += n;
	}
}

/* --- patterns --------------------------------------------------------------------- */

/* One component of each. */
static bool fits(const char *pattern, size_t p_len, const char *path, size_t len)
{
	char a[512], b[512];
	return str_format(a, sizeof(a), "%.*s", (int)p_len, pattern) == 0 &&
	       str_format(b, sizeof(b), "%.*s", (int)len, path) == 0 && fnmatch(a, b, 0) == 0;
}

static bool glob(const char *pattern, const char *path, unsigned int *steps)
{
	while (*pattern) {
		size_t p = strcspn(pattern, "/"), n = strcspn(path, "/");
		if (++*steps > GLOB_STEPS_MAX)
			return false;
		const char *next = pattern + p + (pattern[p] == '/');
		if (p == 2 && strncmp(pattern, "**", 2) == 0) {
			if (!*next)
				return *path != 0;
			for (const char *at = path; *at;) {
				if (glob(next, at, steps))
					return true;
				at += strcspn(at, "/");
				at += *at == '/';
			}
			return false;
		}
		if (!*path || !fits(pattern, p, path, n))
			return false;
		pattern = next;
		path += n + (path[n] == '/');
	}
	return !*path;
}

bool dockerfile_glob(const char *pattern, const char *path)
{
	unsigned int steps = 0;
	return glob(pattern, path, &steps);
}

int dockerignore_parse(const char *text, struct dockerignore *ret, struct arena *arena,
		       struct err *err)
{
	size_t cap = 0;
	*ret = (struct dockerignore){ 0 };
	while (*text) {
		size_t len = strcspn(text, "\n");
		const char *line = text;
		text += len + (text[len] == '\n');
		while (len > 0 && strchr(" \t\r/", line[len - 1]))
			len--;
		size_t skip = strspn(line, " \t");
		if (skip >= len || line[skip] == '#')
			continue;
		line += skip;
		len -= skip;
		bool negated = line[0] == '!';
		line += negated;
		len -= negated;
		while (len > 1 && (line[0] == '/' || (line[0] == '.' && line[1] == '/'))) {
			line++;
			len--;
		}
		const char *pattern =
			arena_printf(arena, "%s%.*s", negated ? "!" : "", (int)len, line);
		if (!pattern || add(arena, &ret->patterns, &cap, pattern, err) < 0)
			return err_set(err, ENOMEM, "out of memory");
	}
	return 0;
}

bool dockerignore_matches(const struct dockerignore *d, const char *path)
{
	char part[4096];
	bool out = false;
	for (size_t i = 0; i < d->patterns.n; i++) {
		const char *pattern = d->patterns.v[i];
		bool negated = pattern[0] == '!';
		/* what is below a directory that fits, fits */
		for (size_t len = 0; path[len];) {
			len += strcspn(path + len, "/");
			if (str_format(part, sizeof(part), "%.*s", (int)len, path) == 0 &&
			    dockerfile_glob(pattern + negated, part)) {
				out = !negated;
				break;
			}
			len += path[len] == '/';
		}
	}
	return out;
}
