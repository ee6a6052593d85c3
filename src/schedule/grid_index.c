/* Grids evenly spaced in the process time: indices of a table of T entries, or the time of a continuous process.
 *
 *     leading   q j + offset, q = floor(T/P), P = N + extra, for j = N-1 .. 0 (extra = 1: N .. 1)
 *     linspace  P = N + extra values evenly spaced from T-1 to 0, both included; continuous: from t_noise to t_clean
 *     trailing  round(T - j T/N) - 1 for j = 0 .. N-1: one stride apart, the next would be the clean end -1;
 *               continuous: evenly from t_noise, so that the final node (t_clean with final=last, else the clean end)
 *               is one stride away too
 *
 * With clip_lambda the table ends before the first entry below it; trailing keeps its stride T/N. time_uniform is
 * linspace with N + 1 points, the last of which is the final node. Rounding is to nearest, halves to even. The names are those of Lin et al. 2023, table 2. */
#include "base/compiler.h"
#include "schedule/grid.h"
#include "base/error.h"
#include <math.h>

/* How an index becomes a level: where the process is at that time; sigma/alpha linear between table entries; or
 * ln(sigma/alpha) evenly spaced over the table, whatever the index. The model receives the index all the same. */
enum { LEVEL_LOG, LEVEL_TABLE, LEVEL_LOG_LINEAR };
static const char *const levels[] = {"log", "table", "log_linear", NULL};

enum { EXTRA = DMI_GRID_OWN, OFFSET, LEADING_CLIP };       /* leading */
enum { ROUND = DMI_GRID_OWN, LEVEL, CLIP_LAMBDA, SPACED }; /* trailing; linspace has SPACED too, its `extra` */

