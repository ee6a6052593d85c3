#include "base/compiler.h"
#include "array/host.h"
#include "base/error.h"
#include "noise/isa.h"
#include <math.h>
#include <string.h>

/* The array is its own user data. */
struct host {
	dm_array array;
	const struct dmi_kernels *kernels;
	int32_t isa;
	dm_parallel_for parallel;
	void *parallel_user;
};

/* One call's work, cut into units: unit = sample * per_sample + part. */
struct work {
	const dm_job *job;
	const struct dmi_kernels *kernels;
	size_t per_sample;
	const double *parameter;
	int32_t map;
	double *gram, *sum;
	int64_t *first;
};

typedef void unit_function(void *work, size_t unit);

static void run_units(const struct host *host, size_t n, unit_function *body, struct work *work)
{
	if (host->parallel && n > 1)
		host->parallel(host->parallel_user, n, body, work);
	else
		for (size_t i = 0; i < n; i++)
			body(work, i);
}

static size_t blocks_of(const dm_job *job)
{
	return job->n_element / DMI_BLOCK + (job->n_element % DMI_BLOCK != 0);
}

/* Sample, first element and length of a unit that is a block of a row. */
static size_t block_unit(const struct work *w, size_t unit, size_t *sample, size_t *first)
{
	*sample = unit / w->per_sample;
	*first = unit % w->per_sample * DMI_BLOCK;
	size_t left = w->job->n_element - *first;
	return left < DMI_BLOCK ? left : DMI_BLOCK;
}

/* ------------------------------------------------------------------------------------------------------ the units */

static void combine_unit(void *work, size_t unit)
{
	const struct work *w = work;
	size_t sample, first, n = block_unit(w, unit, &sample, &first);
	w->kernels->combine(w->job, sample, first, n);
}

static void elementwise_unit(void *work, size_t unit)
{
	const struct work *w = work;
	size_t sample, first, n = block_unit(w, unit, &sample, &first);
	w->kernels->elementwise(w->job, sample, first, n, w->map, w->parameter);
}

static void quantile_unit(void *work, size_t sample)
{
	const struct work *w = work;
	w->kernels->quantile_clip(w->job, sample, w->parameter);
}

static void stats_unit(void *work, size_t sample)
{
	const struct work *w = work;
	size_t m = (size_t)w->job->n_out;
	w->kernels->stats(w->job, sample, w->gram + sample * m * m, w->sum + sample * m);
}

static void error_unit(void *work, size_t sample)
{
	const struct work *w = work;
	w->sum[sample] = w->kernels->error(w->job, sample, w->parameter);
}

/* Here the parts of a sample are its inputs. */
static void check_unit(void *work, size_t unit)
{
	const struct work *w = work;
	const dm_input *in = &w->job->in[unit % w->per_sample];
	size_t sample = unit / w->per_sample;
	w->first[unit] = -1;
	if (in->source == DM_SOURCE_DATA)
		w->first[unit] = w->kernels->first_not_finite((const unsigned char *)in->data +
		                                                  sample * in->stride * dmi_type_size(in->type),
		                                              in->type, w->job->n_element);
}

/* ------------------------------------------------------------------------------------------------------- the slots */

/* The run makes only jobs that pass; a plan that asks for too much fails here instead of writing past an array. */
static dm_status check_job(const dm_job *job, int32_t min_in, int32_t min_out, int32_t max_out)
{
	if (job->n_in < min_in || job->n_out < min_out)
		return DM_ERR_ARGUMENT;
	if (job->n_out > max_out)
		return DM_ERR_UNSUPPORTED;
	for (int32_t i = 0; i < job->n_in; i++)
		if (job->in[i].source != DM_SOURCE_DATA ? !job->seed || !job->sample : !dmi_type_size(job->in[i].type))
			return DM_ERR_ARGUMENT;
	return DM_OK;
}

static dm_status check_outputs(const dm_job *job)
{
	for (int32_t o = 0; o < job->n_out; o++)
		if (!dmi_type_size(job->out[o].type))
			return DM_ERR_ARGUMENT;
	return DM_OK;
}

static dm_status host_combine(void *user, const dm_job *job)
{
	const struct host *host = user;
	struct work work = {.job = job, .kernels = host->kernels, .per_sample = blocks_of(job)};
	dm_status st = check_job(job, 0, 0, DMI_MAX_OUT);
	if (st == DM_OK)
		st = check_outputs(job);
	if (st == DM_OK && host->parallel)
		run_units(host, job->n_sample * work.per_sample, combine_unit, &work);
	else if (st == DM_OK) /* nobody to share with: whole rows */
		for (size_t s = 0; s < job->n_sample; s++)
			host->kernels->combine(job, s, 0, job->n_element);
	return st;
}

