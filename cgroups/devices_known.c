/* SPDX-License-Identifier: Apache-2.0 */
/* devices_known.c - one device filter for all containers with the same rules
 *
 * Most containers of a host have the same device rules, and so the same program.
 * The one loaded last is noted in an extended attribute of the state directory:
 * its id, when it was loaded, what the kernel calls it, and its instructions in
 * full, so that nothing rests on a hash.  Ids are used again, times since boot are
 * not: a program with both is the very one.  It lives as long as a container's
 * group has it attached; then the next container loads it anew.
 *
 * Attributes of "trusted." are only there for the host's root, who may load any
 * program as well.  Where the file system has none, or the rules are many, each
 * container has its own program.
 * xattr(7), bpf(2).
 */
#include <errno.h>
#include <linux/bpf.h>
#include <string.h>
#include <sys/xattr.h>

#include "base/fd.h"
#include "cgroups/internal.h"

#define ATTRIBUTE "trusted.skerry.devices"
#define INSNS_MAX 128

struct known {
	uint32_t id, n;
	uint64_t load_time; /* nanoseconds since boot */
	uint8_t tag[BPF_TAG_SIZE];
	struct bpf_insn insn[INSNS_MAX];
};

int device_program_known(int memo, const void *insn, size_t n)
{
	struct bpf_prog_info info;
	struct known k;
	ssize_t size;
	AUTO_FD fd = -1;

	if (n > INSNS_MAX)
		return -1;
	size = fgetxattr(memo, ATTRIBUTE, &k, sizeof(k));
	if (size != (ssize_t)(offsetof(struct known, insn) + n * sizeof(k.insn[0])) || k.n != n ||
	    memcmp(k.insn, insn, n * sizeof(k.insn[0])) != 0)
		return -1;
	fd = device_program_open(k.id, &info);
	if (fd < 0 || info.type != BPF_PROG_TYPE_CGROUP_DEVICE || info.load_time != k.load_time ||
	    memcmp(info.tag, k.tag, sizeof(k.tag)) != 0)
		return -1;
	return fd_take(&fd);
}

void device_program_note(int memo, int program, const void *insn, size_t n)
{
	struct bpf_prog_info info;
	struct known k;

	if (n > INSNS_MAX || device_program_info(program, &info) < 0)
		return;
	k.id = info.id;
	k.n = (uint32_t)n;
	k.load_time = info.load_time;
	memcpy(k.tag, info.tag, sizeof(k.tag));
	memcpy(k.insn, insn, n * sizeof(k.insn[0]));
	(void)fsetxattr(memo, ATTRIBUTE, &k, offsetof(struct known, insn) + n * sizeof(k.insn[0]),
			0);
}
