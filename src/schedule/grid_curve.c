/* Curves over a table of levels (grid_table.c). L_max and L_min are its ends, s for flow, else sigma/alpha; i = 0 .. N-1,
 * r = i/(N-1).
 *
 *     kl_optimal        tan((1-r) atan L_max + r atan L_min)                            Sabour et al. 2024, section 3.1
 *     linear_quadratic  L_max (1 - c_i): c rises by threshold/M for M = floor(N/2) steps, then as a parabola to 1
 *     smoothstep        index round((T-1) u^2 (3 - 2u)), u = 1 - i/N, halves up
 *     beta_index        index rint((T-1) Q(1 - i/N)), Q the quantile of Beta(a, b)      Lee et al. 2024
 *     bong_tangent      two arctangent ramps that meet half way between L_max and L_min
 *
 * An index that comes again is written once. */
#include "base/compiler.h"
#include "schedule/grid.h"
#include "base/error.h"
#include "base/math.h"
#include "base/quantile.h"
#include <math.h>

enum { THRESHOLD = DMI_GRID_TABLE_OWN };    /* linear_quadratic */
enum { A = DMI_GRID_TABLE_OWN, B };         /* beta_index */
enum { PIVOT = DMI_GRID_TABLE_OWN, SLOPE }; /* bong_tangent */

/* The largest and the smallest level. */
static dm_status ends(dm_grid *g, dm_node end[2], double level[2], dm_error *err)
{
	dm_status st = dmi_grid_table_check(g, err);
	if (st == DM_OK)
		st = dmi_grid_table_node(g, (double)dmi_grid_table_size(g) - 1, &end[0], err);
	if (st == DM_OK)
		st = dmi_grid_table_node(g, 0, &end[1], err);
	if (st != DM_OK)
		return st;
	level[0] = dmi_grid_measure(g, &end[0]);
	level[1] = dmi_grid_measure(g, &end[1]);
	if (level[0] < INFINITY)
		return DM_OK;
	return dmi_fail(err, DM_ERR_UNSUPPORTED, "grid \"%s\": sigma/alpha is infinite at the schedule's noise end",
	                g->method->info.name);
}

/* Pushes the levels of a formula; `keep` of them. The first one is the end itself. */
static dm_status push_levels(dm_grid *g, size_t keep, double (*formula)(const dm_grid *, const double *, size_t),
                             dm_error *err)
{
	dm_node end[2];
	double level[2];
	dm_status st = ends(g, end, level, err);
	if (st == DM_OK)
		st = dmi_grid_push(g, &end[0], err);
	for (size_t i = 1; st == DM_OK && i < keep; i++)
		st = dmi_grid_push_measure(g, formula(g, level, i), err);
	return st == DM_OK ? dmi_grid_table_finish(g, err) : st;
}

/* Pushes the indices of a formula, each once. */
static dm_status push_indices(dm_grid *g, double (*formula)(const dm_grid *, double u), dm_error *err)
{
	size_t n = dmi_grid_steps(g);
	double last = -1;
	dm_status st = dmi_grid_table_check_indices(g, err);
	for (size_t i = 0; st == DM_OK && i < n; i++) {
		double j = formula(g, (double)(n - i) / (double)n);
		if (j != last)
			st = dmi_grid_table_push(g, j, err);
		last = j;
	}
	return st == DM_OK ? dmi_grid_table_finish(g, err) : st;
}

static double kl_optimal(const dm_grid *g, const double *level, size_t i)
{
	double r = (double)i / (double)(dmi_grid_steps(g) - 1);
	return dmi_tan((1 - r) * dmi_atan(level[0]) + r * dmi_atan(level[1]));
}

static dm_status fill_kl_optimal(dm_grid *g, dm_error *err)
{
	return push_levels(g, dmi_grid_steps(g), kl_optimal, err);
}

static double linear_quadratic(const dm_grid *g, const double *level, size_t i)
{
	size_t n = dmi_grid_steps(g), linear = n / 2;
	double m = (double)linear, q = (double)(n - linear), x = (double)i, threshold = g->options.value[THRESHOLD];
	double d = m - threshold * (double)n, c;
	if (i < linear)
		c = x * threshold / m;
	else
		c = d / (m * q * q) * x * x + (threshold / m - 2 * d / (q * q)) * x + d * m / (q * q);
	return (1 - c) * level[0];
}

static dm_status fill_linear_quadratic(dm_grid *g, dm_error *err)
{
	return push_levels(g, dmi_grid_steps(g), linear_quadratic, err);
}

