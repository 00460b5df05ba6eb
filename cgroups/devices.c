/* SPDX-License-Identifier: Apache-2.0 */
/* devices.c - the device filter: rules to an eBPF program, and into force
 *
 * The kernel asks the program for each mknod and open of a device: kind,
 * numbers, and which of mknod, read and write.  For each of these the last rule
 * that names the device and it decides; without one it is denied.  So the
 * program looks at the rules from the last to the first, has the kind in r2 and,
 * in r3, what is still to be allowed:
 *
 *   allow: take the rule's accesses out of r3; nothing left: allowed
 *   deny:  r3 has one of the rule's accesses: denied
 *
 * Neighbours that allow everything for one kind share a test: numbers fit one
 * word (20 bits of minor number), so each of them is one comparison.  What the
 * kernel's verifier follows is most of what a filter costs.
 *
 * A rule for everything ends the program: the verifier refuses dead code.
 * A new program replaces the old one in one step (BPF_F_REPLACE); where there
 * were several, the new one is attached before the old ones go.
 * runtime-spec config-linux.md "Allowed Device list"; bpf(2);
 * Documentation/bpf/prog_cgroup_dev.rst.
 */
#include "cgroups/internal.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/file.h"

#define ACCESS_ALL   (BPF_DEVCG_ACC_MKNOD | BPF_DEVCG_ACC_READ | BPF_DEVCG_ACC_WRITE)
#define PROGRAM_NAME "skerry_devices"
#define PROGRAM_MAX  65536 /* instructions */
#define RULE_INSNS   10 /* at most, of one rule */
#define JUMP_END     0x7fff /* an offset to be filled in */
#define JUMP_ALLOW   0x7ffe /* the same, inside a group */
#define MINOR_BITS   20 /* makedev(3): 12 and 20 bits */
#define ATTACHED_MAX 64 /* BPF_CGROUP_MAX_PROGS */

/* --- make ------------------------------------------------------------------ */

struct rule {
	bool allow;
	int type; /* BPF_DEVCG_DEV_*, 0: any */
	int64_t major, minor; /* -1: any */
	int access;
};

static int rule_make(const struct spec_device_rule *s, size_t index, struct rule *ret,
		     struct err *err)
{
	struct rule r = { .allow = s->allow, .major = -1, .minor = -1 };
	const char *type = s->type && *s->type ? s->type : "a";

	if (strcmp(type, "b") == 0)
		r.type = BPF_DEVCG_DEV_BLOCK;
	else if (strcmp(type, "c") == 0)
		r.type = BPF_DEVCG_DEV_CHAR;
	else if (strcmp(type, "a") != 0)
		return err_set(err, EINVAL,
			       "device rule %zu: type \"%s\" is not \"a\", \"b\" or \"c\"", index,
			       type);
	if (s->major.has && s->major.v >= 0)
		r.major = s->major.v;
	if (s->minor.has && s->minor.v >= 0)
		r.minor = s->minor.v;
	if (r.major > INT32_MAX || r.minor > INT32_MAX)
		return err_set(err, ERANGE, "device rule %zu: device number is out of range",
			       index);
	for (const char *a = s->access ? s->access : ""; *a; a++) {
		if (*a == 'r')
			r.access |= BPF_DEVCG_ACC_READ;
		else if (*a == 'w')
			r.access |= BPF_DEVCG_ACC_WRITE;
		else if (*a == 'm')
			r.access |= BPF_DEVCG_ACC_MKNOD;
		else
			return err_set(err, EINVAL,
				       "device rule %zu: access \"%s\" is not of \"rwm\"", index,
				       s->access);
	}
	if (r.access == 0) /* like absent numbers: all */
		r.access = ACCESS_ALL;
	*ret = r;
	return 0;
}

static void emit(struct bpf_insn *out, size_t *n, uint8_t code, uint8_t regs, int16_t off,
		 int32_t imm)
{
	out[(*n)++] = (struct bpf_insn){
		.code = code, .dst_reg = regs & 15, .src_reg = regs >> 4, .off = off, .imm = imm
	};
}

