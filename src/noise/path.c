#include "base/compiler.h"
#include "noise/path.h"
#include "base/error.h"
#include "noise/noise.h"
#include <math.h>

enum { LEAVES = 1 << DMI_PATH_DEPTH, MAX_TERM = 3 * (2 * DMI_PATH_DEPTH + 2) };

static const double clock_end = 20; /* in lambda, both ways */

/* A weighted draw of the sum. */
struct term {
	double weight;
	uint32_t draw;
};

/* Where a lambda stands on the clock: in which leaf, 0 .. LEAVES, and at which part of it. */
struct place {
	int32_t leaf;
	double part;
};

static double on_clock(double lambda)
{
	return fmin(fmax(lambda, -clock_end), clock_end);
}

/* The start of a leaf is exact in double, so the part has the digits of lambda. */
static struct place place_of(double lambda)
{
	const double per_leaf = 2 * clock_end / LEAVES;
	double at = on_clock(lambda), leaf = floor((at + clock_end) / per_leaf);
	if (leaf * per_leaf - clock_end > at)
		leaf--;
	return (struct place){(int32_t)leaf, (at - (leaf * per_leaf - clock_end)) / per_leaf};
}

static uint32_t draw_of(uint32_t node)
{
	return (uint32_t)DM_DRAW_PATH << 29 | node;
}

/* The integral of the Haar function of the interval [left, left + size) up to t: a hat of height sqrt(size) / 2. */
static double hat(int32_t left, int32_t size, int32_t t)
{
	int32_t from_left = t - left, from_right = left + size - t;
	int32_t rise = from_left < from_right ? from_left : from_right;
	return rise > 0 ? (double)rise / sqrt((double)size) : 0;
}

/* Adds factor (W(b) - W(a)), a < b whole, as a sum of draws; node 1 is the root of the tree, node 2^21 the straight line. */
static int collect(int32_t a, int32_t b, double factor, struct term *term, int n)
{
	term[n++] = (struct term){factor * (double)(b - a) / sqrt((double)LEAVES), draw_of(2 * LEAVES)};
	for (int level = 0; level < DMI_PATH_DEPTH; level++) {
		int32_t size = LEAVES >> level, at[2] = {a / size, (b - 1) / size};
		for (int k = 0; k < (at[0] == at[1] ? 1 : 2); k++) {
			double weight = hat(at[k] * size, size, b) - hat(at[k] * size, size, a);
			if (weight != 0)
				term[n++] = (struct term){factor * weight, draw_of((1u << level) + (uint32_t)at[k])};
		}
	}
	return n;
}

/* Adds factor times W at a place against W at the start of its leaf: within a leaf the path is a straight line. */
static int collect_part(const struct place *at, double factor, struct term *term, int n)
{
	return at->part > 0 ? collect(at->leaf, at->leaf + 1, factor * at->part, term, n) : n;
}

/* (W(to) - W(from)) / sqrt|to - from|, with the distance that the caller sees, so that increments add up. */
static int increment(double lambda_from, double lambda_to, struct term *term)
{
	double distance = fabs(on_clock(lambda_to) - on_clock(lambda_from));
	if (!(distance > 0))
		return 0;
	struct place low = place_of(fmin(lambda_from, lambda_to)), high = place_of(fmax(lambda_from, lambda_to));
	double factor = (lambda_to > lambda_from ? 1 : -1) / sqrt(distance / (2 * clock_end) * LEAVES);
	int n = low.leaf < high.leaf ? collect(low.leaf, high.leaf, factor, term, 0) : 0;
	n = collect_part(&high, factor, term, n);
	return collect_part(&low, -factor, term, n);
}

static void fill_tile(uint64_t seed, int64_t sample, const struct term *term, int n_term, uint64_t first, size_t n,
                      double *out)
{
	double normal[DMI_NORMAL_TILE];
	for (size_t i = 0; i < n; i++)
		out[i] = 0;
	for (int k = 0; k < n_term; k++) {
		dmi_normals_f64(seed, sample, term[k].draw, first, n, normal);
		for (size_t i = 0; i < n; i++)
			out[i] += term[k].weight * normal[i];
	}
}

void dmi_path_f64(uint64_t seed, int64_t sample, double from, double to, uint64_t first, size_t n, double *out)
{
	struct term term[MAX_TERM];
	int n_term = increment(from, to, term);
	while (n) {
		size_t count = n < DMI_NORMAL_TILE ? n : DMI_NORMAL_TILE;
		fill_tile(seed, sample, term, n_term, first, count, out);
		out += count;
		first += count;
		n -= count;
	}
}

void dmi_path_f32(uint64_t seed, int64_t sample, double from, double to, uint64_t first, size_t n, float *out)
{
	double wide[DMI_NORMAL_TILE];
	while (n) {
		size_t count = n < DMI_NORMAL_TILE ? n : DMI_NORMAL_TILE;
		dmi_path_f64(seed, sample, from, to, first, count, wide);
		for (size_t i = 0; i < count; i++)
			out[i] = (float)wide[i];
		out += count;
		first += count;
		n -= count;
	}
}