/* The number of entries whose lambda is not below the option clip_lambda; 0: continuous. */
static size_t kept(const dm_grid *g, int option, dm_error *err)
{
	double least = g->options.value[option];
	dm_node node;
	size_t low = 0, high = g->schedule->n_table;
	while (low < high) { /* lambda falls */
		size_t middle = low + (high - low) / 2;
		if (dm_schedule_at_time(g->schedule, (double)middle, &node, err) == DM_OK && node.lambda >= least)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static dm_status check_kept(const dm_grid *g, size_t t, size_t points, dm_error *err)
{
	if (points > t)
		return dmi_fail(err, DM_ERR_ARGUMENT, "grid \"%s\": %z steps need %z points, but the table has %z entries",
		                g->method->info.name, dmi_grid_steps(g), points, t);
	return DM_OK;
}

#define CLIP                                                                                                           \
	DMI_REAL("clip_lambda", "leave out the table's entries whose ln(alpha/sigma) is below this", (double)-INFINITY,    \
	         (double)-INFINITY, 100)

/* ------------------------------------------------------------------------------------------------------- leading */

static dm_status fill_leading(dm_grid *g, dm_error *err)
{
	size_t t = kept(g, LEADING_CLIP, err), n = dmi_grid_steps(g);
	size_t extra = (size_t)g->options.value[EXTRA], offset = (size_t)g->options.value[OFFSET];
	if (!g->schedule->n_table)
		return dmi_fail(err, DM_ERR_UNSUPPORTED,
		                "grid \"leading\": spaces table indices, but the schedule is continuous (use trailing)");
	dm_status st = check_kept(g, t, n + extra, err);
	if (st != DM_OK)
		return st;
	size_t stride = t / (n + extra), top = stride * (n - 1 + extra) + offset;
	if (top >= t)
		return dmi_fail(err, DM_ERR_ARGUMENT, "grid \"leading\": offset %z leads to index %z, but the last one is %z",
		                offset, top, t - 1);
	for (size_t i = 0; st == DM_OK && i < n; i++)
		st = dmi_grid_push_time(g, (double)(top - i * stride), err);
	return st;
}

/* -------------------------------------------------------------------------------------------- linspace, trailing */

/* sigma/alpha linear between the two table entries beside the index. */
static dm_status at_table_level(const dm_grid *g, double index, dm_node *out, dm_error *err)
{
	dm_node below, above;
	double w = index - floor(index);
	dm_status st = dm_schedule_at_time(g->schedule, floor(index), &below, err);
	if (st == DM_OK && w > 0)
		st = dm_schedule_at_time(g->schedule, ceil(index), &above, err);
	if (st != DM_OK || w == 0) {
		*out = below;
		return st;
	}
	double level = (1 - w) * (below.sigma / below.alpha) + w * (above.sigma / above.alpha);
	return dmi_schedule_at_level(g->schedule, level, out, err);
}

/* The i-th of N + 1 levels from the largest to the smallest of the table, evenly spaced in the logarithm. */
static dm_status at_log_linear(const dm_grid *g, size_t i, dm_node *out, dm_error *err)
{
	dm_node clean;
	dm_status st = dm_schedule_at_time(g->schedule, g->schedule->t_clean, &clean, err);
	double low = g->schedule->lambda_low;
	if (st == DM_OK && low == -INFINITY)
		return dmi_fail(err, DM_ERR_UNSUPPORTED, "grid \"%s\": level=log_linear needs a finite noise end",
		                g->method->info.name);
	if (st != DM_OK)
		return st;
	return dm_schedule_at_lambda(g->schedule, dmi_even(low, clean.lambda, i, dmi_grid_steps(g) + 1), out, err);
}

static dm_status push_index(dm_grid *g, double index, size_t i, dm_error *err)
{
	int rule = (int)g->options.value[LEVEL];
	dm_node node;
	dm_status st;
	if (rule == LEVEL_LOG)
		return dmi_grid_push_time(g, index, err);
	if (rule == LEVEL_TABLE)
		st = at_table_level(g, index, &node, err);
	else
		st = at_log_linear(g, i, &node, err);
	if (st != DM_OK)
		return st;
	if (node.t != index)
		node.time = index;
	return dmi_grid_push(g, &node, err);
}

static int rounds(const dm_grid *g)
{
	return g->schedule->n_table && g->options.value[ROUND] == 1;
}

static dm_status check_spacing(const dm_grid *g, size_t points, dm_error *err)
{
	if (!g->schedule->n_table && g->options.value[LEVEL] != LEVEL_LOG)
		return dmi_fail(err, DM_ERR_UNSUPPORTED, "grid \"%s\": level=%s needs a table, but the schedule is continuous",
		                g->method->info.name, levels[(int)g->options.value[LEVEL]]);
	if (!g->schedule->n_table && g->options.given & (1u << CLIP_LAMBDA))
		return dmi_fail(err, DM_ERR_UNSUPPORTED,
		                "grid \"%s\": clip_lambda = %g needs a table, but the schedule is continuous",
		                g->method->info.name, g->options.value[CLIP_LAMBDA]);
	return rounds(g) ? check_kept(g, kept(g, CLIP_LAMBDA, err), points, err) : DM_OK;
}

static dm_status fill_linspace(dm_grid *g, dm_error *err)
{
	const dm_schedule *s = g->schedule;
	size_t n = dmi_grid_steps(g), points = n + (size_t)g->options.value[SPACED];
	size_t keep = dmi_grid_keeps_last(g) ? points : n;
	double top = s->n_table ? (double)kept(g, CLIP_LAMBDA, err) - 1 : s->t_noise;
	dm_status st = check_spacing(g, points, err);
	for (size_t i = 0; st == DM_OK && i < keep; i++) {
		double t;
		if (s->n_table) /* counted from index 0: a single point is index 0 */
			t = dmi_even(s->t_clean, top, points - 1 - i, points);
		else
			t = dmi_even(s->t_noise, s->t_clean, i, points);
		st = push_index(g, rounds(g) ? rint(t) : t, i, err);
	}
	return st;
}

static int goes_to_least(const dm_grid *g)
{
	return dmi_grid_final_is(g, DMI_FINAL_LAST) || dmi_grid_final_is(g, DMI_FINAL_DENOISE);
}

/* How far the i-th of n values lies above the clean end. */
static double trailing_height(const dm_grid *g, double top, double length, size_t n, size_t i)
{
	double height = top - (double)i * (length / (double)n);
	return rounds(g) ? rint(height) : height;
}

/* The last of n values that start at entry k: 1 is index 0, and 0 the clean end. */
static double lowest(const dm_grid *g, size_t k, size_t n)
{
	return trailing_height(g, (double)k, (double)g->schedule->n_table, n, n - 1);
}

/* A value may be the clean end only where nothing is evaluated there: it is the final node, or gives way to it. */
static int fits(const dm_grid *g, size_t k, size_t n)
{
	int may_be_clean = dmi_grid_keeps_last(g) || goes_to_least(g);
	return k > 0 && (lowest(g, k, n) > 0 || (may_be_clean && lowest(g, k, n) == 0));
}

/* The largest number of steps below n that fits; the last value falls as it grows. */
static size_t most_steps(const dm_grid *g, size_t k, size_t n)
{
	size_t low = 0, high = n; /* low fits, high does not */
	while (high - low > 1) {
		size_t middle = low + (high - low) / 2;
		if (fits(g, k, middle))
			low = middle;
		else
			high = middle;
	}
	/* values that come down to index 0 need one more (grid_final.c) */
	return low && goes_to_least(g) && lowest(g, k, low) <= 1 ? low - 1 : low;
}

/* The stride is that of the whole table: many steps over a part of it would end below. */
static dm_status check_stride(const dm_grid *g, size_t k, size_t n, dm_error *err)
{
	size_t t = g->schedule->n_table;
	if (k == t || fits(g, k, n))
		return DM_OK;
	return dmi_fail(err, DM_ERR_ARGUMENT,
	                "grid \"trailing\": clip_lambda = %g keeps %z of the table's %z entries, too few for steps = %z "
	                "with the stride %z/%z (at most %z fit)",
	                g->options.value[CLIP_LAMBDA], k, t, n, t, n, most_steps(g, k, n));
}

static dm_status fill_trailing(dm_grid *g, dm_error *err)
{
	const dm_schedule *s = g->schedule;
	size_t n = dmi_grid_steps(g), k = kept(g, CLIP_LAMBDA, err);
	double end = s->n_table || !goes_to_least(g) ? s->t_zero : s->t_clean;
	double length = s->t_noise - end, top = s->n_table ? (double)k : length;
	dm_status st = check_stride(g, k, n, err);
	if (st == DM_OK)
		st = check_spacing(g, n, err);
	for (size_t i = 0; st == DM_OK && i < n; i++)
		st = push_index(g, fmin(trailing_height(g, top, length, n, i) + end, s->t_noise), i, err);
	return st;
}

#define ROUND_AND_LEVEL                                                                                                \
	DMI_INTEGER("round", "1: indices of a table are rounded to whole ones", 1, 0, 1),                                  \
	    DMI_CHOICE("level",                                                                                            \
	               "noise at an index: along the process, table levels interpolated, evenly in the logarithm",         \
	               LEVEL_LOG, levels),                                                                                 \
	    CLIP

static const dm_option leading_options[] = {
    DMI_GRID_OPTIONS,
    DMI_INTEGER("extra", "1: space one more point, and drop index 0", 0, 0, 1),
    DMI_INTEGER("offset", "added to every index", 0, 0, 1e6),
    CLIP,
};
static const dm_option linspace_options[] = {DMI_GRID_OPTIONS, ROUND_AND_LEVEL, DMI_GRID_EXTRA(0)};
static const dm_option trailing_options[] = {DMI_GRID_OPTIONS, ROUND_AND_LEVEL};

const struct dmi_grid_family dmi_grid_leading = {
    DMI_METHOD_KNOWN("leading", "every q-th table index, index 0 first", "Lin et al. 2023, table 2", leading_options,
                     "diffusers: leading (timestep_spacing)"),
    fill_leading,
};
const struct dmi_grid_family dmi_grid_linspace = {
    DMI_METHOD_KNOWN("linspace", "even in time, both ends included", "Lin et al. 2023, table 2", linspace_options,
                     "diffusers: linspace (timestep_spacing)"),
    fill_linspace,
};
const struct dmi_grid_family dmi_grid_trailing = {
    DMI_METHOD_KNOWN("trailing", "even in time, from the noise end towards the clean end", "Lin et al. 2023, table 2",
                     trailing_options,
                     "diffusers: trailing (timestep_spacing); stable-diffusion.cpp: ddim_trailing (its timesteps)"),
    fill_trailing,
};

static const dm_option time_uniform_options[] = {
    DMI_GRID_ROWS("number of steps", 20, DMI_FINAL_INCLUDED),
    ROUND_AND_LEVEL,
    DMI_GRID_EXTRA(1),
};
const struct dmi_grid_family dmi_grid_time_uniform = {
    DMI_METHOD("time_uniform", "even in time, the end of least noise is the final node",
               "Lu et al. 2022 (DPM-Solver), time_uniform", time_uniform_options),
    fill_linspace,
};
