/* Requests: noise from elsewhere, steps and previews, the state at every request, adaptive runs. */
#include "run_testing.h"

/* --------------------------------------------------------------------------------------------------------------- noise */

struct source {
	int calls, fail_at, code;
	int destroyed;
};

/* The library's own normals, from outside. */
static void fill_rows(const dm_request *rq)
{
	for (size_t s = 0; s < rq->n_sample; s++) {
		char *row = (char *)rq->out[0] + s * rq->out_stride * (rq->out_type == DM_F32 ? 4 : 8);
		DO(dm_normals(rq->seed[s], rq->sample[s], rq->draw, 0, rq->n_element, rq->out_type, row, err));
	}
}

static dm_status fill(void *user, const dm_request *rq)
{
	struct source *source = user;
	assert_true(rq->kind == DM_ASK_NOISE && rq->n_branch == 0 && rq->n_time == 0);
	if (++source->calls == source->fail_at) {
		memset(rq->error->message, 'm', sizeof rq->error->message);
		return source->code;
	}
	fill_rows(rq);
	return 0;
}

static void destroy_source(void *user)
{
	((struct source *)user)->destroyed++;
}

static const char *const stochastic[] = {"ddim:eta=1", "ddpm:variance=large", "euler_ancestral", "euler:s_churn=3",
                                         "dpm_adaptive:rtol=0.1,atol=0.1,eta=1"};
enum { N_STOCHASTIC = sizeof stochastic / sizeof *stochastic };

static void test_noise_by_callback(void **state)
{
	(void)state;
	for (int k = 0; k < N_STOCHASTIC; k++) {
		struct source source = {0};
		const dm_noise_ops ops = {sizeof ops, fill, destroy_source};
		struct setup s = {.sampler = stochastic[k], .run = "seed=5,first_sample=9"};
		struct denoiser d = {.kind = EPSILON};
		double *want = sample_all(&s, &d);
		dm_noise *noise;
		DO(dm_noise_create_custom(&noise, &ops, &source, NULL, err));
		s.noise = noise;
		double *got = sample_all(&s, &d);
		check_same(stochastic[k], got, want, 15, 0);
		free(got);
		int last = source.calls;
		assert_true(last > 3);
		for (int i = 1; i <= last; i++) { /* failing at each call, and resumed */
			source = (struct source){.fail_at = i, .code = i % 2 ? -1 : INT32_MIN};
			dm_run *run = make_run(&s, &d);
			dm_error error = {0};
			assert_int_equal(dm_run_all(run, &error), DM_ERR_CALLBACK);
			assert_true(error.user_code == source.code && strstr(error.message, "noise fill callback returned"));
			assert_true(strstr(error.message, "mmm") && strlen(error.message) < sizeof error.message);
			DO(dm_run_all(run, err));
			got = state_of(run, &s);
			check_same(stochastic[k], got, want, 15, 0);
			free(got);
			dm_run_free(run);
		}
		dm_noise_free(noise);
		assert_int_equal(source.destroyed, 1);
		free(want);
	}
}

static void test_noise_by_request(void **state)
{
	(void)state;
	const dm_noise_ops ops = {.struct_size = sizeof ops};
	dm_noise *noise;
	DO(dm_noise_create_custom(&noise, &ops, NULL, NULL, err));
	for (int k = 0; k < N_STOCHASTIC; k++) {
		struct setup s = {.sampler = stochastic[k]};
		struct denoiser d = {.kind = EPSILON};
		double *want = sample_all(&s, &d);
		s.noise = noise;
		dm_run *run = make_run(&s, &d);
		const dm_request *rq;
		dm_status st;
		dm_error error;
		int64_t sample;
		int asked = 0;
		REFUSE(DM_ERR_STATE, dm_run_all(run, err), "noise has no callback", "dm_run_next");
		while ((st = dm_run_next(run, &rq, NULL)) == DM_EVAL) {
			void *place = rq->out[0];
			if (rq->kind == DM_ASK_PREDICTION) {
				denoise(&d, rq);
				continue;
			}
			switch (asked++ % 4) {
			case 0: /* nothing written */
				sample = rq->sample[0];
				assert_int_equal(dm_run_next(run, &rq, &error), DM_ERR_NOT_WRITTEN);
				assert_true(error.element == 0 && error.sample == sample && strstr(error.message, "noise"));
				assert_int_equal(dm_run_next(run, &rq, NULL), DM_EVAL);
				break;
			case 1: /* out[0] is the run's */
				rq->out[0] = NULL;
				assert_int_equal(dm_run_next(run, &rq, NULL), DM_ERR_ARGUMENT);
				assert_int_equal(dm_run_next(run, &rq, NULL), DM_EVAL);
				break;
			case 2: /* written, but taken back; then nothing is written */
				fill_rows(rq);
				DO(dm_run_retry(run, err));
				assert_int_equal(dm_run_next(run, &rq, NULL), DM_EVAL);
				assert_int_equal(dm_run_next(run, &rq, NULL), DM_ERR_NOT_WRITTEN);
				assert_int_equal(dm_run_next(run, &rq, NULL), DM_EVAL);
				break;
			default:
				put(rq->out[0], rq->out_type, 1, 0);
				break;
			}
			assert_ptr_equal(rq->out[0], place);
			fill_rows(rq);
		}
		assert_int_equal(st, DM_DONE);
		double *got = state_of(run, &s);
		check_same(stochastic[k], got, want, 15, 0);
		free(got);
		free(want);
		dm_run_free(run);
	}
	dm_noise_free(noise);
}

