/* Discrete tables by a function of u = i/T (the forms of DDPMScheduler):
 *
 *     sigmoid  beta = beta_start + (beta_end - beta_start) / (1 + e^-x), x evenly spaced from -range to range
 *     exp      beta = min(1 - f(u + 1/T)/f(u), cap), f = e^(-rate u): one beta for all entries
 *     laplace  the same with f = sqrt(r/(1+r)), r = e^m, m = -sign(1/2 - u) ln(1 - 2 |1/2 - u| + 1e-6) / 2, the square
 *              root of the alpha-bar that a Laplace distribution of log SNR has (Hang and Gu 2024); the originals take
 *              it for alpha-bar itself, and so does this */
#include "base/compiler.h"
#include "schedule/table.h"
#include "base/math.h"
#include <math.h>

enum { BETA_START = DMI_TABLE_OWN, BETA_END, RANGE }; /* sigmoid */
enum { CAP = DMI_TABLE_OWN, RATE };                   /* exp, laplace (without the rate) */

/* beta of entry i of n */
static dm_status fill(dm_schedule *s, double (*rule)(const double *option, double i, double n), dm_error *err)
{
	const double *option = s->options.value;
	size_t n = (size_t)option[DMI_TABLE_T];
	double *beta = dmi_table_new(s, n, err);
	if (!beta)
		return DM_ERR_MEMORY;
	for (size_t i = 0; i < n; i++)
		beta[i] = rule(option, (double)i, (double)n);
	return dmi_table_from_betas(s, err);
}

static double sigmoid(const double *option, double i, double n)
{
	double x = n > 1 ? option[RANGE] * (2 * i / (n - 1) - 1) : -option[RANGE];
	return option[BETA_START] + (option[BETA_END] - option[BETA_START]) / (1 + dmi_exp(-x));
}

static dm_status setup_sigmoid(dm_schedule *s, dm_error *err)
{
	return fill(s, sigmoid, err);
}

static double exponential(const double *option, double i, double n)
{
	(void)i;
	return fmin(-dmi_expm1(-option[RATE] / n), option[CAP]);
}

static dm_status setup_exp(dm_schedule *s, dm_error *err)
{
	return fill(s, exponential, err);
}

static double laplace_f(double u)
{
	double m = -dmi_log(1 - 2 * fabs(0.5 - u) + 1e-6) / 2, r = dmi_exp(u > 0.5 ? -m : m);
	return sqrt(r / (1 + r));
}

static double laplace(const double *option, double i, double n)
{
	return fmin(1 - laplace_f((i + 1) / n) / laplace_f(i / n), option[CAP]);
}

static dm_status setup_laplace(dm_schedule *s, dm_error *err)
{
	return fill(s, laplace, err);
}

static const dm_option sigmoid_options[] = {
    DMI_TABLE_OPTIONS,
    DMI_REAL("beta_start", "beta that the sigmoid rises from", 1e-4, 0, 1),
    DMI_REAL("beta_end", "beta that it rises to", 0.02, 0, 1),
    DMI_REAL("range", "argument of the sigmoid at the last entry", 6, 0.01, 100),
};
#define LARGEST DMI_REAL("cap", "largest beta", 0.999, 0, 1)
static const dm_option exp_options[] = {
    DMI_TABLE_OPTIONS,
    LARGEST,
    DMI_REAL("rate", "alpha-bar falls as e^(-rate u)", 12, 0.01, 1000),
};
static const dm_option laplace_options[] = {DMI_TABLE_OPTIONS, LARGEST};

const struct dmi_schedule_family dmi_schedule_sigmoid = {
    DMI_METHOD_KNOWN("sigmoid", "discrete table, betas along a sigmoid", "diffusers, DDPMScheduler (GeoDiff)",
                     sigmoid_options, "diffusers: sigmoid (beta_schedule)"),
    &dmi_table_process,
    setup_sigmoid,
};
const struct dmi_schedule_family dmi_schedule_exp = {
    DMI_METHOD_KNOWN("exp", "discrete table, alpha-bar exponential in time", "diffusers, betas_for_alpha_bar",
                     exp_options, "diffusers: betas_for_alpha_bar (exp)"),
    &dmi_table_process,
    setup_exp,
};
const struct dmi_schedule_family dmi_schedule_laplace = {
    DMI_METHOD_KNOWN("laplace", "discrete table, log SNR of a Laplace distribution",
                     "Hang and Gu 2024; diffusers, betas_for_alpha_bar", laplace_options,
                     "diffusers: laplace (beta_schedule)"),
    &dmi_table_process,
    setup_laplace,
};
