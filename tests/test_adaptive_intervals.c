/* Guidances that act in an interval, met by the trials of adaptive methods wherever these end: runs succeed, whatever
 * the trials that the plan looked at, and do there what fixed grids do. */
#include "run_testing.h"

enum { N = 4, SAMPLES = 2 };

/* Data of deviation 0.5 around 0.3 with the condition, 0 without. */
static dm_status answer(void *user, const dm_request *rq)
{
	(void)user;
	for (int32_t b = 0; b < (rq->kind == DM_ASK_GRADIENT ? 1 : rq->n_branch); b++)
		for (size_t i = 0; i < rq->n_sample * N; i++) {
			size_t s = i / N, t = rq->n_time == 1 ? 0 : s, at = s * rq->out_stride + i % N;
			double x = ((const double *)rq->x)[s * rq->x_stride + i % N], a = rq->alpha[t], g = rq->sigma[t];
			double gain = 0.25 * a / (0.25 * a * a + g * g), mean = 0;
			if (rq->kind == DM_ASK_PREDICTION && rq->branch[b].condition == DM_CONDITION_GIVEN)
				mean = 0.3;
			((double *)rq->out[b])[at] = rq->kind == DM_ASK_VJP        ? gain * ((const double *)rq->cotangent)[at]
			                             : rq->kind == DM_ASK_GRADIENT ? 0.5 - x
			                                                           : mean + gain * (x - a * mean);
		}
	return 0;
}

struct scene {
	const char *sampler, *guidance;
	int no_callbacks;
};

static dm_status make(dm_run **run, const struct scene *scene, dm_error *error)
{
	static const dm_model_ops all = {.struct_size = sizeof all, .predict = answer, .vjp = answer, .gradient = answer};
	static const dm_model_ops plain = {.struct_size = sizeof plain, .predict = answer};
	dm_schedule *schedule;
	dm_grid *grid;
	dm_sampler *sampler;
	dm_model *model;
	dm_operator *op;
	dm_guidance *guidance;
	dm_plan *plan;
	dm_array *array;
	DO(dm_schedule_create(&schedule, "edm", NULL, err));
	DO(dm_grid_create(&grid, schedule, "karras:steps=10", NULL, err));
	DO(dm_sampler_create(&sampler, scene->sampler, NULL, err));
	DO(dm_model_create(&model, "x0", scene->no_callbacks ? &plain : &all, NULL, NULL, err));
	DO(dm_operator_create_average_pool(&op, N, 1, 1, 2, NULL, err));
	DO(dm_guidance_create_over(&guidance, scene->guidance, NULL, op, NULL, err));
	DO(dm_array_create_host(&array, DM_F64, NULL, NULL, NULL, err));
	dm_status st = dm_plan_create(&plan, schedule, grid, sampler, model, guidance, NULL, NULL, error);
	if (st == DM_OK)
		st = dm_run_create(run, plan, array, NULL, SAMPLES, N, NULL, NULL, 0, error);
	dm_plan_free(plan);
	dm_array_free(array);
	dm_guidance_free(guidance);
	dm_operator_free(op);
	dm_model_free(model);
	dm_sampler_free(sampler);
	dm_grid_free(grid);
	dm_schedule_free(schedule);
	return st;
}

static void bind_what_is_read(dm_run *run, const char *guidance)
{
	static const double known[N] = {0.2, 0.1, -0.7, 1}, mask[N] = {1, 0, 0.5, 0};
	if (strstr(guidance, "inpaint")) {
		DO(dm_run_bind(run, DM_BOUND_KNOWN, known, DM_F64, N, err));
		DO(dm_run_bind(run, DM_BOUND_MASK, mask, DM_F64, N, err));
	} else if (strstr(guidance, "noise=")) {
		DO(dm_run_bind(run, DM_BOUND_MEASUREMENT, known, DM_F64, N / 2, err));
	}
}

static const char *const stages[] = {"clip:range=0.5",
                                     "threshold:ratio=0.9",
                                     "classifier:scale=1",
                                     "pgdm:noise=0.1",
                                     "mmps:noise=0.1,rounds=2",
                                     "inpaint:mode=blend",
                                     "ddnm:noise=0.1",
                                     "diffpir:noise=0.1",
                                     "tmpd:noise=0.1",
                                     "mambo_g:scale=2,space=v",
                                     "cfg:scale=2|rescale:phi=0.7,space=v"};

