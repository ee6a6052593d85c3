/* Inverse problems with something missing, wrong or failing. */
#include "inverse_testing.h"

static struct world world(void)
{
	return (struct world){
	    .prior = &uneven, .kind = "v", .n_seen = 1, .a = {{1, 0.5, 0, 0.2}}, .y = {0.6}, .noise = 0.05};
}

static dm_status create(const char *chain, int with_operator, dm_error *err)
{
	dm_operator *op = NULL;
	dm_guidance *guidance = NULL;
	dm_error unused;
	if (with_operator)
		assert_int_equal(dm_operator_create_identity(&op, DIM, NULL, &unused), DM_OK);
	dm_status st = dm_guidance_create_over(&guidance, chain, NULL, op, NULL, err);
	assert_true((st == DM_OK) == (guidance != NULL));
	dm_guidance_free(guidance);
	dm_operator_free(op);
	return st;
}

static void test_options(void **state)
{
	(void)state;
	static const struct {
		const char *chain, *option, *value;
	} known[] = {
	    {"ddnm:noise=-1", "noise", "-1"},
	    {"ddnm:limit=0", "limit", "0"},
	    {"ddnm:noise=1,inverse=pseudo,limit=3", "limit=3 has no effect", "inverse=damped"},
	    {"diffpir:noise=-0.1", "noise", "-0.1"},
	    {"pgdm:noise=-1", "noise", "-1"},
	    {"mmps:noise=-1", "noise", "-1"},
	    {"diffpir:lambda=0", "lambda", "0"},
	    {"pgdm:data=0", "data", "0"},
	    {"pgdm:scale=-1", "scale", "-1"},
	    {"mmps:rounds=0", "rounds", "0"},
	    {"mmps:rounds=17", "rounds", "16"},
	    {"mmps:rounds=1.5", "rounds", "1.5"},
	    {"dps:scale=-1", "scale", "-1"},
	    {"pgdm:noise=nan", "noise", "nan"},
	    {"reconstruct:target=-1", "target", "-1"},
	    {"tmpd:data=0", "data", "0"},
	    {"dps:table=0/-1", "\"dps\"", "[0, 1000000]"},
	    {"pgdm:from=1,to=0", "\"pgdm\"", "from = 1"},
	};
	for (size_t k = 0; k < sizeof known / sizeof *known; k++)
		REFUSE(DM_ERR_ARGUMENT, create(known[k].chain, 1, err), known[k].option, known[k].value);
	REFUSE(DM_ERR_NAME, create("dps:jacobian=exat", 1, err), "jacobian", "exact");
	REFUSE(DM_ERR_NAME, create("pgmd", 1, err), "pgdm");
	static const char *const needing[] = {"ddnm", "diffpir", "pgdm", "mmps", "dps", "tmpd"};
	for (size_t k = 0; k < 6; k++)
		REFUSE(DM_ERR_ARGUMENT, create(needing[k], 0, err), needing[k], "needs an operator");
	DO(create("reconstruct", 0, err));
}

static dm_status plan_of(const struct task *t, dm_error *err)
{
	struct world w = world();
	dm_plan *plan;
	dm_status st = plan_task(&plan, &w, t, err);
	dm_plan_free(plan);
	return st;
}

/* What a plan knows to be missing. */
static void test_missing_callbacks(void **state)
{
	(void)state;
	static const char *const exact[] = {"pgdm", "dps", "mmps", "reconstruct", "tmpd"};
	for (size_t k = 0; k < 5; k++) {
		struct task t = {.guidance = exact[k], .without_vjp = 1};
		REFUSE(DM_ERR_ARGUMENT, plan_of(&t, err), "vjp callback", "NULL", exact[k]);
		t.by_steps = 1; /* who drives the run answers the requests */
		DO(plan_of(&t, err));
	}
	static const char *const none[] = {"pgdm:jacobian=none", "dps:jacobian=none", "ddnm", "diffpir",
	                                   "reconstruct:jacobian=none"};
	for (size_t k = 0; k < 5; k++) {
		struct task t = {.guidance = none[k], .without_vjp = 1};
		DO(plan_of(&t, err));
		t.without_gradient = 1;
		if (k < 4)
			DO(plan_of(&t, err));
		else
			REFUSE(DM_ERR_ARGUMENT, plan_of(&t, err), "gradient callback", "NULL", "\"reconstruct\"");
	}
	struct task t = {.guidance = "cfg:scale=2|rescale:phi=0.5|pgdm"};
	REFUSE(DM_ERR_UNSUPPORTED, plan_of(&t, err), "\"pgdm\"", "Jacobian", "\"rescale\"");
	t.guidance = "cfg:scale=2|rescale:phi=0.5,space=v|tmpd";
	REFUSE(DM_ERR_UNSUPPORTED, plan_of(&t, err), "\"tmpd\"", "Jacobian", "\"rescale\"");
	t.guidance = "cfg:scale=2|rescale:phi=0.5|pgdm:jacobian=none";
	DO(plan_of(&t, err));
}

