/* The streams of PyTorch's generators: their numbers, and the sources that serve them to a run. */
#include "run_testing.h"
#include "noise/noise.h"

/* Call `call` (from 0) of a CPU generator all of whose calls are of n numbers. */
static void cpu_call(uint64_t seed, size_t call, size_t n, float *out)
{
	size_t *size = malloc((call + 1) * sizeof *size);
	float *all = malloc((call + 1) * n * sizeof *all);
	assert_true(size && all);
	for (size_t i = 0; i <= call; i++)
		size[i] = n;
	DO(dm_torch_cpu_normals(seed, size, call + 1, DM_F32, all, err));
	memcpy(out, all + call * n, n * sizeof *out);
	free(all);
	free(size);
}

static void cuda_call(uint64_t seed, size_t call, size_t n, float *out)
{
	DO(dm_torch_cuda_normals(seed, call, n, DM_F32, out, err));
}

/* -------------------------------------------------------------------------------------------------- known answers */

/* Recorded from PyTorch 1.13 with float arithmetic: manual_seed(0), then randn(5), randn(20), randn(4). The fifth
 * number leaves half a pair, which the call of 4 begins with. */
static void calls_of_the_cpu_generator(void **state)
{
	static const size_t size[] = {5, 20, 4};
	static const double want[29] = {
	    1.5409960746765137,   -0.293428897857666,  -2.1787893772125244,  0.5684312582015991,  -1.0845223665237427,
	    -0.08853142708539963, 0.5238832831382751,  -0.6658713221549988,  0.8503773808479309,  -0.6135830879211426,
	    0.03159274160861969,  -0.4926769733428955, 0.2484147548675537,   0.4396958351135254,  0.11241118609905243,
	    0.6407923698425293,   0.441156268119812,   -0.10230965167284012, 0.7924439907073975,  -0.28966769576072693,
	    0.05250748619437218,  0.5228604674339294,  2.3022053241729736,   -1.4688938856124878, -1.586688756942749,
	    -1.3985954523086548,  0.19186942279338837, 1.2637947797775269,   -1.2904350757598877};
	double got[29];
	float narrow[29];
	(void)state;
	DO(dm_torch_cpu_normals(0, size, 3, DM_F64, got, err));
	check_same("randn", got, want, 29, 5e-7);
	DO(dm_torch_cpu_normals(0, size, 3, DM_F32, narrow, err));
	for (size_t i = 0; i < 29; i++)
		assert_true((double)narrow[i] == got[i]);
	/* the low 32 bits of the seed count */
	DO(dm_torch_cpu_normals(UINT64_C(0xabcdef00000000), size, 3, DM_F32, narrow, err));
	for (size_t i = 0; i < 29; i++)
		assert_true((double)narrow[i] == got[i]);
}

/* The same, seed 42: randn(15), randn(16), randn(17) of fresh generators, the last numbers of randn(1000), rand(6). */
static void sizes_of_the_cpu_generator(void **state)
{
	static const double want_15[] = {0.33669036626815796, 0.12880940735340118, 0.23446236550807953,
	                                 0.23033303022384644, -1.1228563785552979, -0.18632829189300537};
	static const double want_16[] = {1.9269152879714966,  1.4872840642929077, 0.9007171988487244,
	                                 -2.1055209636688232, 0.6784184575080872, -1.2345448732376099};
	static const double want_17[] = {1.9269152879714966, -0.1595974713563919, -0.4973975419998169,
	                                 0.439589262008667,  -0.7581311464309692, 1.078317642211914};
	static const double end_1000[] = {0.6991406679153442, -0.036269914358854294, -0.37975940108299255,
	                                  -0.8534544110298157};
	static const double want_uniform[] = {0.8822692632675171, 0.9150039553642273, 0.38286375999450684,
	                                      0.9593056440353394, 0.3904482126235962, 0.600895345211029};
	double got[1000];
	(void)state;
	DO(dm_torch_cpu_normals(42, &(size_t){15}, 1, DM_F64, got, err));
	check_same("randn(15)", got, want_15, 6, 5e-7);
	check_same("randn(15)", got + 14, &(double){-0.9889599084854126}, 1, 5e-7);
	DO(dm_torch_cpu_normals(42, &(size_t){16}, 1, DM_F64, got, err));
	check_same("randn(16)", got, want_16, 6, 5e-7);
	check_same("randn(16)", got + 15, &(double){0.7624453902244568}, 1, 5e-7);
	DO(dm_torch_cpu_normals(42, &(size_t){17}, 1, DM_F64, got, err));
	check_same("randn(17)", got, want_17, 6, 5e-7);
	check_same("randn(17)", got + 16, &(double){-0.3097267746925354}, 1, 5e-7);
	DO(dm_torch_cpu_normals(42, &(size_t){1000}, 1, DM_F64, got, err));
	check_same("randn(1000)", got + 996, end_1000, 4, 5e-7);
	DO(dm_torch_cpu_uniforms(42, 6, DM_F64, got, err));
	check_same("rand(6)", got, want_uniform, 6, 0);
}

