/* Variance preserving, t in [0, 1]: ln alpha = -B/2, sigma^2 = 1 - e^-B, B(t) = t^2 (beta_max - beta_min)/2 + t
 * beta_min, the integral of beta (Song et al. 2021, eq. 33). So e^(-2 lambda) = e^B - 1 and B = ln(1 + e^(-2 lambda)).
 */
#include "base/compiler.h"
#include "schedule/schedule.h"
#include "base/error.h"
#include "base/math.h"
#include <math.h>

enum { BETA_MIN, BETA_MAX, T_MIN };

static dm_status at_time(const dm_schedule *s, double t, dm_node *out, dm_error *err)
{
	(void)err;
	const double *option = s->options.value;
	double b = t * (t * (option[BETA_MAX] - option[BETA_MIN]) / 2 + option[BETA_MIN]), sigma2 = -dmi_expm1(-b);
	out->t = t;
	out->alpha = dmi_exp(-b / 2);
	out->sigma = sqrt(sigma2);
	out->lambda = -(b + dmi_log(sigma2)) / 2;
	return DM_OK;
}

static dm_status at_lambda(const dm_schedule *s, double lambda, dm_node *out, dm_error *err)
{
	(void)err;
	const double *option = s->options.value;
	/* ln(1 + e^(-2 lambda)), without overflow */
	double b = fmax(-2 * lambda, 0) + dmi_log1p(dmi_exp(-fabs(2 * lambda)));
	/* the root of B(t) = b that does not cancel */
	double low = option[BETA_MIN], slope = option[BETA_MAX] - low;
	out->t = b > 0 ? fmin(2 * b / (low + sqrt(low * low + 2 * slope * b)), 1) : 0;
	out->lambda = lambda;
	dmi_vp_levels(lambda, &out->alpha, &out->sigma);
	return DM_OK;
}

static dm_status rates(const dm_schedule *s, double t, double *f, double *g2, dm_error *err)
{
	(void)err;
	const double *option = s->options.value;
	*g2 = option[BETA_MIN] + t * (option[BETA_MAX] - option[BETA_MIN]);
	*f = -*g2 / 2;
	return DM_OK;
}

static const struct dmi_process process = {.at_time = at_time, .at_lambda = at_lambda, .rates = rates};

static dm_status setup(dm_schedule *s, dm_error *err)
{
	const double *option = s->options.value;
	if (!(option[BETA_MIN] <= option[BETA_MAX] && option[BETA_MAX] > 0))
		return dmi_fail(err, DM_ERR_ARGUMENT,
		                "schedule \"vp\": beta_max (%g) must be above 0 and not below beta_min (%g)", option[BETA_MAX],
		                option[BETA_MIN]);
	s->t_zero = 0;
	s->t_clean = option[T_MIN];
	s->t_noise = s->t_limit = 1;
	return DM_OK;
}

static const dm_option options[] = {
    DMI_REAL("beta_min", "beta at t = 0", 0.1, 0, 1000),
    DMI_REAL("beta_max", "beta at t = 1", 20, 0, 1000),
    DMI_REAL("t_min", "time of least noise that grids use", 1e-3, 1e-12, 0.5),
};

const struct dmi_schedule_family dmi_schedule_vp = {
    DMI_METHOD_KNOWN("vp", "variance preserving, beta linear in time", "Song et al. 2021, eq. 33", options,
                     "diffusers: ScoreSdeVpScheduler"),
    &process,
    setup,
};
