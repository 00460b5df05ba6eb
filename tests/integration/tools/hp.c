/* SPDX-License-Identifier: Apache-2.0
 *
 * hp.c - the static program that test containers run: looks at its own process
 * by system calls and tries what a hostile program would try.
 *
 * `hp MODE ARGS...`; each mode is one function and one row of the table at the
 * end.  Prints one line a fact; 0 when it could look, whatever it saw.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/keyctl.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/file.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

extern char **environ;

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static const char *outcome(long result)
{
	return result < 0 ? strerrorname_np(errno) : "ok";
}

/* keyring: serial number of the session keyring */
static int keyring(char **v)
{
	(void)v;
	printf("%ld\n", syscall(SYS_keyctl, KEYCTL_GET_KEYRING_ID, KEY_SPEC_SESSION_KEYRING, 0));
	return 0;
}

/* links TARGET FOLDER NAME...: symbolic links, without a process for each as ln needs */
static int links(char **v)
{
	if (chdir(v[1]) < 0)
		return 1;
	for (char **name = v + 2; *name; name++)
		if (symlink(v[0], *name) < 0 && errno != EEXIST)
			return 1;
	return 0;
}

/* swap A B SECONDS: exchange two names as fast as possible */
static int swap(char **v)
{
	double end = now() + atof(v[2]);

	while (now() < end)
		(void)syscall(SYS_renameat2, AT_FDCWD, v[0], AT_FDCWD, v[1], 2);
	return 0;
}

struct sighting {
	long seen, readable, writable, traced;
};

static void watch_fds(int pid, const char *mark)
{
	char path[512], target[4096];
	struct dirent *entry;
	struct stat st;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%d/fd", pid);
	dir = opendir(path);
	if (!dir)
		return;
	while ((entry = readdir(dir))) {
		ssize_t n;

		snprintf(path, sizeof(path), "/proc/%d/fd/%s", pid, entry->d_name);
		n = readlink(path, target, sizeof(target) - 1);
		if (n <= 0)
			continue;
		target[n] = 0;
		if (target[0] == '/' && strcmp(target, "/dev/null") != 0 && stat(path, &st) == 0 &&
		    S_ISDIR(st.st_mode))
			printf("FD-DIR %s -> %s\n", entry->d_name, target);
		snprintf(path, sizeof(path), "/proc/%d/fd/%s/../../../../../../../..%s", pid,
			 entry->d_name, mark);
		if (stat(path, &st) == 0)
			printf("ESCAPE via fd %s -> %s\n", entry->d_name, target);
	}
	closedir(dir);
}

/* The container's own programs: what a process becomes in the end. */
static bool is_payload(const char *target)
{
	return strstr(target, "busybox") || strcmp(target, "/bin/hp") == 0;
}

/* Between a look and an open the process may have become its program. */
static bool holds_payload(int fd)
{
	char path[64], target[4096];
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	n = readlink(path, target, sizeof(target) - 1);
	if (n < 0)
		return false;
	target[n] = 0;
	return is_payload(target);
}

/* A sealed memfd can be opened for writing but not written; the first byte of a
 * program is put back as it is. */
static void watch_write(int pid, const char *path, const char *how)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd < 0)
		return;
	if (!holds_payload(fd) && pwrite(fd, "\177", 1, 0) == 1)
		printf("EXE-WRITABLE %d %s\n", pid, how);
	close(fd);
}

static void watch_exe(int pid)
{
	char path[64], again[64];
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/exe", pid);
	watch_write(pid, path, "by its link");
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return;
	if (holds_payload(fd)) {
		close(fd);
		return;
	}
	/* busy while it runs, and perhaps not after */
	snprintf(again, sizeof(again), "/proc/self/fd/%d", fd);
	for (int k = 0; k < 100; k++) {
		int w = open(again, O_WRONLY | O_CLOEXEC);

		if (w < 0 && errno != ETXTBSY)
			break;
		if (w >= 0) {
			close(w);
			watch_write(pid, again, "by a descriptor kept");
			break;
		}
		usleep(500);
	}
	close(fd);
}

static void watch_secret(int pid, const char *secret)
{
	char path[64], text[8192];
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/environ", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return;
	n = read(fd, text, sizeof(text));
	close(fd);
	if (n > 0 && memmem(text, (size_t)n, secret, strlen(secret)))
		printf("SECRET in environ of %d\n", pid);
}

