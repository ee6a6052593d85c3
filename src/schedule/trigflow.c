/* TrigFlow: x = cos(t) x0 + sigma_data sin(t) epsilon, t the angle in [0, pi/2] (Lu and Song 2024, eq. 5). With
 * sigma_data = 1 it is the variance-preserving process over its angle. f = -tan t, g^2 = 2 sigma_data^2 tan t. */
#include "base/compiler.h"
#include "schedule/schedule.h"
#include "base/math.h"
#include <math.h>

enum { SIGMA_DATA, T_MIN };

static const double half_pi = 1.5707963267948966;

static dm_status at_time(const dm_schedule *s, double t, dm_node *out, dm_error *err)
{
	(void)err;
	out->t = t;
	out->alpha = t < half_pi ? dmi_cos(t) : 0;
	out->sigma = s->options.value[SIGMA_DATA] * dmi_sin(t);
	out->lambda = dmi_lambda_of(out->alpha, out->sigma);
	return DM_OK;
}

static dm_status at_lambda(const dm_schedule *s, double lambda, dm_node *out, dm_error *err)
{
	(void)err;
	double sine, sd = s->options.value[SIGMA_DATA];
	dmi_vp_levels(lambda + dmi_log(sd), &out->alpha, &sine);
	out->t = dmi_atan2(sine, out->alpha);
	out->sigma = sd * sine;
	out->lambda = lambda;
	return DM_OK;
}

static dm_status rates(const dm_schedule *s, double t, double *f, double *g2, dm_error *err)
{
	(void)err;
	double sd = s->options.value[SIGMA_DATA], tangent = t < half_pi ? dmi_tan(t) : INFINITY;
	*f = -tangent;
	*g2 = 2 * sd * sd * tangent;
	return DM_OK;
}

static dm_status slopes(const dm_schedule *s, double t, double *d_alpha, double *d_sigma, dm_error *err)
{
	(void)err;
	*d_alpha = -dmi_sin(t);
	*d_sigma = t < half_pi ? s->options.value[SIGMA_DATA] * dmi_cos(t) : 0;
	return DM_OK;
}

static const struct dmi_process process = {
    .at_time = at_time, .at_lambda = at_lambda, .rates = rates, .slopes = slopes};

static dm_status setup(dm_schedule *s, dm_error *err)
{
	(void)err;
	s->t_zero = 0;
	s->t_clean = s->options.value[T_MIN];
	s->t_noise = s->t_limit = half_pi;
	return DM_OK;
}

static const dm_option options[] = {
    DMI_REAL("sigma_data", "standard deviation of the data", 0.5, 1e-6, 1e6),
    DMI_REAL("t_min", "angle of least noise that grids use", 1e-3, 1e-12, 0.5),
};

const struct dmi_schedule_family dmi_schedule_trigflow = {
    DMI_METHOD_KNOWN("trigflow", "alpha = cos t, sigma = sigma_data sin t, time is the angle", "Lu and Song 2024 (sCM)",
                     options, "diffusers: SCMScheduler"),
    &process,
    setup,
};
