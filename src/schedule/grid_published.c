/* Levels that were searched for (Sabour et al. 2024, Align Your Steps), of ten steps. Other numbers of steps: linear
 * interpolation of ln level over evenly spaced places. The last level is the final node: it is written with
 * final=included only.
 *
 *     form=levels   as the authors' code prints them
 *     form=rounded  as the table of the paper has them, ending with 0
 *     form=times    the table indices that belong to them; ten steps */
#include "base/compiler.h"
#include "schedule/grid.h"
#include "base/error.h"
#include "base/math.h"
#include <math.h>

enum { POINTS = 11 };
enum { FORM = DMI_GRID_OWN };
enum { LEVELS, ROUNDED, TIMES };
static const char *const forms[] = {"levels", "rounded", "times", NULL}, *const video_forms[] = {"levels", "rounded",
                                                                                                 NULL};

static const double sd15[3][POINTS] = {
    {14.6146412293, 6.4745760956, 3.8636745985, 2.6946151520, 1.8841921177, 1.3943805092, 0.9642583904, 0.6523686016,
     0.3977456272, 0.1515232662, 0.0291671582},
    {14.615, 6.475, 3.861, 2.697, 1.886, 1.396, 0.963, 0.652, 0.399, 0.152, 0},
    {999, 850, 736, 645, 545, 455, 343, 233, 124, 24},
};
static const double sdxl[3][POINTS] = {
    {14.6146412293, 6.3184485287, 3.7681790315, 2.1811480769, 1.3405244945, 0.8620721141, 0.5550693289, 0.3798540708,
     0.2332364134, 0.1114188177, 0.0291671582},
    {14.615, 6.315, 3.771, 2.181, 1.342, 0.862, 0.555, 0.380, 0.234, 0.113, 0},
    {999, 845, 730, 587, 443, 310, 193, 116, 53, 13},
};
static const double svd[2][POINTS] = {
    {700, 54.5, 15.886, 7.977, 4.248, 1.789, 0.981, 0.403, 0.173, 0.034, 0.002},
    {700, 54.5, 15.886, 7.977, 4.248, 1.789, 0.981, 0.403, 0.173, 0.034, 0},
};

/* The i-th of n + 1 levels. */
static double resampled(const double *level, size_t i, size_t n)
{
	double place = (double)i * (POINTS - 1) / (double)n, w = place - floor(place);
	size_t k = (size_t)place;
	if (w == 0)
		return level[k];
	return dmi_exp((1 - w) * dmi_log(level[k]) + w * dmi_log(level[k + 1]));
}

static dm_status fill(dm_grid *g, const double (*table)[POINTS], dm_error *err)
{
	int form = (int)g->options.value[FORM];
	size_t n = dmi_grid_steps(g), keep = n + (size_t)dmi_grid_keeps_last(g);
	dm_status st = form == TIMES ? dmi_grid_needs_table(g, err) : DM_OK;
	if (st == DM_OK && form != LEVELS && n != POINTS - 1)
		st = dmi_fail(err, DM_ERR_ARGUMENT, "grid \"%s\": form=%s has %d steps, not %z", g->method->info.name,
		              forms[form], POINTS - 1, n);
	if (form == TIMES)
		keep = n;
	for (size_t i = 0; st == DM_OK && i < keep; i++) {
		double value = resampled(table[form], i, n);
		st = form == TIMES ? dmi_grid_push_time(g, value, err) : dmi_grid_push_level(g, value, err);
	}
	return st;
}

static dm_status fill_sd15(dm_grid *g, dm_error *err)
{
	return fill(g, sd15, err);
}

static dm_status fill_sdxl(dm_grid *g, dm_error *err)
{
	return fill(g, sdxl, err);
}

static dm_status fill_svd(dm_grid *g, dm_error *err)
{
	return fill(g, svd, err);
}

#define FORMS(words) DMI_GRID_ROWS("number of steps", 10, DMI_FINAL_ZERO), DMI_CHOICE("form", "which numbers", 0, words)
static const dm_option options[] = {FORMS(forms)}, video_options[] = {FORMS(video_forms)};

const struct dmi_grid_family dmi_grid_ays_sd15 = {
    DMI_METHOD("ays_sd15", "searched levels for Stable Diffusion 1.5", "Sabour et al. 2024 (AYS)", options),
    fill_sd15,
};
const struct dmi_grid_family dmi_grid_ays_sdxl = {
    DMI_METHOD("ays_sdxl", "searched levels for Stable Diffusion XL", "Sabour et al. 2024 (AYS)", options),
    fill_sdxl,
};
const struct dmi_grid_family dmi_grid_ays_svd = {
    DMI_METHOD("ays_svd", "searched levels for Stable Video Diffusion", "Sabour et al. 2024 (AYS)", video_options),
    fill_svd,
};
