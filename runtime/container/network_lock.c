/* SPDX-License-Identifier: Apache-2.0 */
/* network_lock.c - what holds packets back while a container's connections are taken or put back
 *
 * criu drops all packets of the network namespace, so that no peer hears that
 * there is nobody.  By default it starts iptables-restore(8) and
 * ip6tables-restore(8) for that, twice, while nothing moves; with nftables it
 * needs no program.  It is asked for those where it can do so.
 *
 * After a checkpoint the lock stays, as it must for the peers: a namespace that
 * outlives the container has it until the connections are back.  But criu 3.17
 * restores under another name (nftables), or puts a second lock over the first
 * one, which then can't be removed (iptables).  So all of them are removed where
 * criu takes back its own, and where no connection waits for it.
 *
 * nft(8); libnftables(3); include/uapi/linux/netfilter/nf_tables.h.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/file.h"
#include "base/proc.h"
#include "runtime/container/checkpoint.h"

#define LIBRARY	    "libnftables.so"
#define TABLE	    "CRIU-" /* and a number */
#define TABLES_MAX  16
#define ANSWER_MAX  ((size_t)32 << 10)
#define HELPER_MS   10000
#define LOCKS_MAX   8
#define PROGRAM_MAX ((off_t)256 << 20)

/* --- nftables, by netlink ------------------------------------------------------------------- */

struct request {
	struct nlmsghdr head;
	struct nfgenmsg gen;
	char attributes[NLA_HDRLEN + NFT_NAME_MAXLEN];
};

static uint16_t type_of(int message)
{
	return (uint16_t)(NFNL_SUBSYS_NFTABLES << 8 | message);
}

static int send_all(int sock, const void *data, size_t size)
{
	const struct sockaddr_nl kernel = { .nl_family = AF_NETLINK };

	return sendto(sock, data, size, 0, (const struct sockaddr *)&kernel, sizeof(kernel)) < 0
		       ? -1
		       : 0;
}

/* The name of the table that a message is about, or NULL. */
static const char *table_name(const struct nlmsghdr *h)
{
	const size_t top = NLMSG_LENGTH(sizeof(struct nfgenmsg));
	const char *at = (const char *)h + NLMSG_ALIGN(top);
	size_t left = h->nlmsg_len > NLMSG_ALIGN(top) ? h->nlmsg_len - NLMSG_ALIGN(top) : 0;

	while (left >= sizeof(struct nlattr)) {
		struct nlattr a;
		size_t step;

		memcpy(&a, at, sizeof(a));
		if (a.nla_len < NLA_HDRLEN || a.nla_len > left)
			break;
		if ((a.nla_type & NLA_TYPE_MASK) == NFTA_TABLE_NAME && a.nla_len > NLA_HDRLEN &&
		    at[a.nla_len - 1] == '\0')
			return at + NLA_HDRLEN;
		step = NLA_ALIGN(a.nla_len);
		if (step > left)
			break;
		at += step;
		left -= step;
	}
	return NULL;
}

struct tables {
	char name[TABLES_MAX][NFT_NAME_MAXLEN];
	size_t n;
	bool iptables; /* there is iptables-nft(8)'s */
};

static void take_table(const struct nlmsghdr *h, struct tables *ret)
{
	const char *name = table_name(h);

	if (!name)
		return;
	if (strcmp(name, "filter") == 0)
		ret->iptables = true;
	else if (str_starts(name, TABLE) && ret->n < TABLES_MAX &&
		 str_copy(ret->name[ret->n], sizeof(ret->name[0]), name) == 0)
		ret->n++;
}

/* One datagram of the answer: 1 more to come, 0 that was all, -1: it has none. */
static int take_tables(const char *data, size_t size, struct tables *ret)
{
	while (size >= sizeof(struct nlmsghdr)) {
		struct nlmsghdr h;
		size_t step;

		memcpy(&h, data, sizeof(h));
		if (h.nlmsg_len < sizeof(h) || h.nlmsg_len > size)
			return -1;
		if (h.nlmsg_type == NLMSG_DONE)
			return 0;
		if (h.nlmsg_type == NLMSG_ERROR)
			return -1;
		take_table((const struct nlmsghdr *)(const void *)data, ret);
		step = NLMSG_ALIGN(h.nlmsg_len);
		if (step > size)
			return 1;
		data += step;
		size -= step;
	}
	return 1;
}

static int list_tables(int sock, struct tables *ret)
{
	const struct request ask = {
		.head = { .nlmsg_len = NLMSG_LENGTH(sizeof(struct nfgenmsg)),
			  .nlmsg_type = type_of(NFT_MSG_GETTABLE),
			  .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP },
		.gen = { .nfgen_family = NFPROTO_UNSPEC },
	};
	AUTO_FREE char *answer = NULL;
	int more = 1;

	*ret = (struct tables){ 0 };
	if (send_all(sock, &ask, ask.head.nlmsg_len) < 0)
		return -1;
	answer = malloc(ANSWER_MAX);
	if (!answer)
		return -1;
	while (more > 0) {
		ssize_t n = recv(sock, answer, ANSWER_MAX, 0);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return -1;
		more = take_tables(answer, (size_t)n, ret);
	}
	return more;
}