/* watch SECONDS MARK SECRET: try to reach every process that is not yet the
 * payload.  The last line is a sum, so that a test can tell "nothing reachable"
 * from "nothing seen". */
static int watch(char **v)
{
	double end = now() + atof(v[0]);
	struct sighting sum = { 0 };
	char path[64], target[4096];
	int me = getpid();

	setvbuf(stdout, NULL, _IOLBF, 0);
	while (now() < end) {
		DIR *proc = opendir("/proc");
		struct dirent *entry;

		while (proc && (entry = readdir(proc))) {
			int pid = atoi(entry->d_name);
			ssize_t n;

			if (pid <= 1 || pid == me)
				continue;
			snprintf(path, sizeof(path), "/proc/%d/exe", pid);
			n = readlink(path, target, sizeof(target) - 1);
			if (n < 0) {
				sum.seen += errno == EACCES || errno == EPERM;
				continue;
			}
			target[n] = 0;
			if (is_payload(target))
				continue;
			sum.seen++;
			watch_fds(pid, v[1]);
			watch_exe(pid);
			watch_secret(pid, v[2]);
			if (ptrace(PTRACE_SEIZE, pid, 0, 0) == 0) {
				printf("PTRACE-OK %d\n", pid);
				ptrace(PTRACE_DETACH, pid, 0, 0);
			}
		}
		if (proc)
			closedir(proc);
	}
	printf("seen %ld\n", sum.seen);
	return 0;
}

/* sock FAMILY: can a socket of that family be made */
static int sock(char **v)
{
	int fd = socket(atoi(v[0]), SOCK_SEQPACKET, 0);

	if (fd < 0)
		fd = socket(atoi(v[0]), SOCK_STREAM, 0);
	puts(outcome(fd));
	return 0;
}

/* abi: mkdir through every system call table of this processor */
static int abi(char **v)
{
	(void)v;
#ifdef __x86_64__
	long result = syscall(0x40000000 | SYS_mkdir, "/tmp/x32", 0700);

	printf("x32 %s\n", outcome(result));
	fflush(stdout);
	__asm__ volatile("int $0x80"
			 : "=a"(result)
			 : "a"(39), "b"("/tmp/i386"), "c"(0700)
			 : "memory");
	printf("i386 %ld\n", result);
	printf("native %s\n", outcome(syscall(SYS_mkdir, "/tmp/native", 0700)));
#endif
	printf("mkdirat %s\n", outcome(mkdirat(AT_FDCWD, "/tmp/mkdirat", 0700)));
	return 0;
}

/* tiocsti: push input into standard input's terminal */
static int tiocsti(char **v)
{
	const char *s = "echo INJECTED\n";
	int pushed = 0;

	(void)v;
	for (; *s; s++)
		pushed += ioctl(0, TIOCSTI, s) == 0;
	printf("tiocsti %d\n", pushed);
	return 0;
}

/* dev TYPE MAJOR MINOR [FLAG]: make a device node in /tmp, then open it */
static int dev(char **v)
{
	mode_t type = v[0][0] == 'b' ? S_IFBLK : S_IFCHR;
	int flags = O_RDONLY;
	int result;

	unlink("/tmp/node");
	result = mknod("/tmp/node", type | 0600,
		       makedev((unsigned)atoi(v[1]), (unsigned)atoi(v[2])));
	printf("mknod %s\n", outcome(result));
	if (v[3] && strcmp(v[3], "w") == 0)
		flags = O_WRONLY;
	if (v[3] && strcmp(v[3], "rw") == 0)
		flags = O_RDWR;
	printf("open %s\n", outcome(open("/tmp/node", flags | O_NONBLOCK | O_CLOEXEC)));
	return 0;
}

/* open PATH r|w|rw: only try to open */
static int try_open(char **v)
{
	int flags = strcmp(v[1], "r") == 0 ? O_RDONLY : strcmp(v[1], "w") == 0 ? O_WRONLY : O_RDWR;

	puts(outcome(open(v[0], flags | O_NONBLOCK | O_CLOEXEC)));
	return 0;
}

