// SPDX-License-Identifier: MIT
/*
 * Every byte that travels is a function of what it is (domain), who sent it
 * (lane, direction) and which one it is (id): a byte that comes from another
 * message, or from an older state of the same buffer, does not match.
 */
#include "common.h"

#include <string.h>

uint64_t mix64(uint64_t x)
{
	x ^= x >> 30;
	x *= 0xbf58476d1ce4e5b9ull;
	x ^= x >> 27;
	x *= 0x94d049bb133111ebull;
	return x ^ (x >> 31);
}

uint64_t pattern_key(unsigned int domain, unsigned int lane, bool from_server, uint64_t id)
{
	return mix64(mix64(((uint64_t)domain << 32 | lane) * 2 + from_server + 1) + id);
}

static uint64_t word(uint64_t key, size_t i)
{
	uint64_t x = key + i * 0x9e3779b97f4a7c15ull;

	return x ^ (x >> 29);
}

void pattern_fill(uint8_t *p, size_t len, uint64_t key)
{
	size_t i = 0;
	uint64_t w;

	for (; (i + 1) * 8 <= len; i++) {
		w = word(key, i);
		memcpy(p + i * 8, &w, 8);
	}
	w = word(key, i);
	memcpy(p + i * 8, &w, len - i * 8);
}

ssize_t pattern_check(const uint8_t *p, size_t len, uint64_t key)
{
	size_t i, b;
	uint64_t w, got;

	for (i = 0; i * 8 < len; i++) {
		size_t n = len - i * 8 < 8 ? len - i * 8 : 8;

		w = word(key, i);
		got = w;
		memcpy(&got, p + i * 8, n);
		if (got == w)
			continue;
		for (b = 0; b < n; b++)
			if (((uint8_t *)&got)[b] != ((uint8_t *)&w)[b])
				return i * 8 + b;
	}
	return -1;
}

ssize_t poison_check(const uint8_t *p, size_t len)
{
	if (!len || (p[0] == POISON && !memcmp(p, p + 1, len - 1)))
		return -1;
	for (size_t i = 0; i < len; i++)
		if (p[i] != POISON)
			return i;
	return -1;
}
