/* The Brownian path of a (seed, sample, element), a function of time alone.
 *
 * Its clock is lambda in [-20, 20]; nodes are snapped to a lattice of 2^DMI_PATH_DEPTH equal leaves. The path is a sum of Haar
 * functions' integrals, one unit normal for every node of the binary tree over the clock, so an increment over lattice points is
 * an exact finite sum and W(a, b) + W(b, c) = W(a, c). Its draws have the domain DM_DRAW_PATH and the tree node as their number. */
#ifndef DMI_PATH_H
#define DMI_PATH_H

#include <stddef.h>
#include <stdint.h>

enum { DMI_PATH_DEPTH = 20 };

/* The lattice point of a lambda: 0 .. 2^DMI_PATH_DEPTH; lambda outside the clock, infinite ones included, is its end. */
int32_t dmi_path_snap(double lambda);

/* (W(b) - W(a)) / sqrt|b - a| for two lattice points, unit normals; for a = b (nodes closer than a leaf) a normal of that leaf.
 * first is a multiple of the tile of 64 elements. The f32 values are the f64 ones rounded. */
void dmi_path_f64(uint64_t seed, int64_t sample, int32_t a, int32_t b, uint64_t first, size_t n, double *out);
void dmi_path_f32(uint64_t seed, int64_t sample, int32_t a, int32_t b, uint64_t first, size_t n, float *out);

#endif