static dm_status host_stats(void *user, const dm_job *job, double *gram, double *sum)
{
	const struct host *host = user;
	struct work work = {.job = job, .kernels = host->kernels, .gram = gram, .sum = sum};
	dm_status st = check_job(job, 0, 0, DMI_MAX_STATS);
	if (st == DM_OK)
		run_units(host, job->n_sample, stats_unit, &work);
	return st;
}

static dm_status host_check(void *user, const dm_job *job, int64_t *first)
{
	const struct host *host = user;
	struct work work = {.job = job, .kernels = host->kernels, .per_sample = (size_t)job->n_in, .first = first};
	dm_status st = check_job(job, 0, 0, INT32_MAX);
	if (st == DM_OK)
		run_units(host, job->n_sample * work.per_sample, check_unit, &work);
	return st;
}

/* Clips every sample at p0 standard deviations, its own or (p1 = 1) those of all samples, whose sums are added in order. */
static dm_status std_clip(const struct host *host, const dm_job *job, const double parameter[4])
{
	static const double one = 1;
	double n = (double)job->n_element, all[2] = {0, 0};
	dm_job sums = *job;
	sums.n_out = 1;
	sums.coefficient = &one;
	sums.coefficient_stride = 0;
	for (size_t pass = parameter[1] != 0 ? 0 : 1; pass < 2; pass++) /* pass 0: the sums of all samples */
		for (size_t s = 0; s < job->n_sample; s++) {
			double square, sum, count = n;
			host->kernels->stats(&sums, s, &square, &sum);
			if (pass == 0) {
				all[0] += square;
				all[1] += sum;
				continue;
			}
			if (parameter[1] != 0) {
				square = all[0];
				sum = all[1];
				count = n * (double)job->n_sample;
			}
			double spread = square - sum * sum / count;
			double limit[4] = {count > 1 && spread > 0 ? parameter[0] * sqrt(spread / (count - 1)) : 0, 0, 0, 0};
			host->kernels->elementwise(job, s, 0, job->n_element, DM_MAP_CLIP, limit);
		}
	return DM_OK;
}

static dm_status host_map(void *user, int32_t map, const dm_job *job, const double parameter[4])
{
	static const int32_t n_in[] = {
	    [DM_MAP_CLIP] = 1,     [DM_MAP_QUANTILE_CLIP] = 1, [DM_MAP_LEARNED_STD] = 2, [DM_MAP_BLEND] = 3,
	    [DM_MAP_STD_CLIP] = 1, [DM_MAP_RATIO] = 2,         [DM_MAP_SIGNED_ROOT] = 1, [DM_MAP_AT_LEAST] = 1};
	const struct host *host = user;
	struct work work = {.job = job, .kernels = host->kernels, .per_sample = blocks_of(job), .parameter = parameter};
	if (map < DM_MAP_CLIP || map > DM_MAP_AT_LEAST)
		return DM_ERR_UNSUPPORTED;
	dm_status st = check_job(job, n_in[map], 1, DMI_MAX_OUT);
	if (st == DM_OK)
		st = check_outputs(job);
	if (st != DM_OK)
		return st;
	if (map == DM_MAP_STD_CLIP)
		return std_clip(host, job, parameter);
	work.map = map;
	if (map != DM_MAP_QUANTILE_CLIP)
		run_units(host, job->n_sample * work.per_sample, elementwise_unit, &work);
	else if (!(parameter[0] >= 0 && parameter[0] <= 1))
		return DM_ERR_ARGUMENT;
	else if (job->n_element)
		run_units(host, job->n_sample, quantile_unit, &work);
	return DM_OK;
}

static dm_status host_error(void *user, const dm_job *job, const double parameter[2], double *sum)
{
	const struct host *host = user;
	struct work work = {.job = job, .kernels = host->kernels, .parameter = parameter, .sum = sum};
	dm_status st = check_job(job, 0, 3, 3);
	if (st == DM_OK)
		run_units(host, job->n_sample, error_unit, &work);
	return st;
}

static dm_status host_poison(void *user, const dm_output *out, size_t n_sample, size_t n_element)
{
	const size_t size = dmi_type_size(out->type);
	(void)user;
	for (size_t i = 0; size && i < n_sample; i++)
		dmi_poison_row((unsigned char *)out->data + i * out->stride * size, out->type, n_element);
	return size ? DM_OK : DM_ERR_ARGUMENT;
}

static dm_status host_poisoned(void *user, const dm_input *in, size_t row, size_t element, int32_t *yes)
{
	const size_t size = dmi_type_size(in->type);
	(void)user;
	*yes = size && dmi_is_poison((const unsigned char *)in->data + row * in->stride * size, in->type, element);
	return size ? DM_OK : DM_ERR_ARGUMENT;
}

