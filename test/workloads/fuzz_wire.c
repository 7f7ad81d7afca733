// SPDX-License-Identifier: MIT
/*
 * Packets of the migration protocol, and others, that nobody asked for: whole
 * to the network (checksums are right), of no sense to the transport.
 */
#include "fuzz.h"

#include <arpa/inet.h>
#include <netinet/ip.h>
#include <netinet/udp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common.h"

#define ROCE_PORT	4791
#define MAX_BODY	256
#define BTH		12
#define AETH		4
#define RESUME_LEN	48	/* struct rxe_migr_resume */

enum { SEND_ONLY = 0x04, WRITE_ONLY = 0x0a, READ_REQUEST = 0x0c, ACKNOWLEDGE = 0x11, ATOMIC_ACK = 0x12,
       PAUSE = 0x18, RESUME = 0x19, NAK_STOPPED = 0x65 };

static uint32_t crc32_of(const uint8_t *p, size_t len)
{
	uint32_t crc = ~0u;

	while (len--) {
		crc ^= *p++;
		for (int i = 0; i < 8; i++)
			crc = crc >> 1 ^ (crc & 1 ? 0xedb88320 : 0);
	}
	return ~crc;
}

static size_t make_body(struct rng *r, uint8_t *b, const uint8_t *source)
{
	static const uint8_t opcodes[] = { RESUME, RESUME, RESUME, ACKNOWLEDGE, ACKNOWLEDGE, SEND_ONLY,
					   WRITE_ONLY, READ_REQUEST, ATOMIC_ACK, PAUSE };
	uint8_t opcode = one_in(r, 12) ? below(r, 256) : opcodes[below(r, sizeof(opcodes))];
	uint32_t qpn = FUZZ_QPN + below(r, FUZZ_QPNS), psn = below(r, 96);
	size_t len = BTH + AETH;
	uint32_t word;

	for (size_t i = 0; i < MAX_BODY; i++)
		b[i] = rnd(r);
	b[0] = opcode;
	/* pad count and header version */
	b[1] = one_in(r, 4) ? below(r, 256) : 0;
	b[2] = b[3] = 0xff;
	word = htonl(one_in(r, 20) ? odd32(r) & 0xffffff : qpn);
	memcpy(b + 4, &word, 4);
	word = htonl(psn | (uint32_t)one_in(r, 2) << 31);
	memcpy(b + 8, &word, 4);
	if (opcode == ACKNOWLEDGE && !one_in(r, 4)) {
		b[12] = NAK_STOPPED;
		b[13] = b[14] = 0;
		b[15] = below(r, 8);
		len += one_in(r, 2) ? 8 : below(r, 16);
	} else if (opcode == RESUME) {
		uint8_t *m = b + BTH + AETH;

		m[0] = one_in(r, 16) ? below(r, 256) : 2;
		m[1] = 1 + below(r, one_in(r, 16) ? 255 : 2);
		m[2] = below(r, 4);
		m[3] = one_in(r, 6) ? below(r, 12) : 0;
		memset(m + 4, 0, 12);
		m[7] = below(r, 8);
		m[11] = below(r, 96);
		m[15] = below(r, 96);
		if (!one_in(r, 6)) {
			memset(m + 16, 0, 10);
			m[26] = m[27] = 0xff;
			memcpy(m + 28, source, 4);
		}
		if (!one_in(r, 4))
			memset(m + 32, 0, 8);
		len += one_in(r, 6) ? below(r, 64) : 40;
	} else {
		len += below(r, MAX_BODY - BTH - AETH - 4);
	}
	if (one_in(r, 30))
		len = below(r, len);
	return len;
}

static size_t make_packet(struct rng *r, uint8_t *packet, const uint8_t *source, const uint8_t *destination)
{
	uint8_t masked[8 + 28 + MAX_BODY + 8];
	uint8_t *udp = packet + 20, *body = udp + 8;
	size_t len = make_body(r, body, source);
	uint16_t total = htons(20 + 8 + len + 4), udp_len = htons(8 + len + 4);
	uint32_t icrc;

	memcpy(packet, "\x45\x00\x00\x00\x47\x11\x40\x00\x40\x11\x00\x00", 12);
	memcpy(packet + 2, &total, 2);
	memcpy(packet + 12, source, 4);
	memcpy(packet + 16, destination, 4);
	udp[0] = udp[2] = ROCE_PORT >> 8;
	udp[1] = udp[3] = ROCE_PORT & 0xff;
	memcpy(udp + 4, &udp_len, 2);
	udp[6] = udp[7] = 0;

	/* fields that change on the way count as ones (IBTA annex A17) */
	memset(masked, 0xff, 8);
	memcpy(masked + 8, packet, 28 + len);
	masked[8 + 1] = masked[8 + 8] = masked[8 + 10] = masked[8 + 11] = 0xff;
	masked[8 + 26] = masked[8 + 27] = 0xff;
	if (len > 4)
		masked[8 + 28 + 4] = 0xff;
	icrc = crc32_of(masked, 8 + 28 + len);
	memcpy(body + len, &icrc, 4);
	if (one_in(r, 40))
		body[len] ^= 1;
	return 20 + 8 + len + 4;
}

int fuzz_wire(const char *source, const char *destination, uint64_t seed, unsigned int seconds)
{
	uint64_t until = now_ns() + seconds * 1000000000ull, sent = 0;
	struct sockaddr_in to = { .sin_family = AF_INET };
	struct rng r = { seed };
	struct in_addr from;
	uint8_t packet[512];
	int raw = socket(AF_INET, SOCK_RAW, IPPROTO_RAW);

	if (raw < 0 || !inet_aton(source, &from) || !inet_aton(destination, &to.sin_addr))
		die("a raw socket and two addresses: %m");
	while (now_ns() < until) {
		size_t len = make_packet(&r, packet, (uint8_t *)&from, (uint8_t *)&to.sin_addr);

		if (sendto(raw, packet, len, 0, (struct sockaddr *)&to, sizeof(to)) == (ssize_t)len)
			sent++;
		if (!(sent % 16))
			usleep(2000);
	}
	printf("{\"ok\":%s,\"seed\":%lu,\"packets\":%lu}\n", sent ? "true" : "false", seed, sent);
	return !sent;
}
