/* Kept indices of a table (Nichol and Dhariwal 2021, respaced diffusion), run downward:
 *
 *     ddim=K        0, i, 2i, ... for the smallest stride i that gives exactly K of them
 *     sections=L    the table is cut into as many sections as L has counts, the first (T mod sections) of them one
 *                   longer; from each as many, evenly spaced, both ends included
 *     neither       one section with `steps` of them */
#include "base/compiler.h"
#include "schedule/grid.h"
#include "base/error.h"
#include <math.h>

enum { DDIM = DMI_GRID_OWN };

static dm_status fill_ddim(dm_grid *g, dm_error *err)
{
	size_t t = g->schedule->n_table, count = (size_t)g->options.value[DDIM], stride = 1;
	dm_status st = dmi_grid_check_count(g, count, "indices to keep", err);
	while (stride < t && (t - 1) / stride + 1 > count)
		stride++;
	if (st == DM_OK && (t - 1) / stride + 1 != count)
		st = dmi_fail(err, DM_ERR_ARGUMENT, "grid \"respaced\": no stride keeps ddim = %z of %z indices", count, t);
	for (size_t i = count; st == DM_OK && i > 0; i--)
		st = dmi_grid_push_time(g, (double)((i - 1) * stride), err);
	return st;
}

/* A section of `length` indices from `start` on, pushed from its end. The offsets are sums of the stride. */
static dm_status push_section(dm_grid *g, size_t start, size_t length, size_t count, dm_error *err)
{
	double stride = count > 1 ? (double)(length - 1) / (double)(count - 1) : 1;
	dm_status st = DM_OK;
	if (count > length)
		return dmi_fail(err, DM_ERR_ARGUMENT, "grid \"respaced\": a section of %z indices cannot give %z", length,
		                count);
	for (size_t i = count; st == DM_OK && i > 0; i--) {
		double offset = 0;
		for (size_t k = 1; k < i; k++)
			offset += stride;
		st = dmi_grid_push_time(g, (double)start + rint(offset), err);
	}
	return st;
}

static dm_status fill(dm_grid *g, dm_error *err)
{
	const struct dmi_options *o = &g->options;
	size_t t = g->schedule->n_table, n = o->n_list, total = 0;
	dm_status st = dmi_grid_needs_table(g, err);
	if (st != DM_OK)
		return st;
	if (o->value[DDIM] > 0 && n)
		return dmi_fail(err, DM_ERR_ARGUMENT, "grid \"respaced\": give ddim or sections, not both");
	if (o->value[DDIM] > 0)
		return fill_ddim(g, err);
	if (!n)
		return push_section(g, 0, t, dmi_grid_steps(g), err);
	for (size_t k = 0; k < n; k++) {
		if (o->list[k] != floor(o->list[k]))
			return dmi_fail(err, DM_ERR_ARGUMENT, "grid \"respaced\": a section of %g indices", o->list[k]);
		total += (size_t)o->list[k];
	}
	st = dmi_grid_check_count(g, total, "indices to keep", err);
	for (size_t k = n; st == DM_OK && k > 0; k--) {
		size_t longer = k - 1 < t % n ? k - 1 : t % n, length = t / n + (k - 1 < t % n);
		st = push_section(g, (k - 1) * (t / n) + longer, length, (size_t)o->list[k - 1], err);
	}
	return st;
}

static const dm_option options[] = {
    DMI_GRID_OPTIONS,
    DMI_INTEGER("ddim", "keep as many indices, one stride apart", 0, 0, 1e6),
    DMI_LIST("sections", "keep as many of each section of the table", 1, 1e6),
};

const struct dmi_grid_family dmi_grid_respaced = {
    DMI_METHOD("respaced", "kept indices of a table, by stride or by sections", "Nichol and Dhariwal 2021 (iDDPM)",
               options),
    fill,
};
