/* Rectified flow: x = (1 - s) x0 + s epsilon, t = s in [0, 1] (Liu et al. 2022; Lipman et al. 2022). */
#include "base/compiler.h"
#include "schedule/schedule.h"
#include "base/math.h"
#include <math.h>

enum { T_MIN };

static dm_status at_time(const dm_schedule *schedule, double s, dm_node *out, dm_error *err)
{
	(void)schedule;
	(void)err;
	out->t = out->sigma = s;
	out->alpha = 1 - s;
	out->lambda = dmi_log1p(-s) - dmi_log(s);
	return DM_OK;
}

static dm_status at_lambda(const dm_schedule *schedule, double lambda, dm_node *out, dm_error *err)
{
	(void)schedule;
	(void)err;
	double e = dmi_exp(-fabs(lambda)), large = 1 / (1 + e), small = e / (1 + e);
	out->alpha = lambda < 0 ? small : large;
	out->t = out->sigma = lambda < 0 ? large : small;
	out->lambda = lambda;
	return DM_OK;
}

static dm_status rates(const dm_schedule *schedule, double s, double *f, double *g2, dm_error *err)
{
	(void)schedule;
	(void)err;
	*f = -1 / (1 - s);
	*g2 = 2 * s / (1 - s);
	return DM_OK;
}

static dm_status slopes(const dm_schedule *schedule, double s, double *d_alpha, double *d_sigma, dm_error *err)
{
	(void)schedule;
	(void)s;
	(void)err;
	*d_alpha = -1;
	*d_sigma = 1;
	return DM_OK;
}

static const struct dmi_process process = {
    .at_time = at_time, .at_lambda = at_lambda, .rates = rates, .slopes = slopes};

static dm_status setup(dm_schedule *schedule, dm_error *err)
{
	(void)err;
	schedule->t_zero = 0;
	schedule->t_clean = schedule->options.value[T_MIN];
	schedule->t_noise = schedule->t_limit = 1;
	return DM_OK;
}

static const dm_option options[] = {
    DMI_REAL("t_min", "time of least noise that grids use", 1e-3, 1e-12, 0.5),
};

const struct dmi_schedule_family dmi_schedule_flow = {
    DMI_METHOD_KNOWN("flow", "rectified flow: alpha = 1 - s, sigma = s, time is s",
                     "Liu et al. 2022; Lipman et al. 2022", options,
                     "diffusers: FlowMatchEulerDiscreteScheduler, FlowMatchHeunDiscreteScheduler, use_flow_sigmas; "
                     "ComfyUI: CONST, ModelSamplingDiscreteFlow, ModelSamplingFlux, ModelSamplingAV (a run for each "
                     "stream), COSMOS_RFLOW, ModelSamplingCosmosRFlow (with a level grid as karras); "
                     "stable-diffusion.cpp: FLOW_PRED, FLUX_FLOW_PRED, FLUX2_FLOW_PRED"),
    &process,
    setup,
};
