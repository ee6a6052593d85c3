/* The final node of a grid by name, and how many values come before it. */
#include "base/compiler.h"
#include "schedule/grid.h"
#include "base/error.h"
#include <math.h>

/* The last value is the schedule's least noise, up to rounding, or has less, which a list of the caller's must not. */
static int reaches(const dm_grid *g, const dm_node *least)
{
	const double slack = 1e-9, lambda = g->node[g->n - 1].lambda;
	return lambda >= least->lambda - slack && (!g->options.n_list || lambda <= least->lambda + slack);
}

static int ends_at_least(const dm_grid *g)
{
	return dmi_grid_final_is(g, DMI_FINAL_LAST) || dmi_grid_final_is(g, DMI_FINAL_DENOISE);
}

/* Values that go down to the least noise themselves leave no step for the last of them: then one more is asked for, and
 * the last one is the final node. Lists of the caller's keep their length. */
static dm_status fill_one_more(dm_grid *g, const struct dmi_grid_family *family, dm_error *err)
{
	size_t steps = dmi_grid_steps(g);
	g->one_more = 1;
	g->n = 0;
	dm_status st = family->fill(g, err);
	if (st == DM_ERR_ARGUMENT)
		return dmi_fail(
		    err, st, "grid \"%s\": steps = %z and final=%s need %z values, more than it has (%z is the most)",
		    g->method->info.name, steps, dmi_grid_finals[(int)g->options.value[DMI_GRID_FINAL]], steps + 1, steps - 1);
	return st;
}

dm_status dmi_grid_fill_values(dm_grid *g, const struct dmi_grid_family *family, dm_error *err)
{
	dm_node least;
	dm_status st = family->fill(g, err);
	if (st != DM_OK || !ends_at_least(g))
		return st;
	st = dm_schedule_at_time(g->schedule, g->schedule->t_clean, &least, err);
	if (st != DM_OK || !reaches(g, &least) || g->n > dmi_grid_steps(g) || g->options.n_list)
		return st;
	return fill_one_more(g, family, err);
}

/* final=last and denoise: the least noise of the schedule, in place of a clean last value, unless one is there already.
 */
static dm_status add_least(dm_grid *g, dm_error *err)
{
	dm_node least;
	dm_status st = dm_schedule_at_time(g->schedule, g->schedule->t_clean, &least, err);
	if (st == DM_OK && g->n > 1 && !g->options.n_list && g->node[g->n - 1].sigma == 0 && least.sigma > 0)
		g->n--;
	return st == DM_OK && !reaches(g, &least) ? dmi_grid_push(g, &least, err) : st;
}

static dm_status add_zero(dm_grid *g, dm_error *err)
{
	dm_node zero;
	dm_status st = dm_schedule_at_lambda(g->schedule, INFINITY, &zero, err);
	return st == DM_OK ? dmi_grid_push(g, &zero, err) : st;
}

dm_status dmi_grid_add_final(dm_grid *g, dm_error *err)
{
	dm_node last = g->node[g->n - 1];
	if (dmi_grid_final_is(g, DMI_FINAL_INCLUDED))
		return DM_OK;
	if (dmi_grid_final_is(g, DMI_FINAL_REPEAT))
		return dmi_grid_push(g, &last, err);
	dm_status st = ends_at_least(g) ? add_least(g, err) : DM_OK;
	if (st != DM_OK || dmi_grid_final_is(g, DMI_FINAL_LAST))
		return st;
	/* a schedule whose least noise is none is clean already */
	return ends_at_least(g) && g->node[g->n - 1].sigma == 0 ? DM_OK : add_zero(g, err);
}
