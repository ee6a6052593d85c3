/* Sub-VP: alpha as in vp, sigma = 1 - alpha^2 (Song et al. 2021, eq. 34 and 38), so that its variance stays below that
 * of vp. With B(t) the integral of beta: ln alpha = -B/2, sigma = 1 - e^-B, g^2 = beta (1 - e^(-2 B)).
 *
 * From L = e^lambda = alpha/sigma follows sigma = 2 / (1 + sqrt(1 + 4 L^2)), and alpha = L sigma. */
#include "base/compiler.h"
#include "schedule/schedule.h"
#include "base/error.h"
#include "base/math.h"
#include <math.h>

enum { BETA_MIN, BETA_MAX, T_MIN };

static double integral(const dm_schedule *s, double t)
{
	const double *option = s->options.value;
	return t * (t * (option[BETA_MAX] - option[BETA_MIN]) / 2 + option[BETA_MIN]);
}

static dm_status at_time(const dm_schedule *s, double t, dm_node *out, dm_error *err)
{
	(void)err;
	double b = integral(s, t);
	out->t = t;
	out->alpha = dmi_exp(-b / 2);
	out->sigma = -dmi_expm1(-b);
	out->lambda = -b / 2 - dmi_log(out->sigma);
	return DM_OK;
}

static dm_status at_lambda(const dm_schedule *s, double lambda, dm_node *out, dm_error *err)
{
	(void)err;
	const double *option = s->options.value;
	double e = dmi_exp(-fabs(lambda)), root = sqrt(e * e + 4); /* sqrt(1 + 4 L^2) = root / e where L = 1/e */
	out->sigma = lambda > 0 ? 2 * e / (e + root) : 2 / (1 + sqrt(1 + 4 * e * e));
	out->alpha = lambda > 0 ? 2 / (e + root) : e * out->sigma;
	/* B = -ln(alpha^2) = -ln(1 - sigma), from the one that is small */
	double b = lambda > 0 ? -dmi_log1p(-out->sigma) : -2 * dmi_log(out->alpha);
	double low = option[BETA_MIN], slope = option[BETA_MAX] - low;
	out->t = b > 0 ? fmin(2 * b / (low + sqrt(low * low + 2 * slope * b)), 1) : 0;
	out->lambda = lambda;
	return DM_OK;
}

static dm_status rates(const dm_schedule *s, double t, double *f, double *g2, dm_error *err)
{
	(void)err;
	const double *option = s->options.value;
	double beta = option[BETA_MIN] + t * (option[BETA_MAX] - option[BETA_MIN]);
	*f = -beta / 2;
	*g2 = -beta * dmi_expm1(-2 * integral(s, t));
	return DM_OK;
}

static const struct dmi_process process = {.at_time = at_time, .at_lambda = at_lambda, .rates = rates};

static dm_status setup(dm_schedule *s, dm_error *err)
{
	const double *option = s->options.value;
	if (!(option[BETA_MIN] <= option[BETA_MAX] && option[BETA_MAX] > 0))
		return dmi_fail(err, DM_ERR_ARGUMENT,
		                "schedule \"sub_vp\": beta_max (%g) must be above 0 and not below beta_min (%g)",
		                option[BETA_MAX], option[BETA_MIN]);
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

const struct dmi_schedule_family dmi_schedule_sub_vp = {
    DMI_METHOD("sub_vp", "alpha of vp with sigma = 1 - alpha^2", "Song et al. 2021, eq. 34", options),
    &process,
    setup,
};