static void test_replay(void **state)
{
	(void)state;
	enum { DRAWS = 4 };
	double record[DRAWS * 15], start[15];
	float narrow[DRAWS * 15];
	struct setup s = {.sampler = "ddpm", .grid = "trailing:steps=5"};
	struct denoiser d = {.kind = EPSILON};
	dm_run *run = make_run(&s, &d);
	const dm_request *rq;
	assert_int_equal(dm_run_next(run, &rq, NULL), DM_EVAL);
	DO(dm_run_state(run, start, DM_F64, err));
	dm_run_free(run);
	double *want = sample_all(&s, &d);
	for (int k = 0; k < DRAWS; k++)
		for (int i = 0; i < 3; i++) {
			uint32_t draw;
			DO(dm_draw(DM_DRAW_STEP, k, 0, &draw, err));
			DO(dm_normals(0, i, draw, 0, 5, DM_F64, record + 15 * k + 5 * i, err));
			DO(dm_normals(0, i, draw, 0, 5, DM_F32, narrow + 15 * k + 5 * i, err));
		}
	for (int n_draw = 0; n_draw <= DRAWS; n_draw++)
		for (int type = DM_F32; type <= DM_F64; type++) {
			dm_noise *noise;
			const void *value = type == DM_F32 ? (const void *)narrow : (const void *)record;
			DO(dm_noise_create_replay(&noise, value, type, (size_t)n_draw, 3, 5, NULL, err));
			s.noise = noise;
			run = make_run(&s, &d);
			REFUSE(DM_ERR_STATE, dm_run_all(run, err), "replay", "start");
			DO(dm_run_start_state(run, start, DM_F64, 0, err)); /* the init draw is not in the record */
			if (n_draw < DRAWS) {
				char number[32], held[32];
				snprintf(number, sizeof number, "draw %d", n_draw);
				snprintf(held, sizeof held, "holds %d draws", n_draw);
				REFUSE(DM_ERR_STATE, dm_run_all(run, err), "replay", number, held);
			} else {
				DO(dm_run_all(run, err));
				double *got = state_of(run, &s);
				check_same("replay", got, want, 15, 0);
				free(got);
			}
			dm_run_free(run);
			dm_noise_free(noise);
		}
	dm_noise *noise;
	DO(dm_noise_create_replay(&noise, record, DM_F64, 2, 2, 5, NULL, err));
	s.noise = noise;
	run = make_run(&s, &d);
	DO(dm_run_start_state(run, start, DM_F64, 0, err));
	REFUSE(DM_ERR_ARGUMENT, dm_run_all(run, err), "row 2", "2 samples");
	dm_run_free(run);
	dm_noise_free(noise);
	REFUSE(DM_ERR_OVERFLOW, dm_noise_create_replay(&noise, record, DM_F64, SIZE_MAX, 2, 5, NULL, err),
	       "18446744073709551615 draws");
	REFUSE(DM_ERR_ARGUMENT, dm_noise_create_replay(&noise, record, DM_F16, 1, 2, 5, NULL, err), "type is 3");
	REFUSE(DM_ERR_ARGUMENT, dm_noise_create_replay(&noise, record, DM_F64, 1, 0, 5, NULL, err), "n_sample (0)");
	free(want);
}

