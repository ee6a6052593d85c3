/* A call of randn for n numbers takes one of two paths. From 16 on: uniforms of 24 bits in blocks of 16, of which
 * number j and j + 8 make two normals; where n is no multiple of 16 the last 16 places are drawn again. Below: pairs
 * from uniforms of 53 bits, one number at a time; the second of a pair waits for the next such number, also of a later
 * call. The arithmetic here is double, rounded to float at the end; PyTorch's float arithmetic differs by some 1e-7. */
#include "base/compiler.h"
#include "noise/torch_cpu.h"
#include "base/math.h"
#include <math.h>
#include <string.h>

enum { WORDS = DMI_TORCH_WORDS, MIDDLE = 397, BLOCK = 16, HALF = BLOCK / 2 };

static const double two_pi = 6.283185307179586;

/* -------------------------------------------------------------------------------------------- Mersenne Twister */

void dmi_torch_cpu_seed(struct dmi_torch_cpu *g, uint64_t seed)
{
	g->state[0] = (uint32_t)seed;
	for (uint32_t i = 1; i < WORDS; i++)
		g->state[i] = 1812433253u * (g->state[i - 1] ^ (g->state[i - 1] >> 30)) + i;
	g->at = WORDS;
	g->has_cached = 0;
	g->cached = 0;
}

static uint32_t twisted(uint32_t high, uint32_t low, uint32_t middle)
{
	uint32_t joined = (high & 0x80000000u) | (low & 0x7fffffffu);
	return middle ^ (joined >> 1) ^ ((0u - (joined & 1)) & 0x9908b0dfu);
}

/* The next 624 words (Matsumoto and Nishimura 1998, eq. 2.1 with the parameters of MT19937). */
static void next_state(struct dmi_torch_cpu *g)
{
	uint32_t *s = g->state;
	for (size_t i = 0; i < WORDS - MIDDLE; i++)
		s[i] = twisted(s[i], s[i + 1], s[i + MIDDLE]);
	for (size_t i = WORDS - MIDDLE; i < WORDS - 1; i++)
		s[i] = twisted(s[i], s[i + 1], s[i + MIDDLE - WORDS]);
	s[WORDS - 1] = twisted(s[WORDS - 1], s[0], s[MIDDLE - 1]);
	g->at = 0;
}

static uint32_t next_word(struct dmi_torch_cpu *g)
{
	if (g->at == WORDS)
		next_state(g);
	uint32_t y = g->state[g->at++];
	y ^= y >> 11;
	y ^= (y << 7) & 0x9d2c5680u;
	y ^= (y << 15) & 0xefc60000u;
	return y ^ (y >> 18);
}

static void skip_words(struct dmi_torch_cpu *g, uint64_t n)
{
	while (n > WORDS - g->at) {
		n -= WORDS - g->at;
		next_state(g);
	}
	g->at += (uint32_t)n;
}

/* ----------------------------------------------------------------------------------------------------- uniforms */

float dmi_torch_cpu_uniform(struct dmi_torch_cpu *g)
{
	return (float)(next_word(g) & 0xffffffu) * 0x1p-24f;
}

static double uniform_53(struct dmi_torch_cpu *g)
{
	uint64_t high = next_word(g), low = next_word(g);
	return (double)((high << 32 | low) & 0x1fffffffffffffu) * 0x1p-53;
}

/* ------------------------------------------------------------------------------------------------------ normals */

static double one_normal(struct dmi_torch_cpu *g)
{
	if (g->has_cached) {
		g->has_cached = 0;
		return g->cached;
	}
	double angle = two_pi * uniform_53(g), r = sqrt(-2 * dmi_log1p(-uniform_53(g)));
	g->cached = r * dmi_sin(angle);
	g->has_cached = 1;
	return r * dmi_cos(angle);
}

static void block_normals(struct dmi_torch_cpu *g, float out[BLOCK])
{
	float u[BLOCK];
	for (size_t i = 0; i < BLOCK; i++)
		u[i] = dmi_torch_cpu_uniform(g);
	for (size_t j = 0; j < HALF; j++) {
		double r = sqrt(-2 * dmi_log(1 - (double)u[j])), angle = two_pi * (double)u[j + HALF];
		out[j] = (float)(r * dmi_cos(angle));
		out[j + HALF] = (float)(r * dmi_sin(angle));
	}
}

/* Places of the last block that the blocks before it have already are overwritten. */
static void fill_blocks(struct dmi_torch_cpu *g, size_t n, const struct dmi_rows *out)
{
	float block[BLOCK];
	size_t rest = n % BLOCK;
	for (size_t i = 0; i + BLOCK <= n; i += BLOCK) {
		block_normals(g, block);
		dmi_rows_put(out, i, BLOCK, block);
	}
	if (!rest)
		return;
	skip_words(g, rest);
	block_normals(g, block);
	dmi_rows_put(out, n - BLOCK, BLOCK, block);
}

void dmi_torch_cpu_normals(struct dmi_torch_cpu *g, size_t n, const struct dmi_rows *out)
{
	if (n >= BLOCK)
		fill_blocks(g, n, out);
	for (size_t i = 0; n < BLOCK && i < n; i++) {
		float value = (float)one_normal(g);
		dmi_rows_put(out, i, 1, &value);
	}
}

void dmi_torch_cpu_call(uint64_t seed, uint64_t call, size_t n, const struct dmi_rows *out)
{
	struct dmi_torch_cpu g;
	dmi_torch_cpu_seed(&g, seed);
	if (n >= BLOCK) {
		skip_words(&g, call * (n + (n % BLOCK ? BLOCK : 0)));
	} else { /* a pair takes four words; the second number of a pair half used is still to come */
		skip_words(&g, call * n / 2 * 4);
		if (call * n % 2)
			one_normal(&g);
	}
	dmi_torch_cpu_normals(&g, n, out);
}
