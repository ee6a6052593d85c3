/* The log-density by the probability-flow ODE: batches, step mode, and everything that can go wrong. */
#include "likelihood_testing.h"

/* ----------------------------------------------------------------------------------------------- batches and modes */

static void test_batch_split(void **state)
{
	static const char *const ways[] = {"rtol=1e-6", "method=heun,steps=7,n_probe=2",
	                                   "rtol=1e-3,probe=normal,divergence=difference"};
	(void)state;
	for (int k = 0; k < 3; k++) {
		struct target m = mixture(5, EPSILON);
		double x[N_SAMPLE * 5];
		char text[200];
		points(x, N_SAMPLE * 5);
		snprintf(text, sizeof text, "%s,seed=9,first_sample=40", ways[k]);
		struct answer all = ask_for(&m, "vp", NULL, 1, text, x, N_SAMPLE);
		int differ = 0;
		for (size_t i = 0; i < N_SAMPLE; i++) {
			snprintf(text, sizeof text, "seed=9,first_sample=%zu,%s", 40 + i, ways[k]);
			struct answer one = ask_for(&m, "vp", NULL, 1, text, x + i * 5, 1);
			check_same(ways[k], one.log_density, all.log_density + i, 1, 0);
			check_same(ways[k], one.latent, all.latent + i * 5, 5, 0);
			assert_true(one.n_eval[0] == all.n_eval[i]);
			differ |= all.n_eval[i] != all.n_eval[0];
		}
		assert_true(differ == (k != 1)); /* adaptive: every sample has its own steps */
	}
	struct target m = mixture(5, EPSILON);
	double x[N_SAMPLE * 5];
	points(x, N_SAMPLE * 5);
	struct answer together = ask_for(&m, "vp", NULL, 1, "norm=batch,rtol=1e-6", x, N_SAMPLE);
	struct answer alone = ask_for(&m, "vp", NULL, 1, "norm=batch,rtol=1e-6", x, 1);
	for (size_t i = 1; i < N_SAMPLE; i++)
		assert_true(together.n_eval[i] == together.n_eval[0]);
	assert_true(alone.log_density[0] != together.log_density[0]);
	assert_true(fabs(alone.log_density[0] - together.log_density[0]) < 1e-3);
	for (size_t i = 5; i < N_SAMPLE * 5; i++)
		x[i] = x[i - 5]; /* four equal samples have the rms of one */
	together = ask_for(&m, "vp", NULL, 1, "norm=batch,rtol=1e-6,probe=exact", x, N_SAMPLE);
	alone = ask_for(&m, "vp", NULL, 1, "rtol=1e-6,probe=exact", x, 1);
	check_same("rms", together.log_density, alone.log_density, 1, 0);
}

/* Probes of signs are the signs of the normals at their address. */
static void test_signs(void **state)
{
	(void)state;
	struct target m = mixture(8, V);
	double x[2 * 8], probe[2 * 8], got[2];
	dm_schedule *schedule = create("vp");
	dm_model *model = model_of(&m, NULL, 1);
	dm_likelihood *l;
	points(x, 16);
	for (int i = 0; i < 2; i++)
		DO(dm_normals(6, i, (uint32_t)DM_DRAW_PROBE << 29, 0, 8, DM_F64, probe + 8 * i, err));
	for (int j = 0; j < 16; j++)
		probe[j] = probe[j] < 0 ? -1 : 1;
	DO(dm_likelihood_create(&l, schedule, model, "method=heun,steps=4", x, DM_F64, 2, 8, NULL, err));
	DO(dm_likelihood_probes(l, probe, DM_F64, 1, err));
	DO(dm_likelihood_all(l, err));
	DO(dm_likelihood_values(l, got, NULL, NULL, err));
	struct answer drawn = ask_for(&m, "vp", NULL, 1, "method=heun,steps=4,seed=6", x, 2);
	check_same("signs", drawn.log_density, got, 2, 0);
	dm_likelihood_free(l);
	dm_model_free(model);
	dm_schedule_free(schedule);
}

