/* The host array backend against plain references. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include "demist.h"
#include "array/array.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_SAMPLE = 3, MAX_ELEMENT = 9000, MAX_IN = 9, MAX_OUT = 5, ROWS = MAX_SAMPLE * (MAX_ELEMENT + 8) };

static uint64_t state = 88172645463325252u;

static size_t below(size_t n)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (size_t)(state >> 20) % n;
}

static double uniform(void)
{
	return (double)below(1 << 30) / (1 << 29) - 1;
}

static const size_t size_of[] = {0, 4, 8, 2, 2};

/* Runs the units backwards: results must not depend on it. */
static void backwards(void *user, size_t n, void (*body)(void *, size_t), void *arg)
{
	(void)user;
	while (n--)
		body(arg, n);
}

static dm_array *host(int32_t type, int parallel)
{
	dm_array *array;
	assert_int_equal(dm_array_create_host(&array, type, parallel ? backwards : NULL, NULL, NULL, NULL), DM_OK);
	return array;
}

/* -------------------------------------------------------------------------------- numbers of any type, by formula */

/* sign, exponent, mantissa bits of the 16-bit types */
static double decode(uint16_t h, int mantissa)
{
	int exponent = (h & 0x7fff) >> mantissa, top = (1 << (15 - mantissa)) - 1, bias = top / 2;
	double part = h & ((1 << mantissa) - 1), sign = h >> 15 ? -1 : 1;
	if (exponent == top)
		return part > 0 ? (double)NAN : sign * (double)INFINITY;
	return sign * ldexp(exponent ? part + (1 << mantissa) : part, (exponent ? exponent : 1) - bias - mantissa);
}

/* x rounded to a 16-bit type, as a double */
static double narrow(double x, int mantissa)
{
	int bias = (1 << (14 - mantissa)) - 1, exponent;
	if (isnan(x) || isinf(x) || x == 0)
		return x;
	(void)frexp(x, &exponent);
	exponent = exponent - 1 < 1 - bias ? 1 - bias : exponent - 1;
	x = ldexp(rint(ldexp(x, mantissa - exponent)), exponent - mantissa);
	return fabs(x) >= ldexp(1, bias + 1) ? copysign((double)INFINITY, x) : x;
}

static double get(const void *data, int32_t type, size_t i)
{
	if (type == DM_F32)
		return (double)((const float *)data)[i];
	if (type == DM_F64)
		return ((const double *)data)[i];
	return decode(((const uint16_t *)data)[i], type == DM_F16 ? 10 : 7);
}

static double rounded(double x, int32_t type)
{
	return type == DM_F64 ? x : type == DM_F32 ? (double)(float)x : narrow(x, type == DM_F16 ? 10 : 7);
}

static int same(double a, double b)
{
	return isnan(a) ? isnan(b) : a == b && signbit(a) == signbit(b);
}

/* --------------------------------------------------------------------------------------------------------- a job */

struct world {
	dm_job job;
	dm_input in[MAX_IN];
	dm_output out[MAX_OUT];
	double coefficient[MAX_SAMPLE * MAX_IN * MAX_OUT];
	uint64_t seed[MAX_SAMPLE];
	int64_t sample[MAX_SAMPLE];
	int alias[MAX_OUT]; /* input that shares its memory, or -1 */
	double in_data[MAX_IN][ROWS], out_data[MAX_OUT][ROWS];
};

static void fill(void *data, int32_t type, size_t n, int special)
{
	for (size_t i = 0; i < n; i++) {
		double x = ldexp(uniform(), (int)below(9) - 4);
		if (special && below(100) == 0)
			x = below(2) ? (double)INFINITY : (double)NAN;
		if (type == DM_F32)
			((float *)data)[i] = (float)x;
		else if (type == DM_F64)
			((double *)data)[i] = x;
		else
			((uint16_t *)data)[i] = (uint16_t)below(special ? 65536 : 0x7c00);
	}
}

static void make_inputs(struct world *w, int32_t type, int special)
{
	for (int i = 0; i < w->job.n_in; i++) {
		int32_t own = below(2) ? type : (int32_t)below(4) + 1;
		w->in[i] = (dm_input){.data = w->in_data[i], .type = own, .stride = w->job.n_element + below(8)};
		w->in[i].source = below(6) == 0;
		w->in[i].draw = (uint32_t)below(9);
		fill(w->in_data[i], own, ROWS, special);
	}
}

