#include "single.h"
#include "rows.h"
#include <math.h>

struct objects {
	dm_schedule *schedule;
	dm_grid *grid;
	dm_sampler *sampler;
	dm_model *model;
	dm_guidance *guidance;
	dm_plan *plan;
	dm_array *array;
	dm_noise *noise;
	dm_run *run;
};

/* The noise of the start, row by row. */
static dm_status fill(void *user, const dm_request *rq)
{
	const struct single *one = user;
	if (!one->noise)
		return 1;
	rows_write(rq->out[0], rq->out_type, rq->out_stride, one->noise, one->n_sample, one->n_element);
	return 0;
}

static dm_status make_plan(struct objects *o, const struct single *one, dm_error *err)
{
	dm_node node[3];
	size_t end = one->later[0] ? 2 : 1;
	node[0] = node[1] = one->from;
	node[1].sigma /= 2;
	dm_status st = dm_schedule_create(&o->schedule, one->schedule, NULL, err);
	if (st == DM_OK)
		st = dm_schedule_at_lambda(o->schedule, INFINITY, &node[end], err);
	if (st == DM_OK)
		st = dm_grid_create_nodes(&o->grid, o->schedule, node, end + 1, NULL, err);
	if (st == DM_OK)
		st = dm_sampler_create(&o->sampler, "ddim", NULL, err);
	if (st == DM_OK)
		st = dm_model_create(&o->model, one->model, NULL, NULL, NULL, err);
	if (st == DM_OK)
		st = dm_guidance_create(&o->guidance, one->guidance, NULL, err);
	if (st == DM_OK)
		st = dm_plan_create(&o->plan, o->schedule, o->grid, o->sampler, o->model, o->guidance,
		                    one->later[0] ? "preview=1" : NULL, NULL, err);
	return st;
}

static dm_status make_run(struct objects *o, const struct single *one, dm_error *err)
{
	dm_noise_ops ops = {.struct_size = sizeof ops, .fill = fill};
	dm_status st = dm_array_create_host(&o->array, one->type, NULL, NULL, NULL, err);
	if (st == DM_OK)
		st = dm_noise_create_custom(&o->noise, &ops, (void *)(uintptr_t)one, NULL, err);
	if (st == DM_OK)
		st = dm_run_create(&o->run, o->plan, o->array, o->noise, one->n_sample, one->n_element, NULL, NULL, 0, err);
	if (st == DM_OK)
		st = one->noise ? dm_run_start_clean(o->run, one->x, DM_F64, 0, err)
		                : dm_run_start_state(o->run, one->x, DM_F64, 0, err);
	return st;
}

static void answer(const struct single *one, const dm_request *rq)
{
	const double *const *output = rq->eval == 0 ? one->output : one->later;
	if (one->seen)
		rows_read(one->seen, rq->x, rq->x_type, rq->x_stride, one->n_sample, one->n_element);
	if (one->time)
		*one->time = rq->time[0];
	for (int32_t b = 0; b < rq->n_branch; b++)
		rows_write(rq->out[b], rq->out_type, rq->out_stride, output[rq->branch[b].condition == DM_CONDITION_NONE],
		           one->n_sample, one->n_element);
}

static dm_status loop(struct objects *o, const struct single *one, dm_error *err)
{
	const dm_request *rq;
	dm_status st;
	while ((st = dm_run_next(o->run, &rq, err)) == DM_EVAL)
		if (rq->kind == DM_ASK_PREDICTION)
			answer(one, rq);
		else
			rows_read(rq->step == 0 ? one->result : one->later_result, rq->x0, rq->x_type, rq->x_stride, one->n_sample,
			          one->n_element);
	if (st == DM_DONE && one->result && !one->later[0])
		st = dm_run_state(o->run, one->result, DM_F64, err);
	return st == DM_DONE ? DM_OK : st;
}

int single_run(const struct single *one, struct verdict *verdict)
{
	struct objects o = {0};
	dm_error err;
	dm_status st = make_plan(&o, one, &err);
	if (st == DM_OK)
		st = make_run(&o, one, &err);
	if (st == DM_OK)
		st = loop(&o, one, &err);
	dm_run_free(o.run);
	dm_noise_free(o.noise);
	dm_array_free(o.array);
	dm_plan_free(o.plan);
	dm_guidance_free(o.guidance);
	dm_model_free(o.model);
	dm_sampler_free(o.sampler);
	dm_grid_free(o.grid);
	dm_schedule_free(o.schedule);
	return st == DM_OK ? VERDICT_PASS : say(verdict, VERDICT_FAIL, "%s", err.message);
}