static double smoothstep(const dm_grid *g, double u)
{
	return floor(((double)dmi_grid_table_size(g) - 1) * u * u * (3 - 2 * u) + 0.5);
}

static dm_status fill_smoothstep(dm_grid *g, dm_error *err)
{
	return push_indices(g, smoothstep, err);
}

static double beta_index(const dm_grid *g, double u)
{
	const double *option = g->options.value;
	return rint(((double)dmi_grid_table_size(g) - 1) * dmi_beta_quantile(u, option[A], option[B]));
}

static dm_status fill_beta_index(dm_grid *g, dm_error *err)
{
	return push_indices(g, beta_index, err);
}

/* Entry k of a ramp of n from `from` to `to`: the arctangent of slope (pivot - k), scaled to hit both. */
static double ramp(size_t k, size_t n, double slope, double pivot, double from, double to)
{
	double first = dmi_atan(slope * pivot), last = dmi_atan(slope * (pivot - (double)(n - 1)));
	if (n == 1)
		return from;
	return to + (from - to) * (dmi_atan(slope * (pivot - (double)k)) - last) / (first - last);
}

/* N + 2 values in two ramps that share the one in the middle; the last value is left to the final node. */
static double bong_tangent(const dm_grid *g, const double *level, size_t i)
{
	const double *option = g->options.value;
	double points = (double)dmi_grid_steps(g) + 2, slope = option[SLOPE] * 40 / points;
	/* a product that is whole up to rounding is whole */
	size_t first = (size_t)(points * option[PIVOT] + 1e-9), second = (size_t)points - first;
	double middle = level[1] + (level[0] - level[1]) / 2;
	if (i < first - 1)
		return ramp(i, first, slope, (double)first, level[0], middle);
	return ramp(i + 1 - first, second, slope, 0, middle, level[1]);
}

static dm_status fill_bong_tangent(dm_grid *g, dm_error *err)
{
	return push_levels(g, dmi_grid_steps(g), bong_tangent, err);
}

static const dm_option options[] = {DMI_GRID_TABLE_ROWS};
static const dm_option linear_quadratic_options[] = {
    DMI_GRID_TABLE_ROWS,
    DMI_REAL("threshold", "fraction of the way covered by the linear half", 0.025, 0, 0.5),
};
static const dm_option beta_options[] = {
    DMI_GRID_TABLE_ROWS,
    DMI_REAL("a", "first parameter of the Beta distribution", 0.6, 0.01, 1000),
    DMI_REAL("b", "second parameter of the Beta distribution", 0.6, 0.01, 1000),
};
static const dm_option bong_options[] = {
    DMI_GRID_TABLE_ROWS,
    DMI_REAL("pivot", "fraction of the steps at which the ramps meet", 0.6, 0.34, 0.9),
    DMI_REAL("slope", "steepness of the ramps at 40 steps", 0.2, 1e-3, 100),
};

const struct dmi_grid_family dmi_grid_kl_optimal = {
    DMI_METHOD_KNOWN("kl_optimal", "even in atan(level)", "Sabour et al. 2024 (AYS), section 3.1", options,
                     "ComfyUI: kl_optimal; stable-diffusion.cpp: kl_optimal"),
    fill_kl_optimal,
};
const struct dmi_grid_family dmi_grid_linear_quadratic = {
    DMI_METHOD_KNOWN("linear_quadratic", "small steps first, then a parabola", "Polyak et al. 2024 (Movie Gen)",
                     linear_quadratic_options, "ComfyUI: linear_quadratic"),
    fill_linear_quadratic,
};
const struct dmi_grid_family dmi_grid_smoothstep = {
    DMI_METHOD_KNOWN("smoothstep", "table index along u^2 (3 - 2u)", "stable-diffusion.cpp, smoothstep", options,
                     "stable-diffusion.cpp: smoothstep"),
    fill_smoothstep,
};
const struct dmi_grid_family dmi_grid_beta_index = {
    DMI_METHOD_KNOWN("beta_index", "table index at quantiles of a Beta distribution",
                     "Lee et al. 2024; ComfyUI, beta_scheduler", beta_options,
                     "ComfyUI: beta; stable-diffusion.cpp: beta"),
    fill_beta_index,
};
const struct dmi_grid_family dmi_grid_bong_tangent = {
    DMI_METHOD_KNOWN("bong_tangent", "two arctangent ramps", "RES4LYF, bong_tangent_scheduler", bong_options,
                     "stable-diffusion.cpp: bong_tangent"),
    fill_bong_tangent,
};
