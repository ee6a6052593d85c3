#include "torch_cpu.h"
#include <math.h>

#define TWO_PI 6.283185307179586

enum { WORDS = 624, MIDDLE = 397, FILL = 16 };

void torch_cpu_seed(struct torch_cpu *g, uint32_t seed)
{
	g->state[0] = seed;
	for (uint32_t i = 1; i < WORDS; i++)
		g->state[i] = 1812433253u * (g->state[i - 1] ^ (g->state[i - 1] >> 30)) + i;
	g->at = WORDS;
	g->has_cached = 0;
}

/* Matsumoto and Nishimura 1998, MT19937. */
static void twist(uint32_t *state)
{
	for (size_t i = 0; i < WORDS; i++) {
		uint32_t joined = (state[i] & 0x80000000u) | (state[(i + 1) % WORDS] & 0x7fffffffu);
		state[i] = state[(i + MIDDLE) % WORDS] ^ (joined >> 1) ^ (joined & 1 ? 0x9908b0dfu : 0);
	}
}

static uint32_t word(struct torch_cpu *g)
{
	if (g->at == WORDS) {
		twist(g->state);
		g->at = 0;
	}
	uint32_t y = g->state[g->at++];
	y ^= y >> 11;
	y ^= (y << 7) & 0x9d2c5680u;
	y ^= (y << 15) & 0xefc60000u;
	return y ^ (y >> 18);
}

double torch_cpu_uniform(struct torch_cpu *g)
{
	return (word(g) & 0xffffffu) / 16777216.0;
}

static double uniform53(struct torch_cpu *g)
{
	uint64_t high = word(g), low = word(g);
	return (double)((high << 32 | low) & 0x1fffffffffffffu) / 9007199254740992.0;
}

static double one_normal(struct torch_cpu *g)
{
	if (g->has_cached) {
		g->has_cached = 0;
		return g->cached;
	}
	double u1 = uniform53(g), u2 = uniform53(g);
	double r = sqrt(-2 * log(1 - u2));
	g->cached = r * sin(TWO_PI * u1);
	g->has_cached = 1;
	return r * cos(TWO_PI * u1);
}

/* 16 uniforms, in place, to 16 normals. */
static void transform(double *block)
{
	for (size_t j = 0; j < FILL / 2; j++) {
		double r = sqrt(-2 * log(1 - block[j])), angle = TWO_PI * block[j + FILL / 2];
		block[j] = r * cos(angle);
		block[j + FILL / 2] = r * sin(angle);
	}
}

static void fill(struct torch_cpu *g, double *out, size_t n)
{
	for (size_t i = 0; i < n; i++)
		out[i] = torch_cpu_uniform(g);
	for (size_t i = 0; i + FILL <= n; i += FILL)
		transform(out + i);
	if (n % FILL == 0)
		return;
	for (size_t i = n - FILL; i < n; i++)
		out[i] = torch_cpu_uniform(g);
	transform(out + n - FILL);
}

void torch_cpu_normals(struct torch_cpu *g, double *out, size_t n)
{
	if (n >= FILL)
		fill(g, out, n);
	for (size_t i = 0; n < FILL && i < n; i++)
		out[i] = one_normal(g);
	for (size_t i = 0; i < n; i++)
		out[i] = (float)out[i];
}