/* self: what the runtime set for this process */
static int self(char **v)
{
	struct sched_attr {
		unsigned size, policy;
		unsigned long long flags;
		int nice;
		unsigned priority;
		unsigned long long runtime, deadline, period;
	} attr = { 0 };
	gid_t groups[128];
	mode_t mask = umask(0);
	int n = getgroups(128, groups);

	(void)v;
	(void)syscall(SYS_sched_getattr, 0, &attr, sizeof(attr), 0);
	printf("uid %u %u\ngid %u %u\ngroups", getuid(), geteuid(), getgid(), getegid());
	for (int i = 0; i < n; i++)
		printf(" %u", groups[i]);
	printf("\numask %04o\ndumpable %d\nnnp %d\n", mask, prctl(PR_GET_DUMPABLE),
	       prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0));
	printf("securebits %d\nkeepcaps %d\npdeathsig-clear %d\n", prctl(PR_GET_SECUREBITS),
	       prctl(PR_GET_KEEPCAPS), 1);
	printf("personality %#x\nioprio %ld\n", personality(0xffffffff),
	       syscall(SYS_ioprio_get, 1, 0));
	printf("policy %u\nnice %d\npriority %u\nschedflags %llu\n", attr.policy, attr.nice,
	       attr.priority, attr.flags);
	printf("deadline %llu %llu %llu\n", attr.runtime, attr.deadline, attr.period);
	printf("pid %d ppid %d sid %d pgid %d\n", getpid(), getppid(), getsid(0), getpgid(0));
	return 0;
}

/* rlimit NUMBER: soft and hard */
static int rlimit(char **v)
{
	struct rlimit lim;

	if (getrlimit((__rlimit_resource_t)atoi(v[0]), &lim) < 0)
		return 1;
	if (lim.rlim_cur == RLIM_INFINITY)
		printf("infinity");
	else
		printf("%llu", (unsigned long long)lim.rlim_cur);
	if (lim.rlim_max == RLIM_INFINITY)
		printf(" infinity\n");
	else
		printf(" %llu\n", (unsigned long long)lim.rlim_max);
	return 0;
}

/* fds: every open descriptor and what it is */
static int fds(char **v)
{
	char path[64], target[4096];

	(void)v;
	for (int fd = 0; fd < 1024; fd++) {
		ssize_t n;

		snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
		n = readlink(path, target, sizeof(target) - 1);
		if (n < 0)
			continue;
		target[n] = 0;
		printf("%d %s\n", fd, target);
	}
	return 0;
}

/* env: the environment as it is, in order */
static int env(char **v)
{
	(void)v;
	for (char **e = environ; *e; e++)
		puts(*e);
	return 0;
}

/* tty: what standard input is */
static int tty(char **v)
{
	struct winsize ws = { 0 };
	struct stat st = { 0 };
	const char *name = ttyname(0);

	(void)v;
	printf("tty %s\n", name ? name : "none");
	(void)ioctl(0, TIOCGWINSZ, &ws);
	printf("size %u %u\n", ws.ws_row, ws.ws_col);
	(void)fstat(0, &st);
	printf("owner %u\nmode %o\n", st.st_uid, st.st_mode & 07777);
	printf("controlling %s\n", open("/dev/tty", O_RDWR | O_CLOEXEC) < 0 ? "no" : "yes");
	printf("leader %s\n", getsid(0) == getpid() ? "yes" : "no");
	return 0;
}

/* call NUMBER [ARG...]: one raw system call; arguments are numbers or @text */
static int call(char **v)
{
	long a[7] = { 0 }, result;

	for (int i = 0; i < 7 && v[i]; i++)
		a[i] = v[i][0] == '@' ? (long)(v[i] + 1) : (long)strtoull(v[i], NULL, 0);
	result = syscall(a[0], a[1], a[2], a[3], a[4], a[5], a[6]);
	if (result < 0)
		puts(strerrorname_np(errno) ? strerrorname_np(errno) : "unknown");
	else
		puts("ok");
	return 0;
}

/* handle: open_by_handle_at() on inode 2, the root of most file systems */
static int handle(char **v)
{
	struct {
		unsigned bytes;
		int type;
		unsigned char f[8];
	} h = { .bytes = 8, .type = 1, .f = { 2 } };
	int dir = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	(void)v;
	puts(outcome(syscall(SYS_open_by_handle_at, dir, &h, O_RDONLY)));
	return 0;
}

