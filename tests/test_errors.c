/* Bad arguments of every public function: the status, a message that names the argument, *out cleared, and destroy
 * called exactly once. */
#include "run_testing.h"

struct objects {
	dm_schedule *schedule;
	dm_grid *grid;
	dm_sampler *sampler;
	dm_model *model;
	dm_plan *plan;
	dm_array *array;
	dm_noise *noise;
	dm_run *run;
	struct denoiser denoiser;
};

static int setup(void **state)
{
	struct objects *o = calloc(1, sizeof *o);
	DO(dm_schedule_create(&o->schedule, "linear", NULL, err));
	DO(dm_grid_create(&o->grid, o->schedule, "trailing:steps=3", NULL, err));
	DO(dm_sampler_create(&o->sampler, "ddim", NULL, err));
	DO(dm_model_create(&o->model, "epsilon", NULL, NULL, NULL, err));
	DO(dm_array_create_host(&o->array, DM_F64, NULL, NULL, NULL, err));
	DO(dm_noise_create(&o->noise, "philox", NULL, err));
	DO(dm_plan_create(&o->plan, o->schedule, o->grid, o->sampler, o->model, NULL, NULL, NULL, err));
	DO(dm_run_create(&o->run, o->plan, o->array, o->noise, 2, 3, NULL, NULL, 0, err));
	*state = o;
	return 0;
}

static int teardown(void **state)
{
	struct objects *o = *state;
	dm_schedule_free(o->schedule);
	dm_grid_free(o->grid);
	dm_sampler_free(o->sampler);
	dm_model_free(o->model);
	dm_plan_free(o->plan);
	dm_array_free(o->array);
	dm_noise_free(o->noise);
	dm_run_free(o->run);
	free(o);
	return 0;
}

/* ---------------------------------------------------------------------------------------------------------- status */

static void test_status_names(void **state)
{
	(void)state;
	static const char *const names[] = {"DM_ERR_LIMIT",
	                                    "DM_ERR_SAMPLER",
	                                    "DM_ERR_NOT_WRITTEN",
	                                    "DM_ERR_NOT_FINITE",
	                                    "DM_ERR_CANCELLED",
	                                    "DM_ERR_CALLBACK",
	                                    "DM_ERR_BUSY",
	                                    "DM_ERR_STATE",
	                                    "DM_ERR_UNSUPPORTED",
	                                    "DM_ERR_OVERFLOW",
	                                    "DM_ERR_MEMORY",
	                                    "DM_ERR_NAME",
	                                    "DM_ERR_ARGUMENT",
	                                    "DM_OK",
	                                    "DM_EVAL",
	                                    "DM_DONE"};
	for (int32_t i = 0; i < 16; i++)
		assert_string_equal(dm_status_name(i - 13), names[i]);
	static const int32_t none[] = {3, -14, 1000, INT32_MAX, INT32_MIN};
	for (size_t i = 0; i < sizeof none / sizeof *none; i++)
		assert_string_equal(dm_status_name(none[i]), "unknown status");
	assert_int_equal(dm_version(), DM_VERSION_MAJOR * 10000 + DM_VERSION_MINOR * 100 + DM_VERSION_PATCH);
	assert_true(dm_abi_version() >= 0);
}

/* A dm_error is written only by the call that fails, and wholly. */
static void test_error_is_overwritten_by_failure_only(void **state)
{
	struct objects *o = *state;
	dm_error err, before;
	dm_node node;
	memset(&err, 0x55, sizeof err);
	before = err;
	assert_int_equal(dm_schedule_at_time(o->schedule, 3, &node, &err), DM_OK);
	assert_memory_equal(&err, &before, sizeof err);
	assert_int_equal(dm_schedule_at_time(o->schedule, 5000, &node, &err), DM_ERR_ARGUMENT);
	assert_true(err.status == DM_ERR_ARGUMENT && err.user_code == 0 && err.value == 5000);
	assert_true(err.step == -1 && err.eval == -1 && err.branch == -1 && err.sample == -1 && err.element == -1);
	assert_non_null(strstr(err.message, "5000"));
	assert_non_null(strstr(err.message, "999"));
}

/* ----------------------------------------------------------------------------------------------------- null pointers */