/* Numbers of an independent implementation of the CUDA generator, seed 42: randn(5), and the second call. */
static void calls_of_the_cuda_generator(void **state)
{
	static const double want[] = {0.194018871, 2.16137385, -0.172050595, 0.849060118, -1.92439914};
	static const double second[] = {0.139137551, -0.108215846, -0.717422009, 0.756648719, 0.371488214};
	double got[5], other[5];
	(void)state;
	DO(dm_torch_cuda_normals(42, 0, 5, DM_F64, got, err));
	check_same("randn(5)", got, want, 5, 2e-6);
	DO(dm_torch_cuda_normals(42, 1, 5, DM_F64, got, err));
	check_same("second call", got, second, 5, 2e-6);
	/* all 64 bits of seed and call count */
	DO(dm_torch_cuda_normals(42 + (UINT64_C(1) << 32), 1, 5, DM_F64, other, err));
	assert_true(other[0] != got[0]);
	DO(dm_torch_cuda_normals(42, 1 + (UINT64_C(1) << 32), 5, DM_F64, other, err));
	assert_true(other[0] != got[0]);
}

/* -------------------------------------------------------------------------------------------------------- sources */

/* A request for rows first .. first + n - 1, whose samples count up and whose seed is 7. */
struct ask {
	dm_request rq;
	dm_error err;
	size_t row[4];
	int64_t sample[4];
	uint64_t seed[4];
	void *out;
};

static void set_ask(struct ask *a, size_t first, size_t n, size_t n_element, int32_t type, size_t stride, void *out)
{
	memset(a, 0, sizeof *a);
	a->rq = (dm_request){.struct_size = sizeof a->rq, .kind = DM_ASK_NOISE, .n_sample = n, .n_element = n_element};
	a->rq.out_type = type;
	a->rq.out_stride = stride;
	a->rq.row = a->row;
	a->rq.sample = a->sample;
	a->rq.seed = a->seed;
	a->rq.out = &a->out;
	a->rq.error = &a->err;
	a->out = out;
	for (size_t i = 0; i < n; i++) {
		a->row[i] = first + i;
		a->sample[i] = (int64_t)(10 + first + i);
		a->seed[i] = 7;
	}
}

static dm_noise *make_noise(const char *spec)
{
	dm_noise *noise;
	DO(dm_noise_create(&noise, spec, NULL, err));
	return noise;
}

static const struct {
	const char *name;
	void (*call)(uint64_t seed, size_t call, size_t n, float *out);
} streams[] = {{"torch_cpu", cpu_call}, {"torch_cuda", cuda_call}};

enum { MOST_ELEMENT = 700, N_STREAM = 2 };
static const size_t sizes[] = {1, 2, 3, 5, 8, 11, 15, 16, 17, 31, 32, 33, MOST_ELEMENT};
enum { N_SIZE = sizeof sizes / sizeof *sizes };

/* n rows of n_element numbers within stride, the rest 0. */
static void check_rows(const struct ask *a, const float *want, size_t want_stride)
{
	for (size_t i = 0; i < a->rq.n_sample; i++)
		for (size_t j = 0; j < a->rq.out_stride; j++) {
			double wanted = j < a->rq.n_element ? (double)want[i * want_stride + j] : 0;
			assert_true(get(a->out, a->rq.out_type, i * a->rq.out_stride + j) == wanted);
		}
}

