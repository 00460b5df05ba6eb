/* SPDX-License-Identifier: Apache-2.0 */
/* network_lock.c - what holds packets back while a container's connections are taken or put back
 *
 * criu drops all packets of the network namespace, so that no peer hears that
 * there is nobody.  By default it starts iptables-restore(8) and
 * ip6tables-restore(8) for that, twice, while nothing moves; with nftables it
 * needs no program.  It is asked for those where it can do so.
 *
 * A restore into a namespace that is there already locks it by itself: what is
 * told to come there finds a connection that is half made, or none, and says so
 * to its peer.  That lock is the socket's (NFT_TABLE_F_OWNER) and goes with us.
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
#include <stddef.h>
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

static int open_nftables(void)
{
	return socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_NETFILTER);
}

static uint16_t type_of(int message)
{
	return (uint16_t)(NFNL_SUBSYS_NFTABLES << 8 | message);
}

/* A message, or an attribute that has others, and its length once they are in. */
static size_t begin(struct buf *b, uint16_t type, uint16_t flags, struct nfgenmsg gen)
{
	const struct nlmsghdr h = { .nlmsg_type = type,
				    .nlmsg_flags = (uint16_t)(NLM_F_REQUEST | flags) };
	const size_t at = b->len;

	buf_add(b, &h, sizeof(h));
	buf_add(b, &gen, sizeof(gen));
	return at;
}

static void end(struct buf *b, size_t at)
{
	const uint32_t n = (uint32_t)(b->len - at);

	if (!buf_failed(b))
		memcpy(b->s + at + offsetof(struct nlmsghdr, nlmsg_len), &n, sizeof(n));
}

static void add(struct buf *b, int type, const void *v, size_t n)
{
	static const char zero[NLA_ALIGNTO] = { 0 };
	const struct nlattr a = { (uint16_t)(NLA_HDRLEN + n), (uint16_t)type };

	buf_add(b, &a, sizeof(a));
	buf_add(b, v, n);
	buf_add(b, zero, NLA_ALIGN(n) - n);
}

static void add_text(struct buf *b, int type, const char *text)
{
	add(b, type, text, strlen(text) + 1);
}

static void add_u32(struct buf *b, int type, uint32_t v)
{
	v = htonl(v);
	add(b, type, &v, sizeof(v));
}

static size_t nest(struct buf *b, int type)
{
	const struct nlattr a = { 0, (uint16_t)(NLA_F_NESTED | type) };
	const size_t at = b->len;

	buf_add(b, &a, sizeof(a));
	return at;
}

static void unnest(struct buf *b, size_t at)
{
	const uint16_t n = (uint16_t)(b->len - at);

	if (!buf_failed(b))
		memcpy(b->s + at + offsetof(struct nlattr, nla_len), &n, sizeof(n));
}

/* nf_tables takes changes between a beginning and an end only. */
static void edge(struct buf *b, uint16_t type)
{
	end(b, begin(b, type, 0, (struct nfgenmsg){ .res_id = htons(NFNL_SUBSYS_NFTABLES) }));
}

static size_t change(struct buf *b, int message, uint16_t flags)
{
	return begin(b, type_of(message), flags, (struct nfgenmsg){ .nfgen_family = NFPROTO_INET });
}