static void make_outputs(struct world *w)
{
	for (int o = 0; o < w->job.n_out; o++) {
		int i = (int)below((size_t)w->job.n_in), taken = w->in[i].source || below(2);
		for (int p = 0; p < o; p++)
			taken |= w->alias[p] == i;
		w->alias[o] = taken ? -1 : i;
		w->out[o] = (dm_output){w->out_data[o], w->job.n_element + below(8), (int32_t)below(4) + 1, 0};
		memset(w->out_data[o], 0x5a, sizeof w->out_data[o]);
		if (!taken)
			w->out[o] = (dm_output){w->in_data[i], w->in[i].stride, w->in[i].type, 0};
	}
}

/* Everything random: shapes, strides, types, sources, sharing, coefficients (a quarter of them zero). */
static void make(struct world *w, int32_t type, int special)
{
	memset(w, 0, sizeof *w);
	dm_job job = {.struct_size = sizeof job, .n_sample = 1 + below(MAX_SAMPLE), .n_in = 1 + (int)below(MAX_IN)};
	job.n_element = below(20) ? 1 + below(300) : 4000 + below(5001);
	job.n_out = 1 + (int)below(MAX_OUT);
	job.coefficient_stride = below(2) ? (size_t)(job.n_in * job.n_out) : 0;
	job.seed = w->seed;
	job.sample = w->sample;
	job.in = w->in;
	job.out = w->out;
	job.coefficient = w->coefficient;
	w->job = job;
	for (size_t i = 0; i < sizeof w->coefficient / sizeof(double); i++)
		w->coefficient[i] = below(4) ? 3 * uniform() : 0;
	for (size_t i = 0; i < MAX_SAMPLE; i++) {
		w->seed[i] = below(1000);
		w->sample[i] = (int64_t)below(1000);
	}
	make_inputs(w, type, special);
	make_outputs(w);
}

/* The weighted sum that an output stands for, before it is stored. */
static double reference(const struct world *w, int32_t type, size_t s, int o, size_t e)
{
	const dm_job *job = &w->job;
	const double *c = w->coefficient + s * job->coefficient_stride + (size_t)(o * job->n_in);
	volatile double sum = 0, product; /* volatile: no contraction, whatever the test is built with */
	int begun = 0;
	for (int i = 0; i < job->n_in; i++) {
		double weight = rounded(c[i], type), x;
		if (weight == 0)
			continue;
		if (job->in[i].source == DM_SOURCE_NORMALS)
			assert_int_equal(dm_normals(w->seed[s], w->sample[s], job->in[i].draw, e, 1, DM_F64, &x, NULL), DM_OK);
		else
			x = rounded(get(job->in[i].data, job->in[i].type, s * job->in[i].stride + e), type);
		/* in double a product of floats is exact and a sum of two floats rounds twice to the same float */
		product = rounded(weight * x, type);
		sum = begun ? rounded(sum + product, type) : product;
		begun = 1;
	}
	return sum;
}

/* Copies a world; pointers to its own arrays follow it. */
static void copy_world(struct world *to, const struct world *from)
{
	memcpy(to, from, sizeof *to);
	to->job.seed = to->seed;
	to->job.sample = to->sample;
	to->job.in = to->in;
	to->job.out = to->out;
	to->job.coefficient = to->coefficient;
	for (int i = 0; i < to->job.n_in; i++)
		to->in[i].data = to->in_data[i];
	for (int o = 0; o < to->job.n_out; o++)
		to->out[o].data = to->alias[o] < 0 ? to->out_data[o] : to->in_data[to->alias[o]];
}

static void check_output(const struct world *before, const struct world *after, int32_t type, int o)
{
	const dm_output *out = &after->out[o], *old = &before->out[o];
	for (size_t s = 0; s < after->job.n_sample; s++)
		for (size_t e = 0; e < after->job.n_element; e++) {
			double want = rounded(reference(before, type, s, o, e), out->type);
			assert_true(same(get(out->data, out->type, s * out->stride + e), want));
		}
	for (size_t s = 0; s < after->job.n_sample; s++) { /* what lies between the rows stays as it was */
		size_t end = (s * out->stride + after->job.n_element) * size_of[out->type];
		size_t gap = (out->stride - after->job.n_element) * size_of[out->type];
		assert_memory_equal((char *)out->data + end, (char *)old->data + end, gap);
	}
}

