/* Every instruction set that is present leaves the bits of plain C: sums, normals, statistics, maps, the finite check. */
#include "array/array.h"
#include "array/host.h"
#include "demist.h"
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include <math.h>

enum { MAX_N = 9000, N_IN = 7, N_OUT = 3 };

static double value[N_IN][MAX_N];
static double result[2][N_OUT + 1][MAX_N]; /* of the sums, and of the map */

static dm_array *array_of(int32_t type, int32_t isa)
{
	dm_array *array;
	assert_int_equal(dm_array_create_host(&array, type, NULL, NULL, NULL, NULL), DM_OK);
	dm_status st = dm_array_set_isa(array, isa, NULL);
	if (st == DM_OK) {
		assert_int_equal(dm_array_isa(array), isa);
		return array;
	}
	assert_int_equal(st, DM_ERR_UNSUPPORTED);
	dm_array_free(array);
	return NULL;
}

static void set_values(int32_t type)
{
	uint64_t state = 1;
	for (int i = 0; i < N_IN; i++)
		for (int j = 0; j < MAX_N; j++) {
			state = state * UINT64_C(6364136223846793005) + 1442695040888963407u;
			double v = ((double)(state >> 40) - 8388608.0) / 3e6;
			if (j % 50 == 7) /* all products are -0 */
				v = i == 2 || i == 4 || i == 6 ? 0.0 : -0.0;
			if (type == DM_F64)
				value[i][j] = v;
			else
				((float *)value[i])[j] = (float)v;
		}
}

static void run_all(dm_array *array, int32_t type, size_t n, int made, double out[N_OUT + 1][MAX_N], double gram[9],
                    double sum[3])
{
	static const uint64_t seed = 12345678901;
	static const int64_t sample = 4294967299;
	static const double coefficient[N_OUT * N_IN] = {0.9,  0.1, -0.3, 0.7, 0,   0.2,  -1.1, 1, 0,   0, 0,
	                                                 -0.5, 3,   0,    0.3, 0.1, 0.77, 0,    0, 0.6, 0};
	const double limit[4] = {0.9, 2, 0, 0};
	dm_input in[N_IN];
	dm_output to[N_OUT];
	for (int i = 0; i < N_IN; i++)
		in[i] = (dm_input){value[i], n, type, DM_SOURCE_DATA, 0, 0, 0, 0};
	if (made)
		in[3].source = DM_SOURCE_NORMALS;
	for (int o = 0; o < N_OUT; o++)
		to[o] = (dm_output){out[o], n, type, 0};
	dm_job job = {.struct_size = sizeof job, .n_sample = 1, .n_element = n, .n_in = N_IN, .n_out = N_OUT};
	job.seed = &seed;
	job.sample = &sample;
	job.in = in;
	job.out = to;
	job.coefficient = coefficient;
	assert_int_equal(array->ops.combine(array->user, &job), 0);
	/* in place, the first output read by the others */
	in[0].data = out[0];
	assert_int_equal(array->ops.combine(array->user, &job), 0);
	/* two outputs, each read by the other; a term of one, of the other, of both, of none */
	in[1].data = out[1];
	job.n_out = 2;
	assert_int_equal(array->ops.combine(array->user, &job), 0);
	job.n_out = N_OUT;
	assert_int_equal(array->ops.stats(array->user, &job, gram, sum), 0);
	job.n_in = job.n_out = 1;
	to[0].data = out[N_OUT];
	assert_int_equal(array->ops.map(array->user, DM_MAP_QUANTILE_CLIP, &job, limit), 0);
}

static void compare(int32_t type, int32_t isa)
{
	static const size_t size[] = {1, 63, 64, 65, 200, 256, 2049, 4096, MAX_N};
	dm_array *plain = array_of(type, DM_ISA_PLAIN), *other = array_of(type, isa);
	for (size_t k = 0; other && k < 2 * sizeof size / sizeof *size; k++) {
		double gram[2][9], sum[2][3];
		memset(result, 0, sizeof result);
		run_all(plain, type, size[k / 2], k % 2, result[0], gram[0], sum[0]);
		run_all(other, type, size[k / 2], k % 2, result[1], gram[1], sum[1]);
		assert_memory_equal(result[0], result[1], sizeof result[0]);
		assert_memory_equal(gram[0], gram[1], sizeof gram[0]);
		assert_memory_equal(sum[0], sum[1], sizeof sum[0]);
	}
	dm_array_free(plain);
	dm_array_free(other);
}

static void same_bits(void **state)
{
	(void)state;
	for (int32_t type = DM_F32; type <= DM_F64; type++) {
		set_values(type);
		for (int32_t isa = DM_ISA_SSE2; isa <= DM_ISA_NEON; isa++)
			compare(type, isa);
	}
}

/* The first of two numbers that are not finite, wherever they stand. */
static void check(dm_array *array, size_t at, float bad)
{
	float *x = (float *)value[0], kept = x[at], last = x[MAX_N - 1];
	dm_input in = {.data = value[0], .stride = MAX_N, .type = DM_F32};
	dm_job job = {.struct_size = sizeof job, .n_sample = 1, .n_element = MAX_N, .n_in = 1};
	int64_t first[1];
	job.in = &in;
	x[at] = bad;
	x[MAX_N - 1] = bad;
	assert_int_equal(array->ops.check(array->user, &job, first), 0);
	assert_int_equal(first[0], at);
	x[at] = kept;
	x[MAX_N - 1] = last;
	assert_int_equal(array->ops.check(array->user, &job, first), 0);
	assert_int_equal(first[0], -1);
}

static void finds_what_is_not_finite(void **state)
{
	(void)state;
	set_values(DM_F32);
	for (int32_t isa = DM_ISA_PLAIN; isa <= DM_ISA_NEON; isa++) {
		dm_array *array = array_of(DM_F32, isa);
		for (size_t at = 0; array && at < MAX_N; at += 257) {
			check(array, at, NAN);
			check(array, at, INFINITY);
			check(array, at, -INFINITY);
		}
		dm_array_free(array);
	}
}

static void refuses(void **state)
{
	(void)state;
	dm_array *array = array_of(DM_F32, DM_ISA_PLAIN);
	assert_int_equal(dm_array_set_isa(NULL, DM_ISA_PLAIN, NULL), DM_ERR_ARGUMENT);
	assert_int_equal(dm_array_set_isa(array, -1, NULL), DM_ERR_ARGUMENT);
	assert_int_equal(dm_array_set_isa(array, DM_ISA_NEON + 1, NULL), DM_ERR_ARGUMENT);
	assert_int_equal(dm_array_isa(array), DM_ISA_PLAIN);
	assert_int_equal(dm_array_set_isa(array, DM_ISA_BEST, NULL), DM_OK);
	assert_int_not_equal(dm_array_isa(array), DM_ISA_BEST);
	assert_int_equal(dm_array_isa(NULL), DM_ISA_BEST);
	dm_array_free(array);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(same_bits),
	    cmocka_unit_test(finds_what_is_not_finite),
	    cmocka_unit_test(refuses),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