/* Draw k of a batch of 1 to 3 samples is call k of as many numbers as the batch has, in any order of asking. */
static void batch_is_one_call(void **state)
{
	static const int64_t order[] = {3, 0, 2, 1, 2};
	struct ask a;
	(void)state;
	for (size_t s = 0; s < N_STREAM; s++) {
		dm_noise *noise = make_noise(streams[s].name);
		for (size_t k = 0; k < N_SIZE * 3 * 2 * 5; k++) {
			size_t n_element = sizes[k / 30], n = 1 + k / 10 % 3, stride = n_element + 3 * (k / 5 % 2);
			double out[3 * (MOST_ELEMENT + 3)] = {0};
			float want[3 * MOST_ELEMENT];
			set_ask(&a, 0, n, n_element, k % 2 ? DM_F32 : DM_F64, stride, out);
			a.rq.draw_ordinal = order[k % 5];
			assert_int_equal(noise->ops.fill(noise->user, &a.rq), DM_OK);
			streams[s].call(7, (size_t)a.rq.draw_ordinal, n * n_element, want);
			check_rows(&a, want, n_element);
		}
		dm_noise_free(noise);
	}
}

/* With per_sample=1 a row is a call of its own generator, whatever else is asked for. */
static void a_generator_for_every_sample(void **state)
{
	struct ask a;
	(void)state;
	for (size_t s = 0; s < N_STREAM; s++) {
		char spec[32];
		snprintf(spec, sizeof spec, "%s:per_sample=1", streams[s].name);
		dm_noise *noise = make_noise(spec);
		for (size_t k = 0; k < N_SIZE * 3; k++) {
			size_t n_element = sizes[k / 3], first = k % 3, n = 1 + first % 2;
			double out[3 * (MOST_ELEMENT + 1)] = {0};
			float want[3 * MOST_ELEMENT];
			set_ask(&a, first, n, n_element, k % 2 ? DM_F32 : DM_F64, n_element + 1, out);
			a.seed[n - 1] = UINT64_C(0x100000063); /* as one of a merged batch */
			a.rq.draw_ordinal = (int64_t)first;
			assert_int_equal(noise->ops.fill(noise->user, &a.rq), DM_OK);
			for (size_t i = 0; i < n; i++)
				streams[s].call(a.seed[i] + 10 + first + i, first, n_element, want + i * n_element);
			check_rows(&a, want, n_element);
		}
		dm_noise_free(noise);
	}
}

/* One number of draw (domain, step, tag) with that ordinal, and the call it came from (-1: refused). */
static int call_taken(const char *spec, int32_t domain, int64_t step, int32_t tag, int64_t ordinal, dm_error *error)
{
	dm_noise *noise = make_noise(spec);
	float out[20], want[20];
	struct ask a;
	set_ask(&a, 0, 1, 20, DM_F32, 20, out);
	DO(dm_draw(domain, step, tag, &a.rq.draw, err));
	a.rq.draw_ordinal = ordinal;
	a.rq.error = error;
	dm_status st = noise->ops.fill(noise->user, &a.rq);
	int call = -1;
	assert_int_equal(st, st == DM_OK ? DM_OK : error->status);
	for (size_t k = 0; st == DM_OK && call < 0 && k < 40; k++) {
		cpu_call(7, k, 20, want);
		call = memcmp(out, want, sizeof out) ? -1 : (int)k;
	}
	dm_noise_free(noise);
	return call;
}

static void calls_are_counted_as_asked_for(void **state)
{
	static const struct {
		const char *spec;
		int32_t domain;
		int64_t step;
		int32_t tag;
		int64_t ordinal;
		int call;
		const char *word;
	} asked[] = {
	    {"torch_cpu", DM_DRAW_STEP, 6, 2, 4, 4, NULL},
	    {"torch_cpu", DM_DRAW_RENOISE, 6, 2, 4, 4, NULL},
	    {"torch_cpu", DM_DRAW_INIT, 0, 0, -1, -1, "init=1"},
	    {"torch_cpu:init=1", DM_DRAW_INIT, 0, 0, -1, 0, NULL},
	    {"torch_cpu:init=1", DM_DRAW_STEP, 0, 0, 0, 1, NULL},
	    {"torch_cpu:init=1", DM_DRAW_STEP, 6, 2, 4, 5, NULL},
	    {"torch_cpu:calls_per_step=1", DM_DRAW_STEP, 6, 0, 4, 6, NULL},
	    {"torch_cpu:calls_per_step=1,init=1", DM_DRAW_STEP, 6, 0, 4, 7, NULL},
	    {"torch_cpu:calls_per_step=1,init=1", DM_DRAW_INIT, 0, 0, -1, 0, NULL},
	    {"torch_cpu:calls_per_step=3", DM_DRAW_STEP, 6, 2, 4, 20, NULL},
	    {"torch_cpu:calls_per_step=3,first_step=4", DM_DRAW_PATH, 6, 1, 4, 7, NULL},
	    {"torch_cpu:calls_per_step=3,first_step=6", DM_DRAW_STEP, 6, 0, 4, 0, NULL},
	    {"torch_cpu:calls_per_step=3,first_step=7", DM_DRAW_STEP, 6, 0, 4, -1, "first_step=7"},
	    {"torch_cpu:calls_per_step=2", DM_DRAW_STEP, 6, 2, 4, -1, "step 6 asks for its draw 2"},
	    {"torch_cpu:calls_per_step=2", DM_DRAW_RENOISE, 6, 0, 4, -1, "belongs to no step"},
	};
	(void)state;
	for (size_t i = 0; i < sizeof asked / sizeof *asked; i++) {
		dm_error error = {0};
		int call = call_taken(asked[i].spec, asked[i].domain, asked[i].step, asked[i].tag, asked[i].ordinal, &error);
		if (call != asked[i].call)
			fail_msg("%s, row %zu: call %d (%s)", asked[i].spec, i, call, error.message);
		if (asked[i].word)
			assert_non_null(strstr(error.message, asked[i].word));
	}
}