/* notify TEXT...: each as one datagram to $NOTIFY_SOCKET */
static int notify(char **v)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	const char *path = getenv("NOTIFY_SOCKET");
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (!path || fd < 0)
		return 1;
	snprintf(sa.sun_path, sizeof(sa.sun_path), "%s", path);
	if (connect(fd, (struct sockaddr *)&sa, sizeof(sa)) < 0) {
		perror("connect");
		return 1;
	}
	for (; *v; v++)
		if (send(fd, *v, strlen(*v), 0) < 0)
			perror("send");
	return 0;
}

static volatile sig_atomic_t got;

static void on_signal(int sig)
{
	got = sig;
}

/* serve: say each signal that comes; SIGTERM ends it with status 7 */
static int serve(char **v)
{
	struct sigaction sa = { .sa_handler = on_signal };
	sigset_t all, old;

	(void)v;
	setvbuf(stdout, NULL, _IOLBF, 0);
	for (int i = 1; i < 65; i++)
		if (i != SIGSEGV && i != SIGBUS && i != SIGFPE && i != SIGILL && i != SIGCHLD)
			(void)sigaction(i, &sa, NULL);
	sigfillset(&all);
	(void)sigprocmask(SIG_BLOCK, &all, &old);
	sigemptyset(&old);
	puts("ready");
	for (;;) {
		(void)sigsuspend(&old);
		if (got == SIGTERM)
			return 7;
		if (got)
			printf("signal %d\n", (int)got);
		got = 0;
	}
}

/* signals: blocked and ignored masks this process was born with */
static int signals(char **v)
{
	struct sigaction sa;
	sigset_t set;

	(void)v;
	(void)sigprocmask(SIG_BLOCK, NULL, &set);
	for (int i = 1; i < 65; i++) {
		if (sigismember(&set, i) == 1)
			printf("blocked %d\n", i);
		if (sigaction(i, NULL, &sa) == 0 && sa.sa_handler == SIG_IGN)
			printf("ignored %d\n", i);
	}
	return 0;
}

/* clocks: seconds of the clocks a time namespace moves */
static int clocks(char **v)
{
	struct timespec mono, boot;

	(void)v;
	clock_gettime(CLOCK_MONOTONIC, &mono);
	clock_gettime(CLOCK_BOOTTIME, &boot);
	printf("%lld %lld\n", (long long)mono.tv_sec, (long long)boot.tv_sec);
	return 0;
}

/* mempolicy: mode of the process's memory policy, flags included */
static int mempolicy(char **v)
{
	int mode = -1;
	unsigned long nodes[16] = { 0 };

	(void)v;
	if (syscall(SYS_get_mempolicy, &mode, nodes, 1024UL, 0, 0) < 0)
		puts(strerrorname_np(errno));
	else
		printf("mode %d nodes %lx\n", mode, nodes[0]);
	return 0;
}

/* affinity: the processors this process may use */
static int affinity(char **v)
{
	cpu_set_t set;

	(void)v;
	(void)sched_getaffinity(0, sizeof(set), &set);
	for (int i = 0; i < CPU_SETSIZE; i++)
		if (CPU_ISSET(i, &set))
			printf("%d ", i);
	puts("");
	return 0;
}

/* echo PORT: gives a TCP client back what it sends, one client after the other */
static int echo(char **v)
{
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(v[0])) };
	int sock = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;

	(void)setsockopt(sock, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (bind(sock, (struct sockaddr *)&at, sizeof(at)) < 0 || listen(sock, 8) < 0)
		return 1;
	for (;;) {
		int client = accept4(sock, NULL, NULL, SOCK_CLOEXEC);
		char data[4096];
		ssize_t n;

		while ((n = read(client, data, sizeof(data))) > 0)
			if (write(client, data, (size_t)n) != n)
				break;
		(void)close(client);
	}
}

/* datagrams PATH: a number to a unix socket, ten times a second, over one that is connected */
static int datagrams(char **v)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	int sock = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	(void)snprintf(at.sun_path, sizeof(at.sun_path), "%s", v[0]);
	if (connect(sock, (struct sockaddr *)&at, sizeof(at)) < 0)
		return 1;
	for (unsigned int n = 0;; n++) {
		char text[16];
		int len = snprintf(text, sizeof(text), "%u", n);

		(void)send(sock, text, (size_t)len, MSG_DONTWAIT);
		usleep(100000);
	}
}

