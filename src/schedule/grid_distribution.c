/* Levels at the quantiles of a distribution.
 *
 *     beta          sigma/alpha = min + (max - min) Q(1 - r), r = i/(N-1), Q of Beta(a, b)
 *     laplace       ln(sigma/alpha) = mu - b sign(1/2 - r) ln(1 - 2 |1/2 - r| + 1e-5), within [min, max]; a level that
 *                   comes again is written once (Hang and Gu 2024)
 *     logit_normal  s = 1 / (1 + e^-y), y = mean + std z(1 - i/N), z the quantile of the normal distribution, within the s
 *                   of log SNR = logsnr_min and logsnr_max (Esser et al. 2024, eq. 19; the grid of Ideogram) */
#include "base/compiler.h"
#include "schedule/grid.h"
#include "base/error.h"
#include "base/math.h"
#include "base/quantile.h"
#include <math.h>

enum { BETA_A = DMI_GRID_LEVEL_OWN, BETA_B };
enum { MU = DMI_GRID_LEVEL_OWN, LAPLACE_B };
enum { MEAN = DMI_GRID_OWN, STD, LOGSNR_MIN, LOGSNR_MAX };

static double beta(double max, double min, double r, const double *option)
{
	return min + (max - min) * dmi_beta_quantile(1 - r, option[BETA_A], option[BETA_B]);
}

static dm_status fill_beta(dm_grid *g, dm_error *err)
{
	return dmi_grid_push_ramp(g, dmi_grid_steps(g), dmi_grid_steps(g), beta, err);
}

static double laplace(double r, const double *option)
{
	double m = option[LAPLACE_B] * dmi_log(1 - 2 * fabs(0.5 - r) + 1e-5);
	return dmi_exp(r < 0.5 ? option[MU] - m : r > 0.5 ? option[MU] + m : option[MU]);
}

static dm_status fill_laplace(dm_grid *g, dm_error *err)
{
	dm_node end[2];
	size_t n = dmi_grid_steps(g);
	dm_status st = dmi_grid_ends(g, end, err);
	double max = st == DM_OK ? end[0].sigma / end[0].alpha : 1, min = st == DM_OK ? end[1].sigma / end[1].alpha : 0;
	double last = INFINITY;
	for (size_t i = 0; st == DM_OK && i < n; i++) {
		double level = fmin(fmax(laplace(n > 1 ? (double)i / (double)(n - 1) : 0, g->options.value), min), max);
		if (level < last)
			st = level == max   ? dmi_grid_push(g, &end[0], err)
			     : level == min ? dmi_grid_push(g, &end[1], err)
			                    : dmi_grid_push_level(g, level, err);
		last = level;
	}
	return st;
}

static double logistic(double y)
{
	return 1 / (1 + dmi_exp(-y));
}

static dm_status fill_logit_normal(dm_grid *g, dm_error *err)
{
	const double *option = g->options.value;
	size_t n = dmi_grid_steps(g);
	dm_status st = DM_OK;
	if (!(option[LOGSNR_MIN] < option[LOGSNR_MAX]))
		return dmi_fail(err, DM_ERR_ARGUMENT, "grid \"logit_normal\": logsnr_min (%g) must be below logsnr_max (%g)",
		                option[LOGSNR_MIN], option[LOGSNR_MAX]);
	for (size_t i = 0; st == DM_OK && i < n; i++) {
		double y = option[MEAN] - option[STD] * dmi_normal_quantile((double)i / (double)n);
		y = fmin(fmax(y, -option[LOGSNR_MAX] / 2), -option[LOGSNR_MIN] / 2);
		st = dmi_grid_push_s(g, logistic(y), err);
	}
	return st;
}

static const dm_option beta_options[] = {
    DMI_GRID_OPTIONS,
    DMI_GRID_SIGMAS,
    DMI_REAL("a", "first parameter of the Beta distribution", 0.6, 0.01, 1000),
    DMI_REAL("b", "second parameter of the Beta distribution", 0.6, 0.01, 1000),
};
static const dm_option laplace_options[] = {
    DMI_GRID_OPTIONS,
    DMI_GRID_SIGMAS,
    DMI_REAL("mu", "ln(sigma/alpha) in the middle", 0, -20, 20),
    DMI_REAL("b", "width of the distribution", 0.5, 1e-3, 100),
};
static const dm_option logit_normal_options[] = {
    DMI_GRID_OPTIONS,
    DMI_REAL("mean", "mean of logit(s); larger pictures: + ln(tokens/1024) / 2", 0, -20, 20),
    DMI_REAL("std", "standard deviation of logit(s)", 1.75, 1e-3, 100),
    DMI_REAL("logsnr_min", "ln(alpha^2/sigma^2) of the noisiest level allowed", -18, -60, 60),
    DMI_REAL("logsnr_max", "ln(alpha^2/sigma^2) of the cleanest level allowed", 15, -60, 60),
};

const struct dmi_grid_family dmi_grid_beta = {
    DMI_METHOD_KNOWN("beta", "levels at quantiles of a Beta distribution",
                     "Lee et al. 2024; diffusers, use_beta_sigmas", beta_options, "diffusers: use_beta_sigmas"),
    fill_beta,
};
const struct dmi_grid_family dmi_grid_laplace = {
    DMI_METHOD_KNOWN("laplace", "levels at quantiles of a Laplace distribution of ln(level)",
                     "Hang and Gu 2024; ComfyUI, LaplaceScheduler", laplace_options, "ComfyUI: LaplaceScheduler"),
    fill_laplace,
};
const struct dmi_grid_family dmi_grid_logit_normal = {
    DMI_METHOD_KNOWN("logit_normal", "s at quantiles of a logit-normal distribution",
                     "Esser et al. 2024, eq. 19; Ideogram", logit_normal_options, "stable-diffusion.cpp: logit_normal"),
    fill_logit_normal,
};
