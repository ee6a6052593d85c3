/* The trials of an adaptive plan: where they end, and what the largest of them takes. */
#include "base/compiler.h"
#include "plan/plan.h"
#include "base/error.h"
#include "base/math.h"
#include <math.h>
#include <string.h>

/* The adaptive clock at a node: what a trial's h counts, from the noisy end or in the direction of the grid. */
static double clock_at(const dm_plan *plan, const dm_node *at)
{
	const dm_node *first = dm_grid_node(plan->grid, plan->first), *end = dm_grid_node(plan->grid, plan->end);
	if (plan->sampler->ops.clock == DM_CLOCK_LAMBDA)
		return at->lambda;
	return end->t < first->t ? -at->t : at->t;
}

/* In lambda, or relative to the whole run in time: what is left is not worth a trial. */
static double close_enough(const dm_plan *plan)
{
	const dm_node *first = dm_grid_node(plan->grid, plan->first), *end = dm_grid_node(plan->grid, plan->end);
	return plan->sampler->ops.clock == DM_CLOCK_LAMBDA ? 1e-5 : 1e-12 * fabs(end->t - first->t);
}

static int at_end(const dm_plan *plan, const dm_node *at)
{
	return clock_at(plan, at) >= clock_at(plan, dm_grid_node(plan->grid, plan->end)) - close_enough(plan);
}

dm_status dmi_plan_target(const dm_plan *plan, const dm_node *from, double h, dm_node *to, dm_error *err)
{
	const dm_node *end = dm_grid_node(plan->grid, plan->end);
	*to = at_end(plan, from) ? *dm_grid_node(plan->grid, dm_grid_count(plan->grid) - 1)
	                         : *end; /* the step to sigma = 0 */
	if (at_end(plan, from) || clock_at(plan, from) + h >= clock_at(plan, end))
		return DM_OK;
	if (plan->sampler->ops.clock == DM_CLOCK_LAMBDA)
		return dm_schedule_at_lambda(plan->schedule, from->lambda + h, to, err);
	return dm_schedule_at_time(plan->schedule, from->t + (end->t < from->t ? -h : h), to, err);
}

double dmi_plan_trial_size(const dm_plan *plan, const dm_node *from, const dm_node *to)
{
	return fabs(clock_at(plan, to) - clock_at(plan, from)); /* from the only noisy node to the clean one, t may fall */
}

int dmi_plan_arrived(const dm_plan *plan, const dm_node *at)
{
	const dm_node *last = dm_grid_node(plan->grid, dm_grid_count(plan->grid) - 1);
	return last->sigma == 0 ? at->sigma == 0 : at_end(plan, at);
}

static dm_status check_range(const dm_plan *plan, dm_error *err)
{
	if (dmi_guidance_kept(plan->guidance))
		return dmi_fail(
		    err, DM_ERR_UNSUPPORTED,
		    "sampler \"%s\" is adaptive: what a guidance keeps between evaluations would follow rejected trials",
		    plan->sampler->name);
	if (plan->options.value[DMI_PLAN_REFINE] > 0)
		return dmi_fail(err, DM_ERR_UNSUPPORTED, "sampler \"%s\" is adaptive: refine must be 0", plan->sampler->name);
	if (dmi_plan_is_mixed(plan))
		return dmi_fail(err, DM_ERR_UNSUPPORTED, "sampler \"%s\" is adaptive: its grid may not climb",
		                plan->sampler->name);
	const dm_node *first = dm_grid_node(plan->grid, plan->first), *end = dm_grid_node(plan->grid, plan->end);
	if (plan->sampler->ops.clock == DM_CLOCK_LAMBDA && !(dmi_is_finite(first->lambda) && end->lambda >= first->lambda))
		return dmi_fail(
		    err, DM_ERR_UNSUPPORTED,
		    "sampler \"%s\" steps in lambda: it needs a first node with alpha > 0 and noise that falls to the last "
		    "node with sigma > 0 (first lambda = %g, last %g)",
		    plan->sampler->name, first->lambda, end->lambda);
	return DM_OK;
}

/* One trial of the first size h, with all kept values or none. */
struct trial {
	dm_node from, to;
	double memory[DMI_MAX_MEMORY], h;
	int32_t all_kept;
};