static void combine_is_the_sum(void **unused)
{
	struct world *w = malloc(3 * sizeof *w);
	(void)unused;
	for (int it = 0; it < 300; it++) {
		int32_t type = it % 2 ? DM_F32 : DM_F64;
		dm_array *plain = host(type, 0), *parallel = host(type, 1);
		make(&w[0], type, it % 4 < 2);
		copy_world(&w[1], &w[0]);
		copy_world(&w[2], &w[0]);
		assert_int_equal(plain->ops.combine(plain->user, &w[1].job), 0);
		assert_int_equal(parallel->ops.combine(parallel->user, &w[2].job), 0);
		for (int o = 0; o < w->job.n_out; o++)
			check_output(&w[0], &w[1], type, o);
		assert_memory_equal(w[1].in_data, w[2].in_data, sizeof w->in_data);
		assert_memory_equal(w[1].out_data, w[2].out_data, sizeof w->out_data);
		dm_array_free(plain);
		dm_array_free(parallel);
	}
	dm_array *array = host(DM_F32, 0);
	w->job.n_out = DMI_MAX_OUT + 1;
	assert_int_equal(array->ops.combine(array->user, &w->job), DM_ERR_UNSUPPORTED);
	dm_array_free(array);
	free(w);
}

/* ----------------------------------------------------------------------------------------------------- reductions */

static void check_stats(const struct world *w, int32_t type, size_t s, const double *gram, const double *sum)
{
	static double x[MAX_OUT][MAX_ELEMENT];
	size_t m = (size_t)w->job.n_out, n = w->job.n_element;
	for (size_t o = 0; o < m; o++)
		for (size_t e = 0; e < n; e++)
			x[o][e] = reference(w, type, s, (int)o, e);
	for (size_t a = 0; a < m * m; a++) {
		long double product = 0, value = 0, size = 0, size_value = 0;
		for (size_t e = 0; e < n; e++) {
			long double term = (long double)x[a / m][e] * x[a % m][e];
			product += term;
			size += fabsl(term);
			value += x[a / m][e];
			size_value += fabs(x[a / m][e]);
		}
		assert_true(fabsl(gram[a] - product) <= 1e-13L * size);
		assert_true(fabsl(sum[a / m] - value) <= 1e-13L * size_value);
	}
}

static void stats_are_exact_enough(void **unused)
{
	struct world *w = malloc(sizeof *w);
	(void)unused;
	for (int it = 0; it < 100; it++) {
		double gram[MAX_SAMPLE * MAX_OUT * MAX_OUT], sum[MAX_SAMPLE * MAX_OUT];
		double own_gram[MAX_OUT * MAX_OUT], own_sum[MAX_OUT];
		int32_t type = it % 2 ? DM_F32 : DM_F64;
		dm_array *array = host(type, it % 3 == 0);
		make(w, type, 0);
		dm_job job = w->job;
		size_t m = (size_t)job.n_out;
		assert_int_equal(array->ops.stats(array->user, &job, gram, sum), 0);
		for (size_t s = 0; s < job.n_sample; s++)
			check_stats(w, type, s, gram + s * m * m, sum + s * m);
		for (size_t s = 0; s < job.n_sample; s++) { /* one sample by itself: the same bits */
			dm_input in[MAX_IN];
			dm_job one = job;
			one.n_sample = 1;
			one.in = in;
			one.seed += s;
			one.sample += s;
			one.coefficient += s * job.coefficient_stride;
			for (int i = 0; i < job.n_in; i++) {
				in[i] = w->in[i];
				in[i].data = (char *)w->in_data[i] + s * in[i].stride * size_of[in[i].type];
			}
			assert_int_equal(array->ops.stats(array->user, &one, own_gram, own_sum), 0);
			assert_memory_equal(own_gram, gram + s * m * m, m * m * sizeof(double));
			assert_memory_equal(own_sum, sum + s * m, m * sizeof(double));
		}
		job.n_out = DMI_MAX_STATS + 1;
		assert_int_equal(array->ops.stats(array->user, &job, gram, sum), DM_ERR_UNSUPPORTED);
		dm_array_free(array);
	}
	free(w);
}

/* The three sums of a sample's element, in long double. */
static void three_sums(const struct world *w, int32_t type, size_t s, size_t e, long double sum[3])
{
	for (int32_t o = 0; o < 3; o++) {
		sum[o] = 0;
		for (int32_t i = 0; i < w->job.n_in; i++)
			sum[o] += (long double)w->job.coefficient[s * w->job.coefficient_stride + (size_t)(o * w->job.n_in + i)] *
			          rounded(get(w->in[i].data, w->in[i].type, s * w->in[i].stride + e), type);
	}
}

