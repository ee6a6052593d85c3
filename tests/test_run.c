/* Runs: the order of calls, re-entry, cancelling, memory, keys, noise and requests. */
#include "run_testing.h"
#include <signal.h>
#if !defined(__STDC_NO_THREADS__) && defined(__has_include)
#if __has_include(<threads.h>)
#include <threads.h>
#define HAVE_THREADS
#endif
#endif

/* ------------------------------------------------------------------------------------------------- the order of calls */

static void test_states_of_a_run(void **state)
{
	(void)state;
	struct setup s = {.plan = "start=1,preview=1"};
	struct denoiser d = {.kind = EPSILON};
	dm_run *run = make_run(&s, &d);
	const dm_request *rq;
	double x[15] = {0};
	const uint64_t seed[3] = {1, 2, 3};
	const int64_t sample[3] = {0};
	REFUSE(DM_ERR_STATE, dm_run_retry(run, err), "no request");
	REFUSE(DM_ERR_STATE, dm_run_state(run, x, DM_F64, err), "not started");
	REFUSE(DM_ERR_ARGUMENT, dm_run_on_step(run, NULL, NULL, err), "hook is NULL");
	DO(dm_run_on_step(run, predict, &d, err));
	DO(dm_run_keys(run, seed, sample, 3, err));
	REFUSE(DM_ERR_ARGUMENT, dm_run_keys(run, seed, (const int64_t[]){0, -1, 0}, 3, err), "sample[1] = -1");
	assert_int_equal(dm_run_next(run, &rq, NULL), DM_EVAL);
	REFUSE(DM_ERR_STATE, dm_run_keys(run, seed, sample, 3, err), "already started");
	REFUSE(DM_ERR_STATE, dm_run_start_state(run, x, DM_F64, 0, err), "already started");
	REFUSE(DM_ERR_STATE, dm_run_start_clean(run, x, DM_F64, 0, err), "already started");
	REFUSE(DM_ERR_STATE, dm_run_on_step(run, predict, &d, err), "already started");
	REFUSE(DM_ERR_STATE, dm_run_x0(run, x, DM_F64, err), "no step has ended");
	REFUSE(DM_ERR_ARGUMENT, dm_run_state(run, x, 0, err), "type = 0");
	DO(dm_run_retry(run, err));
	DO(dm_run_retry(run, err)); /* twice is once */
	while (dm_run_next(run, &rq, NULL) == DM_EVAL)
		if (rq->kind == DM_ASK_PREDICTION)
			denoise(&d, rq);
	for (int i = 0; i < 3; i++) {
		rq = (const dm_request *)x;
		assert_int_equal(dm_run_next(run, &rq, NULL), DM_DONE);
		assert_null(rq);
		DO(dm_run_all(run, err));
	}
	REFUSE(DM_ERR_STATE, dm_run_retry(run, err), "no request");
	DO(dm_run_state(run, x, DM_F64, err));
	DO(dm_run_x0(run, x, DM_F64, err));
	dm_run_info info = {.struct_size = sizeof info};
	DO(dm_run_facts(run, &info, err));
	assert_true(info.n_eval == 3 && info.n_accepted == 0 && info.n_rejected == 0);
	dm_run_free(run);
}

/* An error before the first request leaves the run as if nothing had been called: another start may be given. */
static void test_start_at_the_clean_end(void **state)
{
	(void)state;
	struct setup s = {.sampler = "ddim", .grid = "trailing:steps=3,direction=up"};
	struct denoiser d = {.kind = EPSILON};
	dm_run *run = make_run(&s, &d);
	double x[15] = {0.5}, bad[15] = {0};
	REFUSE(DM_ERR_STATE, dm_run_all(run, err), "sigma is 0", "give a state");
	REFUSE(DM_ERR_STATE, dm_run_state(run, bad, DM_F64, err), "not started");
	bad[7] = NAN;
	REFUSE(DM_ERR_NOT_FINITE, dm_run_start_state(run, bad, DM_F64, 0, err), "element 2 of row 1");
	bad[7] = INFINITY;
	REFUSE(DM_ERR_NOT_FINITE, dm_run_start_clean(run, bad, DM_F64, 0, err), "element 2 of row 1");
	REFUSE(DM_ERR_OVERFLOW, dm_run_start_state(run, x, DM_F64, SIZE_MAX / 2, err), "stride");
	REFUSE(DM_ERR_STATE, dm_run_all(run, err), "sigma is 0"); /* what was refused is no start */
	DO(dm_run_start_state(run, x, DM_F64, 0, err));
	const dm_request *rq;
	assert_int_equal(dm_run_next(run, &rq, NULL), DM_EVAL);
	dm_run_free(run);
}

/* ------------------------------------------------------------------------------------------------------------ re-entry */

