/* SPDX-License-Identifier: Apache-2.0 */
/* pairs.c - times commands against each other, in turn
 *
 * usage: pairs [-n ROUNDS] [-w WARMUP] [-c COUNT [-j AT-ONCE]] NAME=COMMAND...
 *
 * In every round each command runs once, so that a machine whose speed drifts
 * is unfair to none.  A command is words and ";" between its parts; a part
 * that begins with "@" is not timed (set-up and clean-up).  A part is one
 * program, or several with "&" between them that run side by side: its time
 * is from the start of the first to the end of the last.  Before a program's
 * name may stand variables (NAME=VALUE) and its standard input (<FILE); else
 * that is /dev/null, as standard output is.  For each: median and minimum of
 * the wall time in microseconds, the largest resident set of a timed part in
 * KiB, and the ratio of the first one's median to its own.  A timed part that
 * fails ends it all.
 *
 * With COUNT a command is one program that is run so many times in a round, AT-ONCE
 * side by side, with the number of the run in place of each word "{}" and at the end
 * of each that ends so; its time is from the start of the first to the end of the last.
 */
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define WORDS_MAX    512
#define COMMANDS_MAX 8
#define ROUNDS_MAX   10000
#define ENV_MAX	     256
#define GROUP_MAX    32
#define COUNT_MAX    1000000
#define NUMBER_SIZE  256

extern char **environ;

struct command {
	const char *name;
	char *words[WORDS_MAX];
	size_t n_words;
	double *times;
	long max_rss;
};

