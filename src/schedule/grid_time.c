/* Grids over time or an angle of it.
 *
 *     time_quadratic  squares of N + 1 evenly spaced roots of the time, the last of which is the final node
 *     trigflow        angle a = atan2(sigma/sigma_data, alpha) evenly spaced from max to 0 at the final node; with
 *                     `intermediate` two steps, max and that                                      Lu and Song 2024
 *     sin2_angle      sigma = sin^2(pi/2 (1 - i/N)), alpha = sqrt(1 - sigma^2)                    Liu et al. 2022
 *     vp_time         t from 1 to t_end, level sqrt(exp(beta_d t^2/2 + beta_min t) - 1)           Karras et al. 2022 */
#include "base/compiler.h"
#include "schedule/grid.h"
#include "base/error.h"
#include "base/math.h"
#include <math.h>

static const double half_pi = 1.5707963267948966;
enum { EXTRA = DMI_GRID_OWN };
enum { MAX = DMI_GRID_OWN, INTERMEDIATE };
enum { BETA_D = DMI_GRID_OWN, BETA_MIN, T_END, VP_SIGMA_MIN, VP_SIGMA_MAX };

extern const struct dmi_schedule_family dmi_schedule_trigflow;

static dm_status fill_quadratic(dm_grid *g, dm_error *err)
{
	const dm_schedule *s = g->schedule;
	size_t n = dmi_grid_steps(g), points = n + (size_t)g->options.value[EXTRA];
	size_t keep = dmi_grid_keeps_last(g) ? points : n;
	dm_status st = DM_OK;
	if (s->t_clean < 0)
		return dmi_fail(err, DM_ERR_UNSUPPORTED, "grid \"time_quadratic\": the time of least noise is negative, %g",
		                s->t_clean);
	for (size_t i = 0; st == DM_OK && i < keep; i++) {
		double root = dmi_even(sqrt(s->t_noise), sqrt(s->t_clean), i, points);
		double t = i == 0 ? s->t_noise : i == points - 1 ? s->t_clean : root * root;
		st = dmi_grid_push_time(g, t, err);
	}
	return st;
}

/* An angle whose tangent is the level over sigma_data: of the schedule, else 1. */
static dm_status push_angle(dm_grid *g, double angle, dm_error *err)
{
	if (g->schedule->method == &dmi_schedule_trigflow.method)
		return dmi_grid_push_time(g, fmin(angle, g->schedule->t_noise), err);
	return dmi_grid_push_level(g, angle < half_pi ? dmi_tan(angle) : INFINITY, err);
}

static dm_status fill_trigflow(dm_grid *g, dm_error *err)
{
	double max = g->options.value[MAX], between = g->options.value[INTERMEDIATE];
	size_t n = dmi_grid_steps(g);
	dm_status st = DM_OK;
	if (between > 0 && n != 2)
		return dmi_fail(err, DM_ERR_ARGUMENT, "grid \"trigflow\": intermediate = %g needs steps=2, not %z", between, n);
	for (size_t i = 0; st == DM_OK && i < n; i++)
		st = push_angle(g, i && between > 0 ? between : dmi_even(max, 0, i, n + 1), err);
	return st;
}

/* 1 - sin^4 = cos^2 (1 + sin^2) */
static dm_status fill_sin2_angle(dm_grid *g, dm_error *err)
{
	size_t n = dmi_grid_steps(g);
	dm_status st = DM_OK;
	for (size_t i = 0; st == DM_OK && i < n; i++) {
		double x = half_pi * ((double)i / (double)n), cosine = dmi_cos(x), sine = dmi_sin(x);
		double sigma = cosine * cosine, alpha = sine * sqrt(1 + sigma);
		if (g->schedule->method == &dmi_schedule_trigflow.method && g->schedule->options.value[0] == 1)
			st = dmi_grid_push_time(g, dmi_atan2(sigma, alpha), err);
		else
			st = dmi_grid_push_level(g, sigma / alpha, err);
	}
	return st;
}

