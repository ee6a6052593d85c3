/* The host backend's kernels: the same for f32 and f64, written once in the *_body.h files and compiled for both. */
#ifndef DMI_HOST_H
#define DMI_HOST_H

#include "array/array.h"
#include "noise/noise.h"

/* Elements are worked on in tiles, so that normals come in whole tiles; a block of tiles is a unit of work for threads
 * and the unit in which sums over a row are formed. */
enum { DMI_TILE = DMI_NORMAL_TILE, DMI_BLOCK = 4096 };

/* Each works on one sample. first is a multiple of DMI_TILE. */
struct dmi_kernels {
	void (*combine)(const dm_job *job, size_t sample, size_t first, size_t n);
	void (*elementwise)(const dm_job *job, size_t sample, size_t first, size_t n, int32_t map,
	                    const double parameter[4]);
	void (*quantile_clip)(const dm_job *job, size_t sample, const double parameter[4]);
	void (*stats)(const dm_job *job, size_t sample, double *gram, double *sum); /* of this sample */
	double (*error)(const dm_job *job, size_t sample, const double parameter[2]);
	int64_t (*first_not_finite)(const void *row, int32_t type, size_t n); /* -1: all are */
};

/* By instruction set (noise/isa.h): plain C; vectors of 128 bits, which is SSE2 or NEON; AVX2; AVX-512. */
extern const struct dmi_kernels dmi_kernels_f32, dmi_kernels_f64, dmi_kernels_f32_128, dmi_kernels_f64_128,
    dmi_kernels_f32_avx2, dmi_kernels_f64_avx2, dmi_kernels_f32_avx512, dmi_kernels_f64_avx512;

/* The first element of a row that is not finite, -1 where all are. */
int64_t dmi_first_not_finite(const void *row, int32_t type, size_t n);

void dmi_poison_row(void *row, int32_t type, size_t n);
int dmi_is_poison(const void *row, int32_t type, size_t element);

#endif
