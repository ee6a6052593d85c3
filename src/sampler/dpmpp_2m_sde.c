/* DPM-Solver++(2M) as SDE (k-diffusion; Lu 2022b): the step of dpm.h in the x0 form with eta times the noise,
 * H = (1 + eta) h, r = h_old / h:
 *
 *     x' = (sigma'/sigma) e^(-eta h) x + alpha' ((1 - e^(-H)) x0 + w (x0 - x0_old) / r) + s_noise sigma' sqrt(1 - e^(-2 eta h)) z
 *     w  = (1 - e^(-H)) / 2 (midpoint)   or   1 - (1 - e^(-H)) / H (heun)
 *
 * The first step has no old prediction; the step to sigma' = 0 returns x0. eta = 0 with midpoint is dpmpp_2m. State: one
 * earlier prediction. */
#include "base/compiler.h"
#include "sampler/dpm.h"
#include "sampler/nominal.h"

enum { ETA, S_NOISE, SOLVER_TYPE, ANALYTIC_FIRST };
enum { MIDPOINT, HEUN };

static const char *const solver_types[] = {"midpoint", "heun", NULL};

static const dm_option options[] = {
    DMI_REAL("eta", "share of the noise of the reverse SDE", 1, 0, 100),
    DMI_REAL("s_noise", "deviation of the fresh noise, 1 keeps the variance", 1, 0, 100),
    DMI_CHOICE("solver_type", "weight of the slope", MIDPOINT, solver_types),
    DMI_ANALYTIC_FIRST,
};

static dm_status step(void *user, const dm_step *s, dm_emit *e)
{
	int analytic = s->option[ANALYTIC_FIRST] != 0;
	struct dmi_multistep method = {.predict = DMI_DPM_X0, .eta = s->option[ETA], .s_noise = s->option[S_NOISE]};
	(void)user;
	if (!dmi_dpm_possible(e, s, DMI_DPM_X0, method.eta))
		return DM_OK;
	method.midpoint = s->option[SOLVER_TYPE] == MIDPOINT;
	method.analytic_first = analytic;
	method.order = 1 + dmi_history(s, 1);
	struct dmi_seen seen = dmi_see(e, s, analytic);
	dm_val x0 = dmi_view(e, &seen, DM_SPACE_X0);
	dm_emit_state(e, dmi_emit_multistep(e, s, &method, x0));
	dm_emit_push(e, s->from, x0, method.order);
	return DM_OK;
}

static int32_t order(const struct dmi_options *given)
{
	int32_t multistep = dmi_started_order(2, DMI_START_EULER, given->value[ANALYTIC_FIRST]);
	return dmi_noisy_order(given->value[ETA], given->value[S_NOISE], multistep, multistep);
}

const struct dmi_sampler_type dmi_sampler_dpmpp_2m_sde = {
    .method = DMI_METHOD_KNOWN(
        "dpmpp_2m_sde", "DPM-Solver++ of order 2 as SDE, multistep", "Lu 2022b; k-diffusion", options,
        "diffusers: DPMSolverMultistepScheduler (its sde-dpmsolver++); k-diffusion: sample_dpmpp_2m_sde; ComfyUI: "
        "dpmpp_2m_sde, dpmpp_2m_sde_gpu, dpmpp_2m_sde_heun (solver_type=heun), dpmpp_2m_sde_heun_gpu "
        "(solver_type=heun); stable-diffusion.cpp: dpm++2m_sde, dpm++2m_sde_bt"),
    .ops = {.struct_size = sizeof(dm_sampler_ops), .n_past = 1, .step = step},
    .order = order,
};
