/* The mean square of epsilon at the nodes of a grid: for each a run of one step whose result is the model's epsilon. */
#include "base/compiler.h"
#include "base/error.h"
#include "base/object.h"
#include "demist/plan.h"
#include "demist/run.h"
#include "demist/train.h"

/* What is asked for, and the memory for it: keys and predictions of all samples. */
struct estimate {
	const dm_schedule *schedule;
	const dm_model *model;
	const dm_sampler *look;
	const dm_allocator *allocator;
	const void *x0;
	int32_t type;
	size_t n_sample, n_element, n_draw;
	uint64_t seed, *seeds;
	int64_t *samples;
	double *epsilon;
};

/* A sampler whose state is what the model says of the noise. */
static dm_status look(void *user, const dm_step *s, dm_emit *e)
{
	(void)user;
	dm_emit_departs(e, DM_DEPARTS_MEAN | DM_DEPARTS_VARIANCE);
	dm_val epsilon = dm_emit_eval_to(e, s->x, s->from, s->from, DM_SPACE_EPSILON);
	dm_emit_state(e, dm_emit_linear(e, 1, (dm_term[]){{1, epsilon}}));
	return DM_OK;
}

/* The sum of squares of the predictions with the z of one draw. */
static dm_status add_draw(const struct estimate *q, const dm_plan *plan, const dm_array *array, uint64_t draw,
                          double *sum, dm_error *err)
{
	dm_run *run;
	dm_status st = dm_run_create(&run, plan, array, NULL, q->n_sample, q->n_element, NULL, NULL, 0, err);
	for (size_t i = 0; i < q->n_sample; i++) {
		q->seeds[i] = q->seed + draw;
		q->samples[i] = (int64_t)i;
	}
	if (st == DM_OK)
		st = dm_run_keys(run, q->seeds, q->samples, q->n_sample, err);
	if (st == DM_OK)
		st = dm_run_start_clean(run, q->x0, q->type, 0, err);
	if (st == DM_OK)
		st = dm_run_all(run, err);
	if (st == DM_OK)
		st = dm_run_state(run, q->epsilon, DM_F64, err);
	for (size_t i = 0; st == DM_OK && i < q->n_sample * q->n_element; i++)
		*sum += q->epsilon[i] * q->epsilon[i];
	dm_run_free(run);
	return st;
}

static dm_status at_node(const struct estimate *q, const dm_node node[2], double *gamma, dm_error *err)
{
	double sum = 0;
	dm_grid *grid = NULL;
	dm_plan *plan = NULL;
	dm_array *array = NULL;
	dm_status st = dm_grid_create_nodes(&grid, q->schedule, node, 2, q->allocator, err);
	if (st == DM_OK)
		st = dm_plan_create(&plan, q->schedule, grid, q->look, q->model, NULL, NULL, q->allocator, err);
	if (st == DM_OK)
		st = dm_array_create_host(&array, q->type, NULL, NULL, q->allocator, err);
	for (size_t draw = 0; st == DM_OK && draw < q->n_draw; draw++)
		st = add_draw(q, plan, array, draw, &sum, err);
	*gamma = sum / ((double)q->n_draw * (double)q->n_sample * (double)q->n_element);
	dm_array_free(array);
	dm_plan_free(plan);
	dm_grid_free(grid);
	return st;
}

