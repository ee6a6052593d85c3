/* Refined exponential solver, multistep (RES, Zhang 2024, second order; ComfyUI's form), in the coordinates of adams.h:
 * l is u = sigma/alpha (ve) or s = sigma/(alpha + sigma) (flow), y = x/alpha or x/(alpha + sigma). A step goes down to
 * `down` and is noised up by `up`, (down, up) = split(u, u'; eta) of step.h:
 *
 *     y_down = e^(-H) y + H (b1 x0 + b2 x0_old),     H = ln(l / l_down),  c = -H_old / H
 *     b2 = phi_2(-H) / c,  b1 = phi_1(-H) - b2,      H_old = ln(l_old / l_down_old) of the step before
 *     x' = (alpha'/alpha_down) x_down + alpha' s_noise up z
 *
 * In ve with eta = 0 it is dpmpp_2m_sde:solver_type=heun,eta=0. The first step, one after alpha = 0 and the step to
 * sigma' = 0 take b2 = 0. Order 2 with eta = 0. State: one earlier prediction of x0.
 *
 * res_multistep_cfg_pp: the same along the prediction without condition, and + alpha' (x0 - x0_unguided) at the end (Chung
 * 2024), on every step alike (ComfyUI multiplies it by e^(-H) from the second step on). */
#include "base/compiler.h"
#include "sampler/adams.h"
#include "sampler/nominal.h"
#include "sampler/phi.h"
#include "base/math.h"

enum { ETA, S_NOISE, COORDINATES, ANALYTIC_FIRST };

static const dm_option options[] = {
    DMI_REAL("eta", "share of fresh noise: 0 deterministic, 1 ancestral", 0, 0, 100),
    DMI_REAL("s_noise", "deviation of the fresh noise, 1 keeps the variance", 1, 0, 100),
    DMI_COORDINATES,
    DMI_ANALYTIC_FIRST,
};

/* Where a step ends before its noise: alpha + sigma, or alpha, as in `to`. */
static double split(const dm_step *s, const struct dmi_form *form, const dm_node *from, const dm_node *to, dm_node *at)
{
	double down, up;
	*at = *to;
	if (s->option[ETA] == 0 || to->alpha == 0)
		return 0;
	dmi_ancestral_split(from, to, s->option[ETA], &down, &up);
	at->alpha = form == &dmi_form_flow ? 1 / (1 + down) : to->alpha;
	at->sigma = at->alpha * down;
	return up;
}

static double way(const struct dmi_form *form, const dm_node *from, const dm_node *to)
{
	return -dmi_log(form->abscissa(to) / form->abscissa(from));
}

/* In units of the step: over shorter distances a difference of predictions is mostly rounding. */
static const double apart = 1e-4;

/* H b2 / (1 - e^(-H)): the share of the earlier prediction in the sum of both. */
static double share_of_old(dm_emit *e, const dm_step *s, const struct dmi_form *form, const dm_node *down, int analytic)
{
	dm_node old_down;
	const dm_node *old = &s->past[0].at;
	double h = way(form, s->from, down);
	if (!s->n_past || down->sigma == 0)
		return 0;
	split(s, form, old, s->from, &old_down);
	double c = -way(form, old, &old_down) / h, share = dmi_phi(2, -h) / (c * dmi_phi(1, -h));
	if (!dmi_is_finite(share) || !(-c > apart))
		return 0;
	dmi_departs_at(e, analytic, old);
	return share;
}

/* aim: the guided x0, or 0 where x0 is it. */
static void emit_step(const dm_step *s, dm_emit *e, dm_val x0, dm_val aim, int analytic)
{
	const struct dmi_form *form = dmi_coordinates(s, s->option[COORDINATES]);
	dm_node down;
	double up = split(s, form, s->from, s->to, &down), raise = s->to->alpha > 0 ? s->to->alpha / down.alpha : 1;
	dm_val z = up > 0 ? dm_emit_increment(e, s->from->lambda, s->to->lambda, 0) : 0;
	double share = share_of_old(e, s, form, &down, analytic), stay = down.sigma > 0 ? down.sigma / s->from->sigma : 0;
	double rest = down.alpha - stay * s->from->alpha, guided = aim ? s->to->alpha : 0;
	if (up > 0 && s->option[S_NOISE] != 1)
		dm_emit_departs(e, DM_DEPARTS_VARIANCE);
	dm_emit_state(e, dm_emit_linear(e, 5,
	                                (dm_term[]){{raise * stay, s->x},
	                                            {raise * rest * (1 - share) - guided, x0},
	                                            {raise * rest * share, share != 0 ? s->past[0].prediction : 0},
	                                            {s->to->alpha * s->option[S_NOISE] * up, z},
	                                            {guided, aim}}));
	dm_emit_push(e, s->from, x0, 2);
}

static int may_step(const dm_step *s, dm_emit *e)
{
	return s->option[ETA] == 0 || dmi_goes_down(e, s, "sampler \"res_multistep\": eta > 0 needs noise that falls");
}

static dm_status step(void *user, const dm_step *s, dm_emit *e)
{
	(void)user;
	if (!may_step(s, e))
		return DM_OK;
	int analytic = s->option[ANALYTIC_FIRST] != 0;
	struct dmi_seen seen = dmi_see(e, s, analytic);
	emit_step(s, e, dmi_view(e, &seen, DM_SPACE_X0), 0, analytic);
	return DM_OK;
}

static dm_status step_cfg_pp(void *user, const dm_step *s, dm_emit *e)
{
	(void)user;
	if (!may_step(s, e))
		return DM_OK;
	int analytic = s->option[ANALYTIC_FIRST] != 0;
	struct dmi_seen seen = dmi_see(e, s, analytic);
	dm_val aim = dmi_view(e, &seen, DM_SPACE_X0);
	emit_step(s, e, dmi_view_unguided(e, &seen, DM_SPACE_X0), aim, analytic);
	return DM_OK;
}

static int32_t order(const struct dmi_options *given)
{
	int32_t ode = dmi_started_order(2, DMI_START_EULER, given->value[ANALYTIC_FIRST]);
	return dmi_noisy_order(given->value[ETA], given->value[S_NOISE], ode, 1);
}

const struct dmi_sampler_type dmi_sampler_res_multistep = {
    DMI_METHOD_KNOWN(
        "res_multistep", "refined exponential solver, multistep of order 2", "Zhang 2024", options,
        "ComfyUI: res_multistep (eta=0), res_multistep_ancestral (eta=1); stable-diffusion.cpp: res_multistep"),
    {.struct_size = sizeof(dm_sampler_ops), .n_past = 1, .step = step},
    .order = order,
};
const struct dmi_sampler_type dmi_sampler_res_multistep_cfg_pp = {
    DMI_METHOD_KNOWN("res_multistep_cfg_pp", "res_multistep along the unguided prediction", "Chung 2024; Zhang 2024",
                     options, "ComfyUI: res_multistep_cfg_pp, res_multistep_ancestral_cfg_pp (eta=1)"),
    {.struct_size = sizeof(dm_sampler_ops), .n_past = 1, .step = step_cfg_pp},
    .order = order,
};