/* Narrow and wide intervals all along the way; the samples are those of the run without the stage where it never acts. */
static void test_wherever_the_interval_lies(void **state)
{
	static const char *const samplers[] = {"rk45", "rk45:rtol=1e-6,atol=1e-6", "dpm_adaptive"};
	static const double widths[] = {0.01, 0.3, 2};
	(void)state;
	for (size_t k = 0; k < 3 * (sizeof stages / sizeof *stages); k++)
		for (int w = 0; w < 3; w++)
			for (double from = -3.1; from < 3; from += 0.97) {
				char guidance[120];
				double x[SAMPLES * N];
				dm_error error;
				dm_run *run;
				const struct scene scene = {samplers[k % 3], guidance, 0};
				snprintf(guidance, sizeof guidance, "%s,from=%g,to=%g", stages[k / 3], from, from + widths[w]);
				if (make(&run, &scene, &error) != DM_OK)
					fail_msg("%s, %s: %s", scene.sampler, guidance, error.message);
				bind_what_is_read(run, guidance);
				if (dm_run_all(run, &error) != DM_OK)
					fail_msg("%s, %s: %s", scene.sampler, guidance, error.message);
				DO(dm_run_state(run, x, DM_F64, err));
				for (int i = 0; i < SAMPLES * N; i++)
					assert_true(fabs(x[i]) < 10);
				dm_run_free(run);
			}
}

/* A callback that is needed in a narrow interval only is missed when the plan is made. */
static void test_missing_callbacks(void **state)
{
	static const struct {
		const char *guidance, *words[2];
	} known[] = {{"pgdm:noise=0.1,from=-0.7467,to=-0.7328", {"\"pgdm\"", "vjp"}},
	             {"classifier:scale=1,from=1.9467,to=1.9575", {"\"classifier\"", "gradient"}},
	             {"clip|mmps:noise=0.1,from=0.5,to=0.51", {"\"mmps\"", "vjp"}}};
	static const char *const samplers[] = {"rk45", "dpm_adaptive"};
	(void)state;
	for (size_t i = 0; i < 6; i++) {
		const struct scene scene = {samplers[i % 2], known[i / 2].guidance, 1};
		dm_run *run;
		dm_error error = {0};
		assert_int_equal(make(&run, &scene, &error), DM_ERR_ARGUMENT);
		for (int w = 0; w < 2; w++)
			assert_non_null(strstr(error.message, known[i / 2].words[w]));
	}
}

/* Of one number, of one digit more, and of two stages with different ones. */
static void test_narrow_intervals(void **state)
{
	static const char *const known[] = {"clip:range=0.5,from=0.5,to=0.5",
	                                    "pgdm:noise=0.1,from=0.5,to=0.5000000000000001",
	                                    "clip:range=0.5,from=0.5,to=0.50001|pgdm:noise=0.1,from=0.50002,to=0.6"};
	(void)state;
	for (size_t i = 0; i < 6; i++) {
		const struct scene scene = {i % 2 ? "rk45" : "dpm_adaptive", known[i / 2], 0};
		dm_run *run;
		DO(make(&run, &scene, err));
		bind_what_is_read(run, scene.guidance);
		DO(dm_run_all(run, err));
		dm_run_free(run);
	}
}

/* What a stage that acts at no node would read can be bound, and is checked; without any interval it is refused. */
static void test_bound_for_no_node(void **state)
{
	static const double mask[N] = {1, 0, 2, 0};
	struct scene scene = {"euler", "inpaint:from=20,to=30", 0};
	dm_run *run;
	dm_error error = {0};
	(void)state;
	DO(make(&run, &scene, err));
	bind_what_is_read(run, scene.guidance);
	assert_int_equal(dm_run_bind(run, DM_BOUND_MASK, mask, DM_F64, N - 1, &error), DM_ERR_ARGUMENT);
	DO(dm_run_all(run, err));
	dm_run_free(run);
	scene.guidance = "clip";
	DO(make(&run, &scene, err));
	assert_int_equal(dm_run_bind(run, DM_BOUND_MASK, mask, DM_F64, N, &error), DM_ERR_STATE);
	assert_non_null(strstr(error.message, "DM_BOUND_MASK"));
	dm_run_free(run);
}

static void test_stages_without_a_name(void **state)
{
	static const struct {
		const char *spec, *words;
	} known[] = {{"", "stage 1"}, {"|cfg:scale=2", "stage 1"}, {"cfg:scale=2|", "stage 2"}, {"clip||clip", "stage 2"}};
	(void)state;
	for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
		dm_guidance *guidance;
		dm_error error = {0};
		assert_int_equal(dm_guidance_create(&guidance, known[i].spec, NULL, &error), DM_ERR_NAME);
		assert_non_null(strstr(error.message, known[i].words));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_wherever_the_interval_lies), cmocka_unit_test(test_missing_callbacks),
	    cmocka_unit_test(test_narrow_intervals),           cmocka_unit_test(test_bound_for_no_node),
	    cmocka_unit_test(test_stages_without_a_name),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
