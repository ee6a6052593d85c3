/* demist/array.h: the backend that does the arithmetic on arrays. The host has one; a device brings its own. */
#ifndef DEMIST_ARRAY_H
#define DEMIST_ARRAY_H

#include "model.h"

typedef struct dm_array dm_array;

enum { DM_SOURCE_DATA = 0, DM_SOURCE_NORMALS = 1, DM_SOURCE_PATH = 2 };
enum {
	DM_MAP_CLIP = 1,
	DM_MAP_QUANTILE_CLIP = 2,
	DM_MAP_LEARNED_STD = 3,
	DM_MAP_BLEND = 4,
	DM_MAP_STD_CLIP = 5,
	DM_MAP_RATIO = 6,
	DM_MAP_SIGNED_ROOT = 7,
	DM_MAP_AT_LEAST = 8
};
enum { DM_COPY_TO_BACKEND = 1, DM_COPY_FROM_BACKEND = 2 };

/* An input: rows of data, or the unit normals of a draw or of an increment of the Brownian path (generated on the way,
 * never stored; dm_normals and dm_path give the same numbers). */
typedef struct dm_input {
	const void *data;
	size_t stride; /* elements from one sample to the next */
	int32_t type, source;
	uint32_t draw, reserved;
	double path_from, path_to; /* lambda */
} dm_input;

typedef struct dm_output {
	void *data;
	size_t stride;
	int32_t type, reserved;
} dm_output;

/* out[o] = sum over i, left to right, of coefficient[o][i] * in[i], for every sample and element. Coefficients are
 * rounded once to the working type (float for an f32 array, double for f64); every product and sum is rounded; no
 * contraction. An output may share its memory with an input (same type and stride): all outputs of an element are
 * computed before any is stored. */
typedef struct dm_job {
	size_t struct_size, n_sample, n_element;
	const uint64_t *seed; /* keys of the rows, for normals */
	const int64_t *sample;
	int32_t n_in, n_out;
	const dm_input *in;
	const dm_output *out;
	const double *coefficient; /* [sample][out][in] */
	size_t coefficient_stride; /* doubles from one sample's matrix to the next; 0: the same for all */
} dm_job;

/* Every function returns 0, or a code that stops the run as DM_ERR_CALLBACK. All are required.
 * combine  as above.
 * stats    per sample the Gram matrix gram[sample][n_out][n_out] and sums sum[sample][n_out] of the job's outputs, which
 *          are not stored; in double, in an order that does not depend on the batch or the number of threads.
 * check    first[sample][in]: the first element of each input that is not finite, -1 where all are.
 * map      one output, which may share its memory with an input:
 *          DM_MAP_CLIP           out = min(max(in0, -p0), p0)
 *          DM_MAP_QUANTILE_CLIP  per sample, q = the p0-quantile of |in0| (linear between order statistics),
 *                                s = min(max(q, 1), p1) for p2 = 0 or max(q, p1) for p2 = 1; out = clip(in0, -s, s) / s
 *          DM_MAP_LEARNED_STD    out = exp(p0 + p1 in1) in0 for p2 = 0, or sqrt(max(in1, 0)) in0 for p2 = 1
 *          DM_MAP_BLEND          out = in2 in1 + (1 - in2) in0
 *          DM_MAP_STD_CLIP       out = clip(in0, -s, s), s = p0 times the standard deviation (n - 1) of in0 over the sample, or
 *                                for p1 = 1 over all samples of the job
 *          DM_MAP_RATIO          out = in0 / in1, 0 where in1 is 0
 *          DM_MAP_SIGNED_ROOT    out = sign(in0) sqrt(|in0|)
 *          DM_MAP_AT_LEAST       out = 1 where in0 >= p0, else 0
 * error    with the job's three outputs d, low and ref, which are not stored (sums in double): the sum over the elements of sample
 *          i of (d / max(p0, p1 max(|low|, |ref|)))^2, into sum[i].
 * poison   plants a NaN that arithmetic does not make into the first, the last and every 1024th element of every row.
 * poisoned whether element of row is still that NaN.
 * copy     bytes between host memory and the backend's.
 * allocate, release: the backend's memory. */
typedef struct dm_array_ops {
	size_t struct_size;
	int32_t type; /* of the state: DM_F32 or DM_F64 */
	dm_status (*combine)(void *user, const dm_job *job);
	dm_status (*stats)(void *user, const dm_job *job, double *gram, double *sum);
	dm_status (*check)(void *user, const dm_job *job, int64_t *first);
	dm_status (*map)(void *user, int32_t map, const dm_job *job, const double parameter[4]);
	dm_status (*error)(void *user, const dm_job *job, const double parameter[2], double *sum);
	dm_status (*poison)(void *user, const dm_output *out, size_t n_sample, size_t n_element);
	dm_status (*poisoned)(void *user, const dm_input *in, size_t row, size_t element, int32_t *yes);
	dm_status (*copy)(void *user, void *to, const void *from, size_t bytes, int32_t direction);
	dm_status (*allocate)(void *user, size_t bytes, void **out);
	void (*release)(void *user, void *memory, size_t bytes);
	void (*destroy)(void *user);
} dm_array_ops;

/* Calls body(arg, i) for i = 0 .. n - 1, in any order, on any threads, and returns when all have returned. */
typedef void (*dm_parallel_for)(void *user, size_t n, void (*body)(void *arg, size_t i), void *arg);

/* Arrays in host memory, f32 or f64; parallel may be NULL. Results do not depend on it. */
DM_API dm_status dm_array_create_host(dm_array **out, int32_t type, dm_parallel_for parallel, void *parallel_user,
                                      const dm_allocator *allocator, dm_error *err);

/* A host array works with the widest instruction set that this build holds and the processor has. All leave the same
 * bits, so choosing another, before the array is used, only serves to find a fault: DM_ERR_UNSUPPORTED where it is not
 * there. dm_array_isa: the one in use, DM_ISA_BEST for a custom array. */
enum { DM_ISA_BEST = 0, DM_ISA_PLAIN = 1, DM_ISA_SSE2 = 2, DM_ISA_AVX2 = 3, DM_ISA_AVX512 = 4, DM_ISA_NEON = 5 };
DM_API dm_status dm_array_set_isa(dm_array *array, int32_t isa, dm_error *err);
DM_API int32_t dm_array_isa(const dm_array *array);

/* The caller's backend. destroy is called once, also when create fails. */
DM_API dm_status dm_array_create_custom(dm_array **out, const dm_array_ops *ops, void *user,
                                        const dm_allocator *allocator, dm_error *err);
DM_API void dm_array_free(dm_array *array);

#endif
