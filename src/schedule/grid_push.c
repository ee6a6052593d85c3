/* Checks and nodes that several families of grids share. */
#include "base/compiler.h"
#include "schedule/grid.h"
#include "base/error.h"

extern const struct dmi_schedule_family dmi_schedule_flow;

dm_status dmi_grid_needs_table(const dm_grid *g, dm_error *err)
{
	if (g->schedule->n_table)
		return DM_OK;
	return dmi_fail(err, DM_ERR_UNSUPPORTED, "grid \"%s\": needs a table's indices, but the schedule is continuous",
	                g->method->info.name);
}

int dmi_grid_is_flow(const dm_grid *g)
{
	return g->schedule->method == &dmi_schedule_flow.method;
}

double dmi_grid_measure(const dm_grid *g, const dm_node *node)
{
	return dmi_grid_is_flow(g) ? node->sigma / (node->alpha + node->sigma) : node->sigma / node->alpha;
}

dm_status dmi_grid_push_s(dm_grid *g, double s, dm_error *err)
{
	return dmi_grid_is_flow(g) ? dmi_grid_push_time(g, s, err) : dmi_grid_push_level(g, s / (1 - s), err);
}

dm_status dmi_grid_push_measure(dm_grid *g, double value, dm_error *err)
{
	return dmi_grid_is_flow(g) ? dmi_grid_push_time(g, value, err) : dmi_grid_push_level(g, value, err);
}