/* Request by request, with answers in the caller's own memory, is the same as with callbacks; so are keys one by one. */
static void test_step_mode(void **state)
{
	(void)state;
	struct target m = mixture(5, V);
	double x[N_SAMPLE * 5], own[N_SAMPLE * 5], got[N_SAMPLE], latent[N_SAMPLE * 5], probe[2 * N_SAMPLE * 5];
	uint64_t seed[N_SAMPLE];
	int64_t sample[N_SAMPLE];
	dm_schedule *schedule = create("vp");
	dm_model *model;
	const dm_request *rq;
	dm_status st;
	points(x, N_SAMPLE * 5);
	DO(dm_model_create(&model, "v", NULL, NULL, NULL, err));
	const char *options = "rtol=1e-6,divergence=vjp,n_probe=2,probe=normal,seed=5,first_sample=3";
	struct answer want = ask_for(&m, "vp", NULL, 1, options, x, N_SAMPLE);
	for (int way = 0; way < 3; way++) {
		dm_likelihood *l;
		DO(dm_likelihood_create(&l, schedule, model, way ? "rtol=1e-6,divergence=vjp,n_probe=2,probe=normal" : options,
		                        x, DM_F64, N_SAMPLE, 5, NULL, err));
		for (size_t i = 0; i < N_SAMPLE; i++) {
			seed[i] = 5;
			sample[i] = 3 + (int64_t)i;
			for (uint32_t k = 0; k < 2; k++)
				DO(dm_normals(5, 3 + (int64_t)i, (uint32_t)DM_DRAW_PROBE << 29 | k, 0, 5, DM_F64,
				              probe + (k * N_SAMPLE + i) * 5, err));
		}
		if (way == 1)
			DO(dm_likelihood_keys(l, seed, sample, N_SAMPLE, err));
		if (way == 2)
			DO(dm_likelihood_probes(l, probe, DM_F64, 2, err));
		REFUSE(DM_ERR_STATE, dm_likelihood_values(l, got, NULL, NULL, err), "values", "not yet");
		REFUSE(DM_ERR_STATE, dm_likelihood_all(l, err), "no predict callback", "dm_likelihood_next");
		REFUSE(DM_ERR_STATE, dm_likelihood_keys(l, seed, sample, N_SAMPLE, err), "before the first request");
		REFUSE(DM_ERR_STATE, dm_likelihood_probes(l, probe, DM_F64, 2, err), "before the first request");
		int64_t n_eval = 0;
		while ((st = dm_likelihood_next(l, &rq, NULL)) == DM_EVAL) {
			assert_true(rq->n_branch == 1 && rq->eval == n_eval && rq->n_element == 5 && rq->n_step == -1);
			for (size_t k = 0; k < rq->n_sample; k++)
				assert_true(way == 2 || (rq->seed[k] == 5 && rq->sample[k] == 3 + (int64_t)rq->row[k]));
			rq->out[0] = own;
			answer_target(&m, rq);
			n_eval += rq->kind == DM_ASK_PREDICTION;
		}
		assert_true(st == DM_DONE && dm_likelihood_next(l, &rq, NULL) == DM_DONE && !rq);
		DO(dm_likelihood_values(l, got, NULL, NULL, err));
		DO(dm_likelihood_latent(l, latent, DM_F64, err));
		check_same("step mode", got, want.log_density, N_SAMPLE, 0);
		check_same("step mode", latent, want.latent, N_SAMPLE * 5, 0);
		REFUSE(DM_ERR_STATE, dm_likelihood_terms(l, got, 2, err), "only a bound");
		REFUSE(DM_ERR_ARGUMENT, dm_likelihood_latent(l, NULL, DM_F64, err), "latent", "NULL");
		dm_likelihood_free(l);
	}
	dm_model_free(model);
	dm_schedule_free(schedule);
}

/* ---------------------------------------------------------------------------------------------------------- faults */