static double now_us(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

/* What stands before the program's name; returns where that is. */
static char **take_prefix(char **argv, char **env, const char **input)
{
	size_t n = 0;

	for (; *argv && (**argv == '<' || strchr(*argv, '=')) && n < ENV_MAX / 2; argv++)
		if (**argv == '<')
			*input = *argv + 1;
		else
			env[n++] = *argv;
	for (char **e = environ; *e && n < ENV_MAX; e++)
		env[n++] = *e;
	env[n] = NULL;
	return argv;
}

static pid_t start(char **argv)
{
	char *env[ENV_MAX + 1];
	const char *input = NULL;
	posix_spawn_file_actions_t actions;
	pid_t pid = -1;

	argv = take_prefix(argv, env, &input);
	if (!*argv || posix_spawn_file_actions_init(&actions) != 0)
		exit(2);
	if ((input && posix_spawn_file_actions_addopen(&actions, 0, input, O_RDONLY, 0) != 0) ||
	    posix_spawnp(&pid, *argv, &actions, NULL, argv, env) != 0) {
		perror(*argv);
		exit(1);
	}
	(void)posix_spawn_file_actions_destroy(&actions);
	return pid;
}

/* The words of one part, ended by NULL: programs with "&" between them. */
static void run_part(struct command *c, char **argv, double *total)
{
	int timed = argv[0][0] != '@', status, failed = 0;
	struct rusage usage;
	pid_t pids[GROUP_MAX];
	size_t n = 0;
	double began;

	if (!timed)
		argv[0]++;
	began = now_us();
	for (char **at = argv, **end; *at && n < GROUP_MAX; at = end) {
		char *last;

		for (end = at; *end && strcmp(*end, "&") != 0; end++)
			;
		last = *end;
		*end = NULL;
		pids[n++] = start(at);
		*end = last;
		end += last != NULL;
	}
	for (size_t i = 0; i < n; i++) {
		(void)wait4(pids[i], &status, 0, &usage);
		if (status != 0)
			failed = status;
		if (timed && usage.ru_maxrss > c->max_rss)
			c->max_rss = usage.ru_maxrss;
	}
	if (!timed) {
		argv[0]--;
		return;
	}
	*total += now_us() - began;
	if (failed) {
		(void)fprintf(stderr, "pairs: %s: %s ... failed with status %d\n", c->name, argv[0],
			      failed);
		exit(1);
	}
}

/* Words that end with "{}" have the number there instead. */
static pid_t start_numbered(struct command *c, size_t number)
{
	static char text[WORDS_MAX][NUMBER_SIZE];
	char *argv[WORDS_MAX + 1];

	for (size_t i = 0; i < c->n_words; i++) {
		const size_t len = strlen(c->words[i]);

		argv[i] = c->words[i];
		if (len < 2 || strcmp(argv[i] + len - 2, "{}") != 0)
			continue;
		(void)snprintf(text[i], sizeof(text[i]), "%.*s%zu", (int)len - 2, argv[i], number);
		argv[i] = text[i];
	}
	argv[c->n_words] = NULL;
	return start(argv);
}

static double run_many(struct command *c, size_t count, size_t at_once)
{
	double began = now_us();
	size_t started = 0, ended = 0;
	struct rusage usage;
	int status;

	while (ended < count) {
		if (started < count && started - ended < at_once) {
			(void)start_numbered(c, started++);
			continue;
		}
		if (wait4(-1, &status, 0, &usage) < 0 || status != 0) {
			(void)fprintf(stderr, "pairs: %s: one of many failed\n", c->name);
			exit(1);
		}
		ended++;
		if (usage.ru_maxrss > c->max_rss)
			c->max_rss = usage.ru_maxrss;
	}
	return now_us() - began;
}

static double run_command(struct command *c)
{
	char *argv[WORDS_MAX + 1];
	double total = 0;
	size_t n = 0;

	for (size_t i = 0; i <= c->n_words; i++) {
		if (i < c->n_words && strcmp(c->words[i], ";") != 0) {
			argv[n++] = c->words[i];
			continue;
		}
		argv[n] = NULL;
		if (n)
			run_part(c, argv, &total);
		n = 0;
	}
	return total;
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static void parse(struct command *c, char *text)
{
	char *at = strchr(text, '=');

	if (!at) {
		(void)fprintf(stderr, "pairs: \"%s\" is not NAME=COMMAND\n", text);
		exit(2);
	}
	*at++ = '\0';
	c->name = text;
	while (*(at += strspn(at, " "))) {
		size_t len = strcspn(at, " ");

		if (c->n_words == WORDS_MAX)
			exit(2);
		c->words[c->n_words++] = at;
		at += len;
		if (*at)
			*at++ = '\0';
	}
}

static void report(struct command *c, size_t rounds, const struct command *first)
{
	double median, base;

	qsort(c->times, rounds, sizeof(*c->times), compare);
	median = c->times[rounds / 2];
	base = first->times[rounds / 2];
	(void)printf("%-8s %9.0f %9.0f %8ld %7.2f\n", c->name, median, c->times[0], c->max_rss,
		     base / median);
}

int main(int argc, char **argv)
{
	struct command commands[COMMANDS_MAX] = { 0 };
	size_t rounds = 50, warmup = 3, n = 0, count = 0, at_once = 1;
	int opt;

	while ((opt = getopt(argc, argv, "n:w:c:j:")) != -1) { /* NOLINT(concurrency-mt-unsafe) */
		size_t v = strtoul(optarg, NULL, 10);

		if (v > (opt == 'c' ? COUNT_MAX : ROUNDS_MAX) || opt == '?')
			return 2;
		*(opt == 'n' ? &rounds : opt == 'w' ? &warmup : opt == 'c' ? &count : &at_once) = v;
	}
	for (; optind < argc && n < COMMANDS_MAX; optind++, n++) {
		parse(&commands[n], argv[optind]);
		commands[n].times = calloc(rounds, sizeof(double));
	}
	if (n == 0 || rounds == 0 || at_once == 0)
		return 2;
	(void)fflush(stdout);
	int out = dup(1), null = open("/dev/null", O_RDWR | O_CLOEXEC);

	if (out < 0 || null < 0 || dup2(null, 0) < 0 || dup2(null, 1) < 0)
		return 1;
	(void)fcntl(out, F_SETFD, FD_CLOEXEC);
	for (size_t r = 0; r < rounds + warmup; r++)
		for (size_t i = 0; i < n; i++) {
			double t = count ? run_many(&commands[i], count, at_once)
					 : run_command(&commands[i]);

			if (r >= warmup)
				commands[i].times[r - warmup] = t;
		}
	(void)dup2(out, 1);
	for (size_t i = 0; i < n; i++)
		report(&commands[i], rounds, &commands[0]);
	return 0;
}
