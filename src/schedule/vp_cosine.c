/* Continuous cosine processes. u(t) = (t + s)/(1 + s) pi/2 and u0 = u(0):
 *
 *     vp_cosine  alpha = cos u / cos u0, sigma^2 = 1 - alpha^2 = sin(u - u0) sin(u + u0) / cos^2 u0, up to t_max: at
 *                t = 1 alpha would vanish (Lu et al. 2022, DPM-Solver, appendix D.4)
 *     cosine     alpha-bar the same up to t = 1, after a change of time t <- 1 - (1-t)^scaler (scaler above 1), t^scaler
 *                (below 1); then lambda <- lambda - ln(shift), then alpha-bar held within its clamps, where time goes on
 *                and nothing changes (Pernias et al. 2023, Wuerstchen; shift: Stable Cascade) */
#include "base/compiler.h"
#include "schedule/schedule.h"
#include "base/error.h"
#include "base/math.h"
#include <math.h>

enum { S, T_MIN, T_MAX };                                /* vp_cosine */
enum { COSINE_S, SCALER, SHIFT, CLAMP_LOW, CLAMP_HIGH }; /* cosine */
static const double half_pi = 1.5707963267948966;

/* pi/2 / (1 + s), so that u = (t + s) rate */
static double rate(double s)
{
	return half_pi / (1 + s);
}

/* alpha and sigma of the cosine without change of time. */
static void levels(double s, double t, double *alpha, double *sigma)
{
	double r = rate(s), c = dmi_cos(s * r);
	*alpha = t < 1 ? dmi_cos((t + s) * r) / c : 0;
	*sigma = sqrt(dmi_sin(t * r) * dmi_sin((t + 2 * s) * r)) / c;
}

/* The t where the cosine has these levels. */
static double inverse(double s, double alpha, double sigma)
{
	double r = rate(s), c = dmi_cos(s * r), first = dmi_sin(s * r);
	/* sin^2 u = 1 - alpha^2 cos^2 u0, and alpha^2 = 1 - sigma^2 */
	double u = dmi_atan2(sqrt(first * first + sigma * sigma * c * c), alpha * c);
	/* near the data u - u0 is taken from its sine, near the noise u itself has the digits */
	double sine = sigma * sigma * c * c / dmi_sin(u + s * r);
	double t = alpha > 0.7 ? dmi_atan2(sine, sqrt(fmax(1 - sine * sine, 0))) / r : u / r - s;
	return fmin(fmax(t, 0), 1);
}

/* ------------------------------------------------------------------------------------------------------ vp_cosine */

static dm_status vp_at_time(const dm_schedule *s, double t, dm_node *out, dm_error *err)
{
	(void)err;
	levels(s->options.value[S], t, &out->alpha, &out->sigma);
	out->t = t;
	out->lambda = dmi_lambda_of(out->alpha, out->sigma);
	return DM_OK;
}

static dm_status vp_at_lambda(const dm_schedule *s, double lambda, dm_node *out, dm_error *err)
{
	(void)err;
	dmi_vp_levels(lambda, &out->alpha, &out->sigma);
	out->t = fmin(inverse(s->options.value[S], out->alpha, out->sigma), s->t_limit);
	out->lambda = lambda;
	return DM_OK;
}

static dm_status vp_rates(const dm_schedule *s, double t, double *f, double *g2, dm_error *err)
{
	(void)err;
	double r = rate(s->options.value[S]);
	*f = -r * dmi_tan((t + s->options.value[S]) * r);
	*g2 = -2 * *f;
	return DM_OK;
}

static const struct dmi_process vp_process = {.at_time = vp_at_time, .at_lambda = vp_at_lambda, .rates = vp_rates};

static dm_status vp_setup(dm_schedule *s, dm_error *err)
{
	(void)err;
	s->t_zero = 0;
	s->t_clean = s->options.value[T_MIN];
	s->t_noise = s->t_limit = s->options.value[T_MAX];
	return DM_OK;
}

static const dm_option vp_options[] = {
    DMI_REAL("s", "offset of the angle", 0.008, 0, 1),
    DMI_REAL("t_min", "time of least noise that grids use", 1e-3, 1e-12, 0.5),
    DMI_REAL("t_max", "time of most noise", 0.9946, 0.5, 0.9999999),
};

const struct dmi_schedule_family dmi_schedule_vp_cosine = {
    DMI_METHOD("vp_cosine", "variance preserving, alpha a cosine of time", "Lu et al. 2022 (DPM-Solver), D.4",
               vp_options),
    &vp_process,
    vp_setup,
};

/* --------------------------------------------------------------------------------------------------------- cosine */

static double warp(double scaler, double t)
{
	return scaler > 1 ? 1 - dmi_pow(1 - t, scaler) : scaler < 1 ? dmi_pow(t, scaler) : t;
}