/* ----------------------------------------------------------------------------------------------------- steps, previews */

/* Evaluations and steps in turn; at every request the state, at every step x0, against a second account of both. */
static void follow(const struct setup *s, int kind, int scaled)
{
	struct denoiser d = {.kind = kind, .scaled = scaled};
	dm_run *run = make_run(s, &d);
	const dm_request *rq;
	dm_status st;
	int evals = 0, steps = 0;
	double x[15], x0[15], seen[15];
	while ((st = dm_run_next(run, &rq, NULL)) == DM_EVAL) {
		DO(dm_run_state(run, seen, DM_F64, err));
		if (rq->kind == DM_ASK_STEP) {
			assert_true(rq->step == steps++ && rq->n_sample == 3 && rq->n_step == 4 && rq->x0 && rq->x);
			for (size_t i = 0; i < 15; i++)
				x[i] = get(rq->x0, rq->x_type, i / 5 * rq->x_stride + i % 5);
			check_same("x0 of the step", x, x0, 15, 1e-9);
			DO(dm_run_x0(run, x, DM_F64, err));
			check_same("dm_run_x0", x, x0, 15, 1e-9);
			for (size_t i = 0; i < 15; i++)
				x[i] = get(rq->x, rq->x_type, i / 5 * rq->x_stride + i % 5);
			check_same("state at a step", seen, x, 15, 0);
			continue;
		}
		double alpha = rq->alpha[0], sigma = rq->sigma[0];
		for (size_t i = 0; i < 15; i++) {
			dm_branch given = {0, DM_CONDITION_GIVEN, 0};
			x[i] = get(rq->x, rq->x_type, i / 5 * rq->x_stride + i % 5);
			x[i] *= scaled ? sqrt(0.25 * alpha * alpha + sigma * sigma) : 1;
			x0[i] = true_x0(x[i], alpha, sigma, mean_of(&given, i % 5));
		}
		check_same("state at an evaluation", seen, x, 15, 1e-12);
		assert_true(rq->eval == evals++ && rq->step == steps);
		denoise(&d, rq);
	}
	assert_true(st == DM_DONE && steps == 4);
	double *plain = state_of(run, s);
	dm_run_free(run);
	struct setup quiet = *s;
	quiet.plan = NULL;
	double *want = sample_all(&quiet, &d);
	check_same("with and without previews", plain, want, 15, 1e-12); /* sums are cut elsewhere */
	free(plain);
	free(want);
}

static void test_previews(void **state)
{
	(void)state;
	static const char *const samplers[] = {"ddim", "dpmpp_2m", "heun", "unipc:order=3", "ddpm"};
	for (size_t k = 0; k < sizeof samplers / sizeof *samplers; k++) {
		struct setup s = {.sampler = samplers[k], .plan = "preview=1"};
		follow(&s, EPSILON, 0);
		follow(&s, V, 0);
		s.model = "epsilon:input=scaled";
		follow(&s, EPSILON, 1);
		s.model = NULL;
		s.schedule = "edm";
		s.grid = "karras:steps=4";
		follow(&s, EDM, 1);
		s.model = "edm:x_stride=9,out_stride=6";
		follow(&s, EDM, 1);
	}
}

struct hook {
	int calls, fail_at;
	int64_t last;
};

static dm_status on_step(void *user, const dm_request *rq)
{
	struct hook *h = user;
	assert_true(rq->kind == DM_ASK_STEP && !rq->x0 && rq->step >= h->last);
	h->last = rq->step;
	return ++h->calls == h->fail_at ? -7 : 0;
}

static void test_progress(void **state)
{
	(void)state;
	static const char *const samplers[] = {"dpmpp_2m", "dpm_adaptive:rtol=0.1,atol=0.1"};
	for (int k = 0; k < 2; k++) {
		struct setup s = {.sampler = samplers[k], .n_sample = 2};
		struct denoiser d = {.kind = EPSILON};
		double *want = sample_all(&s, &d);
		s.plan = "progress=1";
		struct hook all = {0};
		dm_run *run = make_run(&s, &d);
		DO(dm_run_on_step(run, on_step, &all, err));
		DO(dm_run_all(run, err));
		dm_run_free(run);
		assert_true(k ? all.calls > 4 : all.calls == 4);
		for (int i = 1; i <= all.calls; i++) {
			struct hook h = {.fail_at = i};
			run = make_run(&s, &d);
			DO(dm_run_on_step(run, on_step, &h, err));
			dm_error error = {0};
			assert_int_equal(dm_run_all(run, &error), DM_ERR_CALLBACK);
			assert_true(error.user_code == -7 && error.step == h.last && strstr(error.message, "step callback"));
			DO(dm_run_all(run, err));
			double *got = state_of(run, &s);
			check_same("stopped and gone on", got, want, 10, 1e-12);
			free(got);
			dm_run_free(run);
		}
		free(want);
	}
}

