#include "base/compiler.h"
#include "noise/isa.h"
#include "noise/noise.h"
#include "noise/normals.h"
#include "noise/philox.h"
#include <math.h>
#include <string.h>

/* The polynomials are minimax in relative error (Remez exchange in 40 digits), their coefficients rounded to float from
 * the lowest degree up and the rest fitted again after each. */

static inline uint32_t bits_of(float x)
{
	uint32_t bits;
	memcpy(&bits, &x, sizeof bits);
	return bits;
}

static inline float from_bits(uint32_t bits)
{
	float x;
	memcpy(&x, &bits, sizeof x);
	return x;
}

static inline uint32_t choose(uint32_t mask, uint32_t a, uint32_t b)
{
	return b ^ ((a ^ b) & mask);
}

/* ln(1 + f) = f - f^2/2 + f^3 p(f) for sqrt(1/2) <= 1 + f < sqrt(2), to 1.3e-8 relative; returned without the f. */
static inline float log1p_tail(float f)
{
	float p = -0x1.39e12cp-4f;
	p = p * f + 0x1.05b3acp-3f;
	p = p * f - 0x1.0d903ap-3f;
	p = p * f + 0x1.22d6f6p-3f;
	p = p * f - 0x1.54717cp-3f;
	p = p * f + 0x1.99a02ep-3f;
	p = p * f - 0x1.000228p-2f;
	p = p * f + 0x1.555554p-2f;
	return f * f * (f * p - 0.5f);
}

/* -2 ln((w + 1/2) / 2^32), with full relative accuracy at both ends: the upper half goes through p = 1 - u, whose low
 * bits u would round away. u or 1 - p is written as 2^e (1 + f), and f is exact in p. */
static inline float minus_two_log(uint32_t w)
{
	const uint32_t half_root = 0x3f3504f3u;          /* sqrt(1/2) */
	const uint32_t one_less_half_root = 0x3e95f61au; /* 1 - sqrt(1/2) */
	uint32_t upper = 0u - (w >> 31), v = w ^ upper;
	float p = (float)(int32_t)(v >> 16) * 65536.0f + ((float)(int32_t)(v & 0xffffu) + 0.5f);
	p *= 0x1p-32f;
	uint32_t b = bits_of(p), shifted = b + (0x3f800000u - half_root);
	float f_lower = from_bits((shifted & 0x007fffffu) + half_root) - 1.0f;
	/* upper half: f = -p, or with e = -1 (1 - p below sqrt(1/2)) f = 2 (1 - p) - 1 */
	uint32_t halved = 0u - ((one_less_half_root - b) >> 31);
	float f_upper = from_bits(halved & 0x3f800000u) - (p + from_bits(halved & b));
	float f = from_bits(choose(upper, bits_of(f_upper), bits_of(f_lower)));
	float e = (float)((int32_t)choose(upper, 127u - (halved & 1u), shifted >> 23) - 127);
	/* ln 2 in two parts, the first short enough that e times it is exact */
	float tail = log1p_tail(f) + e * 0x1.7f7d1cp-20f;
	return -2.0f * ((f + tail) + e * 0x1.62e4p-1f);
}

/* sin(x) = x + x^3 s(x^2) to 3.7e-9 and cos(x) = 1 - x^2/2 + x^4 c(x^2) to 1.1e-10, for |x| <= pi/4. */
static inline float sine(float x)
{
	float z = x * x, s = -0x1.9956b6p-13f;
	s = s * z + 0x1.11077ep-7f;
	s = s * z - 0x1.555546p-3f;
	return x + x * z * s;
}

static inline float cosine(float x)
{
	float z = x * x, c = 0x1.99e0eep-16f;
	c = c * z - 0x1.6c0c1ap-10f;
	c = c * z + 0x1.55554ap-5f;
	return 1.0f - (0.5f * z - z * z * c);
}

void dmi_box_muller(const uint32_t w0[DMI_LANES], const uint32_t w1[DMI_LANES], float x[DMI_LANES], float y[DMI_LANES])
{
	float r[DMI_LANES];
	for (int i = 0; i < DMI_LANES; i++)
		r[i] = minus_two_log(w0[i]);
	for (int i = 0; i < DMI_LANES; i++)
		r[i] = sqrtf(r[i]);
	for (int i = 0; i < DMI_LANES; i++) {
		/* the nearest quarter turn, and what is left in units of 2^-32 turns: -2^29 .. 2^29 - 1 */
		uint32_t turn = w1[i] + 0x20000000u, quarter = turn >> 30;
		int32_t rest = (int32_t)(turn & 0x3fffffffu) - 0x20000000;
		float angle = (float)rest * 0x1.921fb6p-30f; /* 2 pi / 2^32 */
		uint32_t s = bits_of(sine(angle)), c = bits_of(cosine(angle)), swap = 0u - (quarter & 1u);
		uint32_t cos_sign = ((quarter + 1u) & 2u) << 30, sin_sign = (quarter & 2u) << 30;
		x[i] = r[i] * from_bits(choose(swap, s, c) ^ cos_sign);
		y[i] = r[i] * from_bits(choose(swap, c, s) ^ sin_sign);
	}
}

