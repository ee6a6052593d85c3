/* The layers both networks are made of, for one image.
 *
 * An activation is a sequence of planes, one per channel: `side` rows of `side` floats, each row followed by at
 * least one pad float up to a pitch that is a multiple of 8, so that loops over a whole plane have a fixed length
 * that compilers vectorise. Two forms:
 *   flat    rows * pitch floats per plane; what stands in the pads means nothing
 *   padded  one more row above and below; pads and extra rows are zero: the input of 3 x 3 convolutions
 * A pad right of a row serves as the pad left of the next one. A padded buffer begins and ends with DIGITS_GUARD
 * zeros for the taps that look before the first and after the last float. */
#ifndef DIGITS_LAYERS_H
#define DIGITS_LAYERS_H

#include <stddef.h>

#include "weights.h"

#if defined(__GNUC__) || defined(__clang__)
#define DIGITS_RESTRICT __restrict__
#else
#define DIGITS_RESTRICT
#endif

struct digits_grid {
	size_t side, pitch;
};

#define DIGITS_GRID14 ((struct digits_grid){14, 16})
#define DIGITS_GRID7 ((struct digits_grid){7, 8})
#define DIGITS_GRID4 ((struct digits_grid){4, 8})

enum {
	DIGITS_SIDE = 28,
	DIGITS_PIXELS = DIGITS_SIDE * DIGITS_SIDE,
	DIGITS_GUARD = 16,
	DIGITS_FLAT14 = 14 * 16,
	DIGITS_FLAT7 = 7 * 8,
	DIGITS_FLAT4 = 4 * 8,
	DIGITS_PADDED14 = 16 * 16,
	DIGITS_PADDED7 = 9 * 8,
	DIGITS_PADDED4 = 6 * 8
};

static inline size_t digits_flat(struct digits_grid grid)
{
	return grid.side * grid.pitch;
}

static inline size_t digits_padded(struct digits_grid grid)
{
	return (grid.side + 2) * grid.pitch;
}

/* The first pixel of plane c in a padded buffer. */
static inline size_t digits_origin(struct digits_grid grid, size_t c)
{
	return DIGITS_GUARD + c * digits_padded(grid) + grid.pitch;
}

/* y = W x + b, W stored as (out, in); `in` is a multiple of 8 */
struct digits_linear {
	const float *weight, *bias;
	size_t out, in;
};

/* weights (out, in, ky, kx), zero padding, cross-correlation */
struct digits_conv {
	const float *weight, *bias;
	size_t out, in;
};

/* group normalisation over DIGITS_GROUPS groups of consecutive channels */
struct digits_norm {
	const float *weight, *bias;
	size_t channels;
};

/* mean and 1 / sqrt(variance + eps) of each group */
struct digits_moments {
	float mean[DIGITS_GROUPS], rstd[DIGITS_GROUPS];
};

/* Point a layer at its tensors <name>.weight and <name>.bias; `kernel` is 3 or 1. */
int digits_linear_find(struct digits_linear *layer, const struct digits_weights *weights, const char *name, size_t out,
                       size_t in, struct digits_error *error);
int digits_conv_find(struct digits_conv *layer, const struct digits_weights *weights, const char *name, size_t out,
                     size_t in, size_t kernel, struct digits_error *error);
int digits_norm_find(struct digits_norm *layer, const struct digits_weights *weights, const char *name, size_t channels,
                     struct digits_error *error);

float digits_silu(float x);

/* sum of a[i] b[i], n a multiple of 8, always added in the same order */
float digits_dot(const float *a, const float *b, size_t n);

void digits_linear_apply(const struct digits_linear *layer, const float *x, float *y);

/* [sin(t f_0) .. sin(t f_31), cos(t f_0) .. cos(t f_31)], f_k = 10000^(-k/32) */
void digits_time_vector(double t, float vector[DIGITS_TIME]);

/* 3 x 3, stride 1: padded -> flat */
void digits_conv3(const struct digits_conv *conv, struct digits_grid grid, const float *padded, float *flat);

/* The same backwards: the gradient by its output, padded, to the one by its input, flat. */
void digits_conv3_back(const struct digits_conv *conv, struct digits_grid grid, const float *padded, float *flat);

/* 3 x 3, stride 2: the input's four phases (see digits_split), padded -> flat; `grid` is that of the output */
void digits_conv3_half(const struct digits_conv *conv, struct digits_grid grid, const float *phases, float *flat);

/* 1 x 1: flat -> flat; `in` is a multiple of 8 */
void digits_conv1(const struct digits_conv *conv, struct digits_grid grid, const float *in, float *out);

/* Splits each plane of `side` rows, `pitch` floats apart and `plane` floats from the next one, into four padded planes
 * of `grid`, 2 i + j of which holds the pixels (2 r + i, 2 c + j). What a phase lacks when `side` is odd stays zero. */
void digits_split(const float *in, size_t channels, size_t side, size_t pitch, size_t plane, struct digits_grid grid,
                  float *phases);

void digits_norm_moments(const struct digits_norm *norm, struct digits_grid grid, const float *flat,
                         struct digits_moments *moments);

/* u = norm(x), flat -> flat */
void digits_norm_flat(const struct digits_norm *norm, struct digits_grid grid, const float *in, float *out);

/* silu(norm(x) * (1 + scale[c]) + shift[c]), flat -> padded; scale and shift may both be NULL */
void digits_norm_silu(const struct digits_norm *norm, struct digits_grid grid, const struct digits_moments *moments,
                      const float *scale, const float *shift, const float *in, float *padded);

#endif