static void test_callback_fails_at_each_call(void **state)
{
	(void)state;
	for (int vjp = 0; vjp < 2; vjp++) {
		struct target m = mixture(3, V);
		double x[2 * 3], got[2];
		points(x, 6);
		dm_schedule *schedule = create("vp");
		dm_model *model = model_of(&m, NULL, vjp);
		struct answer want = ask_for(&m, "vp", NULL, vjp, "rtol=1e-2,atol=1e-2", x, 2);
		int last = m.calls;
		assert_true(last > 20);
		for (int i = 1; i <= last; i++) {
			dm_likelihood *l;
			dm_error error;
			m.calls = 0;
			m.fail_at = i;
			m.fail_code = i % 2 ? 17 : INT32_MIN;
			DO(dm_likelihood_create(&l, schedule, model, "rtol=1e-2,atol=1e-2", x, DM_F64, 2, 3, NULL, err));
			int products = m.products;
			assert_int_equal(dm_likelihood_all(l, &error), DM_ERR_CALLBACK);
			assert_true(error.status == DM_ERR_CALLBACK && error.user_code == m.fail_code && error.eval >= 0);
			const char *who = vjp && m.products > products && i % 2 == 0 ? "model vjp" : "model predict";
			assert_true(strstr(error.message, who) && strstr(error.message, "no power"));
			m.fail_at = 0;
			m.busy = i == last ? l : NULL;
			DO(dm_likelihood_all(l, err));
			m.busy = NULL;
			DO(dm_likelihood_values(l, got, NULL, NULL, err));
			check_same("after a failure", got, want.log_density, 2, 0);
			dm_likelihood_free(l);
		}
		dm_model_free(model);
		dm_schedule_free(schedule);
	}
}

static void test_bad_answers(void **state)
{
	(void)state;
	for (int kind = 1; kind <= 2; kind++)
		for (int call = 1; call <= 3; call++) {
			struct target m = mixture(3, V);
			double x[2 * 3], got[2];
			dm_likelihood *l;
			dm_error error;
			dm_schedule *schedule = create("vp");
			dm_model *model = model_of(&m, NULL, 1);
			points(x, 6);
			struct answer want = ask_for(&m, "vp", NULL, 1, "method=rk4,steps=3,first_sample=5", x, 2);
			m.calls = 0;
			m.spoil_at = call;
			m.spoil_kind = kind;
			DO(dm_likelihood_create(&l, schedule, model, "method=rk4,steps=3,first_sample=5", x, DM_F64, 2, 3, NULL,
			                        err));
			assert_int_equal(dm_likelihood_all(l, &error), kind == 1 ? DM_ERR_NOT_FINITE : DM_ERR_NOT_WRITTEN);
			assert_true(error.sample == (kind == 1 ? 6 : 5) && error.element == (kind == 1 ? 1 : 0));
			assert_true(error.eval == call / 2 && strstr(error.message, call == 2 ? "vjp" : "model"));
			DO(dm_likelihood_all(l, err)); /* asked again, it answers */
			DO(dm_likelihood_values(l, got, NULL, NULL, err));
			check_same("after a bad answer", got, want.log_density, 2, 0);
			dm_likelihood_free(l);
			dm_model_free(model);
			dm_schedule_free(schedule);
		}
}

static void test_allocation_fails_at_each_call(void **state)
{
	(void)state;
	struct target m = mixture(3, V);
	double x[2 * 3], got[2];
	dm_schedule *schedule = create("vp");
	dm_model *model = model_of(&m, NULL, 1);
	int failures = 0;
	points(x, 6);
	for (;; failures++) {
		struct memory memory = {.left = failures};
		dm_allocator allocator = counting_allocator(&memory);
		dm_error error;
		dm_status st = dm_log_likelihood(schedule, model, "method=heun,seed=3,times=0.01/0.1/0.9", x, DM_F64, 2, 3, got,
		                                 NULL, NULL, NULL, &allocator, &error);
		assert_int_equal(memory.bytes, 0);
		if (st == DM_OK)
			break;
		assert_true(st == DM_ERR_MEMORY && error.status == DM_ERR_MEMORY && strstr(error.message, "bytes"));
	}
	assert_int_equal(failures, 4); /* the object, the text of the options, the list, the block */
	dm_model_free(model);
	dm_schedule_free(schedule);
}

