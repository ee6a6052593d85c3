/* Philox4x32-10: a counter through ten rounds of a keyed bijection (J. K. Salmon et al., "Parallel random numbers: as
 * easy as 1, 2, 3", 2011). */
#ifndef DMI_PHILOX_H
#define DMI_PHILOX_H

#include <stdint.h>

/* One round; k is the round's key. */
static inline void dmi_philox_round(uint32_t c[4], uint32_t k0, uint32_t k1)
{
	uint64_t p = (uint64_t)0xD2511F53u * c[0], q = (uint64_t)0xCD9E8D57u * c[2];
	uint32_t c1 = c[1], c3 = c[3];
	c[0] = (uint32_t)(q >> 32) ^ c1 ^ k0;
	c[1] = (uint32_t)q;
	c[2] = (uint32_t)(p >> 32) ^ c3 ^ k1;
	c[3] = (uint32_t)p;
}

/* Replaces the counter c by its four random words. The key of round r is the key plus r times the Weyl constants; the
 * rounds are written out so that a loop over counters vectorises. */
static inline void dmi_philox(uint32_t c[4], uint32_t k0, uint32_t k1)
{
	const uint32_t w0 = 0x9E3779B9u, w1 = 0xBB67AE85u;
	dmi_philox_round(c, k0, k1);
	dmi_philox_round(c, k0 + w0, k1 + w1);
	dmi_philox_round(c, k0 + 2 * w0, k1 + 2 * w1);
	dmi_philox_round(c, k0 + 3 * w0, k1 + 3 * w1);
	dmi_philox_round(c, k0 + 4 * w0, k1 + 4 * w1);
	dmi_philox_round(c, k0 + 5 * w0, k1 + 5 * w1);
	dmi_philox_round(c, k0 + 6 * w0, k1 + 6 * w1);
	dmi_philox_round(c, k0 + 7 * w0, k1 + 7 * w1);
	dmi_philox_round(c, k0 + 8 * w0, k1 + 8 * w1);
	dmi_philox_round(c, k0 + 9 * w0, k1 + 9 * w1);
}

#endif
