// SPDX-License-Identifier: GPL-2.0
#include "gid.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <ifaddrs.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* The uverbs command carries the index in a byte. */
#define MAX_INDEX 255

#define GID_WAIT_MS 1000
#define GID_WAIT_STEP_MS 10

enum { RANK_NONE, RANK_FOREIGN, RANK_OTHER_SCOPE, RANK_FAMILY, RANK_SUBNET, RANK_SAME };

/* The host's, from before CRIU joins the network namespace of what it restores. */
static struct ifaddrs *host_addrs;

static const uint8_t v4_prefix[12] = { [10] = 0xff, [11] = 0xff };

static bool is_v4(const uint8_t gid[16])
{
	return !memcmp(gid, v4_prefix, sizeof(v4_prefix));
}

static bool is_link_local(const uint8_t gid[16])
{
	return gid[0] == 0xfe && (gid[1] & 0xc0) == 0x80;
}

static bool is_zero(const uint8_t gid[16])
{
	static const uint8_t zero[16];

	return !memcmp(gid, zero, sizeof(zero));
}

/* A line of a file below /sys/class/infiniband; -ENOENT past the table's end,
 * -EINVAL for what an empty entry has not. */
static int read_attr(const char *device, uint32_t port, const char *attr, int index, char *line,
		     size_t size)
{
	char path[256];
	ssize_t n;
	int fd, ret = 0;

	snprintf(path, sizeof(path), "/sys/class/infiniband/%s/ports/%u/%s/%d", device, port, attr,
		 index);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	n = read(fd, line, size - 1);
	if (n < 0)
		ret = -errno;
	else
		line[n] = '\0';
	close(fd);
	return ret;
}

/* 1 and the GID for a RoCE v2 entry, 0 for another or an empty one. */
static int read_gid(const char *device, uint32_t port, int index, uint8_t gid[16])
{
	char line[64];
	int ret = read_attr(device, port, "gids", index, line, sizeof(line));

	if (ret)
		return ret;
	line[strcspn(line, "\n")] = '\0';
	if (inet_pton(AF_INET6, line, gid) != 1)
		return -EPROTO;
	if (is_zero(gid))
		return 0;
	ret = read_attr(device, port, "gid_attrs/types", index, line, sizeof(line));
	if (ret == -EINVAL)
		return 0;
	return ret ? ret : !strncmp(line, "RoCE v2", 7);
}

static bool same_net(const uint8_t *a, const uint8_t *b, const uint8_t *mask, size_t len)
{
	size_t i;

	for (i = 0; i < len; i++)
		if ((a[i] ^ b[i]) & mask[i])
			return false;
	return true;
}

/* Whether an interface of this host has address gid with a prefix that dgid is in. */
static bool in_subnet(const struct ifaddrs *addrs, const uint8_t gid[16], const uint8_t dgid[16])
{
	const struct ifaddrs *a;

	for (a = addrs; a; a = a->ifa_next) {
		if (!a->ifa_addr || !a->ifa_netmask)
			continue;
		if (a->ifa_addr->sa_family == AF_INET && is_v4(gid)) {
			const struct sockaddr_in *in = (const void *)a->ifa_addr;
			const struct sockaddr_in *mask = (const void *)a->ifa_netmask;

			if (!memcmp(&in->sin_addr, gid + 12, 4) &&
			    same_net(gid + 12, dgid + 12, (const void *)&mask->sin_addr, 4))
				return true;
		} else if (a->ifa_addr->sa_family == AF_INET6 && !is_v4(gid)) {
			const struct sockaddr_in6 *in = (const void *)a->ifa_addr;
			const struct sockaddr_in6 *mask = (const void *)a->ifa_netmask;

			if (!memcmp(&in->sin6_addr, gid, 16) &&
			    same_net(gid, dgid, (const void *)&mask->sin6_addr, 16))
				return true;
		}
	}
	return false;
}

static bool has_address(const struct ifaddrs *addrs, const uint8_t gid[16])
{
	const struct ifaddrs *a;

	for (a = addrs; a; a = a->ifa_next) {
		if (!a->ifa_addr)
			continue;
		if (a->ifa_addr->sa_family == AF_INET && is_v4(gid) &&
		    !memcmp(&((const struct sockaddr_in *)(const void *)a->ifa_addr)->sin_addr,
			    gid + 12, 4))
			return true;
		if (a->ifa_addr->sa_family == AF_INET6 &&
		    !memcmp(&((const struct sockaddr_in6 *)(const void *)a->ifa_addr)->sin6_addr,
			    gid, 16))
			return true;
	}
	return false;
}

/* How well gid serves to reach dgid.  The table also has the addresses of every
 * macvlan, ipvlan and VLAN above the device's interface, whichever network
 * namespace that is in; rxe sends from the host's alone. */
static int rank(const uint8_t gid[16], const uint8_t sgid[16], const uint8_t dgid[16])
{
	if (!memcmp(gid, sgid, 16))
		return RANK_SAME;
	if (is_v4(gid) != is_v4(dgid))
		return RANK_NONE;
	/* A link local GID may be made from the MAC address alone. */
	if (!has_address(host_addrs, gid))
		return is_link_local(gid) && is_link_local(dgid) ? RANK_FOREIGN : RANK_NONE;
	if (is_link_local(gid) != is_link_local(dgid))
		return RANK_OTHER_SCOPE;
	return in_subnet(host_addrs, gid, dgid) ? RANK_SUBNET : RANK_FAMILY;
}

static int scan_table(const char *device, uint32_t port, const uint8_t sgid[16],
		      const uint8_t dgid[16], int *best_rank)
{
	int index, best = -ENOENT, ret = 0;

	*best_rank = 0;
	for (index = 0; index <= MAX_INDEX; index++) {
		uint8_t gid[16];
		int r;

		ret = read_gid(device, port, index, gid);
		if (ret < 0)
			break;
		r = ret ? rank(gid, sgid, dgid) : RANK_NONE;
		if (r > *best_rank) {
			*best_rank = r;
			best = index;
		}
	}
	return ret < 0 && ret != -ENOENT ? ret : best;
}

int gid_at(const char *device, uint32_t port, int index, uint8_t gid[16])
{
	int ret = read_gid(device, port, index, gid);

	return ret < 0 ? ret : ret ? 0 : -ENOENT;
}

int gid_choose(const char *device, uint32_t port, const uint8_t sgid[16], const uint8_t dgid[16])
{
	const struct timespec pause = { .tv_nsec = GID_WAIT_STEP_MS * 1000000L };
	int best, best_rank, waited = 0;
	bool expected;

	/* The core fills the GID table some time after an address was added. */
	expected = has_address(host_addrs, sgid);
	while ((best = scan_table(device, port, sgid, dgid, &best_rank),
		best_rank < RANK_SAME && expected && waited < GID_WAIT_MS)) {
		nanosleep(&pause, NULL);
		waited += GID_WAIT_STEP_MS;
	}
	return best;
}

int gid_init(void)
{
	return getifaddrs(&host_addrs) ? -errno : 0;
}

void gid_exit(void)
{
	freeifaddrs(host_addrs);
	host_addrs = NULL;
}