/* The random words of one tile, word[j][i] as in noise.h. */
static void tile_words(uint64_t seed, int64_t sample, uint32_t draw, uint32_t tile, uint32_t word[4][DMI_LANES])
{
	const uint32_t k0 = (uint32_t)seed, k1 = (uint32_t)(seed >> 32);
	const uint32_t low = (uint32_t)(uint64_t)sample, high = (uint32_t)((uint64_t)sample >> 32);
	for (uint32_t i = 0; i < DMI_LANES; i++) {
		uint32_t c[4] = {DMI_LANES * tile + i, draw, low, high};
		dmi_philox(c, k0, k1);
		for (int j = 0; j < 4; j++)
			word[j][i] = c[j];
	}
}

static void fill_plain(uint64_t seed, int64_t sample, uint32_t draw, uint32_t tile, size_t n_tile, float *out)
{
	uint32_t word[4][DMI_LANES];
	for (size_t t = 0; t < n_tile; t++, out += DMI_NORMAL_TILE) {
		tile_words(seed, sample, draw, tile + (uint32_t)t, word);
		dmi_box_muller(word[0], word[1], out, out + DMI_LANES);
		dmi_box_muller(word[2], word[3], out + 2 * DMI_LANES, out + 3 * DMI_LANES);
	}
}

dmi_fill_normals *dmi_normals_by(int32_t isa)
{
	static dmi_fill_normals *const fill[DMI_ISA_COUNT] = {
		[DMI_ISA_PLAIN] = fill_plain,
#if DMI_HAS_X86
		[DMI_ISA_SSE2] = dmi_normals_sse2,
		[DMI_ISA_AVX2] = dmi_normals_avx2,
		[DMI_ISA_AVX512] = dmi_normals_avx512,
#endif
#if DMI_HAS_NEON
		[DMI_ISA_NEON] = dmi_normals_neon,
#endif
	};
	return fill[isa];
}

void dmi_normals_f32_by(dmi_fill_normals *fill, uint64_t seed, int64_t sample, uint32_t draw, uint64_t first, size_t n,
                        float *out)
{
	while (n) {
		float part[DMI_NORMAL_TILE];
		uint32_t tile = (uint32_t)(first / DMI_NORMAL_TILE);
		size_t skip = (size_t)(first % DMI_NORMAL_TILE), count = DMI_NORMAL_TILE - skip;
		if (skip == 0 && n >= DMI_NORMAL_TILE) {
			count = n / DMI_NORMAL_TILE * DMI_NORMAL_TILE;
			fill(seed, sample, draw, tile, count / DMI_NORMAL_TILE, out);
		} else {
			count = count > n ? n : count;
			fill(seed, sample, draw, tile, 1, part);
			memcpy(out, part + skip, count * sizeof *out);
		}
		out += count;
		first += count;
		n -= count;
	}
}

void dmi_normals_f64_by(dmi_fill_normals *fill, uint64_t seed, int64_t sample, uint32_t draw, uint64_t first, size_t n,
                        double *out)
{
	while (n) {
		float part[DMI_NORMAL_TILE];
		size_t count = DMI_NORMAL_TILE - (size_t)(first % DMI_NORMAL_TILE);
		if (count > n)
			count = n;
		dmi_normals_f32_by(fill, seed, sample, draw, first, count, part);
		for (size_t i = 0; i < count; i++)
			out[i] = (double)part[i];
		out += count;
		first += count;
		n -= count;
	}
}

/* Few numbers are made sooner than the processor has said what it can do. */
static dmi_fill_normals *fill_for(size_t n)
{
	return dmi_normals_by(n < 1 << 15 ? DMI_ISA_BASE : dmi_isa_best());
}

void dmi_normals_f32(uint64_t seed, int64_t sample, uint32_t draw, uint64_t first, size_t n, float *out)
{
	dmi_normals_f32_by(fill_for(n), seed, sample, draw, first, n, out);
}

void dmi_normals_f64(uint64_t seed, int64_t sample, uint32_t draw, uint64_t first, size_t n, double *out)
{
	dmi_normals_f64_by(fill_for(n), seed, sample, draw, first, n, out);
}
