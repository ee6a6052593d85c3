/* Unit normals by address, and the noise objects. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include "demist.h"
#include "noise/noise.h"
#include "noise/normals.h"
#include "noise/philox.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define PI 3.14159265358979323846264338327950288L

static void normals(uint64_t seed, int64_t sample, uint32_t draw, uint64_t first, size_t n, float *out)
{
	assert_int_equal(dm_normals(seed, sample, draw, first, n, DM_F32, out, NULL), DM_OK);
}

/* Pseudo-random words for the tests themselves (xorshift). */
static uint32_t next_word(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return (uint32_t)(*state >> 16);
}

/* ----------------------------------------------------------------------------------------------------- generator */

/* The known answers that come with Random123. */
static void philox_known_answers(void **unused)
{
	static const struct {
		uint32_t counter[4], key[2], answer[4];
	} known[] = {
	    {{0, 0, 0, 0}, {0, 0}, {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
	    {{0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff},
	     {0xffffffff, 0xffffffff},
	     {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
	    {{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344},
	     {0xa4093822, 0x299f31d0},
	     {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}},
	};
	(void)unused;
	for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
		uint32_t c[4];
		memcpy(c, known[i].counter, sizeof c);
		dmi_philox(c, known[i].key[0], known[i].key[1]);
		assert_memory_equal(c, known[i].answer, sizeof c);
	}
}

/* -ln((w + 1/2) / 2^32) */
static long double minus_log(uint32_t w)
{
	long double unit = 0x1p-32L;
	return w < 0x80000000u ? -logl(((long double)w + 0.5L) * unit)
	                       : -log1pl(-((long double)(0xffffffffu - w) + 0.5L) * unit);
}

static void check_pair(uint32_t w0, uint32_t w1, float x, float y)
{
	long double r = sqrtl(2 * minus_log(w0)), angle = 2 * PI * (long double)w1 * 0x1p-32L;
	assert_true(fabsl((long double)x - r * cosl(angle)) <= 2e-7L * r);
	assert_true(fabsl((long double)y - r * sinl(angle)) <= 2e-7L * r);
	if (w1 == 0) {
		assert_true(fabsl((long double)x - r) <= 1.3e-7L * r);
		assert_true(y == 0);
	}
}

static void transform_is_accurate(void **unused)
{
	static const uint32_t edge[] = {0,           1,          0x1fffffff, 0x20000000, 0x3fffffff, 0x40000000,
	                                0x5fffffff,  0x60000000, 0x7fffffff, 0x80000000, 0x80000001, 0x95f619ff,
	                                0xa0000000,  0xb504f332, 0xb504f333, 0xb504f334, 0xc0000000, 0xdfffffff,
	                                0xe0000000u, 0xfffffffe, 0xffffffff};
	const size_t n_edge = sizeof edge / sizeof *edge;
	uint64_t state = 88172645463325252u;
	(void)unused;
	for (size_t it = 0; it < 40000; it++) {
		uint32_t w0[DMI_LANES], w1[DMI_LANES];
		float x[DMI_LANES], y[DMI_LANES];
		for (size_t i = 0; i < DMI_LANES; i++) {
			w0[i] = i < 4 ? next_word(&state) >> it % 32 : next_word(&state);
			w0[i] = i < 2 ? ~w0[i] : w0[i];
			w1[i] = i == 5 ? 0 : next_word(&state);
		}
		w0[6] = w0[7] = edge[it % n_edge];
		w1[7] = edge[it / n_edge % n_edge];
		dmi_box_muller(w0, w1, x, y);
		for (size_t i = 0; i < DMI_LANES; i++)
			check_pair(w0[i], w1[i], x[i], y[i]);
	}
}

/* ------------------------------------------------------------------------------------------------------- address */

/* Element 64 T + 16 j + i is word j of counter {16 T + i, draw, sample low, sample high}. */
static void layout_is_as_documented(void **unused)
{
	static const uint64_t tile[] = {0, 1, 77, (UINT64_C(1) << 28) - 1};
	static const int64_t sample[] = {0, 5, INT64_C(0x7000000300000002)};
	const uint64_t seed = UINT64_C(0x0123456789abcdef);
	const uint32_t draw = 0x21000005u;
	(void)unused;
	for (size_t t = 0; t < 4; t++)
		for (size_t s = 0; s < 3; s++) {
			float out[64];
			normals(seed, sample[s], draw, 64 * tile[t], 64, out);
			for (size_t i = 0; i < 16; i++) {
				uint32_t c[4] = {(uint32_t)(16 * tile[t] + i), draw, (uint32_t)(uint64_t)sample[s],
				                 (uint32_t)((uint64_t)sample[s] >> 32)};
				dmi_philox(c, 0x89abcdefu, 0x01234567u);
				check_pair(c[0], c[1], out[i], out[16 + i]);
				check_pair(c[2], c[3], out[32 + i], out[48 + i]);
			}
		}
}

/* Any part of a draw is that part of the whole. */
static void ranges_agree(void **unused)
{
	enum { N = 700 };
	float whole[N], part[N];
	double wide[N];
	uint64_t state = 42;
	(void)unused;
	normals(3, 4, 5, 1000, N, whole);
	for (size_t it = 0; it < 2000; it++) {
		size_t first = next_word(&state) % N, n = next_word(&state) % (N - first + 1);
		memset(part, 0, sizeof part);
		normals(3, 4, 5, 1000 + first, n, part);
		assert_memory_equal(part, whole + first, n * sizeof *part);
		assert_true(n == N || part[n] == 0);
		assert_int_equal(dm_normals(3, 4, 5, 1000 + first, n, DM_F64, wide, NULL), DM_OK);
		for (size_t j = 0; j < n; j++)
			assert_true(wide[j] == (double)whole[first + j]);
	}
}

static void different_address_different_numbers(void **unused)
{
	static const struct {
		uint64_t seed;
		int64_t sample;
		uint32_t draw;
		uint64_t first;
	} at[] = {{1, 2, 3, 0},
	          {2, 2, 3, 0},
	          {UINT64_C(0x100000001), 2, 3, 0},
	          {1, 3, 3, 0},
	          {1, INT64_C(0x100000002), 3, 0},
	          {1, 2, 4, 0},
	          {1, 2, 0x80000003u, 0},
	          {1, 2, 3, 64},
	          {1, 2, 3, UINT64_C(1) << 33}};
	enum { N = sizeof at / sizeof *at };
	float value[N][64];
	(void)unused;
	for (size_t a = 0; a < N; a++) {
		normals(at[a].seed, at[a].sample, at[a].draw, at[a].first, 64, value[a]);
		for (size_t b = 0; b < a; b++)
			for (size_t j = 0; j < 64; j++)
				assert_true(value[a][j] != value[b][j]);
	}
}

/* The bits themselves: a change here changes every picture. */
static void bits_are_pinned(void **unused)
{
	enum { N = 100000 };
	float *x = malloc(N * sizeof *x);
	uint64_t hash = UINT64_C(0xcbf29ce484222325);
	(void)unused;
	normals(20240601, 9, 0x20000001u, 0, N, x);
	for (size_t i = 0; i < N; i++) {
		uint32_t bits;
		memcpy(&bits, &x[i], sizeof bits);
		hash = (hash ^ bits) * UINT64_C(0x100000001b3);
	}
	free(x);
	assert_true(hash == UINT64_C(0xdd7da0e7806b453f));
}

static int compare_words(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
	return (x > y) - (x < y);
}

/* Different (domain, visit, tag) have different numbers, so that no two uses share a counter. */
static void draws_are_injective(void **unused)
{
	static const int64_t visit[] = {0, 1, 2, 255, 256, 65535, 65536, (1 << 23), (1 << 24) - 1};
	uint32_t draw[5 * 32 * 9];
	size_t n = 0;
	(void)unused;
	for (int32_t domain = DM_DRAW_INIT; domain <= DM_DRAW_USER; domain++)
		for (int32_t tag = 0; tag < 32; tag++)
			for (size_t v = 0; v < 9; v++)
				assert_int_equal(dm_draw(domain, visit[v], tag, &draw[n++], NULL), DM_OK);
	qsort(draw, n, sizeof *draw, compare_words);
	for (size_t i = 1; i < n; i++)
		assert_true(draw[i - 1] < draw[i]);
}

/* -------------------------------------------------------------------------------------------------- distribution */

static int compare_floats(const void *a, const void *b)
{
	float x = *(const float *)a, y = *(const float *)b;
	return (x > y) - (x < y);
}

/* Each bound holds for a fair generator with all but 6e-7 (moments, correlations: 5 standard deviations) and 1e-3 (KS)
 * probability; the seed is fixed, so the outcome is too. */
static void normals_are_normal(void **unused)
{
	enum { N = 1000000 };
	static const double moment[] = {0, 1, 0, 3, 0, 15}, variance[] = {1, 2, 15, 96, 945, 10170};
	float *x = malloc(N * sizeof *x), *y = malloc(N * sizeof *y);
	double power[6] = {0}, worst = 0;
	(void)unused;
	normals(1, 0, 7, 0, N, x);
	for (size_t i = 0; i < N; i++)
		for (size_t k = 0; k < 6; k++)
			power[k] += pow((double)x[i], (double)(k + 1)) / N;
	for (size_t k = 0; k < 6; k++)
		assert_true(fabs(power[k] - moment[k]) < 5 * sqrt(variance[k] / N));
	for (size_t lag = 1; lag <= 130; lag++) {
		double sum = 0, squares = 0;
		for (size_t i = 0; i + lag < N; i++) {
			sum += (double)x[i] * (double)x[i + lag] / N;
			squares += ((double)x[i] * (double)x[i] - 1) * ((double)x[i + lag] * (double)x[i + lag] - 1) / N;
		}
		assert_true(fabs(sum) < 5 / sqrt(N));
		assert_true(fabs(squares) < 5 * 2 / sqrt(N));
	}
	for (int which = 0; which < 3; which++) { /* neighbours in seed, sample, draw */
		double sum = 0;
		normals(which == 0 ? 2 : 1, which == 1, which == 2 ? 8 : 7, 0, N, y);
		for (size_t i = 0; i < N; i++)
			sum += (double)x[i] * (double)y[i] / N;
		assert_true(fabs(sum) < 5 / sqrt(N));
	}
	qsort(x, N, sizeof *x, compare_floats);
	for (size_t i = 0; i < N; i++) {
		double p = 0.5 * erfc(-(double)x[i] / sqrt(2.0)), low = (double)i / N, high = (double)(i + 1) / N;
		worst = fmax(worst, fmax(p - low, high - p));
	}
	assert_true(worst * sqrt(N) < 1.95);
	free(x);
	free(y);
}

/* -------------------------------------------------------------------------------------------------------- errors */

static void errors_name_the_argument(void **unused)
{
	dm_error err;
	uint32_t draw = 1;
	float x[4];
	(void)unused;
	assert_int_equal(dm_draw(0, 1 << 24, 0, &draw, &err), DM_ERR_OVERFLOW);
	assert_string_equal(err.message, "draw: visit is 16777216, it must be 0 to 16777215");
	assert_int_equal(draw, 0);
	assert_int_equal(dm_draw(0, -1, 0, &draw, &err), DM_ERR_OVERFLOW);
	assert_int_equal(dm_draw(0, 0, 32, &draw, &err), DM_ERR_OVERFLOW);
	assert_string_equal(err.message, "draw: tag is 32, it must be 0 to 31");
	assert_int_equal(dm_draw(5, 0, 0, &draw, &err), DM_ERR_OVERFLOW);
	assert_string_equal(err.message, "draw: domain is 5, it must be 0 to 4");
	assert_int_equal(dm_draw(0, 0, 0, NULL, &err), DM_ERR_ARGUMENT);
	assert_int_equal(dm_normals(0, -1, 0, 0, 4, DM_F32, x, &err), DM_ERR_ARGUMENT);
	assert_string_equal(err.message, "normals: sample is -1, it must be 0 or more");
	assert_int_equal(dm_normals(0, 0, 0, 0, 4, DM_F16, x, &err), DM_ERR_ARGUMENT);
	assert_int_equal(dm_normals(0, 0, 0, 0, 4, DM_F32, NULL, &err), DM_ERR_ARGUMENT);
	assert_int_equal(dm_normals(0, 0, 0, (UINT64_C(1) << 34) - 3, 4, DM_F32, x, &err), DM_ERR_OVERFLOW);
	assert_int_equal(dm_normals(0, 0, 0, UINT64_MAX, 4, DM_F32, x, &err), DM_ERR_OVERFLOW);
	assert_int_equal(dm_normals(0, INT64_MAX, 0, (UINT64_C(1) << 34) - 4, 4, DM_F32, x, &err), DM_OK);
}

/* ------------------------------------------------------------------------------------------------------- objects */

static void *no_memory(void *user, size_t bytes)
{
	(void)user;
	(void)bytes;
	return NULL;
}

static void no_release(void *user, void *memory, size_t bytes)
{
	(void)user;
	(void)memory;
	(void)bytes;
}

static const dm_allocator empty = {sizeof empty, NULL, no_memory, no_release};

static void assert_prints(dm_noise *noise, const char *expected)
{
	char buffer[32];
	struct dmi_text text = {buffer, sizeof buffer, 0};
	dmi_noise_print(noise, &text);
	assert_string_equal(buffer, expected);
}

static void philox_object(void **unused)
{
	dm_error err;
	dm_noise *noise;
	(void)unused;
	assert_int_equal(dm_noise_create(&noise, "philox", NULL, &err), DM_OK);
	assert_true(noise->builtin && !noise->ops.fill);
	assert_prints(noise, "philox");
	dm_noise_free(noise);
	assert_int_equal(dm_noise_create(&noise, "philix", NULL, &err), DM_ERR_NAME);
	assert_null(noise);
	assert_non_null(strstr(err.message, "did you mean \"philox\""));
	assert_int_equal(dm_noise_create(&noise, NULL, NULL, &err), DM_ERR_ARGUMENT);
	assert_int_equal(dm_noise_create(&noise, "philox:width=3", NULL, &err), DM_ERR_NAME);
	assert_int_equal(dm_noise_create(NULL, "philox", NULL, &err), DM_ERR_ARGUMENT);
	assert_int_equal(dm_noise_create(&noise, "philox", &empty, NULL), DM_ERR_MEMORY);
	dm_noise_free(NULL);
}

static void count_destroy(void *user)
{
	++*(int *)user;
}

static void custom_is_destroyed_once(void **unused)
{
	dm_noise_ops ops = {.struct_size = sizeof ops, .destroy = count_destroy};
	dm_noise *noise;
	int count = 0;
	(void)unused;
	assert_int_equal(dm_noise_create_custom(&noise, &ops, &count, NULL, NULL), DM_OK);
	assert_prints(noise, "custom");
	assert_int_equal(count, 0);
	dm_noise_free(noise);
	assert_int_equal(count, 1);
	assert_int_equal(dm_noise_create_custom(&noise, &ops, &count, &empty, NULL), DM_ERR_MEMORY);
	assert_null(noise);
	assert_int_equal(count, 2);
	assert_int_equal(dm_noise_create_custom(NULL, &ops, &count, NULL, NULL), DM_ERR_ARGUMENT);
	assert_int_equal(count, 3);
	assert_int_equal(dm_noise_create_custom(&noise, NULL, &count, NULL, NULL), DM_ERR_ARGUMENT);
}

/* Two draws, three samples, two elements: value = 100 draw + 10 sample + element. */
static void replay_gives_back_the_record(void **unused)
{
	double value[2][3][2];
	float out[2][4] = {{0}};
	void *rows = out;
	size_t row[2] = {2, 0};
	dm_error err;
	dm_noise *noise;
	dm_request rq = {.struct_size = sizeof rq, .kind = DM_ASK_NOISE, .row = row, .n_sample = 2, .n_element = 2};
	(void)unused;
	for (int i = 0; i < 12; i++)
		value[i / 6][i / 2 % 3][i % 2] = 100 * (i / 6) + 10 * (i / 2 % 3) + i % 2;
	assert_int_equal(dm_noise_create_replay(&noise, value, DM_F64, 2, 3, 2, NULL, &err), DM_OK);
	assert_prints(noise, "replay");
	rq.out = &rows;
	rq.out_type = DM_F32;
	rq.out_stride = 4;
	rq.draw_ordinal = 1;
	rq.error = &err;
	assert_int_equal(noise->ops.fill(noise->user, &rq), DM_OK);
	assert_true(out[0][0] == 120 && out[0][1] == 121 && out[0][2] == 0 && out[1][0] == 100 && out[1][1] == 101);
	rq.draw_ordinal = 2;
	assert_int_equal(noise->ops.fill(noise->user, &rq), DM_ERR_STATE);
	assert_string_equal(err.message, "replay: draw 2 is asked for, the record holds 2 draws");
	rq.draw_ordinal = 0;
	row[1] = 3;
	assert_int_equal(noise->ops.fill(noise->user, &rq), DM_ERR_ARGUMENT);
	assert_string_equal(err.message, "replay: row 3 is asked for, the record holds 3 samples");
	rq.n_element = 3;
	assert_int_equal(noise->ops.fill(noise->user, &rq), DM_ERR_ARGUMENT);
	assert_string_equal(err.message, "replay: rows have 3 elements, the record has 2");
	dm_noise_free(noise);
	assert_int_equal(dm_noise_create_replay(&noise, NULL, DM_F64, 2, 3, 2, NULL, &err), DM_ERR_ARGUMENT);
	assert_int_equal(dm_noise_create_replay(&noise, value, 3, 2, 3, 2, NULL, &err), DM_ERR_ARGUMENT);
	assert_int_equal(dm_noise_create_replay(&noise, value, DM_F64, SIZE_MAX, 3, 2, NULL, &err), DM_ERR_OVERFLOW);
	assert_int_equal(dm_noise_create_replay(&noise, value, DM_F64, 2, 3, 2, &empty, NULL), DM_ERR_MEMORY);
	assert_null(noise);
}

/* W(a, b) + W(b, c) = W(a, c), wherever the times lie, there and back, and from infinite ends; unit variance where the
 * distance is many leaves. */
static void path_increments_add_up(void **state)
{
	enum { N = 64 };
	static const double times[][3] = {{-3, 1, 2.5},
	                                  {0.1, 0.1003, 0.10031},
	                                  {5, -7.77, 3},
	                                  {1e-9, 2e-9, 1},
	                                  {-INFINITY, 0.3, INFINITY},
	                                  {19.99, 19.995, INFINITY},
	                                  {16.946347819800348, 16.94637109155916, 16.94639509378862}};
	double square = 0, z[3][N];
	float f[3][N];
	(void)state;
	for (size_t k = 0; k < 8 * (sizeof times / sizeof *times); k++) {
		const double *t = times[k / 8], from[3] = {t[0], t[1], t[0]}, to[3] = {t[1], t[2], t[2]};
		double root[3];
		for (int i = 0; i < 3; i++) {
			double distance = fabs(fmin(fmax(to[i], -20), 20) - fmin(fmax(from[i], -20), 20));
			root[i] = sqrt(distance);
			assert_int_equal(dm_path(9, (int64_t)k, from[i], to[i], N, DM_F64, z[i], NULL), DM_OK);
			assert_int_equal(dm_path(9, (int64_t)k, from[i], to[i], N, DM_F32, f[i], NULL), DM_OK);
		}
		for (int j = 0; j < N; j++) {
			double size = fmax(1, root[2] * 4);
			assert_true(fabs(root[0] * z[0][j] + root[1] * z[1][j] - root[2] * z[2][j]) <= 1e-12 * size);
			assert_true(fabs(root[0] * f[0][j] + root[1] * f[1][j] - root[2] * f[2][j]) <= 1e-6 * size);
		}
	}
	for (int k = 0; k < 500; k++) { /* 32000 numbers: the deviation of the mean square is 0.008 */
		assert_int_equal(dm_path(4, k, 0.3, 0.32, N, DM_F64, z[0], NULL), DM_OK);
		for (int j = 0; j < N; j++)
			square += z[0][j] * z[0][j] / (500 * N);
	}
	assert_true(fabs(square - 1) < 0.04);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(path_increments_add_up),
	    cmocka_unit_test(philox_known_answers),
	    cmocka_unit_test(transform_is_accurate),
	    cmocka_unit_test(layout_is_as_documented),
	    cmocka_unit_test(ranges_agree),
	    cmocka_unit_test(different_address_different_numbers),
	    cmocka_unit_test(bits_are_pinned),
	    cmocka_unit_test(draws_are_injective),
	    cmocka_unit_test(normals_are_normal),
	    cmocka_unit_test(errors_name_the_argument),
	    cmocka_unit_test(philox_object),
	    cmocka_unit_test(custom_is_destroyed_once),
	    cmocka_unit_test(replay_gives_back_the_record),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