static void emit_exit(struct bpf_insn *out, size_t *n, bool allow)
{
	emit(out, n, BPF_ALU64 | BPF_MOV | BPF_K, BPF_REG_0, 0, allow);
	emit(out, n, BPF_JMP | BPF_EXIT, 0, 0, 0);
}

static void emit_load(struct bpf_insn *out, size_t *n, int reg, size_t offset)
{
	emit(out, n, BPF_LDX | BPF_MEM | BPF_W, (uint8_t)(reg | BPF_REG_1 << 4), (int16_t)offset,
	     0);
}

/* Jumps marked so lead to what comes next. */
static void land(struct bpf_insn *out, size_t start, size_t n, int mark)
{
	for (size_t i = start; i < n; i++)
		if (out[i].off == mark)
			out[i].off = (int16_t)(n - i - 1);
}

/* Goes to the rule's end (the offset is filled in there) unless the number is `value`.  It is
 * loaded anew for each rule: the verifier would follow a number once known, and so each rule, to
 * the end of the program, and give up at some hundred rules. */
static void emit_compare(struct bpf_insn *out, size_t *n, size_t offset, int64_t value)
{
	if (value < 0)
		return;
	emit_load(out, n, BPF_REG_4, offset);
	emit(out, n, BPF_JMP | BPF_JNE | BPF_K, BPF_REG_4, JUMP_END, (int32_t)value);
}

/* One rule; true when nothing gets past it. */
static bool emit_rule(struct bpf_insn *out, size_t *n, const struct rule *r)
{
	size_t start = *n, body;

	if (r->type)
		emit(out, n, BPF_JMP | BPF_JNE | BPF_K, BPF_REG_2, JUMP_END, r->type);
	emit_compare(out, n, offsetof(struct bpf_cgroup_dev_ctx, major), r->major);
	emit_compare(out, n, offsetof(struct bpf_cgroup_dev_ctx, minor), r->minor);
	body = *n;
	if (r->access != ACCESS_ALL && r->allow) {
		emit(out, n, BPF_ALU64 | BPF_AND | BPF_K, BPF_REG_3, 0, ACCESS_ALL & ~r->access);
		emit(out, n, BPF_JMP | BPF_JNE | BPF_K, BPF_REG_3, JUMP_END, 0);
	} else if (r->access != ACCESS_ALL) {
		emit(out, n, BPF_JMP | BPF_JSET | BPF_K, BPF_REG_3, 1, r->access);
		emit(out, n, BPF_JMP | BPF_JA, 0, JUMP_END, 0);
	}
	emit_exit(out, n, r->allow);
	land(out, start, *n, JUMP_END);
	return r->access == ACCESS_ALL && body == start;
}

/* Can the rule be one comparison?  An immediate is signed: the highest major bit stays clear. */
static bool is_plain(const struct rule *r)
{
	return r->allow && r->type && r->access == ACCESS_ALL && r->major >= 0 &&
	       r->major < 1 << (31 - MINOR_BITS) && r->minor < 1 << MINOR_BITS;
}

static void emit_group(struct bpf_insn *out, size_t *n, const struct rule *r, size_t n_rules)
{
	const uint8_t r4_r5 = BPF_REG_4 | BPF_REG_5 << 4;
	size_t start = *n;

	emit(out, n, BPF_JMP | BPF_JNE | BPF_K, BPF_REG_2, JUMP_END, r->type);
	emit_load(out, n, BPF_REG_4, offsetof(struct bpf_cgroup_dev_ctx, major));
	for (size_t i = 0; i < n_rules; i++)
		if (r[i].minor < 0)
			emit(out, n, BPF_JMP | BPF_JEQ | BPF_K, BPF_REG_4, JUMP_ALLOW,
			     (int32_t)r[i].major);
	emit_load(out, n, BPF_REG_5, offsetof(struct bpf_cgroup_dev_ctx, minor));
	emit(out, n, BPF_ALU64 | BPF_LSH | BPF_K, BPF_REG_4, 0, MINOR_BITS);
	emit(out, n, BPF_ALU64 | BPF_OR | BPF_X, r4_r5, 0, 0);
	for (size_t i = 0; i < n_rules; i++)
		if (r[i].minor >= 0)
			emit(out, n, BPF_JMP | BPF_JEQ | BPF_K, BPF_REG_4, JUMP_ALLOW,
			     (int32_t)(r[i].major << MINOR_BITS | r[i].minor));
	emit(out, n, BPF_JMP | BPF_JA, 0, JUMP_END, 0);
	land(out, start, *n, JUMP_ALLOW);
	emit_exit(out, n, true);
	land(out, start, *n, JUMP_END);
}