static dm_status look_at(dm_plan *plan, struct dmi_compiler *c, const struct trial *t, int32_t kept_set, dm_error *err)
{
	dm_status st = dmi_compile_trial(c, 0, &t->from, &t->to, t->memory, kept_set, err);
	if (st == DM_OK)
		dmi_program_add_needs(&plan->program, &plan->needs);
	return st;
}

static dm_status begin(const dm_plan *plan, struct trial *t, dm_error *err)
{
	const dm_sampler *sampler = plan->sampler;
	int32_t accept = 0;
	memset(t, 0, sizeof *t);
	t->all_kept = (1 << sampler->ops.n_kept) - 1;
	dm_status code = sampler->ops.control(sampler->user, t->memory, sampler->options.value, -1, &accept, &t->h);
	if (code)
		return dmi_fail_callback(err, "sampler control", code, NULL);
	if (!(t->h > 0))
		return dmi_fail(err, DM_ERR_SAMPLER, "sampler \"%s\": first step h = %g must be above 0", sampler->name, t->h);
	return DM_OK;
}

/* Level i of LEVELS between the ends, even in time and even in lambda in turn; 0: a grid of the caller's own nodes may
 * leave the process. */
enum { LEVELS = 256 };

static int level(const dm_plan *plan, int32_t i, dm_node *at)
{
	const dm_node *first = dm_grid_node(plan->grid, plan->first), *end = dm_grid_node(plan->grid, plan->end);
	double part = (double)i / LEVELS;
	*at = *end;
	if (i == LEVELS)
		return 1;
	if (i % 2)
		return dm_schedule_at_time(plan->schedule, first->t + part * (end->t - first->t), at, NULL) == DM_OK;
	return dm_schedule_at_lambda(plan->schedule, first->lambda + part * (end->lambda - first->lambda), at, NULL) ==
	       DM_OK;
}

/* A trial of some size from a level, where there is one; a step of this size may be too long there. */
static dm_status look_from(dm_plan *plan, struct dmi_compiler *c, struct trial *t, double size, dm_error *err)
{
	dm_error local;
	if (!(t->from.sigma > 0) || dmi_plan_target(plan, &t->from, size, &t->to, NULL) != DM_OK)
		return DM_OK;
	dm_status st = look_at(plan, c, t, t->all_kept, &local);
	if (st == DM_OK || st == DM_ERR_UNSUPPORTED)
		return DM_OK;
	if (err)
		*err = local;
	return st;
}

/* Trials are where their errors say, and the guidance may want more there than at the ends: as much as at any level, in
 * trials of many sizes. */
static dm_status look_at_levels(dm_plan *plan, struct dmi_compiler *c, struct trial *t, double whole, dm_error *err)
{
	dm_branch branch[DM_GUIDANCE_MAX_BRANCH];
	for (int32_t i = 0, n; i <= LEVELS; i++) {
		if (!level(plan, i, &t->from))
			continue;
		dm_status st = dmi_guidance_branches(plan->guidance, &t->from, branch, &n, err);
		if (st != DM_OK)
			return st;
		plan->needs.branch = n > plan->needs.branch ? n : plan->needs.branch;
		st = look_from(plan, c, t, whole / (1 << i / 2 % 8), err);
		if (st != DM_OK)
			return st;
	}
	return DM_OK;
}

/* Trials with an end of an interval between any two of their evaluations, and inside of it. */
static dm_status look_around(dm_plan *plan, struct dmi_compiler *c, struct trial *t, double lambda, double width,
                             double whole, dm_error *err)
{
	enum { PARTS = 16 };
	dm_node at;
	if (dm_schedule_at_lambda(plan->schedule, lambda, &at, NULL) != DM_OK)
		return DM_OK;
	double down = dm_grid_node(plan->grid, plan->end)->t < dm_grid_node(plan->grid, plan->first)->t ? 1 : -1;
	int in_lambda = plan->sampler->ops.clock == DM_CLOCK_LAMBDA;
	for (double size = width / 64; size <= 4 * whole; size *= 4)
		for (int i = -1; i < PARTS; i++) {
			double back = size * (i + 0.5) / PARTS;
			dm_status st = in_lambda ? dm_schedule_at_lambda(plan->schedule, lambda - back, &t->from, NULL)
			                         : dm_schedule_at_time(plan->schedule, at.t + down * back, &t->from, NULL);
			if (st != DM_OK) /* outside of the process */
				continue;
			st = look_from(plan, c, t, size, err);
			if (st != DM_OK)
				return st;
		}
	return DM_OK;
}

