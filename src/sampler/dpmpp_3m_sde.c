/* DPM-Solver++(3M), as ODE (dpmpp_3m) and SDE (dpmpp_3m_sde; k-diffusion): the step of dpm.h in the x0 form with eta
 * times the noise, m1 and m2 from divided differences of the three newest predictions of x0, of two at the second
 * step, of one at the first.
 *
 * As published half of m2 enters, and the method is of order 2; true_order = 1 takes all of it. start = rk makes the
 * first two steps by single.h, so that order 3 starts with its order. The step to sigma' = 0 returns x0. State: two
 * earlier predictions. */
#include "base/compiler.h"
#include "sampler/nominal.h"
#include "sampler/single.h"

enum { TRUE_ORDER, START, ANALYTIC_FIRST, ETA, S_NOISE };

#define SHARED                                                                                                         \
	DMI_INTEGER("true_order", "1: the full second derivative; 0: as published, of order 2 even with start=rk", 0, 0,   \
	            1),                                                                                                    \
	    DMI_START, DMI_ANALYTIC_FIRST

static const dm_option ode_options[] = {SHARED};

static const dm_option sde_options[] = {
    SHARED,
    DMI_REAL("eta", "share of the noise of the reverse SDE", 1, 0, 100),
    DMI_REAL("s_noise", "deviation of the fresh noise, 1 keeps the variance", 1, 0, 100),
};

static dm_val advance(dm_emit *e, const dm_step *s, struct dmi_multistep *method, dm_val x0)
{
	method->order = 1 + dmi_history(s, 2);
	if (!dmi_starts(s, (int)s->option[START], 3, method->order))
		return dmi_emit_multistep(e, s, method, x0);
	struct dmi_single single = {.s = s, .from = s->from, .to = s->to, .x = s->x, .m = x0, .predict = DMI_DPM_X0};
	single.eta = method->eta;
	single.s_noise = method->s_noise;
	single.r[0] = 1.0 / 3;
	single.r[1] = 2.0 / 3;
	dmi_departs_at(e, method->analytic_first, s->from);
	return dmi_single_result(e, &single, dmi_single_stages(e, &single, 3));
}

static void emit(const dm_step *s, dm_emit *e, double eta, double s_noise)
{
	struct dmi_multistep method = {.predict = DMI_DPM_X0, .eta = eta, .s_noise = s_noise};
	if (!dmi_dpm_possible(e, s, DMI_DPM_X0, eta))
		return;
	method.true_order = s->option[TRUE_ORDER] != 0;
	method.analytic_first = s->option[ANALYTIC_FIRST] != 0;
	struct dmi_seen seen = dmi_see(e, s, method.analytic_first);
	dm_val x0 = dmi_view(e, &seen, DM_SPACE_X0);
	dm_emit_state(e, advance(e, s, &method, x0));
	dm_emit_push(e, s->from, x0, method.order);
}

static dm_status step_ode(void *user, const dm_step *s, dm_emit *e)
{
	(void)user;
	emit(s, e, 0, 1);
	return DM_OK;
}

static dm_status step_sde(void *user, const dm_step *s, dm_emit *e)
{
	(void)user;
	emit(s, e, s->option[ETA], s->option[S_NOISE]);
	return DM_OK;
}

static int32_t order_ode(const struct dmi_options *given)
{
	double start = given->value[TRUE_ORDER] != 0 ? given->value[START] : DMI_START_EULER;
	return dmi_started_order(3, start, given->value[ANALYTIC_FIRST]);
}

static int32_t order_sde(const struct dmi_options *given)
{
	int32_t weak = dmi_started_order(2, DMI_START_EULER, given->value[ANALYTIC_FIRST]);
	return dmi_noisy_order(given->value[ETA], given->value[S_NOISE], order_ode(given), weak);
}

const struct dmi_sampler_type dmi_sampler_dpmpp_3m = {
    .method = DMI_METHOD_KNOWN("dpmpp_3m", "DPM-Solver++ of order 3 (published form: 2), multistep",
                               "Lu 2022b; k-diffusion", ode_options,
                               "diffusers: DPMSolverMultistepScheduler (its solver_order 3); k-diffusion: "
                               "sample_dpmpp_3m_sde (its eta 0); ComfyUI: dpmpp_3m_sde (its eta 0)"),
    .ops = {.struct_size = sizeof(dm_sampler_ops), .n_past = 2, .step = step_ode},
    .order = order_ode,
};

const struct dmi_sampler_type dmi_sampler_dpmpp_3m_sde = {
    .method = DMI_METHOD_KNOWN("dpmpp_3m_sde", "DPM-Solver++ of order 3 (published form: 2) as SDE, multistep",
                               "Lu 2022b; k-diffusion", sde_options,
                               "k-diffusion: sample_dpmpp_3m_sde; ComfyUI: dpmpp_3m_sde, dpmpp_3m_sde_gpu"),
    .ops = {.struct_size = sizeof(dm_sampler_ops), .n_past = 2, .step = step_sde},
    .order = order_sde,
};