int cgroup_devices_make(const struct spec_device_rule *rules, size_t n, struct arena *arena,
			void **ret_insn, size_t *ret_n, struct err *err)
{
	struct bpf_insn *out;
	struct rule *r;
	bool ended = false;
	size_t len = 0, together;

	if (n > PROGRAM_MAX / RULE_INSNS)
		return err_set(err, E2BIG, "%zu device rules are too many (at most %d)", n,
			       PROGRAM_MAX / RULE_INSNS);
	out = arena_array(arena, n * RULE_INSNS + RULE_INSNS, sizeof(*out));
	r = arena_array(arena, n + 1, sizeof(*r));
	if (!out || !r)
		return err_set(err, ENOMEM, "device rules: out of memory");
	for (size_t i = 0; i < n; i++) /* the last one first */
		if (rule_make(&rules[n - 1 - i], n - 1 - i, &r[i], err) < 0)
			return -1;
	emit_load(out, &len, BPF_REG_2, offsetof(struct bpf_cgroup_dev_ctx, access_type));
	emit(out, &len, BPF_ALU64 | BPF_MOV | BPF_X, BPF_REG_3 | BPF_REG_2 << 4, 0, 0);
	emit(out, &len, BPF_ALU64 | BPF_AND | BPF_K, BPF_REG_2, 0, 0xffff);
	emit(out, &len, BPF_ALU64 | BPF_RSH | BPF_K, BPF_REG_3, 0, 16);
	for (size_t i = 0; i < n && !ended; i += together) {
		together = is_plain(&r[i]);
		while (together && i + together < n && is_plain(&r[i + together]) &&
		       r[i + together].type == r[i].type)
			together++;
		if (together > 1) {
			emit_group(out, &len, &r[i], together);
		} else {
			together = 1;
			ended = emit_rule(out, &len, &r[i]);
		}
	}
	if (!ended)
		emit_exit(out, &len, false);
	*ret_insn = out;
	*ret_n = len;
	return 0;
}

/* What every container has: it may make device nodes (they are checked when opened), and these. */
int cgroup_devices_rules(const struct spec_resources *r, struct arena *arena,
			 struct spec_device_rule **ret, size_t *ret_n, struct err *err)
{
	static const struct {
		const char *type;
		int64_t major, minor;
		const char *access;
	} always[] = {
		{ "c", -1, -1, "m" },	 { "b", -1, -1, "m" }, { "c", 1, 3, "rwm" }, /* null */
		{ "c", 1, 8, "rwm" }, /* random */
		{ "c", 1, 7, "rwm" }, /* full */
		{ "c", 5, 0, "rwm" }, /* tty */
		{ "c", 1, 5, "rwm" }, /* zero */
		{ "c", 1, 9, "rwm" }, /* urandom */
		{ "c", 5, 1, "rwm" }, /* console */
		{ "c", 136, -1, "rwm" }, /* pts */
		{ "c", 5, 2, "rwm" }, /* ptmx */
		{ "c", 10, 200, "rwm" }, /* tun: engines and their users rely on it */
	};
	/* arena strings may not be const: the struct is the decoder's */
	size_t given = r ? r->devices.n : 0, n = given;
	struct spec_device_rule *v = arena_array(arena, given + ARRAY_SIZE(always), sizeof(*v));