struct reentry {
	struct denoiser denoiser;
	dm_run *run;
	int refused;
};

static void come_back(struct reentry *r)
{
	const dm_request *rq;
	double x[15] = {0};
	const uint64_t seed[3] = {0};
	const int64_t sample[3] = {0};
	dm_run_info info = {.struct_size = sizeof info};
	REFUSE(DM_ERR_BUSY, dm_run_next(r->run, &rq, err), "callback of the same run");
	REFUSE(DM_ERR_BUSY, dm_run_all(r->run, err), "callback of the same run");
	REFUSE(DM_ERR_BUSY, dm_run_retry(r->run, err), "callback of the same run");
	REFUSE(DM_ERR_BUSY, dm_run_keys(r->run, seed, sample, 3, err), "callback of the same run");
	REFUSE(DM_ERR_BUSY, dm_run_start_state(r->run, x, DM_F64, 0, err), "callback of the same run");
	REFUSE(DM_ERR_BUSY, dm_run_start_clean(r->run, x, DM_F64, 0, err), "callback of the same run");
	REFUSE(DM_ERR_BUSY, dm_run_on_step(r->run, predict, NULL, err), "callback of the same run");
	REFUSE(DM_ERR_BUSY, dm_run_state(r->run, x, DM_F64, err), "callback of the same run");
	REFUSE(DM_ERR_BUSY, dm_run_x0(r->run, x, DM_F64, err), "callback of the same run");
	REFUSE(DM_ERR_BUSY, dm_run_facts(r->run, &info, err), "callback of the same run");
	r->refused++;
}

static dm_status predict_reentry(void *user, const dm_request *rq)
{
	struct reentry *r = user;
	come_back(r);
	denoise(&r->denoiser, rq);
	return 0;
}

static dm_status step_reentry(void *user, const dm_request *rq)
{
	assert_int_equal(rq->kind, DM_ASK_STEP);
	come_back(user);
	return 0;
}

static dm_status fill_reentry(void *user, const dm_request *rq)
{
	come_back(user);
	for (size_t i = 0; i < rq->n_sample * rq->n_element; i++)
		((double *)rq->out[0])[i] = 0.5;
	return 0;
}

static void parallel_reentry(void *user, size_t n, void (*body)(void *arg, size_t i), void *arg)
{
	struct reentry *r = user;
	for (size_t i = 0; i < n; i++)
		body(arg, i);
	if (r->run)
		come_back(r);
}

static void test_reentry(void **state)
{
	(void)state;
	struct reentry r = {.denoiser = {.kind = EPSILON}};
	const dm_model_ops ops = {.struct_size = sizeof ops, .predict = predict_reentry};
	const dm_noise_ops noise_ops = {sizeof noise_ops, fill_reentry, NULL};
	dm_schedule *schedule;
	dm_grid *grid;
	dm_sampler *sampler;
	dm_model *model;
	dm_plan *plan;
	dm_noise *noise;
	dm_array *array;
	double x[15] = {0};
	DO(dm_schedule_create(&schedule, "linear", NULL, err));
	DO(dm_grid_create(&grid, schedule, "trailing:steps=2", NULL, err));
	DO(dm_sampler_create(&sampler, "ddim:eta=1", NULL, err));
	DO(dm_model_create(&model, "epsilon", &ops, &r, NULL, err));
	DO(dm_plan_create(&plan, schedule, grid, sampler, model, NULL, "preview=1", NULL, err));
	DO(dm_noise_create_custom(&noise, &noise_ops, &r, NULL, err));
	DO(dm_array_create_host(&array, DM_F64, parallel_reentry, &r, NULL, err));
	DO(dm_run_create(&r.run, plan, array, noise, 3, 5, NULL, NULL, 0, err));
	DO(dm_run_start_clean(r.run, x, DM_F64, 0, err));
	DO(dm_run_on_step(r.run, step_reentry, &r, err));
	DO(dm_run_all(r.run, err));
	DO(dm_run_state(r.run, x, DM_F64, err));
	assert_true(r.refused > 2 + 2 + 2 + 5);
	dm_run_free(r.run);
	dm_array_free(array);
	dm_noise_free(noise);
	dm_plan_free(plan);
	dm_model_free(model);
	dm_sampler_free(sampler);
	dm_grid_free(grid);
	dm_schedule_free(schedule);
}

/* ---------------------------------------------------------------------------------------------------------- cancelling */

static dm_run *to_cancel;

static void on_signal(int number)
{
	(void)number;
	dm_run_cancel(to_cancel);
}

static dm_status predict_and_signal(void *user, const dm_request *rq)
{
	struct denoiser *d = user;
	d->calls++;
	denoise(d, rq);
	if (d->calls == 2)
		raise(SIGINT);
	return 0;
}