/* ------------------------------------------------------------------------------------------------------------- adaptive */

static void test_adaptive_limit(void **state)
{
	(void)state;
	struct setup s = {.sampler = "dpm_adaptive:rtol=0.05,atol=0.05", .run = "max_eval=5"};
	struct denoiser d = {.kind = EPSILON};
	dm_run *run = make_run(&s, &d);
	double before[15], after[15];
	REFUSE(DM_ERR_LIMIT, dm_run_all(run, err), "max_eval = 5");
	DO(dm_run_state(run, before, DM_F64, err));
	REFUSE(DM_ERR_LIMIT, dm_run_all(run, err), "max_eval = 5"); /* it stays so */
	DO(dm_run_state(run, after, DM_F64, err));
	check_same("at the limit", after, before, 15, 0);
	assert_int_equal(d.calls, 5);
	dm_run_free(run);
	s.run = "max_eval=0";
	run = make_run(&s, &d);
	REFUSE(DM_ERR_LIMIT, dm_run_all(run, err), "max_eval = 0");
	dm_run_free(run);
	s.run = "max_eval=1"; /* means nothing to a fixed grid */
	s.sampler = "ddim";
	free(sample_all(&s, &d));
}

static void test_adaptive_batch_mates(void **state)
{
	(void)state;
	struct setup s = {.sampler = "dpm_adaptive:rtol=0.01,atol=0.01,eta=0.5", .n_sample = 5};
	struct denoiser d = {.kind = EPSILON};
	double *all = sample_all(&s, &d);
	for (int i = 0; i < 5; i++) {
		char options[40];
		struct setup one = s;
		snprintf(options, sizeof options, "first_sample=%d", i);
		one.run = options;
		one.n_sample = 1;
		double *alone = sample_all(&one, &d);
		check_same("norm=sample", alone, all + 5 * i, 5, 0);
		free(alone);
	}
	s.sampler = "dpm_adaptive:rtol=0.01,atol=0.01,eta=0.5,norm=batch";
	double *together = sample_all(&s, &d);
	int differs = 0;
	for (int i = 0; i < 25; i++)
		differs += together[i] != all[i];
	assert_true(differs > 0);
	free(together);
	free(all);
}

/* The buffers of requests keep their addresses for the whole run. */
static void test_buffers_stay(void **state)
{
	(void)state;
	static const char *const samplers[] = {"euler", "dpmpp_2m", "unipc", "heun", "ddpm"};
	for (size_t k = 0; k < sizeof samplers / sizeof *samplers; k++)
		for (int32_t type = DM_F32; type <= DM_F64; type++) {
			struct denoiser d = {.kind = EPSILON};
			struct setup s = {
			    .sampler = samplers[k], .grid = "trailing:steps=6", .dtype = type, .guidance = "cfg:scale=2"};
			dm_run *run = make_run(&s, &d);
			const dm_request *rq;
			const void *x = NULL, *out[2] = {NULL, NULL};
			while (dm_run_next(run, &rq, NULL) == DM_EVAL) {
				assert_true((!x || rq->x == x) && (!out[0] || (rq->out[0] == out[0] && rq->out[1] == out[1])));
				x = rq->x;
				out[0] = rq->out[0];
				out[1] = rq->out[1];
				denoise(&d, rq);
			}
			dm_run_free(run);
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_buffers_stay),     cmocka_unit_test(test_noise_by_callback),
	    cmocka_unit_test(test_noise_by_request), cmocka_unit_test(test_replay),
	    cmocka_unit_test(test_previews),         cmocka_unit_test(test_progress),
	    cmocka_unit_test(test_adaptive_limit),   cmocka_unit_test(test_adaptive_batch_mates),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