static void test_null_making_things(void **state)
{
	struct objects *o = *state;
	dm_schedule *schedule;
	dm_grid *grid;
	dm_sampler *sampler;
	dm_model *model;
	dm_guidance *guidance;
	dm_noise *noise;
	dm_array *array;
	const double number = 0.5;
	REFUSE(DM_ERR_ARGUMENT, dm_schedule_create(NULL, "linear", NULL, err), "out", "NULL");
	REFUSE(DM_ERR_ARGUMENT, dm_schedule_create(&schedule, NULL, NULL, err), "spec", "NULL");
	REFUSE(DM_ERR_ARGUMENT, dm_schedule_create_betas(NULL, &number, 1, NULL, err), "out", "NULL");
	REFUSE(DM_ERR_ARGUMENT, dm_schedule_create_betas(&schedule, NULL, 1, NULL, err), "table", "NULL");
	REFUSE(DM_ERR_ARGUMENT, dm_schedule_create_alpha_bars(NULL, &number, 1, NULL, err), "out", "NULL");
	REFUSE(DM_ERR_ARGUMENT, dm_schedule_create_alpha_bars(&schedule, NULL, 1, NULL, err), "table", "NULL");
	REFUSE(DM_ERR_ARGUMENT, dm_schedule_create_custom(&schedule, NULL, NULL, 0, 1, NULL, err), "ops", "NULL");
	REFUSE(DM_ERR_ARGUMENT, dm_schedule_create_sde(&schedule, NULL, NULL, 0, 0.1, 1, NULL, err), "ops", "NULL");
	REFUSE(DM_ERR_ARGUMENT, dm_grid_create(NULL, o->schedule, "trailing", NULL, err), "out", "NULL");
	REFUSE(DM_ERR_ARGUMENT, dm_grid_create(&grid, NULL, "trailing", NULL, err), "schedule", "NULL");
	REFUSE(DM_ERR_ARGUMENT, dm_grid_create(&grid, o->schedule, NULL, NULL, err), "spec", "NULL");
	REFUSE(DM_ERR_ARGUMENT, dm_grid_create_nodes(NULL, o->schedule, dm_grid_node(o->grid, 0), 2, NULL, err), "out");
	REFUSE(DM_ERR_ARGUMENT, dm_grid_create_nodes(&grid, NULL, dm_grid_node(o->grid, 0), 2, NULL, err), "schedule");
	REFUSE(DM_ERR_ARGUMENT, dm_grid_create_nodes(&grid, o->schedule, NULL, 2, NULL, err), "node", "NULL");
	REFUSE(DM_ERR_ARGUMENT, dm_sampler_create(NULL, "ddim", NULL, err), "out", "NULL");
	REFUSE(DM_ERR_ARGUMENT, dm_sampler_create(&sampler, NULL, NULL, err), "spec", "NULL");
	REFUSE(DM_ERR_ARGUMENT, dm_sampler_create_custom(&sampler, "s", NULL, NULL, NULL, 0, NULL, err), "ops", "NULL");
	REFUSE(DM_ERR_ARGUMENT, dm_model_create(NULL, "epsilon", NULL, NULL, NULL, err), "out", "NULL");
	REFUSE(DM_ERR_ARGUMENT, dm_model_create(&model, NULL, NULL, NULL, NULL, err), "spec", "NULL");
	REFUSE(DM_ERR_ARGUMENT, dm_guidance_create(NULL, "cfg", NULL, err), "out", "NULL");
	REFUSE(DM_ERR_ARGUMENT, dm_guidance_create(&guidance, NULL, NULL, err), "spec", "NULL");
	REFUSE(DM_ERR_ARGUMENT, dm_guidance_create_custom(&guidance, "g", NULL, NULL, NULL, NULL, err), "ops", "NULL");
	REFUSE(DM_ERR_ARGUMENT, dm_noise_create(NULL, "philox", NULL, err), "out", "NULL");
	REFUSE(DM_ERR_ARGUMENT, dm_noise_create(&noise, NULL, NULL, err), "spec", "NULL");
	REFUSE(DM_ERR_ARGUMENT, dm_noise_create_custom(&noise, NULL, NULL, NULL, err), "ops", "NULL");
	REFUSE(DM_ERR_ARGUMENT, dm_noise_create_replay(NULL, &number, DM_F64, 1, 1, 1, NULL, err), "out", "NULL");
	REFUSE(DM_ERR_ARGUMENT, dm_noise_create_replay(&noise, NULL, DM_F64, 1, 1, 1, NULL, err), "value", "NULL");
	REFUSE(DM_ERR_ARGUMENT, dm_array_create_host(NULL, DM_F32, NULL, NULL, NULL, err), "out", "NULL");
	REFUSE(DM_ERR_ARGUMENT, dm_array_create_custom(&array, NULL, NULL, NULL, err), "ops", "NULL");
	assert_true(!schedule && !grid && !sampler && !model && !guidance && !noise && !array);
}

