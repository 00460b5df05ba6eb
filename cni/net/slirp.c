/* SPDX-License-Identifier: Apache-2.0 */
/* slirp.c - slirp4netns(1), where pasta(1) is not installed
 *
 * It has a network of its own, 10.0.2.0/24, in which the container is
 * 10.0.2.100.  It does not put itself into the background: a child becomes it,
 * says its number before and when the network is there.  Ports are forwarded
 * by requests on a socket, one JSON object each.
 *
 * slirp4netns(1) "API SOCKET".
 */
#include "cni/net/slirp.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/file.h"
#include "base/json.h"
#include "base/proc.h"
#include "cni/net/tool.h"

#define ANSWER_MAX 1024

struct slirp {
	const char *pid_file;
	char *const *namespaces;
	char path[PATH_MAX], socket[PATH_MAX];
	int ready[2];
};

/* In the child: becomes the program.  Returns only on failure. */
static int become(void *data)
{
	struct slirp *s = data;
	char userns[PATH_MAX + 16], ready[24];
	char *const argv[] = { s->path,
			       (char[]){ "--configure" },
			       (char[]){ "--mtu=65520" },
			       (char[]){ "--disable-host-loopback" },
			       (char[]){ "--netns-type=path" },
			       ready,
			       (char[]){ "--api-socket" },
			       s->socket,
			       userns,
			       s->namespaces[0],
			       (char[]){ "tap0" },
			       NULL };

	if (setsid() < 0 || file_write_pid(s->pid_file, getpid()) < 0 ||
	    fd_set_cloexec(s->ready[1], false) < 0 ||
	    str_format(ready, sizeof(ready), "--ready-fd=%d", s->ready[1]) < 0 ||
	    str_format(userns, sizeof(userns), "--userns-path=%s", s->namespaces[1]) < 0)
		return errno;
	(void)execv(s->path, argv);
	return errno;
}

/* It writes one byte when the interface is up; end of file: it ended before. */
static int wait_until_ready(int fd, struct err *err)
{
	char byte;

	if (fd_read_full(fd, &byte, 1) == 1)
		return 0;
	return err_set(err, EIO, "\"" SLIRP_NAME "\" could not connect the container");
}

static int forward(const char *socket_path, const struct usermode_port *p, struct err *err)
{
	AUTO_FD sock = fd_connect_unix(socket_path);
	char answer[ANSWER_MAX] = "";
	struct json_out o;
	AUTO_BUF text;

	buf_init(&text);
	json_out_init(&o, &text, 0);
	json_begin_object(&o);
	json_kv_string(&o, "execute", "add_hostfwd");
	json_key(&o, "arguments");
	json_begin_object(&o);
	json_kv_string(&o, "proto", p->protocol);
	json_kv_string(&o, "host_addr", p->address ? p->address : "0.0.0.0");
	json_kv_uint(&o, "host_port", p->host);
	json_kv_uint(&o, "guest_port", p->inside);
	json_end_object(&o);
	json_end_object(&o);
	if (sock < 0 || fd_write_full(sock, text.s, text.len) < 0 ||
	    fd_read_full(sock, answer, sizeof(answer) - 1) < 0)
		return err_sys(err, "publish port %u", p->host);
	if (!strstr(answer, "\"return\""))
		return err_set(err, EADDRINUSE, "publish port %u: %s", p->host, answer);
	return 0;
}

int slirp_start(const char *path, const struct usermode_ports *ports, const char *state,
		char *const *namespaces, struct err *err)
{
	char pid_file[PATH_MAX];
	struct slirp s = { .pid_file = pid_file, .namespaces = namespaces };
	AUTO_FD child = -1;
	int rc;

	if (!namespaces[1])
		return err_set(err, EINVAL, "a user's network needs a user namespace");
	if (str_format(pid_file, sizeof(pid_file), "%s/" USERMODE_PID, state) < 0 ||
	    str_copy(s.path, sizeof(s.path), path) < 0 ||
	    str_format(s.socket, sizeof(s.socket), "%s/usermode.sock", state) < 0)
		return err_sys(err, "\"%s\"", state);
	if (pipe2(s.ready, O_CLOEXEC) < 0)
		return err_sys(err, "make a pipe for \"" SLIRP_NAME "\"");
	child = proc_background(become, &s, err);
	(void)fd_close(s.ready[1]);
	rc = child < 0 ? -1 : wait_until_ready(s.ready[0], err);
	(void)fd_close(s.ready[0]);
	for (size_t i = 0; rc == 0 && i < ports->n; i++)
		rc = forward(s.socket, &ports->v[i], err);
	return rc;
}
