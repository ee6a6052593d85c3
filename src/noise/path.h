/* The Brownian path of a (seed, sample, element), a function of time alone.
 *
 * Its clock is lambda in [-20, 20], outside of which it stands still, divided into 2^DMI_PATH_DEPTH equal leaves. At their
 * ends the path is a sum of Haar functions' integrals, one unit normal for every node of the binary tree over the clock;
 * within a leaf it is a straight line. So an increment is an exact finite sum, and W(a, b) + W(b, c) = W(a, c). Its draws
 * have the domain DM_DRAW_PATH and the tree node as their number. */
#ifndef DMI_PATH_H
#define DMI_PATH_H

#include <stddef.h>
#include <stdint.h>

enum { DMI_PATH_DEPTH = 20 };

/* (W(to) - W(from)) / sqrt|to - from|, both on the clock: unit normals, but for a loss of variance of the order of a leaf over
 * the distance; 0 where both are the same there. first is a multiple of the tile of 64 elements. The f32 values are the f64
 * ones rounded. */
void dmi_path_f64(uint64_t seed, int64_t sample, double from, double to, uint64_t first, size_t n, double *out);
void dmi_path_f32(uint64_t seed, int64_t sample, double from, double to, uint64_t first, size_t n, float *out);

#endif