/* ----------------------------------------------------------------------------------------------------------- runs */

/* ddpm over 5 steps: the start and four draws. */
static void a_run_plays_the_stream(void **state)
{
	enum { DRAWS = 4, N = 15 };
	struct setup s = {.sampler = "ddpm", .grid = "trailing:steps=5", .run = "seed=3"};
	struct denoiser d = {.kind = EPSILON};
	size_t size[DRAWS + 1] = {N, N, N, N, N};
	double all[(DRAWS + 1) * N], start[N];
	const dm_request *rq;
	dm_noise *replay, *noise = make_noise("torch_cpu:init=1");
	(void)state;
	DO(dm_torch_cpu_normals(3, size, DRAWS + 1, DM_F64, all, err));
	DO(dm_noise_create_replay(&replay, all + N, DM_F64, DRAWS, 3, 5, NULL, err));
	s.noise = noise;
	dm_run *run = make_run(&s, &d);
	assert_int_equal(dm_run_next(run, &rq, NULL), DM_EVAL);
	memcpy(start, rq->x, sizeof start);
	for (size_t i = 0; i < N; i++)
		assert_true(start[i] == rq->sigma[0] * all[i]);
	dm_run_free(run);
	double *got = sample_all(&s, &d);
	s.noise = replay;
	run = make_run(&s, &d);
	DO(dm_run_start_state(run, start, DM_F64, 0, err));
	DO(dm_run_all(run, err));
	double *want = state_of(run, &s);
	check_same("stream", got, want, N, 0);
	dm_run_free(run);
	dm_noise_free(replay);
	dm_noise_free(noise);
	free(got);
	free(want);
}

/* Samples with generators of their own are the same alone, and the library's status and sentence reach the caller. */
static void a_run_of_own_generators_can_be_split(void **state)
{
	struct setup s = {.sampler = "ddpm", .grid = "trailing:steps=5", .run = "seed=3", .n_element = 16};
	struct denoiser d = {.kind = EPSILON};
	dm_noise *noise = make_noise("torch_cpu:per_sample=1,init=1");
	(void)state;
	s.noise = noise;
	double *all = sample_all(&s, &d);
	s.n_sample = 1;
	s.run = "seed=3,first_sample=1";
	double *one = sample_all(&s, &d);
	check_same("split", one, all + 16, 16, 0);
	free(one);
	s.run = "seed=4"; /* the picture after it */
	one = sample_all(&s, &d);
	check_same("next seed", one, all + 16, 16, 0);
	free(one);
	free(all);
	dm_noise_free(noise);
	s.noise = noise = make_noise("torch_cpu");
	dm_run *run = make_run(&s, &d);
	REFUSE(DM_ERR_STATE, dm_run_all(run, err), "torch_cpu: the stream does not hold the noise of the start");
	dm_run_free(run);
	dm_noise_free(noise);
}

/* --------------------------------------------------------------------------------------------------------- errors */

