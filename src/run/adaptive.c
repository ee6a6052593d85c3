/* Adaptive runs: every group goes its own way, one trial at a time. */
#include "base/compiler.h"
#include "run/run.h"
#include "base/error.h"
#include <math.h>
#include <string.h>

dm_status dmi_run_begin_trials(dm_run *run, struct dmi_group *g, dm_error *err)
{
	const dm_sampler *sampler = run->plan->sampler;
	int32_t accept = 0;
	memset(g->memory, 0, sizeof g->memory); /* an earlier call may have failed halfway */
	dm_status code = sampler->ops.control(sampler->user, g->memory, sampler->options.value, -1, &accept, &g->h);
	if (code)
		return dmi_fail_callback(err, "sampler control", code, NULL);
	g->from = *dm_grid_node(run->plan->grid, run->plan->first);
	g->done = dmi_plan_arrived(run->plan, &g->from);
	return dmi_plan_target(run->plan, &g->from, g->h, &g->to, err);
}

/* Compiles the trial at hand. lacks: the run has no memory for it. */
static dm_status compile_trial(dm_run *run, struct dmi_group *g, int *lacks, dm_error *err)
{
	struct dmi_compiler *c = run->compiler;
	struct dmi_needs needs = {0};
	dm_error local;
	dm_status st = dmi_compile_trial(c, g->trial, &g->from, &g->to, g->memory, g->kept_set, &local);
	*lacks = c->emit.is_full || c->program->is_full;
	if (*lacks)
		return DM_OK;
	if (st != DM_OK) {
		if (err)
			*err = local;
		return st;
	}
	dmi_program_add_needs(c->program, &needs);
	*lacks = !dmi_needs_cover(&run->plan->needs, &needs);
	return DM_OK;
}

/* A guidance that acts in an interval may meet a trial in a way that none of those did which the plan looked at, and for
 * which there is no memory. A smaller trial meets it otherwise. */
static dm_status fit_trial(dm_run *run, struct dmi_group *g, dm_error *err)
{
	enum { HALVINGS = 64 };
	int lacks;
	dm_status st = compile_trial(run, g, &lacks, err);
	for (int i = 0; st == DM_OK && lacks && i < HALVINGS; i++) {
		st = dmi_plan_target(run->plan, &g->from, dmi_plan_trial_size(run->plan, &g->from, &g->to) / 2, &g->to, err);
		if (st == DM_OK)
			st = compile_trial(run, g, &lacks, err);
	}
	if (st == DM_OK && lacks)
		return dmi_fail(
		    err, DM_ERR_UNSUPPORTED,
		    "sampler \"%s\": at sigma = %g, alpha = %g a trial takes more memory than any that the plan looked "
		    "at; what the guidance does must not change from one level to the next",
		    run->plan->sampler->name, g->from.sigma, g->from.alpha);
	return st;
}

dm_status dmi_run_load_trial(dm_run *run, struct dmi_group *g, dm_error *err)
{
	size_t which = (size_t)(g - run->group);
	if (run->loaded_group == which && run->loaded_trial == g->trial)
		return DM_OK;
	run->loaded_group = SIZE_MAX;
	struct dmi_compiler *c = run->compiler;
	dm_status st = fit_trial(run, g, err);
	if (st == DM_OK && c->emit.norm != run->plan->norm)
		st = dmi_fail(err, DM_ERR_SAMPLER, "sampler: a trial changed its error norm");
	if (st == DM_OK) {
		run->loaded_group = which;
		run->loaded_trial = g->trial;
	}
	return st;
}

dm_status dmi_run_judge_trial(dm_run *run, struct dmi_group *g, const dm_row *row, dm_error *err)
{
	const dm_sampler *sampler = run->plan->sampler;
	double sum = 0, memory[DMI_MAX_MEMORY], size = dmi_plan_trial_size(run->plan, &g->from, &g->to), h = size;
	int32_t accept = 0;
	(void)row;
	for (size_t s = g->first; s < g->first + g->n; s++) {
		double own = run->error_sum[s];
		sum = run->plan->norm != DM_NORM_MAX ? sum + own : own > sum || own != own ? own : sum;
	}
	double count = run->plan->norm == DM_NORM_MAX ? 1 : (double)g->n;
	double mean = sum / (count * (double)run->n_element);
	double error = mean == INFINITY ? 1e150 : sqrt(mean); /* beyond all numbers: far too large, but no fault */
	for (int i = 0; i < DMI_MAX_MEMORY; i++)
		memory[i] = g->memory[i];
	dm_status code = sampler->ops.control(sampler->user, memory, sampler->options.value, error, &accept, &h);
	if (code)
		return dmi_fail_callback(err, "sampler control", code, NULL);
	if (!(error < INFINITY))
		return dmi_fail(err, DM_ERR_NOT_FINITE, "sampler \"%s\": the error estimate is %g", sampler->name, error);
	int last = g->to.sigma == 0; /* there is nothing to refine, and no step after it; in time it may have no length */
	if (!last && size == 0 && (!accept || h == 0))
		return dmi_fail(err, DM_ERR_LIMIT,
		                "sampler \"%s\": rtol and atol ask for steps below rounding (at sigma = %g, alpha = %g)",
		                sampler->name, g->from.sigma, g->from.alpha);
	if (!last && !(h > 0 && h < INFINITY))
		return dmi_fail(err, DM_ERR_SAMPLER, "sampler \"%s\": control set a step of %g", sampler->name, h);
	for (int i = 0; i < DMI_MAX_MEMORY; i++)
		g->memory[i] = memory[i];
	g->h = h;
	accept |= last;
	run->info.n_accepted += accept ? (int64_t)g->n : 0;
	run->info.n_rejected += accept ? 0 : (int64_t)g->n;
	g->row++;
	if (accept)
		return DM_OK;
	g->trial++;
	g->row = 0;
	return dmi_plan_target(run->plan, &g->from, g->h, &g->to, err);
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
	g->done = dmi_plan_arrived(run->plan, &g->from);
	if (!g->done && dmi_plan_target(run->plan, &g->from, g->h, &g->to, &unused) != DM_OK)
		g->to = *dm_grid_node(run->plan->grid, run->plan->end);
}

/* Later rows of a trial still read them. Groups come in order, and none moves up, so the new rows are free. */
dm_status dmi_run_move_answers(dm_run *run, struct dmi_group *g, size_t position, dm_error *err)
{
	static const double one = 1;
	struct dmi_group moved = *g;
	moved.position = position;
	for (int32_t slot = 0; position != g->position && slot < DMI_MAX_SLOT; slot++) {
		if (!(run->plan->needs.slots >> slot & 1) || dmi_run_answer_index(slot) < 0)
			continue;
		dm_input in = {.source = DM_SOURCE_DATA};
		dm_output out = {0};
		in.data = dmi_run_slot(run, g, slot, &in.stride, &in.type);
		if (!in.data) /* nobody was asked for it yet */
			continue;
		out.data = dmi_run_slot(run, &moved, slot, &out.stride, &out.type);
		dm_job job = {.struct_size = sizeof job, .n_sample = g->n, .n_element = run->n_element, .n_in = 1, .n_out = 1};
		job.in = &in;
		job.out = &out;
		job.coefficient = &one;
		dm_status code = run->array->ops.combine(run->array->user, &job);
		if (code)
			return dmi_run_array_error(err, "array combine", code);
	}
	g->position = position;
	return DM_OK;
}