static dm_status look_at_intervals(dm_plan *plan, struct dmi_compiler *c, struct trial *t, double whole, dm_error *err)
{
	const dm_node *first = dm_grid_node(plan->grid, plan->first), *end = dm_grid_node(plan->grid, plan->end);
	double ends[2];
	dm_node at[2];
	for (int32_t k = 0; dmi_guidance_interval(plan->guidance, k, ends); k++) {
		ends[0] = fmax(ends[0], first->lambda);
		ends[1] = fmin(ends[1], end->lambda);
		if (!(ends[0] < ends[1]) || (ends[0] == first->lambda && ends[1] == end->lambda) ||
		    dm_schedule_at_lambda(plan->schedule, ends[0], &at[0], NULL) != DM_OK ||
		    dm_schedule_at_lambda(plan->schedule, ends[1], &at[1], NULL) != DM_OK)
			continue;
		double width = fmax(dmi_plan_trial_size(plan, &at[0], &at[1]), 1e-9 * whole);
		dm_status st = look_around(plan, c, t, ends[0], width, whole, err);
		if (st == DM_OK)
			st = look_around(plan, c, t, ends[1], width, whole, err);
		if (st != DM_OK)
			return st;
	}
	return DM_OK;
}

static void mark_slots(dm_plan *plan)
{
	for (int32_t b = 0; b < plan->needs.branch; b++) {
		plan->needs.slots |= (uint64_t)1 << (DM_SLOT_OUT + b);
		plan->needs.slots |= (uint64_t)dmi_model_has_variance(plan->model) << (DM_SLOT_VARIANCE + b);
	}
}

/* The step to sigma = 0, the first trial, the first with all kept values set, all between; the last one, which is printed,
 * is one from the middle: at an end of the process terms may vanish. */
dm_status dmi_plan_try(dm_plan *plan, struct dmi_compiler *c, struct dmi_check *check, dm_error *err)
{
	const dm_node *first = dm_grid_node(plan->grid, plan->first), *end = dm_grid_node(plan->grid, plan->end);
	const dm_node *last = dm_grid_node(plan->grid, dm_grid_count(plan->grid) - 1);
	double whole = dmi_plan_trial_size(plan, first, end);
	int moves = whole > 0;
	struct trial t;
	dm_status st = check_range(plan, err);
	if (st == DM_OK)
		st = begin(plan, &t, err);
	if (st != DM_OK)
		return st;
	t.from = *end;
	t.to = *last;
	if (last->sigma == 0)
		st = look_at(plan, c, &t, t.all_kept, err);
	if (st == DM_OK && moves) {
		t.from = *first;
		st = dmi_plan_target(plan, first, t.h, &t.to, err);
		c->check = check;
		if (st == DM_OK)
			st = look_at(plan, c, &t, 0, err);
		c->check = NULL;
		if (st == DM_OK)
			st = look_at(plan, c, &t, t.all_kept, err);
	}
	if (st == DM_OK && moves && plan->guidance)
		st = look_at_levels(plan, c, &t, whole, err);
	if (st == DM_OK && moves && plan->guidance)
		st = look_at_intervals(plan, c, &t, whole, err);
	if (st == DM_OK && moves && dm_schedule_at_time(plan->schedule, (first->t + end->t) / 2, &t.from, NULL) == DM_OK &&
	    t.from.sigma > 0 && dmi_plan_target(plan, &t.from, t.h, &t.to, NULL) == DM_OK)
		st = look_at(plan, c, &t, t.all_kept, err);
	plan->info.n_step = plan->info.n_eval = plan->info.n_branch_eval = plan->info.n_draw = -1;
	plan->info.n_vjp = plan->info.n_gradient = -1;
	plan->norm = c->emit.norm;
	if (st == DM_OK)
		mark_slots(plan);
	return st;
}