static void test_null_asking_things(void **state)
{
	struct objects *o = *state;
	double number[2];
	uint32_t draw;
	dm_node node = {0};
	REFUSE(DM_ERR_ARGUMENT, dm_schedule_at_time(NULL, 1, &node, err), "schedule", "NULL");
	REFUSE(DM_ERR_ARGUMENT, dm_schedule_at_time(o->schedule, 1, NULL, err), "out", "NULL");
	REFUSE(DM_ERR_ARGUMENT, dm_schedule_at_lambda(NULL, 1, &node, err), "schedule", "NULL");
	REFUSE(DM_ERR_ARGUMENT, dm_schedule_at_lambda(o->schedule, 1, NULL, err), "out", "NULL");
	REFUSE(DM_ERR_ARGUMENT, dm_schedule_find(NULL, DM_BY_TIME, 1, DM_ROUND_NONE, &node, err), "schedule", "NULL");
	REFUSE(DM_ERR_ARGUMENT, dm_schedule_find(o->schedule, DM_BY_TIME, 1, DM_ROUND_NONE, NULL, err), "out", "NULL");
	REFUSE(DM_ERR_ARGUMENT, dm_schedule_find(o->schedule, 6, 1, DM_ROUND_NONE, &node, err), "by", "6");
	REFUSE(DM_ERR_ARGUMENT, dm_schedule_find(o->schedule, DM_BY_TIME, 1, 3, &node, err), "round", "3");
	REFUSE(DM_ERR_ARGUMENT, dm_schedule_find(o->schedule, DM_BY_LEVEL, NAN, 0, &node, err), "nan");
	REFUSE(DM_ERR_ARGUMENT, dm_schedule_measure(NULL, &node, DM_BY_TIME, number, err), "schedule", "NULL");
	REFUSE(DM_ERR_ARGUMENT, dm_schedule_measure(o->schedule, NULL, DM_BY_TIME, number, err), "at", "NULL");
	REFUSE(DM_ERR_ARGUMENT, dm_schedule_measure(o->schedule, &node, DM_BY_TIME, NULL, err), "value", "NULL");
	REFUSE(DM_ERR_ARGUMENT, dm_schedule_sde(NULL, 1, number, number + 1, err), "schedule", "NULL");
	REFUSE(DM_ERR_ARGUMENT, dm_schedule_sde(o->schedule, 1, NULL, number + 1, err), "f", "NULL");
	REFUSE(DM_ERR_ARGUMENT, dm_schedule_sde(o->schedule, 1, number, NULL, err), "g2", "NULL");
	REFUSE(DM_ERR_ARGUMENT, dm_schedule_slopes(NULL, 1, number, number + 1, err), "schedule", "NULL");
	REFUSE(DM_ERR_ARGUMENT, dm_schedule_slopes(o->schedule, 1, NULL, number + 1, err), "d_alpha", "NULL");
	REFUSE(DM_ERR_ARGUMENT, dm_schedule_slopes(o->schedule, 1, number, NULL, err), "d_sigma", "NULL");
	REFUSE(DM_ERR_ARGUMENT, dm_schedule_slopes(o->schedule, NAN, number, number + 1, err), "time nan is outside");
	REFUSE(DM_ERR_ARGUMENT, dm_posterior(NULL, &node, number, number, err), "t", "NULL");
	REFUSE(DM_ERR_ARGUMENT, dm_posterior(&node, NULL, number, number, err), "s", "NULL");
	REFUSE(DM_ERR_ARGUMENT, dm_posterior(&node, &node, NULL, number, err), "mean", "NULL");
	REFUSE(DM_ERR_ARGUMENT, dm_posterior(&node, &node, number, NULL, err), "variance", "NULL");
	REFUSE(DM_ERR_ARGUMENT, dm_model_time(NULL, o->schedule, &node, number, err), "model", "NULL");
	REFUSE(DM_ERR_ARGUMENT, dm_model_time(o->model, NULL, &node, number, err), "schedule", "NULL");
	REFUSE(DM_ERR_ARGUMENT, dm_model_time(o->model, o->schedule, NULL, number, err), "at", "NULL");
	REFUSE(DM_ERR_ARGUMENT, dm_model_time(o->model, o->schedule, &node, NULL, err), "time", "NULL");
	REFUSE(DM_ERR_ARGUMENT, dm_convert(NULL, "x0", 1, 1, 1, number, err), "from", "NULL");
	REFUSE(DM_ERR_ARGUMENT, dm_convert("x0", NULL, 1, 1, 1, number, err), "to", "NULL");
	REFUSE(DM_ERR_ARGUMENT, dm_convert("x0", "v", 1, 1, 1, NULL, err), "coefficient", "NULL");
	REFUSE(DM_ERR_ARGUMENT, dm_draw(0, 0, 0, NULL, err), "out", "NULL");
	REFUSE(DM_ERR_ARGUMENT, dm_normals(0, 0, 0, 0, 1, DM_F32, NULL, err), "out", "NULL");
	REFUSE(DM_ERR_ARGUMENT, dm_path(0, 0, 0, 1, 1, DM_F32, NULL, err), "out", "NULL");
	REFUSE(DM_ERR_NAME, dm_convert("epsilonn", "x0", 1, 1, 1, number, err), "epsilonn", "did you mean \"epsilon\"");
	REFUSE(DM_ERR_NAME, dm_convert("epsilon:time=t", "x0", 1, 1, 1, number, err), "epsilon:time=t");
	REFUSE(DM_ERR_ARGUMENT, dm_convert("epsilon", "x0", 0, 0, 1, number, err), "alpha", "sigma", "0");
	REFUSE(DM_ERR_ARGUMENT, dm_convert("epsilon", "x0", NAN, 1, 1, number, err), "alpha", "nan");
	REFUSE(DM_ERR_ARGUMENT, dm_convert("epsilon", "x0", 1, 1, 0, number, err), "sigma_data", "0");
	REFUSE(DM_ERR_UNSUPPORTED, dm_convert("epsilon", "x0", 0, 1, 1, number, err), "x0 from epsilon", "alpha = 0");
	REFUSE(DM_ERR_OVERFLOW, dm_draw(5, 0, 0, &draw, err), "domain", "5", "4");
	REFUSE(DM_ERR_OVERFLOW, dm_draw(0, 1 << 24, 0, &draw, err), "visit", "16777216", "16777215");
	REFUSE(DM_ERR_OVERFLOW, dm_draw(0, 0, 32, &draw, err), "tag", "32", "31");
	assert_int_equal(dm_grid_count(NULL), 0);
	assert_int_equal(dm_plan_count(NULL), 0);
	assert_int_equal(dm_schedule_table_size(NULL), 0);
	assert_null(dm_grid_node(NULL, 0));
	assert_null(dm_plan_row(NULL, 0));
	dm_schedule_range(o->schedule, NULL, NULL);
	dm_schedule_range(NULL, &number[0], &number[1]);
	assert_true(isnan(number[0]) && isnan(number[1]));
}