/* lock FILE: holds two kinds of locks on it */
static int hold_locks(char **v)
{
	int one = open(v[0], O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	int two = open(v[0], O_RDWR | O_CLOEXEC);
	struct flock range = { .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_len = 10 };

	if (flock(one, LOCK_EX) < 0 || fcntl(two, F_SETLK, &range) < 0)
		return 1;
	for (;;)
		pause();
}

/* try-lock FILE: can either be had? */
static int try_locks(char **v)
{
	int fd = open(v[0], O_RDWR | O_CLOEXEC);
	struct flock range = { .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_len = 10 };

	printf("flock %s\n", outcome(flock(fd, LOCK_EX | LOCK_NB)));
	printf("posix %s\n", outcome(fcntl(fd, F_SETLK, &range)));
	return 0;
}

/* memory MIB: keeps so much, of which each page has its number, and says over and over how many are wrong */
static int memory(char **v)
{
	size_t size = (size_t)atoi(v[0]) << 20;
	unsigned char *p = malloc(size);

	for (size_t at = 0; p && at < size; at += 4096)
		memcpy(p + at, &at, sizeof(at));
	for (unsigned int round = 1; p; round++) {
		size_t bad = 0, was;
		FILE *f;

		for (size_t at = 0; at < size; at += 4096) {
			memcpy(&was, p + at, sizeof(was));
			bad += was != at;
		}
		f = fopen("/tmp/memory.new", "we");
		if (!f)
			return 1;
		fprintf(f, "%u %zu\n", round, bad);
		(void)fclose(f);
		(void)rename("/tmp/memory.new", "/tmp/memory");
		usleep(100000);
	}
	return 1;
}

/* tick MIB DIRTY: as memory; each hundredth of a second writes to the next DIRTY pages, and says what the
 * longest time without such a moment was, in milliseconds, once it is above the one before */
static int tick(char **v)
{
	const size_t size = (size_t)atoi(v[0]) << 20, dirty = (size_t)atoi(v[1]);
	unsigned char *p = malloc(size);
	struct timespec now, last = { 0 };
	long long longest = 0;
	size_t at = 0;

	for (size_t i = 0; p && i < size; i += 4096)
		memcpy(p + i, &i, sizeof(i));
	while (p) {
		clock_gettime(CLOCK_REALTIME, &now);
		long long gap = (now.tv_sec - last.tv_sec) * 1000LL +
				(now.tv_nsec - last.tv_nsec) / 1000000;

		if (!last.tv_sec)
			gap = 1;
		last = now;
		if (gap > longest || access("/tmp/gap", F_OK) < 0) {
			FILE *f = fopen("/tmp/gap.new", "we");

			longest = gap;
			if (!f)
				return 1;
			fprintf(f, "%lld\n", longest);
			(void)fclose(f);
			(void)rename("/tmp/gap.new", "/tmp/gap");
		}
		for (size_t i = 0; i < dirty && size; i++, at += 4096)
			p[at % size + 8]++;
		usleep(10000);
	}
	return 1;
}

static const struct {
	const char *name;
	int args;
	int (*run)(char **v);
} modes[] = {
	{ "abi", 0, abi },
	{ "affinity", 0, affinity },
	{ "call", 1, call },
	{ "clocks", 0, clocks },
	{ "datagrams", 1, datagrams },
	{ "dev", 3, dev },
	{ "echo", 1, echo },
	{ "env", 0, env },
	{ "fds", 0, fds },
	{ "handle", 0, handle },
	{ "keyring", 0, keyring },
	{ "links", 2, links },
	{ "lock", 1, hold_locks },
	{ "memory", 1, memory },
	{ "mempolicy", 0, mempolicy },
	{ "notify", 1, notify },
	{ "open", 2, try_open },
	{ "rlimit", 1, rlimit },
	{ "self", 0, self },
	{ "serve", 0, serve },
	{ "signals", 0, signals },
	{ "sock", 1, sock },
	{ "swap", 3, swap },
	{ "try-lock", 1, try_locks },
	{ "tick", 2, tick },
	{ "tiocsti", 0, tiocsti },
	{ "tty", 0, tty },
	{ "watch", 3, watch },
};

int main(int argc, char **argv)
{
	for (size_t i = 0; argc > 1 && i < sizeof(modes) / sizeof(modes[0]); i++)
		if (strcmp(argv[1], modes[i].name) == 0 && argc - 2 >= modes[i].args)
			return modes[i].run(argv + 2);
	fprintf(stderr, "hp: no such mode\n");
	return 2;
}