static dm_status estimate(struct estimate *q, const dm_grid *grid, double *gamma, dm_error *err)
{
	static const dm_sampler_ops ops = {.struct_size = sizeof ops, .step = look};
	dm_allocator memory;
	dm_sampler *sampler = NULL;
	size_t count = q->n_sample * q->n_element;
	dm_status st = dmi_allocator_copy(&memory, q->allocator, err);
	if (st != DM_OK)
		return st;
	q->seeds = dmi_allocate(&memory, q->n_sample, sizeof *q->seeds, err);
	q->samples = q->seeds ? dmi_allocate(&memory, q->n_sample, sizeof *q->samples, err) : NULL;
	q->epsilon = q->samples ? dmi_allocate(&memory, count, sizeof *q->epsilon, err) : NULL;
	st =
	    q->epsilon ? dm_sampler_create_custom(&sampler, "look", &ops, NULL, NULL, 0, q->allocator, err) : DM_ERR_MEMORY;
	q->look = sampler;
	for (size_t i = 0; st == DM_OK && i + 1 < dm_grid_count(grid); i++)
		st = at_node(q, dm_grid_node(grid, i), &gamma[i], err);
	dm_sampler_free(sampler);
	dmi_release_memory(&memory, q->epsilon, count * sizeof *q->epsilon);
	dmi_release_memory(&memory, q->samples, q->n_sample * sizeof *q->samples);
	dmi_release_memory(&memory, q->seeds, q->n_sample * sizeof *q->seeds);
	return st;
}

static dm_status check_numbers(const struct estimate *q, dm_error *err)
{
	size_t numbers, bytes;
	if (q->type != DM_F32 && q->type != DM_F64)
		return dmi_fail(err, DM_ERR_ARGUMENT, "analytic variance: type is %d, it must be DM_F32 (1) or DM_F64 (2)",
		                q->type);
	if (!q->n_sample || !q->n_element || !q->n_draw)
		return dmi_fail(err, DM_ERR_ARGUMENT,
		                "analytic variance: n_sample (%z), n_element (%z) and n_draw (%z) must be 1 or more",
		                q->n_sample, q->n_element, q->n_draw);
	if (!dmi_multiply(q->n_sample, q->n_element, &numbers) || !dmi_multiply(numbers, sizeof(double), &bytes))
		return dmi_fail(err, DM_ERR_OVERFLOW, "analytic variance: %z samples of %z elements do not fit into memory",
		                q->n_sample, q->n_element);
	return DM_OK;
}

static dm_status check_grid(const dm_grid *grid, size_t n_gamma, dm_error *err)
{
	size_t steps = dm_grid_count(grid) - 1;
	if (n_gamma != steps)
		return dmi_fail(err, DM_ERR_ARGUMENT,
		                "analytic variance: n_gamma is %z, it must be the number of steps of the grid, %z", n_gamma,
		                steps);
	for (size_t i = 0; i < steps; i++)
		if (!(dm_grid_node(grid, i)->sigma > 0))
			return dmi_fail(err, DM_ERR_ARGUMENT, "analytic variance: sigma is %g at node %z, it must be above 0",
			                dm_grid_node(grid, i)->sigma, i);
	return DM_OK;
}

dm_status dm_analytic_variance(const dm_schedule *schedule, const dm_grid *grid, const dm_model *model, const void *x0,
                               int32_t type, size_t n_sample, size_t n_element, size_t n_draw, uint64_t seed,
                               double *gamma, size_t n_gamma, const dm_allocator *allocator, dm_error *err)
{
	struct estimate q = {.schedule = schedule, .model = model, .allocator = allocator, .x0 = x0, .type = type};
	const struct {
		const void *given;
		const char *name;
	} needed[] = {{schedule, "schedule"}, {grid, "grid"}, {model, "model"}, {x0, "x0"}, {gamma, "gamma"}};
	dm_error own;
	if (!err)
		err = &own;
	for (size_t i = 0; i < sizeof needed / sizeof *needed; i++)
		if (!needed[i].given)
			return dmi_fail(err, DM_ERR_ARGUMENT, "analytic variance: %s is NULL", needed[i].name);
	q.n_sample = n_sample;
	q.n_element = n_element;
	q.n_draw = n_draw;
	q.seed = seed;
	dm_status st = check_numbers(&q, err);
	if (st == DM_OK)
		st = check_grid(grid, n_gamma, err);
	return st == DM_OK ? estimate(&q, grid, gamma, err) : st;
}