static void test_null_plans_and_runs(void **state)
{
	struct objects *o = *state;
	dm_plan *plan;
	dm_run *run;
	size_t bytes;
	double x[6] = {0};
	const uint64_t seed[2] = {0};
	const int64_t sample[2] = {0};
	dm_plan_info plan_info = {.struct_size = sizeof plan_info};
	dm_run_info run_info = {.struct_size = sizeof run_info};
	const dm_request *rq;
	REFUSE(DM_ERR_ARGUMENT, dm_plan_create(NULL, o->schedule, o->grid, o->sampler, o->model, NULL, NULL, NULL, err),
	       "out");
	REFUSE(DM_ERR_ARGUMENT, dm_plan_create(&plan, NULL, o->grid, o->sampler, o->model, NULL, NULL, NULL, err),
	       "schedule");
	REFUSE(DM_ERR_ARGUMENT, dm_plan_create(&plan, o->schedule, NULL, o->sampler, o->model, NULL, NULL, NULL, err),
	       "grid");
	REFUSE(DM_ERR_ARGUMENT, dm_plan_create(&plan, o->schedule, o->grid, NULL, o->model, NULL, NULL, NULL, err),
	       "sampler");
	REFUSE(DM_ERR_ARGUMENT, dm_plan_create(&plan, o->schedule, o->grid, o->sampler, NULL, NULL, NULL, NULL, err),
	       "model");
	assert_null(plan);
	REFUSE(DM_ERR_ARGUMENT, dm_plan_facts(NULL, &plan_info, err), "plan", "NULL");
	REFUSE(DM_ERR_ARGUMENT, dm_plan_facts(o->plan, NULL, err), "info", "NULL");
	REFUSE(DM_ERR_ARGUMENT, dm_plan_print(NULL, "table", NULL, 0, &bytes, err), "plan", "NULL");
	REFUSE(DM_ERR_ARGUMENT, dm_plan_print(o->plan, NULL, NULL, 0, &bytes, err), "form", "NULL");
	REFUSE(DM_ERR_ARGUMENT, dm_run_create(NULL, o->plan, NULL, NULL, 1, 1, NULL, NULL, 0, err), "out", "NULL");
	REFUSE(DM_ERR_ARGUMENT, dm_run_create(&run, NULL, NULL, NULL, 1, 1, NULL, NULL, 0, err), "plan", "NULL");
	REFUSE(DM_ERR_ARGUMENT, dm_run_bytes(NULL, NULL, NULL, 1, 1, &bytes, err), "plan", "NULL");
	REFUSE(DM_ERR_ARGUMENT, dm_run_bytes(o->plan, NULL, NULL, 1, 1, NULL, err), "bytes", "NULL");
	REFUSE(DM_ERR_ARGUMENT, dm_run_create_spec(NULL, "", NULL, NULL, 1, 1, NULL, err), "out", "NULL");
	REFUSE(DM_ERR_ARGUMENT, dm_run_create_spec(&run, NULL, NULL, NULL, 1, 1, NULL, err), "spec", "NULL");
	assert_null(run);
	REFUSE(DM_ERR_ARGUMENT, dm_run_keys(NULL, seed, sample, 2, err), "run is NULL");
	REFUSE(DM_ERR_ARGUMENT, dm_run_keys(o->run, NULL, sample, 2, err), "seed");
	REFUSE(DM_ERR_ARGUMENT, dm_run_keys(o->run, seed, NULL, 2, err), "sample");
	REFUSE(DM_ERR_ARGUMENT, dm_run_keys(o->run, seed, sample, 1, err), "n_sample = 2", "1");
	REFUSE(DM_ERR_ARGUMENT, dm_run_start_state(NULL, x, DM_F64, 0, err), "run is NULL");
	REFUSE(DM_ERR_ARGUMENT, dm_run_start_state(o->run, NULL, DM_F64, 0, err), "x is NULL");
	REFUSE(DM_ERR_ARGUMENT, dm_run_start_state(o->run, x, DM_F16, 0, err), "type = 3");
	REFUSE(DM_ERR_ARGUMENT, dm_run_start_state(o->run, x, DM_F64, 2, err), "stride = 2", "n_element = 3");
	REFUSE(DM_ERR_ARGUMENT, dm_run_start_clean(NULL, x, DM_F64, 0, err), "run is NULL");
	REFUSE(DM_ERR_ARGUMENT, dm_run_start_clean(o->run, NULL, DM_F64, 0, err), "x0 is NULL");
	REFUSE(DM_ERR_ARGUMENT, dm_run_on_step(NULL, predict, NULL, err), "run is NULL");
	REFUSE(DM_ERR_STATE, dm_run_on_step(o->run, predict, NULL, err), "progress=1");
	REFUSE(DM_ERR_ARGUMENT, dm_run_next(NULL, &rq, err), "run is NULL");
	REFUSE(DM_ERR_ARGUMENT, dm_run_next(o->run, NULL, err), "rq is NULL");
	REFUSE(DM_ERR_ARGUMENT, dm_run_retry(NULL, err), "run is NULL");
	REFUSE(DM_ERR_ARGUMENT, dm_run_all(NULL, err), "run is NULL");
	REFUSE(DM_ERR_STATE, dm_run_all(o->run, err), "callback", "dm_run_next");
	REFUSE(DM_ERR_ARGUMENT, dm_run_state(NULL, x, DM_F64, err), "run is NULL");
	REFUSE(DM_ERR_ARGUMENT, dm_run_state(o->run, NULL, DM_F64, err), "out is NULL");
	REFUSE(DM_ERR_ARGUMENT, dm_run_x0(NULL, x, DM_F64, err), "run is NULL");
	REFUSE(DM_ERR_ARGUMENT, dm_run_x0(o->run, NULL, DM_F64, err), "out is NULL");
	REFUSE(DM_ERR_STATE, dm_run_x0(o->run, x, DM_F64, err), "preview=1");
	REFUSE(DM_ERR_ARGUMENT, dm_run_facts(NULL, &run_info, err), "run is NULL");
	REFUSE(DM_ERR_ARGUMENT, dm_run_facts(o->run, NULL, err), "info is NULL");
	dm_run_cancel(NULL);
}

