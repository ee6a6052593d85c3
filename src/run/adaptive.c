/* Adaptive runs: every group goes its own way, one trial at a time. */
#include "base/compiler.h"
#include "run/run.h"
#include "base/error.h"
#include <math.h>

static const double at_the_end = 1e-5; /* in lambda: what is left is not worth a trial */

static const dm_node *end_node(const dm_run *run)
{
	return dm_grid_node(run->plan->grid, run->plan->end);
}

static const dm_node *last_node(const dm_run *run)
{
	return dm_grid_node(run->plan->grid, dm_grid_count(run->plan->grid) - 1);
}

/* Where the trial at hand is to end. */
static dm_status set_target(dm_run *run, struct dmi_group *g, dm_error *err)
{
	const dm_node *end = end_node(run);
	if (g->from.lambda >= end->lambda - at_the_end)
		g->to = *last_node(run); /* the step to sigma = 0 */
	else if (g->from.lambda + g->h >= end->lambda)
		g->to = *end;
	else
		return dm_schedule_at_lambda(run->plan->schedule, g->from.lambda + g->h, &g->to, err);
	return DM_OK;
}

static int arrived(const dm_run *run, const struct dmi_group *g)
{
	const dm_node *last = last_node(run);
	return last->sigma == 0 ? g->from.sigma == 0 : g->from.lambda >= last->lambda - at_the_end;
}

dm_status dmi_run_begin_trials(dm_run *run, struct dmi_group *g, dm_error *err)
{
	const dm_sampler *sampler = run->plan->sampler;
	int32_t accept = 0;
	dm_status code = sampler->ops.control(sampler->user, g->memory, sampler->options.value, -1, &accept, &g->h);
	if (code)
		return dmi_fail_callback(err, "sampler control", code, NULL);
	g->from = *dm_grid_node(run->plan->grid, run->plan->first);
	g->done = arrived(run, g);
	return set_target(run, g, err);
}

dm_status dmi_run_load_trial(dm_run *run, struct dmi_group *g, dm_error *err)
{
	size_t which = (size_t)(g - run->group);
	if (run->loaded_group == which && run->loaded_trial == g->trial)
		return DM_OK;
	run->loaded_group = SIZE_MAX;
	struct dmi_compiler *c = run->compiler;
	dm_status st = dmi_compile_trial(c, g->trial, &g->from, &g->to, g->memory, g->kept_set, err);
	if (st == DM_OK && c->emit.norm != run->plan->norm)
		st = dmi_fail(err, DM_ERR_SAMPLER, "sampler: a trial changed its error norm");
	for (int32_t slot = 0; st == DM_OK && slot < c->n_slot && slot < DMI_MAX_SLOT; slot++)
		if (slot >= DM_SLOT_STATE && !(run->plan->slots >> slot & 1))
			st = dmi_fail(err, DM_ERR_SAMPLER, "sampler: a trial needs more arrays than those the plan was made from");
	if (st == DM_OK) {
		run->loaded_group = which;
		run->loaded_trial = g->trial;
	}
	return st;
}

dm_status dmi_run_judge_trial(dm_run *run, struct dmi_group *g, const dm_row *row, dm_error *err)
{
	const dm_sampler *sampler = run->plan->sampler;
	double sum = 0, memory[DMI_MAX_MEMORY], h = 0;
	int32_t accept = 0;
	(void)row;
	for (size_t s = 0; s < g->n; s++)
		sum += run->error_sum[g->first + s];
	double error = sqrt(sum / ((double)g->n * (double)run->n_element));
	for (int i = 0; i < DMI_MAX_MEMORY; i++)
		memory[i] = g->memory[i];
	dm_status code = sampler->ops.control(sampler->user, memory, sampler->options.value, error, &accept, &h);
	if (code)
		return dmi_fail_callback(err, "sampler control", code, NULL);
	if (!(error < INFINITY))
		return dmi_fail(err, DM_ERR_NOT_FINITE, "sampler \"%s\": the error estimate is %g", sampler->name, error);
	if (!(h > 0 && h < INFINITY))
		return dmi_fail(err, DM_ERR_SAMPLER, "sampler \"%s\": control set a step of %g", sampler->name, h);
	for (int i = 0; i < DMI_MAX_MEMORY; i++)
		g->memory[i] = memory[i];
	g->h = h;
	if (g->to.sigma == 0)
		accept = 1; /* there is nothing to refine */
	run->info.n_accepted += accept ? (int64_t)g->n : 0;
	run->info.n_rejected += accept ? 0 : (int64_t)g->n;
	g->row++;
	if (accept)
		return DM_OK;
	g->trial++;
	g->row = 0;
	return set_target(run, g, err);
}

void dmi_run_end_trial(dm_run *run, struct dmi_group *g)
{
	dm_error unused;
	for (int32_t k = 0; k < run->plan->sampler->ops.n_kept; k++)
		if (run->compiler->emit.keep[k])
			g->kept_set |= 1 << k;
	g->from = g->to;
	g->n_draw += run->compiler->n_draw;
	g->trial++;
	g->row = 0;
	g->done = arrived(run, g);
	if (!g->done && set_target(run, g, &unused) != DM_OK)
		g->to = *end_node(run);
}
