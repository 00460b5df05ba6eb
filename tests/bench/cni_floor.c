/* SPDX-License-Identifier: Apache-2.0 */
/* cni_floor.c - the least a program can do for ADD and DEL of a bridge port
 *
 * usage: cni_floor add BRIDGE NETNS ADDRESS/BITS GATEWAY [NUMBER]
 *        cni_floor del NETNS
 *        cni_floor lo NETNS up|down
 *        cni_floor none
 *
 * The same state in the kernel as ADD of bridge + host-local leaves: a veth pair of one queue with
 * one end in the bridge and one, eth0, in the namespace, up, with an address and a default route.
 * Raw rtnetlink messages in two sends, no configuration, no lease, no result.  DEL removes the
 * interface and waits for the kernel, as every program has to that does it itself.  NUMBER tells
 * those apart that run side by side.  rtnetlink(7), veth(4).
 */
#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>
#include <net/if.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define BUFFER_MAX 4096
#define INDEX	   2000000
#define LO_INDEX   1 /* in every namespace */

struct batch {
	char data[BUFFER_MAX] __attribute__((aligned(4)));
	size_t len;
	struct nlmsghdr *h;
	uint32_t seq;
};

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static void *put(struct batch *b, const void *data, size_t size)
{
	void *at = b->data + b->len;

	if (b->len + NLMSG_ALIGN(size) > sizeof(b->data))
		exit(1);
	if (size)
		memcpy(at, data, size);
	b->len += NLMSG_ALIGN(size);
	return at;
}

static void begin(struct batch *b, uint16_t type, uint16_t flags, const void *head, size_t size)
{
	const struct nlmsghdr h = { .nlmsg_type = type,
				    .nlmsg_flags = (uint16_t)(NLM_F_REQUEST | flags),
				    .nlmsg_seq = ++b->seq };

	b->h = put(b, &h, sizeof(h));
	(void)put(b, head, size);
}

static void end(struct batch *b)
{
	b->h->nlmsg_len = (uint32_t)((size_t)(b->data + b->len - (char *)b->h));
}

static struct rtattr *attr(struct batch *b, uint16_t type, const void *data, size_t size)
{
	const struct rtattr a = { .rta_type = type, .rta_len = (uint16_t)RTA_LENGTH(size) };
	struct rtattr *at = put(b, &a, sizeof(a));

	(void)put(b, data, size);
	return at;
}

static void close_attr(struct batch *b, struct rtattr *a)
{
	a->rta_len = (uint16_t)(b->data + b->len - (char *)a);
}

/* Sends; the last message asked for the acknowledgement. */
static void flush(int sock, struct batch *b)
{
	char answer[BUFFER_MAX] __attribute__((aligned(4)));
	const struct nlmsghdr *h = (const struct nlmsghdr *)(void *)answer;
	const struct nlmsgerr *e = NLMSG_DATA(h);
	ssize_t n;

	if (send(sock, b->data, b->len, 0) < 0)
		die("send");
	do {
		n = recv(sock, answer, sizeof(answer), 0);
		if (n < (ssize_t)sizeof(*h))
			die("recv");
		if (h->nlmsg_type == NLMSG_ERROR && e->error) {
			(void)fprintf(stderr, "message %u: %s\n", h->nlmsg_seq,
				      strerror(-e->error));
			exit(1);
		}
	} while (h->nlmsg_seq != b->seq);
	b->len = 0;
}

static int socket_in(const char *netns, int *ret_fd)
{
	int here = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC), sock;

	*ret_fd = open(netns, O_RDONLY | O_CLOEXEC);
	if (here < 0 || *ret_fd < 0 || setns(*ret_fd, CLONE_NEWNET) < 0)
		die(netns);
	sock = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
	if (sock < 0 || setns(here, CLONE_NEWNET) < 0)
		die("socket");
	(void)close(here);
	return sock;
}

/* As many as are used; of itself the kernel makes more and takes them away again. */
static void put_queues(struct batch *b)
{
	const uint32_t one = 1;

	(void)attr(b, IFLA_NUM_TX_QUEUES, &one, sizeof(one));
	(void)attr(b, IFLA_NUM_RX_QUEUES, &one, sizeof(one));
}

