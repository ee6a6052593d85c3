/* Grids over a table of T levels L_0 < ... < L_(T-1): the schedule's, or one laid over continuous time (grid.h).
 *
 *     simple        index T-1 - floor(i T/N)
 *     normal        N places evenly spaced from the largest to the smallest level
 *     sgm_uniform   N + 1 of them, the last one dropped
 *     ddim_uniform  indices 1, 1 + k, 1 + 2 k, ... below T, k = max(floor(T/N), 1): their number may differ from N
 *
 * Evenly spaced is meant in the index of a table and in the logarithm of sigma where that is the time; elsewhere the
 * originals (ComfyUI's flow models) take the shifted u_0 of L_0 for its place, and so does this. */
#include "base/compiler.h"
#include "schedule/grid.h"
#include "base/error.h"
#include "base/math.h"
#include <math.h>

static double table_last(const dm_grid *g)
{
	return (double)dmi_grid_table_size(g) - 1;
}

size_t dmi_grid_table_size(const dm_grid *g)
{
	return g->schedule->n_table ? g->schedule->n_table : (size_t)g->options.value[DMI_GRID_T];
}

dm_status dmi_grid_table_check(const dm_grid *g, dm_error *err)
{
	const dm_schedule *s = g->schedule;
	const char *name = g->method->info.name;
	if ((s->n_table || s->process->time_is_level) && g->options.value[DMI_GRID_SHIFT] != 1)
		return dmi_fail(err, DM_ERR_UNSUPPORTED,
		                "grid \"%s\": shift = %g needs a process over continuous time, such as flow", name,
		                g->options.value[DMI_GRID_SHIFT]);
	if (s->n_table && (g->options.given & (1u << DMI_GRID_T)) && (double)s->n_table != g->options.value[DMI_GRID_T])
		return dmi_fail(err, DM_ERR_ARGUMENT, "grid \"%s\": T = %g, but the schedule's table has %z entries", name,
		                g->options.value[DMI_GRID_T], s->n_table);
	return DM_OK;
}

dm_status dmi_grid_table_check_indices(const dm_grid *g, dm_error *err)
{
	if (dmi_grid_steps(g) > dmi_grid_table_size(g))
		return dmi_fail(err, DM_ERR_ARGUMENT, "grid \"%s\": %z steps, but the table has %z entries",
		                g->method->info.name, dmi_grid_steps(g), dmi_grid_table_size(g));
	return dmi_grid_table_check(g, err);
}

static double shifted(const dm_grid *g, double u)
{
	return dmi_flow_shift(g->options.value[DMI_GRID_SHIFT], u);
}

/* The node at a fraction u of the way from the clean end. */
static dm_status node_at(const dm_grid *g, double u, dm_node *out, dm_error *err)
{
	const dm_schedule *s = g->schedule;
	double t = s->t_zero + shifted(g, u) * (s->t_noise - s->t_zero);
	return dm_schedule_at_time(s, fmin(t, s->t_noise), out, err);
}

dm_status dmi_grid_table_node(const dm_grid *g, double j, dm_node *out, dm_error *err)
{
	const dm_schedule *s = g->schedule;
	double last = table_last(g);
	if (s->n_table)
		return dm_schedule_at_time(s, j, out, err);
	if (!s->process->time_is_level)
		return node_at(g, (j + 1) / (last + 1), out, err);
	if (j <= 0 || j >= last)
		return dm_schedule_at_time(s, j > 0 ? s->t_noise : s->t_clean, out, err);
	return dm_schedule_at_time(s, dmi_level_exponential(s->t_clean, s->t_noise, j / last), out, err);
}

dm_status dmi_grid_table_push(dm_grid *g, double j, dm_error *err)
{
	dm_node node;
	dm_status st = dmi_grid_table_node(g, j, &node, err);
	return st == DM_OK ? dmi_grid_push(g, &node, err) : st;
}

dm_status dmi_grid_table_push_u(dm_grid *g, double u, dm_error *err)
{
	dm_node node;
	dm_status st = node_at(g, u, &node, err);
	return st == DM_OK ? dmi_grid_push(g, &node, err) : st;
}