#ifdef HAVE_THREADS
static int cancel_from_thread(void *run)
{
	dm_run_cancel(run);
	return 0;
}
#endif

static void test_cancel(void **state)
{
	(void)state;
	struct setup s = {.sampler = "dpmpp_2m"};
	struct denoiser d = {.kind = EPSILON};
	double *want = sample_all(&s, &d), got[15];
	const dm_model_ops ops = {.struct_size = sizeof ops, .predict = predict_and_signal};
	void (*before)(int) = signal(SIGINT, on_signal);
	d.calls = 0;
	DO(dm_run_create_spec(&to_cancel, "sampler=dpmpp_2m schedule=linear grid=trailing:steps=4 model=epsilon dtype=f64",
	                      &ops, &d, 3, 5, NULL, err));
	dm_run_cancel(to_cancel); /* before the start */
	dm_error error = {0};
	assert_int_equal(dm_run_all(to_cancel, &error), DM_ERR_CANCELLED);
	assert_true(error.eval == 0 && d.calls == 0 && strstr(error.message, "cancelled"));
	assert_int_equal(dm_run_all(to_cancel, &error), DM_ERR_CANCELLED); /* by the signal */
	assert_true(error.eval == 1 && d.calls == 2);
	DO(dm_run_state(to_cancel, got, DM_F64, err));
	const dm_request *rq;
	assert_int_equal(dm_run_next(to_cancel, &rq, NULL), DM_EVAL); /* the same again */
	assert_true(rq->eval == 1);
	denoise(&d, rq);
#ifdef HAVE_THREADS
	thrd_t thread;
	assert_int_equal(thrd_create(&thread, cancel_from_thread, to_cancel), thrd_success);
	assert_int_equal(thrd_join(thread, NULL), thrd_success);
	assert_int_equal(dm_run_next(to_cancel, &rq, NULL), DM_ERR_CANCELLED);
#endif
	DO(dm_run_all(to_cancel, err));
	DO(dm_run_state(to_cancel, got, DM_F64, err));
	check_same("cancelled and resumed", got, want, 15, 0);
	dm_run_cancel(to_cancel); /* after the end: told once, then finished as before */
	assert_int_equal(dm_run_next(to_cancel, &rq, NULL), DM_ERR_CANCELLED);
	assert_int_equal(dm_run_next(to_cancel, &rq, NULL), DM_DONE);
	dm_run_free(to_cancel);
	signal(SIGINT, before);
	free(want);
}

/* -------------------------------------------------------------------------------------------------------------- memory */

static void test_callers_memory(void **state)
{
	(void)state;
	static const char *const samplers[] = {"ddim:eta=1", "unipc:order=3", "dpm_adaptive:rtol=0.2,atol=0.2"};
	static const char *const models[] = {"epsilon", "epsilon:x=f16,out=bf16,x_stride=11,variance=0"};
	for (size_t k = 0; k < 6; k++) {
		struct setup s = {.sampler = samplers[k / 2], .model = models[k % 2], .guidance = "cfg:scale=2|rescale"};
		struct denoiser d = {.kind = EPSILON};
		double *want = sample_all(&s, &d), got[15];
		dm_plan *plan;
		dm_array *array;
		dm_run *run;
		size_t bytes;
		DO(make_plan(&plan, &s, &d, err));
		DO(dm_array_create_host(&array, DM_F64, NULL, NULL, NULL, err));
		DO(dm_run_bytes(plan, array, NULL, 3, 5, &bytes, err));
		unsigned char *block = malloc(bytes + 128), *memory = block + 64 - (uintptr_t)block % 64;
		memset(block, 0xa5, bytes + 128);
		REFUSE(DM_ERR_MEMORY, dm_run_create(&run, plan, array, NULL, 3, 5, NULL, memory, bytes - 1, err), "bytes");
		REFUSE(DM_ERR_MEMORY, dm_run_create(&run, plan, array, NULL, 3, 5, NULL, memory, 0, err), "bytes = 0");
		REFUSE(DM_ERR_ARGUMENT, dm_run_create(&run, plan, array, NULL, 3, 5, NULL, memory + 8, bytes, err), "64");
		assert_null(run);
		DO(dm_run_create(&run, plan, array, NULL, 3, 5, NULL, memory, bytes, err));
		dm_plan_free(plan);
		dm_array_free(array);
		DO(dm_run_all(run, err));
		DO(dm_run_state(run, got, DM_F64, err));
		dm_run_free(run);
		check_same(samplers[k / 2], got, want, 15, 0);
		for (unsigned char *p = block; p < block + bytes + 128; p++)
			if ((p < memory || p >= memory + bytes) && *p != 0xa5)
				fail_msg("byte %td of %zu was written", p - memory, bytes);
		free(block);
		free(want);
	}
}

