/* SPDX-License-Identifier: MIT */
/*
 * Prints the frequency of this machine's time stamp counter in kHz.
 *
 * Under TCG a guest's counter is the host's.  The guest's own calibration
 * against emulated timers goes wrong, by factors, when the host is busy; so
 * the host measures and tells it.  The shortest of several reads bounds what
 * a preemption between the two clocks can add.
 */
#include <stdint.h>
#include <stdio.h>
#include <time.h>
#include <x86intrin.h>

static int64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC_RAW, &t);
	return t.tv_sec * 1000000000ll + t.tv_nsec;
}

static void sample(int64_t *ns, uint64_t *tsc)
{
	uint64_t best = UINT64_MAX;

	for (int i = 0; i < 20; i++) {
		uint64_t before = __rdtsc();
		int64_t at = now_ns();
		uint64_t after = __rdtsc();

		if (after - before < best) {
			best = after - before;
			*ns = at;
			*tsc = before + best / 2;
		}
	}
}

int main(void)
{
	struct timespec pause = { 0, 50 * 1000 * 1000 };
	int64_t ns0, ns1;
	uint64_t tsc0, tsc1;

	sample(&ns0, &tsc0);
	nanosleep(&pause, NULL);
	sample(&ns1, &tsc1);
	printf("%llu\n", (unsigned long long)((tsc1 - tsc0) * 1000000.0 / (ns1 - ns0) + 0.5));
	return 0;
}