static int send_all(int sock, const struct buf *b)
{
	const struct sockaddr_nl kernel = { .nl_family = AF_NETLINK };

	return buf_failed(b) || sendto(sock, b->s, b->len, 0, (const struct sockaddr *)&kernel,
				       sizeof(kernel)) < 0
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
	AUTO_BUF ask;
	AUTO_FREE char *answer = NULL;
	int more = 1;

	*ret = (struct tables){ 0 };
	buf_init(&ask);
	end(&ask, begin(&ask, type_of(NFT_MSG_GETTABLE), NLM_F_DUMP,
			(struct nfgenmsg){ .nfgen_family = NFPROTO_UNSPEC }));
	if (send_all(sock, &ask) < 0)
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

static int delete_table(int sock, const char *name)
{
	size_t at;
	AUTO_BUF b;

	buf_init(&b);
	edge(&b, NFNL_MSG_BATCH_BEGIN);
	at = change(&b, NFT_MSG_DELTABLE, 0);
	add_text(&b, NFTA_TABLE_NAME, name);
	end(&b, at);
	edge(&b, NFNL_MSG_BATCH_END);
	return send_all(sock, &b);
}

/* --- a lock of our own ---------------------------------------------------------------------- */

#define OURS	  TABLE "skerry"
#define CRIU_MARK 0xC114U /* of packets by which criu puts a connection's state together */

static void add_expression(struct buf *b, const char *name, void (*fill)(struct buf *b))
{
	const size_t element = nest(b, NFTA_LIST_ELEM);
	size_t data;

	add_text(b, NFTA_EXPR_NAME, name);
	data = nest(b, NFTA_EXPR_DATA);
	fill(b);
	unnest(b, data);
	unnest(b, element);
}

static void fill_meta(struct buf *b)
{
	add_u32(b, NFTA_META_DREG, NFT_REG_1);
	add_u32(b, NFTA_META_KEY, NFT_META_MARK);
}

static void fill_cmp(struct buf *b)
{
	const uint32_t mark = CRIU_MARK;
	size_t data;

	add_u32(b, NFTA_CMP_SREG, NFT_REG_1);
	add_u32(b, NFTA_CMP_OP, NFT_CMP_EQ);
	data = nest(b, NFTA_CMP_DATA);
	add(b, NFTA_DATA_VALUE, &mark, sizeof(mark));
	unnest(b, data);
}

static void fill_accept(struct buf *b)
{
	size_t data, verdict;

	add_u32(b, NFTA_IMMEDIATE_DREG, NFT_REG_VERDICT);
	data = nest(b, NFTA_IMMEDIATE_DATA);
	verdict = nest(b, NFTA_DATA_VERDICT);
	add_u32(b, NFTA_VERDICT_CODE, NF_ACCEPT);
	unnest(b, verdict);
	unnest(b, data);
}

/* All that comes by there is dropped, but for criu's. */
static void add_chain(struct buf *b, const char *name, uint32_t hook)
{
	size_t at = change(b, NFT_MSG_NEWCHAIN, NLM_F_CREATE), inner;

	add_text(b, NFTA_CHAIN_TABLE, OURS);
	add_text(b, NFTA_CHAIN_NAME, name);
	inner = nest(b, NFTA_CHAIN_HOOK);
	add_u32(b, NFTA_HOOK_HOOKNUM, hook);
	add_u32(b, NFTA_HOOK_PRIORITY, 0);
	unnest(b, inner);
	add_u32(b, NFTA_CHAIN_POLICY, NF_DROP);
	add_text(b, NFTA_CHAIN_TYPE, "filter");
	end(b, at);

	at = change(b, NFT_MSG_NEWRULE, NLM_F_CREATE | NLM_F_APPEND | NLM_F_ACK);
	add_text(b, NFTA_RULE_TABLE, OURS);
	add_text(b, NFTA_RULE_CHAIN, name);
	inner = nest(b, NFTA_RULE_EXPRESSIONS);
	add_expression(b, "meta", fill_meta);
	add_expression(b, "cmp", fill_cmp);
	add_expression(b, "immediate", fill_accept);
	unnest(b, inner);
	end(b, at);
}

/* The batch was taken as a whole, or not at all: the kernel has answered by the time that it was
 * sent. */
static int was_taken(int sock)
{
	char text[8192];
	int acks = 0;
	ssize_t n;

	while ((n = recv(sock, text, sizeof(text), MSG_DONTWAIT)) > 0) {
		struct nlmsghdr h;
		struct nlmsgerr e;

		if ((size_t)n < NLMSG_LENGTH(sizeof(e)))
			return -1;
		memcpy(&h, text, sizeof(h));
		memcpy(&e, text + NLMSG_HDRLEN, sizeof(e));
		if (h.nlmsg_type != NLMSG_ERROR || e.error)
			return -1;
		acks++;
	}
	return acks == 2 ? 0 : -1;
}

/* Into *arg, a descriptor. */
static void lock(void *arg)
{
	int *ret = arg;
	size_t at;
	AUTO_BUF b;

	buf_init(&b);
	edge(&b, NFNL_MSG_BATCH_BEGIN);
	at = change(&b, NFT_MSG_NEWTABLE, NLM_F_CREATE);
	add_text(&b, NFTA_TABLE_NAME, OURS);
	add_u32(&b, NFTA_TABLE_FLAGS, NFT_TABLE_F_OWNER);
	end(&b, at);
	add_chain(&b, "input", NF_INET_LOCAL_IN);
	add_chain(&b, "output", NF_INET_LOCAL_OUT);
	edge(&b, NFNL_MSG_BATCH_END);
	*ret = open_nftables();
	if (*ret >= 0 && (send_all(*ret, &b) < 0 || was_taken(*ret) < 0))
		*ret = fd_close(*ret);
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

	if (*sock < 0)
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

int network_lock_drop(int netns, int *lock_fd, struct err *err)
{
	return in_namespace(netns, drop, lock_fd, err);
}

int network_lock_put(int netns)
{
	int fd = -1;

	if (in_namespace(netns, lock, &fd, NULL) == 0)
		return fd;
	(void)fd_close(fd);
	return -1;
}