static void test_null_is_freed(void **state)
{
	(void)state;
	dm_schedule_free(NULL);
	dm_grid_free(NULL);
	dm_sampler_free(NULL);
	dm_model_free(NULL);
	dm_guidance_free(NULL);
	dm_noise_free(NULL);
	dm_array_free(NULL);
	dm_plan_free(NULL);
	dm_run_free(NULL);
}

/* The emit functions have no status: what is wrong is told when the plan is made. */
static dm_status emit_null(void *user, const dm_step *s, dm_emit *e)
{
	static const double zero[4] = {0};
	dm_emit_linear(NULL, 0, NULL);
	dm_emit_noise(NULL, 0, 0);
	dm_emit_increment(NULL, 0, 1, 0);
	dm_emit_map(NULL, DM_MAP_CLIP, 1, &s->x, zero);
	dm_emit_weighted(NULL, 1, &s->x, 0, zero);
	dm_emit_eval(NULL, 1, s->from, DM_SPACE_X0);
	dm_emit_part(NULL, 1, 0, 0);
	dm_emit_push(NULL, s->from, 1, 1);
	dm_emit_keep(NULL, 0, 1);
	dm_emit_state(NULL, 1);
	dm_emit_error_estimate(NULL, 1, 1, 1, 1, 1, DM_NORM_SAMPLE);
	dm_emit_departs(NULL, 0);
	dm_emit_fail(NULL, DM_ERR_SAMPLER, "");
	switch (*(int *)user) {
	case 0:
		dm_emit_linear(e, 1, NULL);
		break;
	case 1:
		dm_emit_eval(e, s->x, NULL, DM_SPACE_X0);
		break;
	case 2:
		dm_emit_push(e, NULL, s->x, 1);
		break;
	case 3:
		dm_emit_linear(e, -1, (dm_term[]){{1, s->x}});
		break;
	case 4:
		dm_emit_map(e, DM_MAP_CLIP, 1, NULL, zero);
		break;
	case 5:
		dm_emit_map(e, DM_MAP_CLIP, 1, &s->x, NULL);
		break;
	case 6:
		dm_emit_weighted(e, 1, NULL, 0, zero);
		break;
	case 7:
		dm_emit_map(e, DM_MAP_BLEND, 2, (dm_val[]){s->x, s->x}, zero);
		break;
	case 8:
		dm_emit_map(e, 6, 1, &s->x, zero);
		break;
	default:
		dm_emit_fail(e, DM_ERR_UNSUPPORTED, NULL);
	}
	return 0;
}

