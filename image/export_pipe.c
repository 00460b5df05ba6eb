/* SPDX-License-Identifier: Apache-2.0 */
/* export_pipe.c - a layer's tar to read from, written by a child meanwhile
 */
#include "image/export_pipe.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/proc.h"
#include "image/layer.h"

#define PIPE_BYTES (1 << 20)

struct exporter {
	const struct store *s;
	const struct digest *diff_id;
	int in, out;
};

static int export_tar(void *data)
{
	const struct exporter *e = data;
	(void)fd_close(e->in);
	return layer_export(e->s, e->diff_id, e->out, NULL) < 0 ? 1 : 0;
}

int export_pipe_open(const struct store *s, const struct digest *diff_id, struct export_pipe *ret,
		     struct err *err)
{
	int ends[2];
	if (pipe2(ends, O_CLOEXEC) < 0)
		return err_sys(err, "make a pipe");
	AUTO_FD in = ends[0];
	AUTO_FD out = ends[1];
	/* fewer changes between the two processes; a smaller pipe works as well */
	(void)fcntl(out, F_SETPIPE_SZ, PIPE_BYTES);
	struct exporter e = { s, diff_id, in, out };
	int result = proc_background(export_tar, &e, err);
	if (result < 0)
		return -1;
	*ret = (struct export_pipe){ .fd = fd_take(&in), .result = result, .diff_id = diff_id };
	return 0;
}

int export_pipe_close(struct export_pipe *p, struct err *err)
{
	int status = 1;
	p->fd = fd_close(p->fd);
	ssize_t n = fd_read_full(p->result, &status, sizeof(status));
	p->result = fd_close(p->result);
	if (n != (ssize_t)sizeof(status) || status != 0)
		return err_set(err, EIO, "layer %.19s can't be read from the store",
			       p->diff_id->text);
	return 0;
}
