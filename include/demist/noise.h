/* demist/noise.h: unit normals that have an address instead of an order.
 *
 * A normal is identified by (seed, sample, draw, element): the same four give the same number, whatever the batch, the
 * order, the thread or the machine. The generator is Philox4x32-10 (Salmon 2011), key = seed, counter = {block of
 * elements, draw, sample low, sample high}. A draw is named by what it is for, never by a running count. */
#ifndef DEMIST_NOISE_H
#define DEMIST_NOISE_H

#include "model.h"

typedef struct dm_noise dm_noise;

enum { DM_DRAW_INIT = 0, DM_DRAW_STEP = 1, DM_DRAW_PATH = 2, DM_DRAW_RENOISE = 3, DM_DRAW_USER = 4 };

/* The number of a draw from its domain (above), visit (0 .. 2^24 - 1) and tag (0 .. 31). */
DM_API dm_status dm_draw(int32_t domain, int64_t visit, int32_t tag, uint32_t *out, dm_error *err);

/* Elements first .. first + n - 1 of a draw, as float (type DM_F32) or double (DM_F64; the same values widened).
 * first + n may not pass 2^34. */
DM_API dm_status dm_normals(uint64_t seed, int64_t sample, uint32_t draw, uint64_t first, size_t n, int32_t type,
                            void *out, dm_error *err);

/* The Brownian path of a seed: (W(lambda_to) - W(lambda_from)) / sqrt|lambda_to - lambda_from| for elements 0 .. n - 1, a function
 * of time alone, whatever the grid. Its clock is lambda in [-20, 20], outside of which it
 * stands still (distances are those on the clock); within one of its 2^20 leaves it is a straight line. */
DM_API dm_status dm_path(uint64_t seed, int64_t sample, double lambda_from, double lambda_to, size_t n, int32_t type,
                         void *out, dm_error *err);

/* A noise source of the caller's. fill writes n_element unit normals (rq->out[0], rq->out_type, rows of rq->out_stride)
 * for every row; it may be asked for the same draw again and must then give the same numbers. fill NULL: the run asks
 * with DM_ASK_NOISE. */
typedef struct dm_noise_ops {
	size_t struct_size;
	dm_status (*fill)(void *user, const dm_request *rq);
	void (*destroy)(void *user);
} dm_noise_ops;

/* "philox", the library's own; "torch_cpu" and "torch_cuda", the normals of PyTorch's generators, for those who must
 * reproduce pictures: draw k of the plan, in the order of first use, is call k of randn on a generator seeded with the
 * run's seed. That holds for the whole batch at once: the numbers of a sample depend on how many there are, all have one
 * seed, and samples cannot run apart. Options:
 *   per_sample      1: every sample has its own generator, of seed + sample index (seed and sample as in dm_run_keys)
 *   init            1: call 0 makes the noise of the start, the plan's draws follow; 0: the start needs a state
 *   calls_per_step  n: n calls for every step of the grid, whether the plan draws there or not, for programs that draw
 *                   also where the factor is 0
 *   first_step      the step at which these calls begin: where the run starts
 * torch_cuda is exact up to as many numbers in a call as the device has threads. */
DM_API dm_status dm_noise_create(dm_noise **out, const char *spec, const dm_allocator *allocator, dm_error *err);
DM_API dm_status dm_noise_create_custom(dm_noise **out, const dm_noise_ops *ops, void *user,
                                        const dm_allocator *allocator, dm_error *err);

/* Recorded noise: value[draw][sample][element] of type DM_F32 or DM_F64, in the order in which the plan draws, the init
 * draw not counted. Lent: must outlive the noise. Asking for more than n_draw is DM_ERR_STATE. */
DM_API dm_status dm_noise_create_replay(dm_noise **out, const void *value, int32_t type, size_t n_draw, size_t n_sample,
                                        size_t n_element, const dm_allocator *allocator, dm_error *err);
DM_API void dm_noise_free(dm_noise *noise);

/* The numbers of n_call successive calls of randn, of size[0], size[1], ... float32 numbers, on PyTorch's CPU generator
 * seeded with `seed`; those of rand; those of the call-th call (from 0) of randn on its CUDA generator. out as in
 * dm_normals. They differ from PyTorch's by its own rounding, some 1e-7. */
DM_API dm_status dm_torch_cpu_normals(uint64_t seed, const size_t *size, size_t n_call, int32_t type, void *out,
                                      dm_error *err);
DM_API dm_status dm_torch_cpu_uniforms(uint64_t seed, size_t n, int32_t type, void *out, dm_error *err);
DM_API dm_status dm_torch_cuda_normals(uint64_t seed, uint64_t call, size_t n, int32_t type, void *out, dm_error *err);

#endif