static dm_run *unbound_run(size_t n_sample, size_t n_element, dm_error *error)
{
	struct world w = world();
	struct task t = {.guidance = "diffpir:noise=0.1", .grid = "log_snr:steps=3"};
	dm_plan *plan;
	dm_run *run;
	DO(plan_task(&plan, &w, &t, err));
	dm_run_create(&run, plan, NULL, NULL, n_sample, n_element, NULL, NULL, 0, error);
	dm_plan_free(plan);
	return run;
}

static void test_measurement(void **state)
{
	(void)state;
	dm_error error = {0};
	const double y[] = {1, 2, NAN};
	assert_null(unbound_run(2, DIM + 1, &error));
	assert_int_equal(error.status, DM_ERR_ARGUMENT);
	assert_true(strstr(error.message, "n_element = 5") && strstr(error.message, "n_in = 4"));
	dm_run *run = unbound_run(2, DIM, NULL);
	REFUSE(DM_ERR_STATE, dm_run_all(run, err), "DM_BOUND_MEASUREMENT", "dm_run_bind");
	REFUSE(DM_ERR_ARGUMENT, dm_run_bind(run, DM_BOUND_MEASUREMENT, y, DM_F64, 3, err), "n = 3", "must be 1", "or 2");
	REFUSE(DM_ERR_NOT_FINITE, dm_run_bind(run, DM_BOUND_MEASUREMENT, y + 2, DM_F64, 1, err), "value 0", "not finite");
	REFUSE(DM_ERR_ARGUMENT, dm_run_bind(run, DM_BOUND_MEASUREMENT, NULL, DM_F64, 1, err), "data is NULL");
	DO(dm_run_bind(run, DM_BOUND_MEASUREMENT, y, DM_F64, 2, err)); /* one for each sample */
	dm_run_free(run);
}

/* An operator that fails at one of its calls, or leaves a NaN (how = 0) or nothing (1) in one element there. */
struct failing {
	int calls, fail_at, spoil_at, how;
};

static dm_status fail_or_copy(void *user, const double *in, double *out)
{
	struct failing *f = user;
	int spoilt = ++f->calls == f->spoil_at;
	for (int i = 0; i < DIM; i++)
		if (!spoilt || i != 2 || f->how == 0)
			out[i] = spoilt && i == 2 ? NAN : in[i];
	return f->calls == f->fail_at ? 77 : 0;
}

static dm_run *run_over(struct world *w, const char *chain, struct failing *f)
{
	const dm_operator_ops ops = {sizeof ops, fail_or_copy, fail_or_copy, NULL};
	dm_model_ops model_ops = {.struct_size = sizeof model_ops, .predict = answer, .vjp = answer};
	dm_schedule *schedule;
	dm_grid *grid;
	dm_sampler *sampler;
	dm_model *model;
	dm_operator *op;
	dm_guidance *guidance;
	dm_plan *plan;
	dm_run *run;
	DO(dm_schedule_create(&schedule, "vp", NULL, err));
	DO(dm_grid_create(&grid, schedule, "log_snr:steps=3", NULL, err));
	DO(dm_sampler_create(&sampler, "dpmpp_2m", NULL, err));
	DO(dm_model_create(&model, w->kind, &model_ops, w, NULL, err));
	DO(dm_operator_create_custom(&op, DIM, DIM, &ops, f, NULL, err));
	DO(dm_guidance_create_over(&guidance, chain, NULL, op, NULL, err));
	DO(dm_plan_create(&plan, schedule, grid, sampler, model, guidance, NULL, NULL, err));
	DO(dm_run_create(&run, plan, NULL, NULL, 2, DIM, NULL, NULL, 0, err));
	int32_t what = strstr(chain, "ilvr") ? DM_BOUND_REFERENCE : DM_BOUND_MEASUREMENT;
	if (!strstr(chain, "fdg"))
		DO(dm_run_bind(run, what, (double[]){0.1, 0.2, 0.3, 0.4}, DM_F64, DIM, err));
	dm_plan_free(plan);
	dm_guidance_free(guidance);
	dm_operator_free(op);
	dm_model_free(model);
	dm_sampler_free(sampler);
	dm_grid_free(grid);
	dm_schedule_free(schedule);
	return run;
}

/* A run goes on after any failure of the operator as if nothing had happened. */
static void test_failing_operator(void **state)
{
	(void)state;
	double want[2 * DIM], got[2 * DIM];
	struct world w = world();
	struct failing f = {0};
	dm_run *run = run_over(&w, "mmps:noise=0.1,rounds=2", &f);
	DO(dm_run_all(run, err));
	DO(dm_run_state(run, want, DM_F64, err));
	dm_run_free(run);
	int all = f.calls;
	assert_true(all > 20);
	for (int i = 1; i <= all; i++) {
		dm_error error = {0};
		f = (struct failing){.fail_at = i};
		run = run_over(&w, "mmps:noise=0.1,rounds=2", &f);
		assert_int_equal(dm_run_all(run, &error), DM_ERR_CALLBACK);
		assert_true(error.user_code == 77 && strstr(error.message, "operator"));
		assert_true(error.sample == 0 || error.sample == 1);
		DO(dm_run_all(run, err));
		DO(dm_run_state(run, got, DM_F64, err));
		assert_memory_equal(got, want, sizeof want);
		dm_run_free(run);
	}
}

