/* Grids of the caller's values in a spec: process times, or levels sigma/alpha, from noise to data. */
#include "base/compiler.h"
#include "schedule/grid.h"
#include "base/error.h"
#include <math.h>

/* Values that fall, but so little that the nodes are one. */
static dm_status check_apart(const dm_grid *g, size_t i, dm_error *err)
{
	const double *at = g->options.list;
	const dm_node *last = &g->node[g->n - 2], *node = &g->node[g->n - 1];
	if (at[i] == at[i - 1] || node->lambda != last->lambda || node->sigma * last->alpha != last->sigma * node->alpha)
		return DM_OK;
	if (last->t != node->t && g->schedule->process->stands_still)
		return DM_OK; /* grid.c says it with the reason */
	return dmi_fail(err, DM_ERR_ARGUMENT,
	                "grid \"%s\": the values at = %g and %g cannot be told apart in lambda = ln(alpha/sigma), which is "
	                "%g at both",
	                g->method->info.name, at[i - 1], at[i], node->lambda);
}

static dm_status fill(dm_grid *g, dm_status (*push)(dm_grid *, double, dm_error *), dm_error *err)
{
	const struct dmi_options *o = &g->options;
	const char *name = g->method->info.name;
	if (!o->n_list)
		return dmi_fail(err, DM_ERR_ARGUMENT, "grid \"%s\": give the values, at=first/second/...", name);
	dm_status st = dmi_grid_check_count(g, o->n_list, "values", err);
	for (size_t i = 0; st == DM_OK && i < o->n_list; i++) {
		st = push(g, o->list[i], err);
		if (st == DM_OK && i)
			st = check_apart(g, i, err);
	}
	return st;
}

static dm_status fill_times(dm_grid *g, dm_error *err)
{
	return fill(g, dmi_grid_push_time, err);
}

static dm_status fill_levels(dm_grid *g, dm_error *err)
{
	return fill(g, dmi_grid_push_level, err);
}

#define LIST_ROWS DMI_GRID_ROWS("number of values; may be left out", 1, DMI_FINAL_ZERO)

static const dm_option times_options[] = {
    LIST_ROWS,
    DMI_LIST("at", "process times, falling", -1e30, 1e30),
};
static const dm_option levels_options[] = {
    LIST_ROWS,
    DMI_LIST("at", "levels sigma/alpha, falling; inf where alpha = 0", 0, INFINITY),
};

const struct dmi_grid_family dmi_grid_times = {
    DMI_METHOD_KNOWN("times", "the given process times", "values of the caller", times_options,
                     "diffusers: timesteps (set_timesteps)"),
    fill_times,
};
const struct dmi_grid_family dmi_grid_levels = {
    DMI_METHOD_KNOWN("levels", "the given levels", "values of the caller", levels_options,
                     "diffusers: sigmas (set_timesteps); k-diffusion: sigmas; ComfyUI: ManualSigmas; "
                     "stable-diffusion.cpp: custom_sigmas"),
    fill_levels,
};