static void error_is_the_norm(void **unused)
{
	struct world *w = malloc(sizeof *w);
	(void)unused;
	for (int it = 0; it < 100; it++) {
		const double tolerance[2] = {0.1, 0.3};
		double sum[MAX_SAMPLE];
		int32_t type = it % 2 ? DM_F32 : DM_F64, drawn;
		dm_array *array = host(type, it % 3 == 0);
		do {
			make(w, type, 0);
			drawn = w->job.n_out < 3;
			for (int32_t i = 0; i < w->job.n_in; i++)
				drawn |= w->in[i].source != DM_SOURCE_DATA;
		} while (drawn);
		w->job.n_out = 3;
		assert_int_equal(array->ops.error(array->user, &w->job, tolerance, sum), 0);
		for (size_t s = 0; s < w->job.n_sample; s++) {
			long double want = 0, x[3];
			for (size_t e = 0; e < w->job.n_element; e++) {
				three_sums(w, type, s, e, x);
				want += powl(x[0] / fmaxl(tolerance[0], tolerance[1] * fmaxl(fabsl(x[1]), fabsl(x[2]))), 2);
			}
			assert_true(fabsl(sum[s] - want) <= 1e-11L * want);
		}
		w->job.n_out = 2;
		assert_int_equal(array->ops.error(array->user, &w->job, tolerance, sum), DM_ERR_ARGUMENT);
		dm_array_free(array);
	}
	free(w);
}

/* ----------------------------------------------------------------------------------------------------------- maps */

static int compare_doubles(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;
	return (x > y) - (x < y);
}

static double quantile(const struct world *w, int32_t type, size_t s, double ratio)
{
	static double sorted[MAX_ELEMENT];
	size_t n = w->job.n_element, k;
	for (size_t e = 0; e < n; e++)
		sorted[e] = fabs(rounded(get(w->in[0].data, w->in[0].type, s * w->in[0].stride + e), type));
	qsort(sorted, n, sizeof *sorted, compare_doubles);
	k = (size_t)floor(ratio * (double)(n - 1));
	return k + 1 < n ? sorted[k] + (ratio * (double)(n - 1) - (double)k) * (sorted[k + 1] - sorted[k]) : sorted[k];
}

static double clamp(double x, double limit)
{
	return x < -limit ? -limit : x > limit ? limit : x;
}

/* Plain clip (q irrelevant), and the quantile kind with both rules for s; ties, single elements, all ratios. */
static void maps_clip(void **unused)
{
	static const double ratio[] = {0, 1, 0.5, 0.9, 0.995, 1e-9, 1 - 1e-9};
	struct world *w = malloc(2 * sizeof *w);
	(void)unused;
	for (int it = 0; it < 700; it++) {
		int32_t type = it % 2 ? DM_F32 : DM_F64, quantile_kind = it % 5 != 0;
		double p[4] = {it % 3 ? ratio[below(7)] : fabs(uniform()), 0.3 + 6 * fabs(uniform()), it % 7 < 3, 0};
		dm_array *array = host(type, it % 4 == 0);
		do
			make(&w[0], type, 0);
		while (w->in[0].source || (w->out[0].data != w->in_data[0] && w->out[0].data != w->out_data[0]));
		if (it % 6 == 1)
			w->job.n_element = 1 + (size_t)it % 3;
		for (size_t i = 0; it % 4 == 1 && w->in[0].type == DM_F32 && i < ROWS; i++)
			((float *)w->in_data[0])[i] = rintf(2 * ((float *)w->in_data[0])[i]);
		copy_world(&w[1], &w[0]);
		assert_int_equal(array->ops.map(array->user, quantile_kind ? DM_MAP_QUANTILE_CLIP : DM_MAP_CLIP, &w[1].job, p),
		                 0);
		const dm_output *out = &w[1].out[0];
		for (size_t s = 0; s < w->job.n_sample; s++) {
			double q = quantile(&w[0], type, s, p[0]);
			double limit = rounded(!quantile_kind ? p[0] : p[2] != 0 ? fmax(q, p[1]) : fmin(fmax(q, 1), p[1]), type);
			for (size_t e = 0; e < w->job.n_element; e++) {
				double x = rounded(get(w->in[0].data, w->in[0].type, s * w->in[0].stride + e), type);
				double want = quantile_kind ? rounded(clamp(x, limit) / limit, type) : clamp(x, limit);
				assert_true(same(get(out->data, out->type, s * out->stride + e), rounded(want, out->type)));
			}
		}
		p[0] = it % 2 ? 1.001 : (double)NAN;
		assert_int_equal(array->ops.map(array->user, DM_MAP_QUANTILE_CLIP, &w->job, p), DM_ERR_ARGUMENT);
		assert_int_equal(array->ops.map(array->user, 77, &w->job, p), DM_ERR_UNSUPPORTED);
		dm_array_free(array);
	}
	free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(combine_is_the_sum),
	    cmocka_unit_test(stats_are_exact_enough),
	    cmocka_unit_test(error_is_the_norm),
	    cmocka_unit_test(maps_clip),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