static void put_pair(struct batch *b, const char *bridge, int netns, int number)
{
	const struct ifinfomsg host = { .ifi_index = INDEX + number,
					.ifi_flags = IFF_UP,
					.ifi_change = IFF_UP },
			       inside = { .ifi_index = INDEX };
	int master = (int)if_nametoindex(bridge);
	struct rtattr *info, *data, *peer;
	char name[IFNAMSIZ];

	begin(b, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL | NLM_F_ACK, &host, sizeof(host));
	(void)snprintf(name, sizeof(name), "floor%d", number);
	(void)attr(b, IFLA_IFNAME, name, strlen(name) + 1);
	(void)attr(b, IFLA_MASTER, &master, sizeof(master));
	put_queues(b);
	info = attr(b, IFLA_LINKINFO, NULL, 0);
	(void)attr(b, IFLA_INFO_KIND, "veth", 5);
	data = attr(b, IFLA_INFO_DATA, NULL, 0);
	peer = attr(b, VETH_INFO_PEER, &inside, sizeof(inside));
	(void)attr(b, IFLA_IFNAME, "eth0", 5);
	put_queues(b);
	(void)attr(b, IFLA_NET_NS_FD, &netns, sizeof(netns));
	close_attr(b, peer);
	close_attr(b, data);
	close_attr(b, info);
	end(b);
}

static void put_inside(struct batch *b, const char *address, const char *gateway)
{
	struct ifaddrmsg a = { .ifa_family = AF_INET, .ifa_index = INDEX };
	const struct ifinfomsg up = { .ifi_index = INDEX,
				      .ifi_flags = IFF_UP,
				      .ifi_change = IFF_UP };
	const struct rtmsg route = { .rtm_family = AF_INET,
				     .rtm_table = RT_TABLE_MAIN,
				     .rtm_protocol = RTPROT_BOOT,
				     .rtm_type = RTN_UNICAST };
	char text[64];
	struct in_addr ip, gw;
	char *slash;

	(void)snprintf(text, sizeof(text), "%s", address);
	slash = strchr(text, '/');
	if (!slash)
		exit(2);
	*slash = '\0';
	a.ifa_prefixlen = (uint8_t)strtoul(slash + 1, NULL, 10);
	if (inet_pton(AF_INET, text, &ip) != 1 || inet_pton(AF_INET, gateway, &gw) != 1)
		exit(2);
	begin(b, RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL, &a, sizeof(a));
	(void)attr(b, IFA_LOCAL, &ip, sizeof(ip));
	(void)attr(b, IFA_ADDRESS, &ip, sizeof(ip));
	end(b);
	begin(b, RTM_NEWLINK, 0, &up, sizeof(up));
	end(b);
	begin(b, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL | NLM_F_ACK, &route, sizeof(route));
	(void)attr(b, RTA_GATEWAY, &gw, sizeof(gw));
	end(b);
}

int main(int argc, char **argv)
{
	static struct batch b;
	int netns, inside, host;

	if (argc == 2 && strcmp(argv[1], "none") == 0)
		return 0;
	if (argc == 4 && strcmp(argv[1], "lo") == 0) {
		const struct ifinfomsg link = {
			.ifi_index = LO_INDEX,
			.ifi_flags = strcmp(argv[3], "up") == 0 ? IFF_UP : 0,
			.ifi_change = IFF_UP,
		};

		inside = socket_in(argv[2], &netns);
		begin(&b, RTM_NEWLINK, NLM_F_ACK, &link, sizeof(link));
		end(&b);
		flush(inside, &b);
		return 0;
	}
	if (argc == 3 && strcmp(argv[1], "del") == 0) {
		const struct ifinfomsg link = { .ifi_index = INDEX };

		inside = socket_in(argv[2], &netns);
		begin(&b, RTM_DELLINK, NLM_F_ACK, &link, sizeof(link));
		end(&b);
		flush(inside, &b);
		return 0;
	}
	if (argc < 6 || argc > 7 || strcmp(argv[1], "add") != 0)
		return 2;
	inside = socket_in(argv[3], &netns);
	host = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
	put_pair(&b, argv[2], netns, argc == 7 ? (int)strtol(argv[6], NULL, 10) : 1);
	flush(host, &b);
	put_inside(&b, argv[4], argv[5]);
	flush(inside, &b);
	return 0;
}