/* nf_tables takes changes between a beginning and an end only. */
static int delete_table(int sock, const char *name)
{
	struct request batch[3] = { 0 };
	const size_t n = strlen(name) + 1;
	const struct nlattr a = { .nla_len = (uint16_t)(NLA_HDRLEN + n),
				  .nla_type = NFTA_TABLE_NAME };
	const size_t edge = NLMSG_LENGTH(sizeof(struct nfgenmsg));
	AUTO_BUF text;

	buf_init(&text);
	batch[0].head = (struct nlmsghdr){ .nlmsg_len = (uint32_t)edge,
					   .nlmsg_type = NFNL_MSG_BATCH_BEGIN,
					   .nlmsg_flags = NLM_F_REQUEST };
	batch[0].gen.res_id = htons(NFNL_SUBSYS_NFTABLES);
	batch[1].head = (struct nlmsghdr){ .nlmsg_len = (uint32_t)(edge + NLA_ALIGN(a.nla_len)),
					   .nlmsg_type = type_of(NFT_MSG_DELTABLE),
					   .nlmsg_flags = NLM_F_REQUEST };
	batch[1].gen.nfgen_family = NFPROTO_INET;
	memcpy(batch[1].attributes, &a, sizeof(a));
	memcpy(batch[1].attributes + NLA_HDRLEN, name, n);
	batch[2] = batch[0];
	batch[2].head.nlmsg_type = NFNL_MSG_BATCH_END;
	for (size_t i = 0; i < ARRAY_SIZE(batch); i++)
		buf_add(&text, &batch[i], batch[i].head.nlmsg_len);
	return buf_failed(&text) ? -1 : send_all(sock, text.s, text.len);
}

static int open_nftables(void)
{
	return socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_NETFILTER);
}

/* --- can criu do it so ------------------------------------------------------------------------ */

/* It says so only by a run of its own (criu check --feature network_lock_nftables); the name of
 * the library it is linked with says the same. */
static bool names_library(const char *program)
{
	AUTO_FD fd = open(program, O_RDONLY | O_CLOEXEC);
	struct stat st;
	bool found;
	void *all;

	if (fd < 0 || fstat(fd, &st) < 0 || st.st_size <= 0 || st.st_size > PROGRAM_MAX)
		return false;
	all = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (all == MAP_FAILED)
		return false;
	found = memmem(all, (size_t)st.st_size, LIBRARY, strlen(LIBRARY));
	(void)munmap(all, (size_t)st.st_size);
	return found;
}

bool network_lock_has_nftables(const char *criu)
{
	struct tables list = { .n = 0 };
	AUTO_FD sock = open_nftables();

	/* A kernel without nf_tables answers with an error. */
	return sock >= 0 && names_library(criu) && list_tables(sock, &list) == 0;
}

/* --- iptables --------------------------------------------------------------------------------- */

static const char unlock[] = "*filter\n:CRIU - [0:0]\n-D INPUT -j CRIU\n-D OUTPUT -j CRIU\n";

/* All of `last` and what comes before it, or nothing. */
static bool restores(const char *program, const char *last)
{
	char name[] = "iptables-restore", wait[] = "-w", keep[] = "--noflush";
	char *argv[] = { name, wait, keep, NULL };
	struct proc_run run = { .path = program,
				.argv = argv,
				.stdout_fd = -1,
				.stderr_fd = -1,
				.timeout_ms = HELPER_MS };
	struct err ignored = { 0 };
	AUTO_BUF rules;

	buf_init(&rules);
	buf_printf(&rules, "%s%sCOMMIT\n", unlock, last);
	run.input = rules.s;
	run.input_len = rules.len;
	return !buf_failed(&rules) && proc_run(&run, &ignored) == 0;
}

/* What a second lock leads to can't be removed before its way there. */
static void unlock_iptables(void)
{
	static const char *const programs[] = { "/usr/sbin/iptables-restore",
						"/usr/sbin/ip6tables-restore" };

	for (size_t i = 0; i < ARRAY_SIZE(programs); i++)
		for (int n = 0; n < LOCKS_MAX && !restores(programs[i], "-X CRIU\n"); n++)
			if (!restores(programs[i], ""))
				break;
}

/* Tables of the kind before nf_tables. */
static bool has_old_iptables(void)
{
	char line[64];

	return file_read_line(AT_FDCWD, "/proc/thread-self/net/ip_tables_names", line,
			      sizeof(line)) == 0 &&
	       line[0];
}

/* --- both ------------------------------------------------------------------------------------- */

/* The end of the socket waits for the end of what was removed by it. */
static void drop(void *arg)
{
	struct tables list = { .n = 0 };
	int *sock = arg;

	*sock = open_nftables();
	if (*sock >= 0 && list_tables(*sock, &list) == 0)
		for (size_t i = 0; i < list.n; i++)
			(void)delete_table(*sock, list.name[i]);
	if (list.iptables || has_old_iptables())
		unlock_iptables();
}

/* What there may be to drop: all of it, or a question that has no answer. */
static void look(void *arg)
{
	struct tables list = { .n = 0 };
	AUTO_FD sock = open_nftables();
	bool *found = arg;

	*found = sock < 0 || list_tables(sock, &list) < 0 || list.n > 0 || list.iptables ||
		 has_old_iptables();
}

static int in_namespace(int netns, void (*call)(void *arg), void *arg, struct err *err)
{
	static const char self[] = "/proc/thread-self/ns/net";
	AUTO_FD ours = open(self, O_RDONLY | O_CLOEXEC);

	if (ours < 0 || setns(netns, CLONE_NEWNET) < 0)
		return err_sys(err, "enter the network namespace, to take back criu's lock");
	call(arg);
	return setns(ours, CLONE_NEWNET) < 0 ? err_sys(err, "leave the network namespace") : 0;
}

bool network_lock_is_left(int netns)
{
	bool found = true;

	return in_namespace(netns, look, &found, NULL) < 0 || found;
}

int network_lock_drop(int netns, int *ret, struct err *err)
{
	*ret = -1;
	return in_namespace(netns, drop, ret, err);
}