static void requests_that_do_not_fit_are_refused(void **state)
{
	dm_noise *noise = make_noise("torch_cuda");
	float out[40];
	struct ask a;
	(void)state;
	set_ask(&a, 1, 2, 20, DM_F32, 20, out);
	assert_int_equal(noise->ops.fill(noise->user, &a.rq), DM_ERR_UNSUPPORTED);
	assert_string_equal(a.err.message, "torch_cuda: row 1 is asked for apart from the batch; per_sample=1 allows that");
	set_ask(&a, 0, 2, 20, DM_F32, 20, out);
	a.seed[1] = 8;
	assert_int_equal(noise->ops.fill(noise->user, &a.rq), DM_ERR_UNSUPPORTED);
	assert_string_equal(a.err.message, "torch_cuda: row 1 has another seed than row 0; per_sample=1 allows that");
	set_ask(&a, 0, 2, 20, DM_F16, 20, out);
	assert_int_equal(noise->ops.fill(noise->user, &a.rq), DM_ERR_ARGUMENT);
	assert_string_equal(a.err.message, "torch_cuda: type is 3, it must be DM_F32 (1) or DM_F64 (2)");
	dm_noise_free(noise);
}

static void bad_arguments_are_refused(void **state)
{
	float out[4];
	size_t size[2] = {2, 2}, huge[2] = {SIZE_MAX, 2};
	dm_noise *noise;
	(void)state;
	REFUSE(DM_ERR_ARGUMENT, dm_torch_cpu_normals(0, NULL, 2, DM_F32, out, err), "size is NULL", "2 calls");
	REFUSE(DM_ERR_ARGUMENT, dm_torch_cpu_normals(0, size, 2, DM_F32, NULL, err), "out is NULL", "4 numbers");
	REFUSE(DM_ERR_ARGUMENT, dm_torch_cpu_normals(0, size, 2, DM_BF16, out, err), "type is 4");
	REFUSE(DM_ERR_OVERFLOW, dm_torch_cpu_normals(0, huge, 2, DM_F32, out, err), "2^34");
	REFUSE(DM_ERR_ARGUMENT, dm_torch_cpu_uniforms(0, 4, DM_F32, NULL, err), "out is NULL");
	REFUSE(DM_ERR_ARGUMENT, dm_torch_cpu_uniforms(0, 4, 0, out, err), "type is 0");
	REFUSE(DM_ERR_ARGUMENT, dm_torch_cuda_normals(0, 0, 4, DM_F32, NULL, err), "torch_cuda", "out is NULL");
	REFUSE(DM_ERR_OVERFLOW, dm_torch_cuda_normals(0, 0, (SIZE_MAX >> 1), DM_F32, out, err), "2^34");
	DO(dm_torch_cpu_normals(0, NULL, 0, DM_F32, NULL, err));
	DO(dm_torch_cuda_normals(0, 0, 0, DM_F32, NULL, err));
	REFUSE(DM_ERR_NAME, dm_noise_create(&noise, "torch_cp", NULL, err), "did you mean \"torch_cpu\"");
	REFUSE(DM_ERR_NAME, dm_noise_create(&noise, "torch_cpu:per_samples=1", NULL, err), "per_sample");
	REFUSE(DM_ERR_ARGUMENT, dm_noise_create(&noise, "torch_cpu:init=2", NULL, err), "init = 2", "[0, 1]");
	REFUSE(DM_ERR_ARGUMENT, dm_noise_create(&noise, "torch_cuda:calls_per_step=33", NULL, err), "33", "[0, 32]");
	assert_null(noise);
}

static void sources_print_their_spec(void **state)
{
	static const char *const specs[] = {"torch_cpu", "torch_cuda:per_sample=1,init=1",
	                                    "torch_cpu:calls_per_step=2,first_step=5"};
	(void)state;
	for (size_t i = 0; i < sizeof specs / sizeof *specs; i++) {
		char buffer[80];
		struct dmi_text text = {buffer, sizeof buffer, 0};
		dm_noise *noise = make_noise(specs[i]);
		dmi_noise_print(noise, &text);
		assert_string_equal(buffer, specs[i]);
		dm_noise_free(noise);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(calls_of_the_cpu_generator),
	    cmocka_unit_test(sizes_of_the_cpu_generator),
	    cmocka_unit_test(calls_of_the_cuda_generator),
	    cmocka_unit_test(batch_is_one_call),
	    cmocka_unit_test(a_generator_for_every_sample),
	    cmocka_unit_test(calls_are_counted_as_asked_for),
	    cmocka_unit_test(a_run_plays_the_stream),
	    cmocka_unit_test(a_run_of_own_generators_can_be_split),
	    cmocka_unit_test(requests_that_do_not_fit_are_refused),
	    cmocka_unit_test(bad_arguments_are_refused),
	    cmocka_unit_test(sources_print_their_spec),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