static void test_bad_input(void **state)
{
	static const struct {
		const char *options;
		dm_status status;
		const char *words[3];
	} bad[] = {
	    {"method=rk5", DM_ERR_NAME, {"method", "rk5", "rk45"}},
	    {"metod=rk4", DM_ERR_NAME, {"metod", "did you mean \"method\""}},
	    {"steps=0", DM_ERR_ARGUMENT, {"steps", "0", "[1, "}},
	    {"rtol=-1", DM_ERR_ARGUMENT, {"rtol", "-1", "[0, 1]"}},
	    {"atol=nan", DM_ERR_ARGUMENT, {"atol", "nan"}},
	    {"n_probe=1.5", DM_ERR_ARGUMENT, {"n_probe", "1.5"}},
	    {"prior_std=-1", DM_ERR_ARGUMENT, {"prior_std", "-1"}},
	    {"seed=-1", DM_ERR_ARGUMENT, {"seed", "-1", "2^64"}},
	    {"seed=1,seed=1", DM_ERR_ARGUMENT, {"seed", "twice"}},
	    {"method=rk4,", DM_ERR_ARGUMENT, {"nothing follows the last comma"}},
	    {"method=rk4,seed=1,", DM_ERR_ARGUMENT, {"nothing follows the last comma"}},
	    {"first_sample=9223372036854775807", DM_ERR_OVERFLOW, {"first_sample", "9223372036854775807"}},
	    {"t_min=0.5,t_max=0.5", DM_ERR_ARGUMENT, {"t_min (0.5)", "t_max (0.5)"}},
	    {"t_min=0.5,t_max=2", DM_ERR_ARGUMENT, {"time 2", "[0, 1]"}},
	    {"steps=5", DM_ERR_UNSUPPORTED, {"steps", "no effect with method=rk45"}},
	    {"times=0.1/0.5", DM_ERR_UNSUPPORTED, {"times", "no effect with method=rk45"}},
	    {"method=rk4,rtol=0.1", DM_ERR_UNSUPPORTED, {"rtol", "no effect with"}},
	    {"method=rk4,norm=batch", DM_ERR_UNSUPPORTED, {"norm", "no effect with"}},
	    {"method=rk4,times=0.1/0.5,t_min=0.1", DM_ERR_UNSUPPORTED, {"t_min", "no effect with times"}},
	    {"method=rk4,times=0.1", DM_ERR_ARGUMENT, {"times", "1", "2 or more"}},
	    {"method=rk4,times=0.1/0.5/0.3/0.9", DM_ERR_ARGUMENT, {"must rise", "0.5", "0.3"}},
	    {"probe=exact,n_probe=2", DM_ERR_UNSUPPORTED, {"n_probe", "no effect with probe=exact"}},
	    {"divergence=vjp,difference_step=0.1", DM_ERR_UNSUPPORTED, {"difference_step", "divergence=vjp"}},
	    {"divergence=vjp", DM_ERR_ARGUMENT, {"vjp", "callback", "NULL"}},
	    {"method=rk4,grid=log_snr,t_min=0", DM_ERR_UNSUPPORTED, {"grid=log_snr", "inf", "t_min"}},
	};
	(void)state;
	struct target m = mixture(2, EPSILON);
	dm_schedule *schedule = create("vp");
	dm_model *model = model_of(&m, NULL, 0);
	dm_likelihood *l = (dm_likelihood *)&m;
	double x[4] = {0, 0, 0, 0};
	for (size_t k = 0; k < sizeof bad / sizeof *bad; k++) {
		REFUSE(bad[k].status, dm_likelihood_create(&l, schedule, model, bad[k].options, x, DM_F64, 2, 2, NULL, err),
		       bad[k].words[0], bad[k].words[1] ? bad[k].words[1] : "", bad[k].words[2] ? bad[k].words[2] : "");
		assert_null(l);
	}
	REFUSE(DM_ERR_ARGUMENT, dm_likelihood_create(NULL, schedule, model, NULL, x, DM_F64, 2, 2, NULL, err), "out",
	       "NULL");
	REFUSE(DM_ERR_ARGUMENT, dm_likelihood_create(&l, NULL, model, NULL, x, DM_F64, 2, 2, NULL, err), "schedule",
	       "NULL");
	REFUSE(DM_ERR_ARGUMENT, dm_likelihood_create(&l, schedule, NULL, NULL, x, DM_F64, 2, 2, NULL, err), "model",
	       "NULL");
	REFUSE(DM_ERR_ARGUMENT, dm_likelihood_create(&l, schedule, model, NULL, NULL, DM_F64, 2, 2, NULL, err), "x0",
	       "NULL");
	REFUSE(DM_ERR_ARGUMENT, dm_likelihood_create(&l, schedule, model, NULL, x, DM_F16, 2, 2, NULL, err), "type is 3");
	REFUSE(DM_ERR_ARGUMENT, dm_likelihood_create(&l, schedule, model, NULL, x, DM_F64, 0, 2, NULL, err),
	       "n_sample = 0");
	REFUSE(DM_ERR_ARGUMENT, dm_likelihood_create(&l, schedule, model, NULL, x, DM_F64, 2, 0, NULL, err),
	       "n_element = 0");
	REFUSE(DM_ERR_OVERFLOW,
	       dm_likelihood_create(&l, schedule, model, NULL, x, DM_F64, SIZE_MAX / 64, 1 << 20, NULL, err), "do not fit");
	x[3] = NAN;
	REFUSE(DM_ERR_ARGUMENT, dm_likelihood_create(&l, schedule, model, NULL, x, DM_F64, 2, 2, NULL, err), "element 1",
	       "sample 1", "x0");
	x[3] = 0;
	DO(dm_likelihood_create(&l, schedule, model, "max_eval=10", x, DM_F64, 2, 2, NULL, err));
	REFUSE(DM_ERR_ARGUMENT, dm_likelihood_keys(l, NULL, NULL, 2, err), "seed", "n_sample = 2");
	REFUSE(DM_ERR_ARGUMENT, dm_likelihood_keys(l, &(uint64_t){0}, &(int64_t){-1}, 1, err), "n is 1");
	REFUSE(DM_ERR_ARGUMENT, dm_likelihood_keys(l, (uint64_t[2]){0}, (int64_t[2]){0, -1}, 2, err), "sample[1]", "-1");
	REFUSE(DM_ERR_ARGUMENT, dm_likelihood_probes(l, NULL, DM_F64, 1, err), "probe", "NULL");
	REFUSE(DM_ERR_ARGUMENT, dm_likelihood_probes(l, x, DM_F64, 2, err), "n_probe is 2", "1");
	REFUSE(DM_ERR_ARGUMENT, dm_likelihood_probes(l, (double[4]){0, 0, INFINITY, 0}, DM_F64, 1, err), "element 0",
	       "row 1");
	REFUSE(DM_ERR_ARGUMENT, dm_likelihood_next(l, NULL, err), "rq", "NULL");
	REFUSE(DM_ERR_ARGUMENT, dm_likelihood_all(NULL, err), "likelihood", "NULL");
	m.predictions = 0;
	REFUSE(DM_ERR_LIMIT, dm_likelihood_all(l, err), "max_eval = 10");
	assert_int_equal(m.predictions, 10);
	dm_likelihood_free(l);
	dm_model_free(model);
	dm_schedule_free(schedule);
}

