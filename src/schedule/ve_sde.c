/* Variance exploding over t in [0, 1]: alpha = 1, sigma(t) = sigma_min (sigma_max / sigma_min)^t (Song et al. 2021,
 * eq. 30). g^2 = 2 sigma^2 ln(sigma_max / sigma_min). The process does not reach sigma = 0. */
#include "base/compiler.h"
#include "schedule/schedule.h"
#include "base/error.h"
#include "base/math.h"
#include <math.h>

enum { SIGMA_MIN, SIGMA_MAX, T_MIN };

/* ln(sigma_max / sigma_min) */
static double span(const dm_schedule *s)
{
	return dmi_log(s->options.value[SIGMA_MAX] / s->options.value[SIGMA_MIN]);
}

static dm_status at_time(const dm_schedule *s, double t, dm_node *out, dm_error *err)
{
	(void)err;
	const double *option = s->options.value;
	out->t = t;
	out->alpha = 1;
	out->sigma = t == 1 ? option[SIGMA_MAX] : option[SIGMA_MIN] * dmi_exp(t * span(s));
	out->lambda = -dmi_log(out->sigma);
	return DM_OK;
}

static dm_status at_level(const dm_schedule *s, double level, dm_node *out, dm_error *err)
{
	(void)err;
	double t = dmi_log(level / s->options.value[SIGMA_MIN]) / span(s);
	out->t = fmin(fmax(t, 0), 1);
	out->alpha = 1;
	out->sigma = level;
	out->lambda = -dmi_log(level);
	return DM_OK;
}

static dm_status at_lambda(const dm_schedule *s, double lambda, dm_node *out, dm_error *err)
{
	dm_status st = at_level(s, dmi_exp(-lambda), out, err);
	out->lambda = lambda;
	return st;
}

static dm_status rates(const dm_schedule *s, double t, double *f, double *g2, dm_error *err)
{
	dm_node node;
	dm_status st = at_time(s, t, &node, err);
	*f = 0;
	*g2 = 2 * node.sigma * node.sigma * span(s);
	return st;
}

static const struct dmi_process process = {at_time, at_lambda, rates, .at_level = at_level};

static dm_status setup(dm_schedule *s, dm_error *err)
{
	const double *option = s->options.value;
	if (!(option[SIGMA_MIN] < option[SIGMA_MAX]))
		return dmi_fail(err, DM_ERR_ARGUMENT, "schedule \"ve_sde\": sigma_min (%g) must be below sigma_max (%g)",
		                option[SIGMA_MIN], option[SIGMA_MAX]);
	s->t_zero = 0;
	s->t_clean = option[T_MIN];
	s->t_noise = s->t_limit = 1;
	return DM_OK;
}

static const dm_option options[] = {
    DMI_REAL("sigma_min", "sigma at t = 0", 0.01, 1e-12, 1e12),
    DMI_REAL("sigma_max", "sigma at t = 1", 50, 1e-12, 1e12),
    DMI_REAL("t_min", "time of least noise that grids use", 1e-5, 0, 0.5),
};

const struct dmi_schedule_family dmi_schedule_ve_sde = {
    DMI_METHOD_KNOWN("ve_sde", "variance exploding, sigma exponential in t", "Song et al. 2021, eq. 30", options,
                     "diffusers: ScoreSdeVeScheduler"),
    &process,
    setup,
};