static void test_sizes(void **state)
{
	(void)state;
	struct setup s = {0};
	struct denoiser d = {.kind = EPSILON};
	dm_plan *plan;
	dm_run *run;
	size_t bytes;
	DO(make_plan(&plan, &s, &d, err));
	static const struct {
		size_t n_sample, n_element;
		dm_status status;
		const char *words[2];
	} bad[] = {
	    {0, 1, DM_ERR_ARGUMENT, {"n_sample = 0", "at least 1"}},
	    {1, 0, DM_ERR_ARGUMENT, {"n_element = 0", "at least 1"}},
	    {1, ((size_t)1 << 34) + 1, DM_ERR_OVERFLOW, {"n_element = 17179869185", "2^34"}},
	    {SIZE_MAX, 1, DM_ERR_OVERFLOW, {"18446744073709551615", "samples"}},
	    {SIZE_MAX / 8, 1, DM_ERR_OVERFLOW, {"2305843009213693951", "samples"}},
	    {(size_t)1 << 32, (size_t)1 << 33, DM_ERR_OVERFLOW, {"4294967296 samples", "8589934592 elements"}},
	};
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		REFUSE(bad[i].status, dm_run_bytes(plan, NULL, NULL, bad[i].n_sample, bad[i].n_element, &bytes, err),
		       bad[i].words[0], bad[i].words[1]);
		REFUSE(bad[i].status,
		       dm_run_create(&run, plan, NULL, NULL, bad[i].n_sample, bad[i].n_element, NULL, NULL, 0, err),
		       bad[i].words[0], bad[i].words[1]);
		assert_null(run);
	}
	DO(dm_run_bytes(plan, NULL, NULL, (size_t)1 << 24, (size_t)1 << 33, &bytes, err));
	assert_true(bytes > (size_t)1 << 57 && bytes % 64 == 0);
	dm_plan_free(plan);
}

/* ---------------------------------------------------------------------------------------------------------------- keys */

static void test_keys_per_row(void **state)
{
	(void)state;
	static const char *const samplers[] = {"ddim:eta=1", "ddpm", "euler_ancestral",
	                                       "dpm_adaptive:rtol=0.1,atol=0.1,eta=0.5"};
	const uint64_t seed[4] = {7, 0, UINT64_MAX, 7};
	const int64_t sample[4] = {3, INT64_MAX, 0, 1234567890123};
	for (size_t k = 0; k < sizeof samplers / sizeof *samplers; k++) {
		struct setup s = {.sampler = samplers[k], .n_sample = 4};
		struct denoiser d = {.kind = EPSILON};
		dm_run *run = make_run(&s, &d);
		DO(dm_run_keys(run, seed, sample, 4, err));
		DO(dm_run_all(run, err));
		double *all = state_of(run, &s);
		dm_run_free(run);
		for (int i = 0; i < 4; i++) {
			char options[80];
			snprintf(options, sizeof options, "seed=%llu,first_sample=%lld", (unsigned long long)seed[i],
			         (long long)sample[i]);
			s.n_sample = 1;
			s.run = options;
			double *one = sample_all(&s, &d);
			check_same(options, one, all + 5 * i, 5, 0);
			free(one);
		}
		assert_true(fabs(all[0] - all[15]) > 1e-6); /* another sample of the same seed is another one */
		free(all);
	}
}

static dm_status predict_nothing(void *user, const dm_request *rq)
{
	(void)user;
	for (size_t i = 0; i < rq->n_sample; i++)
		memset((float *)rq->out[0] + i * rq->out_stride, 0, rq->n_element * sizeof(float));
	return 0;
}

/* Finite outputs, but x / alpha does not fit f32: the run says so instead of ending well, as often as it is asked. */
static void test_overflow_at_the_end(void **state)
{
	(void)state;
	const dm_model_ops ops = {.struct_size = sizeof ops, .predict = predict_nothing};
	dm_run *run;
	DO(dm_run_create_spec(&run, "sampler=ddim schedule=vp:beta_max=400 grid=trailing:steps=5 model=epsilon", &ops, NULL,
	                      2, 3, NULL, err));
	for (int i = 0; i < 2; i++)
		REFUSE(DM_ERR_NOT_FINITE, dm_run_all(run, err), "at the end", "sample 0");
	dm_run_free(run);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_overflow_at_the_end),
	    cmocka_unit_test(test_states_of_a_run),
	    cmocka_unit_test(test_start_at_the_clean_end),
	    cmocka_unit_test(test_reentry),
	    cmocka_unit_test(test_cancel),
	    cmocka_unit_test(test_callers_memory),
	    cmocka_unit_test(test_sizes),
	    cmocka_unit_test(test_keys_per_row),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