static dm_status host_copy(void *user, void *to, const void *from, size_t bytes, int32_t direction)
{
	(void)user;
	(void)direction;
	memcpy(to, from, bytes);
	return DM_OK;
}

/* --------------------------------------------------------------------------------------------------------- memory */

/* Blocks start at a multiple of 64; just before them stands the address that the allocator gave. */
enum { ALIGNMENT = 64, EXTRA = 2 * ALIGNMENT };

static dm_status host_allocate(void *user, size_t bytes, void **out)
{
	const struct host *host = user;
	const dm_allocator *allocator = &host->array.object.allocator;
	*out = NULL;
	if (bytes > SIZE_MAX - EXTRA)
		return DM_ERR_OVERFLOW;
	unsigned char *given = allocator->allocate(allocator->user, bytes + EXTRA);
	if (!given)
		return DM_ERR_MEMORY;
	unsigned char *start = given + sizeof given;
	start += (ALIGNMENT - (uintptr_t)start % ALIGNMENT) % ALIGNMENT;
	memcpy(start - sizeof given, &given, sizeof given);
	*out = start;
	return DM_OK;
}

static void host_release(void *user, void *memory, size_t bytes)
{
	const struct host *host = user;
	unsigned char *given;
	if (!memory)
		return;
	memcpy(&given, (unsigned char *)memory - sizeof given, sizeof given);
	dmi_release_memory(&host->array.object.allocator, given, bytes + EXTRA);
}

/* ------------------------------------------------------------------------------------------------ instruction sets */

static const struct dmi_kernels *kernels_by(int32_t type, int32_t isa)
{
	static const struct dmi_kernels *const kernels[DMI_ISA_COUNT][2] = {
		[DMI_ISA_PLAIN] = {&dmi_kernels_f32, &dmi_kernels_f64},
#if DMI_HAS_X86
		[DMI_ISA_SSE2] = {&dmi_kernels_f32_128, &dmi_kernels_f64_128},
		[DMI_ISA_AVX2] = {&dmi_kernels_f32_avx2, &dmi_kernels_f64_avx2},
		[DMI_ISA_AVX512] = {&dmi_kernels_f32_avx512, &dmi_kernels_f64_avx512},
#endif
#if DMI_HAS_NEON
		[DMI_ISA_NEON] = {&dmi_kernels_f32_128, &dmi_kernels_f64_128},
#endif
	};
	return kernels[isa][type == DM_F64];
}

dm_status dm_array_set_isa(dm_array *array, int32_t isa, dm_error *err)
{
	if (!array || !array->host)
		return dmi_fail(err, DM_ERR_ARGUMENT, "array isa: array %s", array ? "is not a host array" : "is NULL");
	if (isa < DM_ISA_BEST || isa > DM_ISA_NEON)
		return dmi_fail(err, DM_ERR_ARGUMENT, "array isa: isa is %d, it must be 0 to %d", isa, DM_ISA_NEON);
	if (isa == DM_ISA_BEST)
		isa = dmi_isa_best();
	if (!dmi_isa_present(isa))
		return dmi_fail(err, DM_ERR_UNSUPPORTED, "array isa: %d is not in this build or this processor", isa);
	struct host *host = array->user;
	host->isa = isa;
	host->kernels = kernels_by(array->ops.type, isa);
	return DM_OK;
}

int32_t dm_array_isa(const dm_array *array)
{
	return array && array->host ? ((const struct host *)array->user)->isa : DM_ISA_BEST;
}

dm_status dm_array_create_host(dm_array **out, int32_t type, dm_parallel_for parallel, void *parallel_user,
                               const dm_allocator *allocator, dm_error *err)
{
	dm_error local;
	if (!err)
		err = &local;
	if (!out)
		return dmi_fail(err, DM_ERR_ARGUMENT, "array: out is NULL");
	*out = NULL;
	if (type != DM_F32 && type != DM_F64)
		return dmi_fail(err, DM_ERR_ARGUMENT, "array: type is %d, it must be DM_F32 (1) or DM_F64 (2)", type);
	struct host *host = dmi_object_new(sizeof *host, allocator, NULL, err);
	if (!host)
		return err->status;
	host->array.ops = (dm_array_ops){.struct_size = sizeof(dm_array_ops),
	                                 .type = type,
	                                 .combine = host_combine,
	                                 .stats = host_stats,
	                                 .check = host_check,
	                                 .map = host_map,
	                                 .error = host_error,
	                                 .poison = host_poison,
	                                 .poisoned = host_poisoned,
	                                 .copy = host_copy,
	                                 .allocate = host_allocate,
	                                 .release = host_release};
	host->array.user = host;
	host->array.host = 1;
	host->isa = dmi_isa_best();
	host->kernels = kernels_by(type, host->isa);
	host->parallel = parallel;
	host->parallel_user = parallel_user;
	*out = &host->array;
	return DM_OK;
}