static double unwarp(double scaler, double t)
{
	return scaler > 1 ? 1 - dmi_pow(1 - t, 1 / scaler) : scaler < 1 ? dmi_pow(t, 1 / scaler) : t;
}

static double lambda_of_bar(double bar)
{
	return (dmi_log(bar) - dmi_log1p(-bar)) / 2;
}

/* lambda before the clamps. */
static double free_lambda(const double *option, double t)
{
	double alpha, sigma;
	levels(option[COSINE_S], warp(option[SCALER], t), &alpha, &sigma);
	return dmi_lambda_of(alpha, sigma) - dmi_log(option[SHIFT]);
}

static dm_status cosine_at_time(const dm_schedule *s, double t, dm_node *out, dm_error *err)
{
	(void)err;
	out->t = t;
	out->lambda = fmin(fmax(free_lambda(s->options.value, t), s->data[0]), s->data[1]);
	dmi_vp_levels(out->lambda, &out->alpha, &out->sigma);
	return DM_OK;
}

static dm_status cosine_at_lambda(const dm_schedule *s, double lambda, dm_node *out, dm_error *err)
{
	(void)err;
	const double *option = s->options.value;
	double alpha, sigma;
	dmi_vp_levels(lambda + dmi_log(option[SHIFT]), &alpha, &sigma);
	out->t = unwarp(option[SCALER], inverse(option[COSINE_S], alpha, sigma));
	dmi_vp_levels(lambda, &out->alpha, &out->sigma);
	out->lambda = lambda;
	return DM_OK;
}

/* d lambda/dt = d ln(alpha)/dt / sigma^2 of the cosine before the shift, which moves lambda alone; then f = sigma^2 d
 * lambda/dt after it. */
static dm_status cosine_rates(const dm_schedule *s, double t, double *f, double *g2, dm_error *err)
{
	const double *option = s->options.value;
	double p = option[SCALER], r = rate(option[COSINE_S]), before[2], x = warp(p, t), slope = 1;
	dm_node node;
	dm_status st = cosine_at_time(s, t, &node, err);
	*f = *g2 = 0;
	if (node.lambda == s->data[0] || node.lambda == s->data[1])
		return st;
	if (p != 1)
		slope = p > 1 ? p * dmi_pow(1 - t, p - 1) : p * dmi_pow(t, p - 1);
	levels(option[COSINE_S], x, &before[0], &before[1]);
	*f = -slope * r * dmi_tan((x + option[COSINE_S]) * r) * (node.sigma * node.sigma) / (before[1] * before[1]);
	*g2 = -2 * *f;
	return st;
}

static const struct dmi_process cosine_process = {
    .at_time = cosine_at_time,
    .at_lambda = cosine_at_lambda,
    .rates = cosine_rates,
    .stands_still = "clamp_low and clamp_high hold alpha-bar there: lower clamp_low, raise clamp_high, or bring shift "
                    "nearer to 1",
};

/* data: the clamps in lambda. */
static dm_status cosine_setup(dm_schedule *s, dm_error *err)
{
	const double *option = s->options.value;
	if (!(option[CLAMP_LOW] < option[CLAMP_HIGH]))
		return dmi_fail(err, DM_ERR_ARGUMENT, "schedule \"cosine\": clamp_low (%g) must be below clamp_high (%g)",
		                option[CLAMP_LOW], option[CLAMP_HIGH]);
	if (!dmi_schedule_data(s, 2, err))
		return DM_ERR_MEMORY;
	s->data[0] = lambda_of_bar(option[CLAMP_LOW]);
	s->data[1] = lambda_of_bar(option[CLAMP_HIGH]);
	s->t_zero = s->t_clean = 0;
	s->t_noise = s->t_limit = 1;
	return DM_OK;
}

static const dm_option cosine_options[] = {
    DMI_REAL("s", "offset of the angle", 0.008, 0, 1),
    DMI_REAL("scaler", "exponent of the change of time; 1: none", 1, 0.01, 100),
    DMI_REAL("shift", "above 1: more noise, as for larger pictures", 1, 1e-3, 1e3),
    DMI_REAL("clamp_low", "smallest alpha-bar", 1e-4, 1e-12, 0.5),
    DMI_REAL("clamp_high", "largest alpha-bar", 0.9999, 0.5, 1),
};

const struct dmi_schedule_family dmi_schedule_cosine = {
    DMI_METHOD_KNOWN("cosine", "squared cosine over [0, 1], clamped; shift as in Stable Cascade",
                     "Pernias et al. 2023 (Wuerstchen)", cosine_options,
                     "diffusers: DDPMWuerstchenScheduler; ComfyUI: StableCascadeSampling"),
    &cosine_process,
    cosine_setup,
};
