#include "base/compiler.h"
#include "noise/path.h"
#include "base/error.h"
#include "noise/noise.h"
#include <math.h>

enum { LEAVES = 1 << DMI_PATH_DEPTH, MAX_TERM = 2 * DMI_PATH_DEPTH + 2 };

static const double clock_end = 20; /* in lambda, both ways */

/* A weighted draw of the sum. */
struct term {
	double weight;
	uint32_t draw;
};

int32_t dmi_path_snap(double lambda)
{
	double at = (fmin(fmax(lambda, -clock_end), clock_end) + clock_end) / (2 * clock_end) * LEAVES;
	return (int32_t)rint(at);
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

/* W(b) - W(a), a < b, over sqrt(b - a), as a sum of draws; node 1 is the root of the tree, node 2^21 the straight line. */
static int collect(int32_t a, int32_t b, struct term *term)
{
	int n = 0;
	double scale = 1 / sqrt((double)(b - a));
	term[n++] = (struct term){(double)(b - a) / sqrt((double)LEAVES) * scale, draw_of(2 * LEAVES)};
	for (int level = 0; level < DMI_PATH_DEPTH; level++) {
		int32_t size = LEAVES >> level, at[2] = {a / size, (b - 1) / size};
		for (int k = 0; k < (at[0] == at[1] ? 1 : 2); k++) {
			double weight = (hat(at[k] * size, size, b) - hat(at[k] * size, size, a)) * scale;
			if (weight != 0)
				term[n++] = (struct term){weight, draw_of((1u << level) + (uint32_t)at[k])};
		}
	}
	return n;
}

static void fill_tile(uint64_t seed, int64_t sample, const struct term *term, int n_term, double sign, uint64_t first,
                      size_t n, double *out)
{
	double normal[DMI_NORMAL_TILE];
	for (size_t i = 0; i < n; i++)
		out[i] = 0;
	for (int k = 0; k < n_term; k++) {
		dmi_normals_f64(seed, sample, term[k].draw, first, n, normal);
		for (size_t i = 0; i < n; i++)
			out[i] += sign * term[k].weight * normal[i];
	}
}

void dmi_path_f64(uint64_t seed, int64_t sample, int32_t a, int32_t b, uint64_t first, size_t n, double *out)
{
	struct term term[MAX_TERM];
	double sign = a > b ? -1 : 1;
	int n_term = 1;
	if (a == b) /* below the resolution of the clock */
		term[0] = (struct term){1, draw_of(4u * LEAVES + (uint32_t)a)};
	else
		n_term = a < b ? collect(a, b, term) : collect(b, a, term);
	while (n) {
		size_t count = n < DMI_NORMAL_TILE ? n : DMI_NORMAL_TILE;
		fill_tile(seed, sample, term, n_term, sign, first, count, out);
		out += count;
		first += count;
		n -= count;
	}
}

void dmi_path_f32(uint64_t seed, int64_t sample, int32_t a, int32_t b, uint64_t first, size_t n, float *out)
{
	double wide[DMI_NORMAL_TILE];
	while (n) {
		size_t count = n < DMI_NORMAL_TILE ? n : DMI_NORMAL_TILE;
		dmi_path_f64(seed, sample, a, b, first, count, wide);
		for (size_t i = 0; i < count; i++)
			out[i] = (float)wide[i];
		out += count;
		first += count;
		n -= count;
	}
}