/* B at t = t_end and t = 1 gives the two numbers. */
static dm_status vp_numbers(const dm_grid *g, double *d, double *min, dm_error *err)
{
	const double *option = g->options.value;
	double e = option[T_END], low = option[VP_SIGMA_MIN], high = option[VP_SIGMA_MAX];
	*d = option[BETA_D];
	*min = option[BETA_MIN];
	if (low == 0 && high == 0)
		return DM_OK;
	low = low > 0 ? dmi_log1p(low * low) : e * (e * *d / 2 + *min);
	high = high > 0 ? dmi_log1p(high * high) : *d / 2 + *min;
	*d = 2 * (low / e - high) / (e - 1);
	*min = high - *d / 2;
	if (low < high && *min >= 0)
		return DM_OK;
	return dmi_fail(
	    err, DM_ERR_ARGUMENT,
	    "grid \"vp_time\": sigma_min = %g at t_end = %g and sigma_max = %g ask for beta_min = %g, which must "
	    "not be negative",
	    option[VP_SIGMA_MIN], e, option[VP_SIGMA_MAX], *min);
}

static dm_status fill_vp_time(dm_grid *g, dm_error *err)
{
	size_t n = dmi_grid_steps(g);
	double d, min;
	dm_status st = vp_numbers(g, &d, &min, err);
	for (size_t i = 0; st == DM_OK && i < n; i++) {
		double t = dmi_even(1, g->options.value[T_END], i, n);
		st = dmi_grid_push_level(g, sqrt(dmi_expm1(t * (t * d / 2 + min))), err);
	}
	return st;
}

static const dm_option quadratic_options[] = {
    DMI_GRID_ROWS("number of steps", 20, DMI_FINAL_INCLUDED),
    DMI_GRID_EXTRA(1),
};
static const dm_option trigflow_options[] = {
    DMI_GRID_OPTIONS,
    DMI_REAL("max", "first angle; above pi/2 is taken as pi/2", 1.5707963267948966, 1e-3, 1.5708),
    DMI_REAL("intermediate", "second angle of two steps; 0: half way", 0, 0, 1.5708),
};
static const dm_option plain[] = {DMI_GRID_OPTIONS};
static const dm_option vp_time_options[] = {
    DMI_GRID_OPTIONS,
    DMI_REAL("beta_d", "slope of beta", 19.9, 0, 1000),
    DMI_REAL("beta_min", "beta at t = 0", 0.1, 0, 1000),
    DMI_REAL("t_end", "time of the last value", 1e-3, 1e-12, 0.5),
    DMI_REAL("sigma_min", "level at t_end, in place of beta_min; 0: as beta_min gives it", 0, 0, 1e30),
    DMI_REAL("sigma_max", "level at t = 1, in place of beta_d; 0: as beta_d gives it", 0, 0, 1e30),
};

const struct dmi_grid_family dmi_grid_time_quadratic = {
    DMI_METHOD("time_quadratic", "even in the root of time, the end of least noise is the final node",
               "Lu et al. 2022 (DPM-Solver), time_quadratic", quadratic_options),
    fill_quadratic,
};
const struct dmi_grid_family dmi_grid_trigflow = {
    DMI_METHOD_KNOWN("trigflow", "even in the angle", "Lu and Song 2024 (sCM); Chen et al. 2025 (SANA-Sprint)",
                     trigflow_options, "diffusers: SCMScheduler"),
    fill_trigflow,
};
const struct dmi_grid_family dmi_grid_sin2_angle = {
    DMI_METHOD_KNOWN("sin2_angle", "sigma a squared sine", "diffusers, IPNDMScheduler", plain,
                     "diffusers: IPNDMScheduler"),
    fill_sin2_angle,
};
const struct dmi_grid_family dmi_grid_vp_time = {
    DMI_METHOD_KNOWN("vp_time", "levels of the vp process, even in its time",
                     "Karras et al. 2022, table 1; k-diffusion", vp_time_options,
                     "k-diffusion: get_sigmas_vp; ComfyUI: VPScheduler"),
    fill_vp_time,
};