	if (!v)
		return err_set(err, ENOMEM, "device rules: out of memory");
	if (given)
		memcpy(v, r->devices.v, given * sizeof(*v));
	for (size_t i = 0; i < ARRAY_SIZE(always); i++, n++) {
		v[n].allow = true;
		v[n].type = arena_strdup(arena, always[i].type);
		v[n].access = arena_strdup(arena, always[i].access);
		if (!v[n].type || !v[n].access)
			return err_set(err, ENOMEM, "device rules: out of memory");
		v[n].major = (struct opt_i64){ .has = true, .v = always[i].major };
		v[n].minor = (struct opt_i64){ .has = true, .v = always[i].minor };
	}
	*ret = v;
	*ret_n = n;
	return 0;
}

/* --- apply ----------------------------------------------------------------- */

static int sys_bpf(int cmd, union bpf_attr *attr)
{
	long r;

	do
		r = syscall(SYS_bpf, cmd, attr, sizeof(*attr));
	while (r < 0 && (errno == EINTR || errno == EAGAIN));
	return (int)r;
}

int device_program_info(int program, struct bpf_prog_info *ret)
{
	union bpf_attr attr;

	memset(ret, 0, sizeof(*ret));
	memset(&attr, 0, sizeof(attr));
	attr.info.bpf_fd = (uint32_t)program;
	attr.info.info_len = sizeof(*ret);
	attr.info.info = (uint64_t)(uintptr_t)ret;
	return sys_bpf(BPF_OBJ_GET_INFO_BY_FD, &attr);
}

static int program_load(const void *insn, size_t n)
{
	static const char license[] = "Apache-2.0"; /* calls no helper that asks for another */
	union bpf_attr attr;

	memset(&attr, 0, sizeof(attr));
	attr.prog_type = BPF_PROG_TYPE_CGROUP_DEVICE;
	attr.insns = (uint64_t)(uintptr_t)insn;
	attr.insn_cnt = (uint32_t)n;
	attr.license = (uint64_t)(uintptr_t)license;
	memcpy(attr.prog_name, PROGRAM_NAME, sizeof(PROGRAM_NAME));
	return sys_bpf(BPF_PROG_LOAD, &attr);
}

/* Kernels before 5.11 charge programs to RLIMIT_MEMLOCK. */
static int program_load_unlimited(const void *insn, size_t n)
{
	struct rlimit old, none = { RLIM_INFINITY, RLIM_INFINITY };
	int fd = program_load(insn, n), code = errno;

	if (fd >= 0 || code != EPERM || getrlimit(RLIMIT_MEMLOCK, &old) < 0)
		return fd;
	if (setrlimit(RLIMIT_MEMLOCK, &none) == 0) {
		fd = program_load(insn, n);
		code = errno;
		(void)setrlimit(RLIMIT_MEMLOCK, &old);
	}
	errno = code;
	return fd;
}

bool devices_excused(void)
{
	char map[128];
	unsigned int inside = 1, outside = 1, size = 0;
	AUTO_BUF text;

	if (geteuid() != 0)
		return true;
	buf_init(&text);
	if (file_read(AT_FDCWD, "/proc/self/uid_map", &text, sizeof(map) * 1024, false) < 0)
		return false;
	/* the first user namespace maps everything to itself */
	return sscanf(text.s, "%u %u %u", &inside, &outside, &size) == 3 &&
	       (inside != 0 || outside != 0 || size != UINT32_MAX);
}

static int program_attach(int group, int program, uint32_t flags, int replaced)
{
	union bpf_attr attr;

	memset(&attr, 0, sizeof(attr));
	attr.target_fd = (uint32_t)group;
	attr.attach_bpf_fd = (uint32_t)program;
	attr.attach_type = BPF_CGROUP_DEVICE;
	attr.attach_flags = flags;
	attr.replace_bpf_fd = replaced < 0 ? 0 : (uint32_t)replaced;
	return sys_bpf(BPF_PROG_ATTACH, &attr);
}

