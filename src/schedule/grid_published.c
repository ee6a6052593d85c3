/* Levels that were searched for. The last one is the final node: it is written with final=included only. Other numbers
 * of steps: linear interpolation of ln level over evenly spaced places.
 *
 * gits: for Stable Diffusion by the geometry of its trajectories (Chen et al. 2024, coefficient 1.20), a list for every
 * number of steps up to 20. ays_...: Align Your Steps (Sabour et al. 2024), lists of ten steps:
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

/* The i-th of n + 1 levels from a list of m + 1. */
static double resampled(const double *level, size_t m, size_t i, size_t n)
{
	double place = (double)i * (double)m / (double)n, w = place - floor(place);
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
		double value = resampled(table[form], POINTS - 1, i, n);
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

enum { GITS_MOST = 20 };
static const double gits_first = 14.61464119, gits_last = 0.02916753;

/* Between the two ends, for 2, 3, ... steps. */
static const double gits_between[GITS_MOST - 1][GITS_MOST - 1] = {
    {0.803307},
    {1.56271636, 0.52423614},
    {2.36326075, 0.92192322, 0.36617002},
    {2.84484982, 1.24153244, 0.59516323, 0.25053367},
    {5.85520077, 2.05039096, 0.95350921, 0.45573691, 0.17026083},
    {5.85520077, 2.45070267, 1.24153244, 0.64427125, 0.29807833, 0.09824532},
    {5.85520077, 2.45070267, 1.36964464, 0.803307, 0.45573691, 0.25053367, 0.09824532},
    {5.85520077, 2.84484982, 1.61558151, 0.95350921, 0.59516323, 0.36617002, 0.19894916, 0.09824532},
    {5.85520077, 2.84484982, 1.67050016, 1.08895338, 0.74807048, 0.50118381, 0.32104823, 0.19894916, 0.09824532},
    {5.85520077, 2.95596409, 1.84880662, 1.24153244, 0.83188516, 0.59516323, 0.41087446, 0.27464288, 0.17026083,
     0.09824532},
    {5.85520077, 3.07277966, 1.98035145, 1.36964464, 0.95350921, 0.69515091, 0.50118381, 0.36617002, 0.25053367,
     0.17026083, 0.09824532},
    {6.77309084, 3.46139455, 2.36326075, 1.56271636, 1.08895338, 0.803307, 0.59516323, 0.45573691, 0.34370604,
     0.25053367, 0.17026083, 0.09824532},
    {6.77309084, 3.46139455, 2.45070267, 1.61558151, 1.162866, 0.86115354, 0.64427125, 0.50118381, 0.38853383,
     0.29807833, 0.22545385, 0.17026083, 0.09824532},
    {7.49001646, 4.65472794, 3.07277966, 2.12350607, 1.51179266, 1.08895338, 0.83188516, 0.64427125, 0.50118381,
     0.38853383, 0.29807833, 0.22545385, 0.17026083, 0.09824532},
    {7.49001646, 4.65472794, 3.07277966, 2.12350607, 1.51179266, 1.08895338, 0.83188516, 0.64427125, 0.50118381,
     0.41087446, 0.32104823, 0.25053367, 0.19894916, 0.13792117, 0.09824532},
    {7.49001646, 4.65472794, 3.07277966, 2.12350607, 1.51179266, 1.08895338, 0.83188516, 0.64427125, 0.50118381,
     0.41087446, 0.34370604, 0.27464288, 0.22545385, 0.17026083, 0.13792117, 0.09824532},
    {7.49001646, 4.65472794, 3.07277966, 2.19988537, 1.61558151, 1.20157266, 0.92192322, 0.72133851, 0.57119018,
     0.45573691, 0.36617002, 0.29807833, 0.25053367, 0.19894916, 0.17026083, 0.13792117, 0.09824532},
    {7.49001646, 4.65472794, 3.07277966, 2.19988537, 1.61558151, 1.24153244, 0.95350921, 0.74807048, 0.59516323,
     0.4783645, 0.38853383, 0.32104823, 0.27464288, 0.22545385, 0.19894916, 0.17026083, 0.13792117, 0.09824532},
    {7.49001646, 4.65472794, 3.07277966, 2.19988537, 1.61558151, 1.24153244, 0.95350921, 0.74807048, 0.59516323,
     0.50118381, 0.41087446, 0.34370604, 0.29807833, 0.25053367, 0.22545385, 0.19894916, 0.17026083, 0.13792117,
     0.09824532},
};

static dm_status fill_gits(dm_grid *g, dm_error *err)
{
	size_t n = dmi_grid_steps(g), m = n < GITS_MOST ? n : GITS_MOST, keep = n + (size_t)dmi_grid_keeps_last(g);
	double level[GITS_MOST + 1];
	dm_status st = DM_OK;
	level[0] = gits_first;
	level[m] = gits_last;
	for (size_t i = 1; i < m; i++)
		level[i] = gits_between[m - 2][i - 1];
	for (size_t i = 0; st == DM_OK && i < keep; i++)
		st = dmi_grid_push_level(g, resampled(level, m, i, n), err);
	return st;
}

#define FORMS(words) DMI_GRID_ROWS("number of steps", 10, DMI_FINAL_ZERO), DMI_CHOICE("form", "which numbers", 0, words)
static const dm_option options[] = {FORMS(forms)}, video_options[] = {FORMS(video_forms)};

const struct dmi_grid_family dmi_grid_ays_sd15 = {
    DMI_METHOD_KNOWN("ays_sd15", "searched levels for Stable Diffusion 1.5", "Sabour et al. 2024 (AYS)", options,
                     "diffusers: AysSchedules; ComfyUI: AlignYourStepsScheduler (SD1); stable-diffusion.cpp: ays"),
    fill_sd15,
};
const struct dmi_grid_family dmi_grid_ays_sdxl = {
    DMI_METHOD_KNOWN("ays_sdxl", "searched levels for Stable Diffusion XL", "Sabour et al. 2024 (AYS)", options,
                     "diffusers: AysSchedules; ComfyUI: AlignYourStepsScheduler (SDXL); stable-diffusion.cpp: ays"),
    fill_sdxl,
};
const struct dmi_grid_family dmi_grid_ays_svd = {
    DMI_METHOD_KNOWN("ays_svd", "searched levels for Stable Video Diffusion", "Sabour et al. 2024 (AYS)", video_options,
                     "diffusers: AysSchedules; ComfyUI: AlignYourStepsScheduler (SVD); stable-diffusion.cpp: ays"),
    fill_svd,
};

static const dm_option gits_options[] = {DMI_GRID_ROWS("number of steps", 10, DMI_FINAL_ZERO)};
const struct dmi_grid_family dmi_grid_gits = {
    DMI_METHOD_KNOWN("gits", "searched levels for Stable Diffusion", "Chen et al. 2024 (GITS); ComfyUI, GITSScheduler",
                     gits_options, "ComfyUI: GITSScheduler; stable-diffusion.cpp: gits"),
    fill_gits,
};