/* A prediction that says nothing at an end of the process. */
static void test_ends_without_meaning(void **state)
{
	(void)state;
	static const struct {
		const char *options, *model, *t;
	} bad[] = {{"method=heun,t_min=0.1,t_max=1", "epsilon", "t = 1 "},
	           {"method=heun,t_min=0,t_max=0.9", "x0", "t = 0 "}};
	dm_schedule *schedule = create("flow");
	double x[4] = {0.1, 0.2, 0.3, 0.4}, got[2];
	for (int k = 0; k < 2; k++) {
		struct target m = mixture(2, k ? X0 : EPSILON);
		dm_model *model = model_of(&m, NULL, 1);
		REFUSE(DM_ERR_UNSUPPORTED,
		       dm_log_likelihood(schedule, model, bad[k].options, x, DM_F64, 2, 2, got, NULL, NULL, NULL, NULL, err),
		       bad[k].model, bad[k].t);
		dm_model_free(model);
	}
	dm_schedule_free(schedule);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_batch_split), cmocka_unit_test(test_signs),
	    cmocka_unit_test(test_step_mode),   cmocka_unit_test(test_callback_fails_at_each_call),
	    cmocka_unit_test(test_bad_answers), cmocka_unit_test(test_allocation_fails_at_each_call),
	    cmocka_unit_test(test_bad_input),   cmocka_unit_test(test_ends_without_meaning),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