static void test_null_emitted(void **state)
{
	struct objects *o = *state;
	static const char *const words[] = {
	    "term",          "evaluation", "push",  "-1",     "value is NULL", "parameter is NULL",
	    "value is NULL", "map 4",      "map 6", "sampler"};
	for (int which = 0; which < 10; which++) {
		dm_sampler_ops ops = {.struct_size = sizeof ops, .step = emit_null};
		dm_sampler *sampler;
		dm_plan *plan;
		DO(dm_sampler_create_custom(&sampler, "null", &ops, &which, NULL, 0, NULL, err));
		REFUSE(which == 9 ? DM_ERR_UNSUPPORTED : DM_ERR_SAMPLER,
		       dm_plan_create(&plan, o->schedule, o->grid, sampler, o->model, NULL, NULL, NULL, err), words[which]);
		assert_null(plan);
		dm_sampler_free(sampler);
	}
}

/* ------------------------------------------------------------------------------------------------------ allocators */

static void *no_memory(void *user, size_t bytes)
{
	(void)user, (void)bytes;
	return NULL;
}

static void no_release(void *user, void *memory, size_t bytes)
{
	(void)user, (void)memory, (void)bytes;
}

/* Every create function, with an allocator that is not one. */
static void check_creates(const struct objects *o, const dm_allocator *a, dm_status wanted, const char *word)
{
	dm_schedule *schedule;
	dm_grid *grid;
	dm_sampler *sampler;
	dm_model *model;
	dm_guidance *guidance;
	dm_noise *noise;
	dm_array *array;
	dm_plan *plan;
	dm_run *run;
	const double number = 0.5;
	REFUSE(wanted, dm_schedule_create(&schedule, "linear", a, err), word);
	REFUSE(wanted, dm_schedule_create(&schedule, "betas:at=0.1/0.2", a, err), word);
	REFUSE(wanted, dm_schedule_create_betas(&schedule, &number, 1, a, err), word);
	REFUSE(wanted, dm_schedule_create_alpha_bars(&schedule, &number, 1, a, err), word);
	REFUSE(wanted, dm_grid_create(&grid, o->schedule, "times:at=5/4", a, err), word);
	REFUSE(wanted, dm_grid_create_nodes(&grid, o->schedule, dm_grid_node(o->grid, 0), 2, a, err), word);
	REFUSE(wanted, dm_sampler_create(&sampler, "ddim", a, err), word);
	REFUSE(wanted, dm_model_create(&model, "epsilon", NULL, NULL, a, err), word);
	REFUSE(wanted, dm_guidance_create(&guidance, "cfg", a, err), word);
	REFUSE(wanted, dm_noise_create(&noise, "philox", a, err), word);
	REFUSE(wanted, dm_noise_create_replay(&noise, &number, DM_F64, 1, 1, 1, a, err), word);
	REFUSE(wanted, dm_array_create_host(&array, DM_F32, NULL, NULL, a, err), word);
	REFUSE(wanted, dm_plan_create(&plan, o->schedule, o->grid, o->sampler, o->model, NULL, NULL, a, err), word);
	REFUSE(
	    wanted,
	    dm_run_create_spec(&run, "sampler=ddim schedule=linear grid=trailing model=epsilon", NULL, NULL, 1, 1, a, err),
	    word);
	assert_true(!schedule && !grid && !sampler && !model && !guidance && !noise && !array && !plan && !run);
}

static void test_bad_allocators(void **state)
{
	dm_allocator a = {sizeof a, NULL, no_memory, no_release};
	check_creates(*state, &a, DM_ERR_MEMORY, "allocator");
	a.struct_size = 8;
	check_creates(*state, &a, DM_ERR_ARGUMENT, "struct_size is 8");
	a.struct_size = sizeof a;
	a.allocate = NULL;
	check_creates(*state, &a, DM_ERR_ARGUMENT, "allocate");
	a.allocate = no_memory;
	a.release = NULL;
	check_creates(*state, &a, DM_ERR_ARGUMENT, "release");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_status_names),
	    cmocka_unit_test_setup_teardown(test_error_is_overwritten_by_failure_only, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_null_making_things, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_null_asking_things, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_null_plans_and_runs, setup, teardown),
	    cmocka_unit_test(test_null_is_freed),
	    cmocka_unit_test_setup_teardown(test_null_emitted, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_bad_allocators, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
