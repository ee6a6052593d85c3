/* The layers backwards: from the gradient by what a layer gave to the one by what it read. Forms as in layers.h. */
#ifndef DIGITS_LAYERS_BACK_H
#define DIGITS_LAYERS_BACK_H

#include "layers.h"

/* silu(norm(z) (1 + scale[c]) + shift[c]), in place, flat; scale and shift may both be NULL. */
void digits_back_norm_silu(const struct digits_norm *norm, struct digits_grid grid,
                           const struct digits_moments *moments, const float *scale, const float *shift, const float *z,
                           float *d);

/* norm(z) alone. */
void digits_back_norm(const struct digits_norm *norm, struct digits_grid grid, const struct digits_moments *moments,
                      const float *z, float *d);

/* 3 x 3, stride 1: flat -> flat. padded: room for conv->out padded planes. out may be d. */
void digits_back_conv3(const struct digits_conv *conv, struct digits_grid grid, const float *d, float *out,
                       float *padded);

/* 3 x 3, stride 2: flat of `grid` -> planes of `side` rows, `pitch` floats apart and side * pitch from plane to plane.
 * quarter: room for four flat planes. */
void digits_back_conv3_half(const struct digits_conv *conv, struct digits_grid grid, const float *d, size_t side,
                            size_t pitch, float *out, float *padded, float *quarter);

/* 1 x 1: flat -> flat; out may not be d. */
void digits_back_conv1(const struct digits_conv *conv, struct digits_grid grid, const float *d, float *out);

#endif