/* Numbers that are none, or missing, are the operator's fault and nobody else's; they are never taken for nothing to
 * correct. */
static void test_spoilt_operator(void **state)
{
	static const char *const chains[] = {"ddnm",
	                                     "ddnm:noise=0.2",
	                                     "diffpir:noise=0.1",
	                                     "pgdm:noise=0.1",
	                                     "pgdm:noise=0.1,jacobian=none",
	                                     "mmps:noise=0.1,rounds=2",
	                                     "dps:scale=0.1",
	                                     "dps:scale=0.1,jacobian=none",
	                                     "ilvr",
	                                     "fdg:low=2,high=3",
	                                     "fdg:low=2,high=3,split=blur"};
	(void)state;
	for (size_t k = 0; k < 2 * sizeof chains / sizeof *chains; k++) {
		double want[2 * DIM], got[2 * DIM];
		struct world w = world();
		struct failing f = {0};
		w.other = &even;
		dm_run *run = run_over(&w, chains[k / 2], &f);
		DO(dm_run_all(run, err));
		DO(dm_run_state(run, want, DM_F64, err));
		dm_run_free(run);
		int all = f.calls;
		for (int i = 1; i <= all; i++) {
			dm_error error = {0};
			char place[60];
			f = (struct failing){.spoil_at = i, .how = (int)(k % 2)};
			run = run_over(&w, chains[k / 2], &f);
			assert_int_equal(dm_run_all(run, &error), k % 2 ? DM_ERR_NOT_WRITTEN : DM_ERR_NOT_FINITE);
			snprintf(place, sizeof place, "sample %d, step %d", (int)error.sample, (int)error.step);
			if (!strstr(error.message, "operator a") || !strstr(error.message, "element 2") ||
			    !strstr(error.message, place))
				fail_msg("%s, call %d: %s", chains[k / 2], i, error.message);
			assert_true((error.sample == 0 || error.sample == 1) && error.element == 2);
			assert_true(error.step >= 0 && error.step < 3);
			DO(dm_run_all(run, err));
			DO(dm_run_state(run, got, DM_F64, err));
			assert_memory_equal(got, want, sizeof want);
			dm_run_free(run);
		}
	}
}

/* A correction that no float holds is named, before the model is asked for what comes after infinity. */
static void test_too_large(void **state)
{
	static const char *const chains[] = {"ddnm", "pgdm:noise=0.1,jacobian=none", "mmps:noise=0.1"};
	(void)state;
	for (size_t k = 0; k < 3; k++) {
		struct world w = world();
		struct task t = {.guidance = chains[k], .grid = "log_snr:steps=3", .dtype = DM_F32, .n = 1};
		w.y[0] = 1e60;
		dm_run *run = run_task(&w, &t);
		REFUSE(DM_ERR_NOT_FINITE, dm_run_all(run, err), "operator", "too large for a state", "sample 0, step 0");
		dm_run_free(run);
	}
}

/* Products with the Jacobian that are not finite, not written, or not to be had. */
static void test_failing_vjp(void **state)
{
	(void)state;
	struct world w = world();
	struct task t = {.guidance = "mmps:noise=0.1,rounds=2", .grid = "log_snr:steps=3", .n = 2, .by_steps = 1};
	double want[2 * DIM], got[2 * DIM];
	for (int fail = 0; fail < 2; fail++) {
		dm_run *run = run_task(&w, &t);
		const dm_request *rq;
		dm_error error = {0};
		dm_status st;
		while ((st = dm_run_next(run, &rq, NULL)) == DM_EVAL) {
			if (fail && rq->kind == DM_ASK_VJP) {
				assert_int_equal(dm_run_next(run, &rq, &error), DM_ERR_NOT_WRITTEN);
				assert_true(strstr(error.message, "vjp callback") && error.sample == 0 && error.element == 0);
				assert_int_equal(dm_run_next(run, &rq, NULL), DM_EVAL);
				answer(&w, rq);
				put(rq->out[0], rq->out_type, rq->out_stride + 2, NAN);
				assert_int_equal(dm_run_next(run, &rq, &error), DM_ERR_NOT_FINITE);
				assert_true(strstr(error.message, "vjp") && error.sample == 1 && error.element == 2);
				assert_int_equal(dm_run_next(run, &rq, NULL), DM_EVAL);
			}
			answer(&w, rq);
		}
		assert_int_equal(st, DM_DONE);
		DO(dm_run_state(run, fail ? got : want, DM_F64, err));
		dm_run_free(run);
	}
	assert_memory_equal(got, want, sizeof want);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_options),         cmocka_unit_test(test_missing_callbacks),
	    cmocka_unit_test(test_measurement),     cmocka_unit_test(test_failing_operator),
	    cmocka_unit_test(test_spoilt_operator), cmocka_unit_test(test_failing_vjp),
	    cmocka_unit_test(test_too_large),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
