/* SPDX-License-Identifier: Apache-2.0 */
/* dockerfile.c - a Dockerfile's text as instructions
 *
 * A line ends where no escape stands before its break; comments and empty
 * lines within a continued one are passed over, as docker does.  Here-documents
 * belong to RUN, COPY and ADD.
 *
 * docs.docker.com/reference/dockerfile
 */
#include "image/dockerfile.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

#include "base/buf.h"

#define DOCKERFILE_MAX	 ((size_t)1 << 20)
#define INSTRUCTIONS_MAX 4096

static const char *const words[] = {
	[DOCKERFILE_ADD] = "ADD",
	[DOCKERFILE_ARG] = "ARG",
	[DOCKERFILE_CMD] = "CMD",
	[DOCKERFILE_COPY] = "COPY",
	[DOCKERFILE_ENTRYPOINT] = "ENTRYPOINT",
	[DOCKERFILE_ENV] = "ENV",
	[DOCKERFILE_EXPOSE] = "EXPOSE",
	[DOCKERFILE_FROM] = "FROM",
	[DOCKERFILE_HEALTHCHECK] = "HEALTHCHECK",
	[DOCKERFILE_LABEL] = "LABEL",
	[DOCKERFILE_MAINTAINER] = "MAINTAINER",
	[DOCKERFILE_ONBUILD] = "ONBUILD",
	[DOCKERFILE_RUN] = "RUN",
	[DOCKERFILE_SHELL] = "SHELL",
	[DOCKERFILE_STOPSIGNAL] = "STOPSIGNAL",
	[DOCKERFILE_USER] = "USER",
	[DOCKERFILE_VOLUME] = "VOLUME",
	[DOCKERFILE_WORKDIR] = "WORKDIR",
};

struct parser {
	const char *name, *at;
	unsigned int line;
	struct arena *arena;
	struct dockerfile *d;
};

