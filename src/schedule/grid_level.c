/* Grids over the level sigma/alpha, from sigma_max to sigma_min with the ramp r = i/(n-1):
 *
 *     karras       (max^(1/rho) + r (min^(1/rho) - max^(1/rho)))^rho       Karras et al. 2022, eq. 5
 *     exponential  max (min/max)^r: even in lambda, N values, then the final node
 *     polyexponential  min (max/min)^((1-r)^rho)
 *     log_snr      the same as exponential with N + 1 values, the last of which is the final node: even in lambda all the way
 *
 * exponential is what others call "uniform lambda" with N values; log_snr:extra=0,final=zero is the same grid. */
#include "base/compiler.h"
#include "schedule/grid.h"
#include "base/error.h"
#include "base/math.h"
#include <math.h>

static double level(const dm_node *node)
{
	return node->sigma / node->alpha;
}

/* The end named by an option, or the schedule's own at t where the option is 0. */
static dm_status find_end(const dm_grid *g, int option, double t, dm_node *out, dm_error *err)
{
	double given = g->options.value[option];
	if (given > 0)
		return dmi_schedule_at_level(g->schedule, given, out, err);
	return dm_schedule_at_time(g->schedule, t, out, err);
}

dm_status dmi_grid_ends(const dm_grid *g, dm_node end[2], dm_error *err)
{
	const char *name = g->method->info.name;
	dm_status st = find_end(g, DMI_GRID_SIGMA_MAX, g->schedule->t_noise, &end[0], err);
	if (st == DM_OK)
		st = find_end(g, DMI_GRID_SIGMA_MIN, g->schedule->t_clean, &end[1], err);
	if (st != DM_OK)
		return st;
	if (end[0].alpha == 0)
		return dmi_fail(
		    err, DM_ERR_UNSUPPORTED,
		    "grid \"%s\": sigma/alpha is infinite at the schedule's noise end: give sigma_max, or use a grid "
		    "over time (flow, trailing)",
		    name);
	if (end[1].sigma == 0)
		return dmi_fail(err, DM_ERR_UNSUPPORTED, "grid \"%s\": sigma is 0 at the schedule's clean end: give sigma_min",
		                name);
	if (!(level(&end[1]) < level(&end[0])))
		return dmi_fail(err, DM_ERR_ARGUMENT, "grid \"%s\": sigma_min (%g) must be below sigma_max (%g)", name,
		                dmi_grid_legible(level(&end[1])), dmi_grid_legible(level(&end[0])));
	return DM_OK;
}

dm_status dmi_grid_push_ramp(dm_grid *g, size_t n, size_t keep, dmi_ramp *formula, dm_error *err)
{
	dm_node end[2];
	dm_status st = dmi_grid_ends(g, end, err);
	for (size_t i = 0; st == DM_OK && i < keep; i++) {
		if (i == 0 || i == n - 1)
			st = dmi_grid_push(g, &end[i > 0], err);
		else
			st = dmi_grid_push_level(
			    g, formula(level(&end[0]), level(&end[1]), (double)i / (double)(n - 1), g->options.value), err);
	}
	return st;
}

enum { RHO = DMI_GRID_LEVEL_OWN };

double dmi_level_karras(double max, double min, double r, double rho)
{
	double a = dmi_pow(max, 1 / rho), b = dmi_pow(min, 1 / rho);
	return dmi_pow(a + r * (b - a), rho);
}

static double karras(double max, double min, double r, const double *option)
{
	return dmi_level_karras(max, min, r, option[RHO]);
}

static dm_status fill_karras(dm_grid *g, dm_error *err)
{
	return dmi_grid_push_ramp(g, dmi_grid_steps(g), dmi_grid_steps(g), karras, err);
}

double dmi_level_exponential(double max, double min, double r)
{
	double a = dmi_log(max), b = dmi_log(min);
	return dmi_exp(a + r * (b - a));
}

static double exponential(double max, double min, double r, const double *option)
{
	(void)option;
	return dmi_level_exponential(max, min, r);
}

static dm_status fill_exponential(dm_grid *g, dm_error *err)
{
	return dmi_grid_push_ramp(g, dmi_grid_steps(g), dmi_grid_steps(g), exponential, err);
}

static double polyexponential(double max, double min, double r, const double *option)
{
	return dmi_level_exponential(min, max, dmi_pow(1 - r, option[RHO]));
}

static dm_status fill_polyexponential(dm_grid *g, dm_error *err)
{
	return dmi_grid_push_ramp(g, dmi_grid_steps(g), dmi_grid_steps(g), polyexponential, err);
}

enum { EXTRA = DMI_GRID_LEVEL_OWN };

static dm_status fill_log_snr(dm_grid *g, dm_error *err)
{
	size_t n = dmi_grid_steps(g), points = n + (size_t)g->options.value[EXTRA];
	return dmi_grid_push_ramp(g, points, dmi_grid_keeps_last(g) ? points : n, exponential, err);
}

static const dm_option karras_options[] = {
    DMI_GRID_OPTIONS,
    DMI_GRID_SIGMAS,
    DMI_REAL("rho", "exponent: the larger, the more steps near the data", 7, 0.01, 1000),
};
static const dm_option polyexponential_options[] = {
    DMI_GRID_OPTIONS,
    DMI_GRID_SIGMAS,
    DMI_REAL("rho", "exponent: above 1 more steps near the data", 1, 0.01, 1000),
};
static const dm_option exponential_options[] = {DMI_GRID_OPTIONS, DMI_GRID_SIGMAS};
static const dm_option log_snr_options[] = {
    DMI_GRID_ROWS("number of steps", 20, DMI_FINAL_INCLUDED),
    DMI_GRID_SIGMAS,
    DMI_GRID_EXTRA(1),
};

const struct dmi_grid_family dmi_grid_karras = {
    DMI_METHOD_KNOWN(
        "karras", "even in (sigma/alpha)^(1/rho)", "Karras et al. 2022, eq. 5", karras_options,
        "diffusers: use_karras_sigmas; k-diffusion: get_sigmas_karras; ComfyUI: karras; stable-diffusion.cpp: karras"),
    fill_karras,
};
const struct dmi_grid_family dmi_grid_exponential = {
    DMI_METHOD_KNOWN("exponential", "even in ln(sigma/alpha), then the final node",
                     "k-diffusion, get_sigmas_exponential", exponential_options,
                     "diffusers: use_exponential_sigmas, use_lu_lambdas; k-diffusion: get_sigmas_exponential; ComfyUI: "
                     "exponential; stable-diffusion.cpp: exponential"),
    fill_exponential,
};
const struct dmi_grid_family dmi_grid_polyexponential = {
    DMI_METHOD_KNOWN("polyexponential", "exponential in (1-r)^rho", "k-diffusion, get_sigmas_polyexponential",
                     polyexponential_options,
                     "k-diffusion: get_sigmas_polyexponential; ComfyUI: PolyexponentialScheduler"),
    fill_polyexponential,
};
const struct dmi_grid_family dmi_grid_log_snr = {
    DMI_METHOD("log_snr", "even in lambda, both ends included", "Lu et al. 2022 (DPM-Solver), uniform lambda",
               log_snr_options),
    fill_log_snr,
};
