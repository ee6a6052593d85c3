/* A run on the linear schedule with a network that takes next to no time. */
#include "bench/bench.h"

dm_status bench_predict(void *user, const dm_request *rq)
{
	(void)user;
	for (int32_t b = 0; b < rq->n_branch; b++)
		for (size_t j = 0; j < rq->n_element; j++)
			((float *)rq->out[b])[j] = 0.01f;
	return DM_OK;
}

static dm_status create_plan(dm_plan **plan, const char *sampler, const char *guidance, int steps, dm_error *err)
{
	const dm_model_ops ops = {.struct_size = sizeof ops, .predict = bench_predict};
	dm_schedule *schedule = NULL;
	dm_grid *grid = NULL;
	dm_sampler *method_object = NULL;
	dm_model *model = NULL;
	dm_guidance *stages = NULL;
	char grid_spec[64];
	snprintf(grid_spec, sizeof grid_spec, "trailing:steps=%d", steps);
	dm_status st = dm_schedule_create(&schedule, "linear", NULL, err);
	if (st == DM_OK)
		st = dm_grid_create(&grid, schedule, grid_spec, NULL, err);
	if (st == DM_OK)
		st = dm_sampler_create(&method_object, sampler, NULL, err);
	if (st == DM_OK)
		st = dm_model_create(&model, "epsilon", &ops, NULL, NULL, err);
	if (st == DM_OK)
		st = dm_guidance_create(&stages, guidance, NULL, err);
	if (st == DM_OK)
		st = dm_plan_create(plan, schedule, grid, method_object, model, stages, NULL, NULL, err);
	dm_guidance_free(stages);
	dm_model_free(model);
	dm_sampler_free(method_object);
	dm_grid_free(grid);
	dm_schedule_free(schedule);
	return st;
}

dm_status bench_run(dm_run **run, const char *sampler, const char *guidance, int steps, size_t n_sample, size_t n,
                    int32_t isa, dm_parallel_for parallel, void *parallel_user, dm_error *err)
{
	dm_plan *plan = NULL;
	dm_array *array = NULL;
	dm_status st = create_plan(&plan, sampler, guidance, steps, err);
	if (st == DM_OK)
		st = dm_array_create_host(&array, DM_F32, parallel, parallel_user, NULL, err);
	if (st == DM_OK)
		st = dm_array_set_isa(array, isa, err);
	if (st == DM_OK)
		st = dm_run_create(run, plan, array, NULL, n_sample, n, "seed=1", NULL, 0, err);
	dm_array_free(array);
	dm_plan_free(plan);
	return st;
}