const char *dockerfile_word_name(enum dockerfile_word word)
{
	return words[word];
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

/* The next physical line without its break; false at the end of the text. */
static bool next_line(struct parser *p, const char **ret, size_t *ret_len)
{
	if (!*p->at)
		return false;
	*ret = p->at;
	size_t len = strcspn(p->at, "\n");
	p->at += len + (p->at[len] == '\n');
	p->line++;
	while (len > 0 && (*ret)[len - 1] == '\r')
		len--;
	*ret_len = len;
	return true;
}

static bool is_comment(const char *line, size_t len)
{
	size_t i = 0;
	while (i < len && is_blank(line[i]))
		i++;
	return i == len || line[i] == '#';
}

/* "# escape=`" before anything else. */
static void read_directives(struct parser *p)
{
	const char *at = p->at;
	while (*at == '#') {
		const char *word = at + 1 + strspn(at + 1, " \t");
		if (strncasecmp(word, "escape", 6) == 0) {
			word += 6;
			word += strspn(word, " \t");
			if (*word == '=') {
				word += 1 + strspn(word + 1, " \t");
				if (*word == '`')
					p->d->escape = '`';
			}
		} else if (strncasecmp(word, "syntax", 6) != 0 &&
			   strncasecmp(word, "check", 5) != 0) {
			return;
		}
		at += strcspn(at, "\n");
		at += *at == '\n';
	}
}

/* All physical lines of one instruction as one. */
static int join_lines(struct parser *p, struct buf *out, struct err *err)
{
	const char *line;
	size_t len;
	bool more = false;
	while (next_line(p, &line, &len)) {
		if (is_comment(line, len) && (more || out->len == 0)) {
			if (more)
				continue;
			return 0;
		}
		size_t end = len;
		while (end > 0 && is_blank(line[end - 1]))
			end--;
		more = end > 0 && line[end - 1] == p->d->escape;
		buf_add(out, line, more ? end - 1 : len);
		if (!more)
			break;
	}
	return buf_failed(out) ? err_set(err, ENOMEM, "out of memory") : 0;
}

/* --- flags, JSON, here-documents -------------------------------------------------- */

static int add_word(struct arena *arena, struct strings *list, const char *word, struct err *err)
{
	char **v = arena_array(arena, list->n + 2, sizeof(*v));
	char *copy = word ? arena_strdup(arena, word) : NULL;
	if (!v || !copy)
		return err_set(err, ENOMEM, "out of memory");
	if (list->n > 0)
		memcpy(v, list->v, list->n * sizeof(*v));
	v[list->n++] = copy;
	list->v = v;
	return 0;
}

static bool takes_flags(enum dockerfile_word w)
{
	return w == DOCKERFILE_ADD || w == DOCKERFILE_COPY || w == DOCKERFILE_FROM ||
	       w == DOCKERFILE_HEALTHCHECK || w == DOCKERFILE_RUN;
}

static int take_flags(struct dockerfile_instruction *i, struct arena *arena, struct err *err)
{
	while (takes_flags(i->word) && i->rest[0] == '-' && i->rest[1] == '-') {
		const char *flag = i->rest + 2;
		size_t len = strcspn(flag, " \t"), key = strcspn(flag, "= \t");
		struct pair *v = arena_array(arena, i->flags.n + 1, sizeof(*v));
		if (!v)
			return err_set(err, ENOMEM, "out of memory");
		if (i->flags.n > 0)
			memcpy(v, i->flags.v, i->flags.n * sizeof(*v));
		struct pair *f = &v[i->flags.n++];
		f->key = arena_strndup(arena, flag, key);
		f->value = key < len ? arena_strndup(arena, flag + key + 1, len - key - 1)
				     : arena_strdup(arena, "");
		if (!f->key || !f->value)
			return err_set(err, ENOMEM, "out of memory");
		i->flags.v = v;
		i->rest = flag + len + strspn(flag + len, " \t");
	}
	return 0;
}

struct exec_form {
	struct strings args;
};
static const struct json_field exec_fields[] = {
	JSON_FIELD(struct exec_form, args, JSON_STRINGS),
};
static const struct json_table exec_table = JSON_TABLE(struct exec_form, exec_fields);

/* ["a", "b"]; what looks like it and isn't JSON is a shell's business, as docker decided. */
static int take_json(struct dockerfile_instruction *i, struct arena *arena, struct err *err)
{
	struct exec_form form = { 0 };
	if (i->rest[0] != '[')
		return 0;
	const char *doc = arena_printf(arena, "{\"args\":%s}", i->rest);
	if (!doc)
		return err_set(err, ENOMEM, "out of memory");
	if (json_decode("arguments", doc, strlen(doc), &exec_table, &form, arena, NULL) < 0)
		return 0;
	i->json = true;
	i->args = form.args;
	return 0;
}

/* The text between the line of "<<WORD" and that of WORD. */
static int take_heredoc(struct parser *p, struct dockerfile_instruction *i, const char *word,
			size_t word_len, bool tabs, struct err *err)
{
	const char *line;
	size_t len;
	AUTO_BUF text;
	buf_init(&text);
	while (next_line(p, &line, &len)) {
		if (tabs) {
			size_t skip = strspn(line, "\t");
			skip = skip < len ? skip : len;
			line += skip;
			len -= skip;
		}
		if (len == word_len && strncmp(line, word, len) == 0)
			return buf_failed(&text) ? err_set(err, ENOMEM, "out of memory")
						 : add_word(p->arena, &i->heredocs, text.s, err);
		buf_add(&text, line, len);
		buf_putc(&text, '\n');
	}
	return err_set(err, EINVAL, "%s:%u: the here-document has no end", p->name, i->line);
}

static int take_heredocs(struct parser *p, struct dockerfile_instruction *i, struct err *err)
{
	if (i->json ||
	    (i->word != DOCKERFILE_RUN && i->word != DOCKERFILE_COPY && i->word != DOCKERFILE_ADD))
		return 0;
	for (const char *at = strstr(i->rest, "<<"); at; at = strstr(at + 2, "<<")) {
		const char *word = at + 2;
		bool tabs = *word == '-';
		word += tabs;
		char quote = 0;
		if (*word == '"' || *word == '\'')
			quote = *word;
		word += quote != 0;
		size_t len = strspn(
			word, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_");
		/* "<<<" and "1<<2" are the shell's */
		if (len == 0 || (word[0] >= '0' && word[0] <= '9') || (quote && word[len] != quote))
			continue;
		if (take_heredoc(p, i, word, len, tabs, err) < 0)
			return -1;
	}
	return 0;
}

static int parse_instruction(const char *name, const char *text, unsigned int line,
			     struct dockerfile_instruction *ret, struct arena *arena,
			     struct err *err)
{
	text += strspn(text, " \t");
	size_t len = strcspn(text, " \t");
	*ret = (struct dockerfile_instruction){ .line = line };
	for (size_t w = 0; w < ARRAY_SIZE(words); w++) {
		if (strlen(words[w]) != len || strncasecmp(text, words[w], len) != 0)
			continue;
		const char *rest = text + len + strspn(text + len, " \t");
		size_t rest_len = strlen(rest);
		while (rest_len > 0 && is_blank(rest[rest_len - 1]))
			rest_len--;
		ret->word = (enum dockerfile_word)w;
		ret->rest = arena_strndup(arena, rest, rest_len);
		if (!ret->rest)
			return err_set(err, ENOMEM, "out of memory");
		ret->text = arena_printf(arena, "%s %s", words[w], ret->rest);
		if (!ret->text)
			return err_set(err, ENOMEM, "out of memory");
		if (!ret->rest[0])
			return err_set(err, EINVAL, "%s:%u: %s says nothing", name, line, words[w]);
		return take_flags(ret, arena, err) < 0 ? -1 : take_json(ret, arena, err);
	}
	return err_set(err, EINVAL, "%s:%u: unknown instruction \"%.*s\"", name, line,
		       len > 40 ? 40 : (int)len, text);
}

int dockerfile_parse_line(const char *text, struct dockerfile_instruction *ret, struct arena *arena,
			  struct err *err)
{
	return parse_instruction("instruction", text, 1, ret, arena, err);
}

int dockerfile_parse(const char *name, const char *text, size_t len, struct dockerfile *ret,
		     struct arena *arena, struct err *err)
{
	struct parser p = { .name = name, .arena = arena, .d = ret };
	AUTO_BUF line;
	buf_init_max(&line, DOCKERFILE_MAX);
	*ret = (struct dockerfile){ .escape = '\\' };
	if (len > DOCKERFILE_MAX || strlen(text) != len)
		return err_set(err, EINVAL, "%s: no text, or more than %zu bytes", name,
			       DOCKERFILE_MAX);
	p.at = text;
	read_directives(&p);
	while (*p.at) {
		unsigned int first = p.line + 1;
		buf_clear(&line);
		if (join_lines(&p, &line, err) < 0)
			return -1;
		if (line.s[strspn(line.s, " \t\r")] == 0)
			continue;
		if (ret->n == INSTRUCTIONS_MAX)
			return err_set(err, E2BIG, "%s: more than %d instructions", name,
				       INSTRUCTIONS_MAX);
		struct dockerfile_instruction *v =
			arena_grow(arena, ret->v, ret->n, &ret->cap, sizeof(*v));
		if (!v)
			return err_set(err, ENOMEM, "out of memory");
		ret->v = v;
		if (parse_instruction(name, line.s, first, &v[ret->n], arena, err) < 0 ||
		    take_heredocs(&p, &v[ret->n], err) < 0)
			return -1;
		ret->n++;
	}
	return ret->n ? 0 : err_set(err, EINVAL, "%s: no instruction", name);
}
