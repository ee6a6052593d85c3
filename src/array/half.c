#include "base/compiler.h"
#include "array/half.h"
#include <string.h>

/* All branches are choices by mask, so that the loops vectorise. m is the magnitude's bits. Rounding away
 * `drop` low bits to nearest even: add half a unit less one, plus the bit that will be the lowest. A number that is
 * subnormal in the narrow type gets its rounding from a float addition to a power of two whose unit in the last place
 * is the narrow type's smallest number. */

static inline uint32_t bits_f32(float x)
{
	uint32_t bits;
	memcpy(&bits, &x, sizeof bits);
	return bits;
}

static inline float from_bits_f32(uint32_t bits)
{
	float x;
	memcpy(&x, &bits, sizeof x);
	return x;
}

static inline uint64_t bits_f64(double x)
{
	uint64_t bits;
	memcpy(&bits, &x, sizeof bits);
	return bits;
}

static inline double from_bits_f64(uint64_t bits)
{
	double x;
	memcpy(&x, &bits, sizeof x);
	return x;
}

static inline uint32_t pick_f32(int yes, uint32_t a, uint32_t b)
{
	return b ^ ((a ^ b) & (0u - (uint32_t)yes));
}

static inline uint64_t pick_f64(int yes, uint64_t a, uint64_t b)
{
	return b ^ ((a ^ b) & (0u - (uint64_t)yes));
}

static inline uint32_t round_bits_f32(uint32_t m, int drop)
{
	return (m + (1u << (drop - 1)) - 1 + (m >> drop & 1u)) >> drop;
}

static inline uint64_t round_bits_f64(uint64_t m, int drop)
{
	return (m + (UINT64_C(1) << (drop - 1)) - 1 + (m >> drop & 1u)) >> drop;
}

void dmi_widen_f16(const uint16_t *DMI_RESTRICT in, float *DMI_RESTRICT out, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		uint32_t m = in[i] & 0x7fffu, sign = (uint32_t)(in[i] & 0x8000u) << 16;
		uint32_t normal = (m << 13) + (112u << 23); /* exponent biases 127 - 15 */
		uint32_t subnormal = bits_f32((float)(int32_t)m * 0x1p-24f);
		uint32_t special = m << 13 | 0x7f800000u;
		uint32_t wide = pick_f32(m < 0x7c00u, normal, special);
		out[i] = from_bits_f32(sign | pick_f32(m < 0x0400u, subnormal, wide));
	}
}

void dmi_widen_bf16(const uint16_t *DMI_RESTRICT in, float *DMI_RESTRICT out, size_t n)
{
	for (size_t i = 0; i < n; i++)
		out[i] = from_bits_f32((uint32_t)in[i] << 16);
}

void dmi_narrow_f16_f32(const float *DMI_RESTRICT in, uint16_t *DMI_RESTRICT out, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		uint32_t bits = bits_f32(in[i]), m = bits & 0x7fffffffu;
		/* 2^16 becomes infinity, and so does what rounds up to it */
		uint32_t normal = round_bits_f32(pick_f32(m < 0x47800000u, m, 0x47800000u) - (112u << 23), 13);
		uint32_t subnormal = bits_f32(from_bits_f32(m) + 0.5f) - 0x3f000000u; /* 0.5 has the unit 2^-24 */
		uint32_t h = pick_f32(m < 0x38800000u, subnormal, normal);            /* 2^-14 */
		h = pick_f32(m > 0x7f800000u, 0x7e00u, h);
		out[i] = (uint16_t)(h | bits >> 31 << 15);
	}
}

void dmi_narrow_bf16_f32(const float *DMI_RESTRICT in, uint16_t *DMI_RESTRICT out, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		uint32_t bits = bits_f32(in[i]), m = bits & 0x7fffffffu;
		uint32_t h = pick_f32(m > 0x7f800000u, 0x7fc0u, round_bits_f32(m, 16));
		out[i] = (uint16_t)(h | bits >> 31 << 15);
	}
}

void dmi_narrow_f16_f64(const double *DMI_RESTRICT in, uint16_t *DMI_RESTRICT out, size_t n)
{
	const uint64_t infinity = UINT64_C(0x7ff0000000000000), smallest = UINT64_C(0x3f10000000000000); /* 2^-14 */
	const uint64_t two_16 = UINT64_C(0x40f0000000000000), two_28 = UINT64_C(0x41b0000000000000);
	for (size_t i = 0; i < n; i++) {
		uint64_t bits = bits_f64(in[i]), m = bits & ~(UINT64_C(1) << 63);
		uint64_t normal = round_bits_f64(pick_f64(m < two_16, m, two_16) - (UINT64_C(1008) << 52), 42);
		uint64_t subnormal = bits_f64(from_bits_f64(m) + 0x1p28) - two_28;
		uint64_t h = pick_f64(m < smallest, subnormal, normal);
		h = pick_f64(m > infinity, 0x7e00u, h);
		out[i] = (uint16_t)(h | bits >> 63 << 15);
	}
}

void dmi_narrow_bf16_f64(const double *DMI_RESTRICT in, uint16_t *DMI_RESTRICT out, size_t n)
{
	const uint64_t infinity = UINT64_C(0x7ff0000000000000), smallest = UINT64_C(0x3810000000000000); /* 2^-126 */
	const uint64_t two_128 = UINT64_C(0x47f0000000000000), unit = UINT64_C(0x3ae0000000000000);      /* 2^-81 */
	for (size_t i = 0; i < n; i++) {
		uint64_t bits = bits_f64(in[i]), m = bits & ~(UINT64_C(1) << 63);
		uint64_t normal = round_bits_f64(pick_f64(m < two_128, m, two_128) - (UINT64_C(896) << 52), 45);
		uint64_t subnormal = bits_f64(from_bits_f64(m) + 0x1p-81) - unit;
		uint64_t h = pick_f64(m < smallest, subnormal, normal);
		h = pick_f64(m > infinity, 0x7fc0u, h);
		out[i] = (uint16_t)(h | bits >> 63 << 15);
	}
}
