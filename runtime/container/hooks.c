/* SPDX-License-Identifier: Apache-2.0 */
/* hooks.c - the six hooks of a container
 *
 * prestart and createRuntime run in the runtime's namespaces once the
 * container's exist; createContainer in the container's, before the root
 * changes; startContainer right before the program; poststart and poststop in
 * the runtime's.  What a hook prints is kept for the message of a failure,
 * unless an annotation names files for it.
 */
#include "runtime/container/hooks.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/proc.h"

#define HOOK_TAIL_MAX 200 /* bytes of its output in a message */

void hook_state_write(const struct hook_state *state, struct buf *out)
{
	struct json_out o;

	json_out_init(&o, out, 0);
	json_begin_object(&o);
	json_kv_string(&o, "ociVersion", state->oci_version);
	json_kv_string(&o, "id", state->id);
	json_kv_string(&o, "status", state->status);
	if (state->pid > 0)
		json_kv_int(&o, "pid", state->pid);
	json_kv_string(&o, "bundle", state->bundle);
	if (state->annotations && state->annotations->n) {
		json_key(&o, "annotations");
		json_begin_object(&o);
		for (size_t i = 0; i < state->annotations->n; i++)
			json_kv_string(&o, state->annotations->v[i].key,
				       state->annotations->v[i].value);
		json_end_object(&o);
	}
	json_end_object(&o);
}

static int open_output(const struct spec *spec, const char *key)
{
	const char *path = spec ? spec_annotation(spec, key) : NULL;

	return path ? open(path, O_WRONLY | O_CREAT | O_APPEND | O_NOCTTY | O_CLOEXEC, 0600) : -1;
}

static int check_status(const struct spec_hook *hook, const char *name, int status,
			const struct buf *output, struct err *err)
{
	size_t cut = output->len > HOOK_TAIL_MAX ? output->len - HOOK_TAIL_MAX : 0;
	int len = (int)(output->len - cut);

	while (len > 0 && output->s[cut + (size_t)len - 1] == '\n')
		len--;
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return 0;
	if (WIFSIGNALED(status))
		return err_set(err, EINTR,
			       "error running %s hook \"%s\": killed by signal %d: %.*s", name,
			       hook->path, WTERMSIG(status), len, output->s + cut);
	return err_set(err, ECHILD, "error running %s hook \"%s\": exit status %d: %.*s", name,
		       hook->path, WEXITSTATUS(status), len, output->s + cut);
}

static int run_one(const struct hooks_run *run, const struct spec_hook *hook,
		   const struct buf *state, struct err *err)
{
	char *fallback[2], *empty[1] = { NULL };
	char path[PATH_MAX];
	AUTO_FD out = open_output(run->spec, "run.oci.hooks.stdout");
	AUTO_FD errors = open_output(run->spec, "run.oci.hooks.stderr");
	AUTO_BUF output;
	struct proc_run r = {
		.path = hook->path,
		.argv = hook->args.n ? hook->args.v : fallback,
		.env = hook->has_env ? hook->env.v : run->env,
		.cwd = run->cwd,
		.input = state->s,
		.input_len = state->len,
		.stdout_fd = out,
		.stderr_fd = errors,
		.output = &output,
		.timeout_ms = hook->timeout.has ? (int)(hook->timeout.v * 1000) : 0,
	};
	int status;

	if (!r.env)
		r.env = empty;
	buf_init(&output);
	if (str_copy(path, sizeof(path), hook->path) < 0)
		return err_sys(err, "%s hook", run->name);
	fallback[0] = path;
	fallback[1] = NULL;
	status = proc_run(&r, err);
	if (status < 0)
		return err_wrap(err, "error running %s hook \"%s\"", run->name, hook->path);
	return check_status(hook, run->name, status, &output, err);
}

int hooks_run(const struct hooks_run *run, struct err *err)
{
	AUTO_BUF state;

	buf_init(&state);
	if (!run->list || run->list->n == 0)
		return 0;
	hook_state_write(run->state, &state);
	for (size_t i = 0; i < run->list->n; i++)
		if (run_one(run, &run->list->v[i], &state, err) < 0)
			return -1;
	return 0;
}
