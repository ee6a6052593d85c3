/* Variance exploding: alpha = 1 and the time is sigma itself. Only the range that grids use is bounded. */
#include "base/compiler.h"
#include "schedule/schedule.h"
#include "base/error.h"
#include "base/math.h"

enum { SIGMA_MIN, SIGMA_MAX };

static dm_status at_time(const dm_schedule *s, double t, dm_node *out, dm_error *err)
{
	(void)s;
	(void)err;
	out->t = out->sigma = t;
	out->alpha = 1;
	out->lambda = -dmi_log(t);
	return DM_OK;
}

static dm_status at_lambda(const dm_schedule *s, double lambda, dm_node *out, dm_error *err)
{
	dm_status st = at_time(s, dmi_exp(-lambda), out, err);
	out->lambda = lambda;
	return st;
}

static dm_status rates(const dm_schedule *s, double t, double *f, double *g2, dm_error *err)
{
	(void)s;
	(void)err;
	*f = 0;
	*g2 = 2 * t;
	return DM_OK;
}

static const struct dmi_process process = {at_time, at_lambda, rates, .at_level = at_time, .time_is_level = 1};

static dm_status setup(dm_schedule *s, dm_error *err)
{
	const double *option = s->options.value;
	if (!(option[SIGMA_MIN] < option[SIGMA_MAX]))
		return dmi_fail(err, DM_ERR_ARGUMENT, "schedule \"%s\": sigma_min (%g) must be below sigma_max (%g)",
		                s->method->info.name, option[SIGMA_MIN], option[SIGMA_MAX]);
	s->t_zero = 0;
	s->t_clean = option[SIGMA_MIN];
	s->t_noise = option[SIGMA_MAX];
	s->t_limit = 1e30;
	return DM_OK;
}

#define RANGE(low, high)                                                                                               \
	{                                                                                                                  \
		DMI_REAL("sigma_min", "least noise that grids use", low, 1e-12, 1e12),                                         \
		    DMI_REAL("sigma_max", "most noise that grids use", high, 1e-12, 1e12)                                      \
	}
static const dm_option ve_options[] = RANGE(0.02, 100), edm_options[] = RANGE(0.002, 80);

const struct dmi_schedule_family dmi_schedule_ve = {
    DMI_METHOD_KNOWN("ve", "variance exploding, time is sigma", "Song et al. 2021, eq. 30; range of Karras et al. 2022",
                     ve_options,
                     "diffusers: KarrasVeScheduler; k-diffusion: Denoiser; ComfyUI: ModelSamplingContinuousEDM"),
    &process,
    setup,
};
const struct dmi_schedule_family dmi_schedule_edm = {
    DMI_METHOD_KNOWN("edm", "variance exploding, time is sigma", "Karras et al. 2022, table 1", edm_options,
                     "diffusers: EDMEulerScheduler, EDMDPMSolverMultistepScheduler; k-diffusion: Denoiser; ComfyUI: "
                     "ModelSamplingContinuousEDM; stable-diffusion.cpp: EDM_V_PRED"),
    &process,
    setup,
};
