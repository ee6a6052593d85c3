/* Where the trials of an adaptive plan end. */
#include "base/compiler.h"
#include "plan/plan.h"
#include <math.h>

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
