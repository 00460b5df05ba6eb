/* SPDX-License-Identifier: Apache-2.0 */
/* netns_test.c - network namespaces by descriptor */
#include "cni/netns.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fd.h"
#include "tests/unit/test.h"

/* An ordinary user is told by /proc, since the kernel doesn't by a socket. */
TEST(where_the_process_is_is_found_with_a_socket_and_without)
{
	struct err err = { 0 };
	AUTO_FD named = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	AUTO_FD sock = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	AUTO_FD by_socket = netns_home(sock, &err);
	AUTO_FD without = netns_home(-1, &err);

	REQUIRE(named >= 0 && sock >= 0);
	CHECK(netns_same(by_socket, named));
	CHECK(netns_same(without, named));
	CHECK((fcntl(by_socket, F_GETFD) & FD_CLOEXEC) != 0);
}

TEST(another_namespace_and_none_are_not_the_same)
{
	struct err err = { 0 };
	AUTO_FD home = netns_home(-1, &err);
	AUTO_FD mounts = open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC);

	CHECK(!netns_same(home, mounts));
	CHECK(!netns_same(home, -1));
}