static int program_detach(int group, int program)
{
	union bpf_attr attr;

	memset(&attr, 0, sizeof(attr));
	attr.target_fd = (uint32_t)group;
	attr.attach_bpf_fd = (uint32_t)program;
	attr.attach_type = BPF_CGROUP_DEVICE;
	return sys_bpf(BPF_PROG_DETACH, &attr);
}

/* A descriptor of the program with this id if it is one of ours (a service manager may have its
 * own in the same place), and what is known of it; -1. */
int device_program_open(uint32_t id, struct bpf_prog_info *ret)
{
	union bpf_attr attr;
	AUTO_FD fd = -1;

	memset(&attr, 0, sizeof(attr));
	attr.prog_id = id;
	fd = sys_bpf(BPF_PROG_GET_FD_BY_ID, &attr);
	if (fd < 0 || device_program_info(fd, ret) < 0 ||
	    strncmp(ret->name, PROGRAM_NAME, sizeof(ret->name)) != 0)
		return -1;
	return fd_take(&fd);
}

/* Descriptors of our programs that are attached to the group; their number, or -1. */
static int programs_find(int group, int *fds)
{
	uint32_t ids[ATTACHED_MAX] = { 0 };
	struct bpf_prog_info info;
	union bpf_attr attr;
	int n = 0;

	memset(&attr, 0, sizeof(attr));
	attr.query.target_fd = (uint32_t)group;
	attr.query.attach_type = BPF_CGROUP_DEVICE;
	attr.query.prog_cnt = ATTACHED_MAX;
	attr.query.prog_ids = (uint64_t)(uintptr_t)ids;
	if (sys_bpf(BPF_PROG_QUERY, &attr) < 0)
		return -1;
	for (uint32_t i = 0; i < attr.query.prog_cnt && i < ATTACHED_MAX; i++) {
		fds[n] = device_program_open(ids[i], &info);
		if (fds[n] >= 0)
			n++;
	}
	return n;
}

static int replace_programs(int group, int program, const int *old, int n_old)
{
	int replaced = 0;

	if (n_old > 0 &&
	    program_attach(group, program, BPF_F_ALLOW_MULTI | BPF_F_REPLACE, old[0]) == 0)
		replaced = 1;
	else if (program_attach(group, program, BPF_F_ALLOW_MULTI, -1) < 0)
		return -1;
	for (int i = replaced; i < n_old; i++) /* both are in force until here: never none */
		if (program_detach(group, old[i]) < 0 && errno != ENOENT)
			return -1;
	return 0;
}

static int apply(const struct cgroup *g, int memo, const void *insn, size_t n, struct err *err)
{
	int old[ATTACHED_MAX], n_old = 0, r;
	AUTO_FD program = -1;

	if (g->top < 0)
		return 0;
	program = memo >= 0 ? device_program_known(memo, insn, n) : -1;
	if (program < 0) {
		program = program_load_unlimited(insn, n);
		if (program >= 0 && memo >= 0)
			device_program_note(memo, program, insn, n);
	}
	if (program < 0) {
		int code = errno;

		/* rootless: no device node can be made there, and those there are keep their
		 * owners */
		if ((code == EPERM || code == ENOSYS) && devices_excused())
			return 0;
		errno = code;
		return err_sys(err, "load the device filter of cgroup \"%s\"", g->place.path);
	}
	if (!g->fresh)
		n_old = programs_find(g->top, old);
	if (n_old < 0)
		return err_sys(err, "look for the device filter of cgroup \"%s\"", g->place.path);
	r = replace_programs(g->top, program, old, n_old);
	if (r < 0)
		(void)err_sys(err, "attach the device filter to cgroup \"%s\"", g->place.path);
	for (int i = 0; i < n_old; i++)
		(void)fd_close(old[i]);
	return r;
}

int cgroup_devices_apply(const struct cgroup *g, const void *insn, size_t n, struct err *err)
{
	return apply(g, -1, insn, n, err);
}

int cgroup_devices_share(const struct cgroup *g, int memo, const void *insn, size_t n,
			 struct err *err)
{
	/* the kernel refuses what is attached already, so a group that may have one gets its own */
	return apply(g, g->fresh ? memo : -1, insn, n, err);
}
