/* The normal transform. */
#ifndef DMI_NORMALS_H
#define DMI_NORMALS_H

#include <stddef.h>
#include <stdint.h>

enum { DMI_LANES = 16 };

/* Box-Muller on 16 pairs of 32-bit words:
 *
 *     u = (w0 + 1/2) / 2^32    r = sqrt(-2 ln u)    angle = 2 pi w1 / 2^32    x = r cos(angle)    y = r sin(angle)
 *
 * Every step is one correctly rounded f32 operation or an integer one, so the bits are the same everywhere. Measured
 * against the exact value for the same words: r within 1.3e-7 relative, a normal within 2e-7 r absolute and 3e-7
 * relative. The largest is 6.77. */
void dmi_box_muller(const uint32_t w0[DMI_LANES], const uint32_t w1[DMI_LANES], float x[DMI_LANES], float y[DMI_LANES]);

/* Whole tiles of f32 normals from tile `tile` on (noise.h), by an instruction set (isa.h), which must be present. All
 * leave the same bits. */
typedef void dmi_fill_normals(uint64_t seed, int64_t sample, uint32_t draw, uint32_t tile, size_t n_tile, float *out);
dmi_fill_normals dmi_normals_sse2, dmi_normals_avx2, dmi_normals_avx512, dmi_normals_neon;
dmi_fill_normals *dmi_normals_by(int32_t isa);

/* Elements first .. first + n - 1 through one of them. */
void dmi_normals_f32_by(dmi_fill_normals *fill, uint64_t seed, int64_t sample, uint32_t draw, uint64_t first, size_t n,
                        float *out);
void dmi_normals_f64_by(dmi_fill_normals *fill, uint64_t seed, int64_t sample, uint32_t draw, uint64_t first, size_t n,
                        double *out);

#endif