dm_status dmi_grid_table_finish(dm_grid *g, dm_error *err)
{
	double less = g->options.value[DMI_GRID_BELOW_ONE];
	if (!(less > 0) || !g->n || g->node[0].alpha > 0)
		return DM_OK;
	if (g->schedule->n_table)
		return dmi_fail(err, DM_ERR_UNSUPPORTED, "grid \"%s\": first_below_one needs a process over continuous time",
		                g->method->info.name);
	return node_at(g, 1 - less, &g->node[0], err);
}

/* -------------------------------------------------------------------------------------------------------- families */

static dm_status fill_simple(dm_grid *g, dm_error *err)
{
	size_t t = dmi_grid_table_size(g), n = dmi_grid_steps(g);
	dm_status st = dmi_grid_table_check_indices(g, err);
	for (size_t i = 0; st == DM_OK && i < n; i++)
		st = dmi_grid_table_push(g, (double)(t - 1 - i * t / n), err);
	return st == DM_OK ? dmi_grid_table_finish(g, err) : st;
}

static dm_status fill_places(dm_grid *g, size_t points, dm_error *err)
{
	const dm_schedule *s = g->schedule;
	int by_index = s->n_table || s->process->time_is_level;
	size_t n = dmi_grid_steps(g);
	double last = table_last(g), end = shifted(g, 1 / (last + 1));
	dm_status st = dmi_grid_table_check(g, err);
	for (size_t i = 0; st == DM_OK && i < n; i++)
		st = by_index ? dmi_grid_table_push(g, dmi_even(last, 0, i, points), err)
		              : dmi_grid_table_push_u(g, dmi_even(1, end, i, points), err);
	return st == DM_OK ? dmi_grid_table_finish(g, err) : st;
}

static dm_status fill_normal(dm_grid *g, dm_error *err)
{
	return fill_places(g, dmi_grid_steps(g), err);
}

static dm_status fill_sgm_uniform(dm_grid *g, dm_error *err)
{
	return fill_places(g, dmi_grid_steps(g) + 1, err);
}

static dm_status fill_ddim_uniform(dm_grid *g, dm_error *err)
{
	size_t t = dmi_grid_table_size(g), n = dmi_grid_steps(g), stride = t / n > 1 ? t / n : 1;
	dm_status st = dmi_grid_table_check_indices(g, err);
	if (st == DM_OK && t < 2)
		st = dmi_fail(err, DM_ERR_ARGUMENT, "grid \"ddim_uniform\": begins at index 1, but the table has one entry");
	for (size_t k = st == DM_OK ? (t - 2) / stride + 1 : 0; st == DM_OK && k > 0; k--)
		st = dmi_grid_table_push(g, (double)(1 + (k - 1) * stride), err);
	return st == DM_OK ? dmi_grid_table_finish(g, err) : st;
}

static const dm_option options[] = {DMI_GRID_TABLE_ROWS};

const struct dmi_grid_family dmi_grid_simple = {
    DMI_METHOD_KNOWN("simple", "every (T/N)-th level of the table, from the top", "ComfyUI, simple_scheduler", options,
                     "ComfyUI: simple; stable-diffusion.cpp: simple"),
    fill_simple,
};
const struct dmi_grid_family dmi_grid_normal = {
    DMI_METHOD_KNOWN("normal", "even over the table, both ends included", "k-diffusion, get_sigmas; ComfyUI, normal",
                     options, "k-diffusion: get_sigmas; ComfyUI: normal; stable-diffusion.cpp: discrete"),
    fill_normal,
};
const struct dmi_grid_family dmi_grid_sgm_uniform = {
    DMI_METHOD_KNOWN("sgm_uniform", "even over the table, smallest level left out", "ComfyUI, sgm_uniform", options,
                     "ComfyUI: sgm_uniform; stable-diffusion.cpp: sgm_uniform"),
    fill_sgm_uniform,
};
const struct dmi_grid_family dmi_grid_ddim_uniform = {
    DMI_METHOD_KNOWN("ddim_uniform", "every floor(T/N)-th level from index 1 up; the count may differ from N",
                     "ComfyUI, ddim_scheduler", options, "ComfyUI: ddim_uniform"),
    fill_ddim_uniform,
};
