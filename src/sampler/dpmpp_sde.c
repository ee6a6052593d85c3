/* DPM-Solver++ as SDE, single-step of order 2 (k-diffusion sample_dpmpp_sde; Lu 2022b). With the split of every part of
 * the way into a level below and fresh noise (ancestral.h, ve), to a point at lambda + r h and to the node:
 *
 *     x_m = line(x -> down_m; x0) + s_noise up_m z_1,     x0_m predicted there
 *     x'  = line(x -> down; (1 - 1/(2r)) x0 + x0_m/(2r)) + s_noise up z_2
 *
 * line(x -> d; D) = (sigma_d/sigma) x + (alpha_d - alpha sigma_d/sigma) D. z_1 and z_2 are independent draws. Steps to sigma = 0
 * and from alpha = 0 are x0 and noise. State: none. */
#include "base/compiler.h"
#include "sampler/ancestral.h"
#include "sampler/nominal.h"
#include "base/math.h"

enum { ETA, S_NOISE, R };

static const dm_option options[] = {
    DMI_REAL("eta", "share of fresh noise; what exceeds the level is cut", 1, 0, 100),
    DMI_REAL("s_noise", "deviation of the fresh noise, 1 keeps the variance", 1, 0, 100),
    DMI_REAL("r", "where the second evaluation is made, as a fraction of the step in lambda", 0.5, 0.01, 1),
};

/* x0 predicted at the inner point; 0 and an error where the schedule has none. */
static dm_val inner(dm_emit *e, const dm_step *s, dm_val x0)
{
	dm_node at;
	dm_step part = *s;
	struct dmi_ancestral a;
	double lambda = s->from->lambda + s->option[R] * dmi_lambda_step(s->from, s->to);
	dm_status st = dm_schedule_at_lambda(s->schedule, lambda, &at, NULL);
	if (st != DM_OK)
		dm_emit_fail(e, st, "sampler \"dpmpp_sde\": the schedule has no level inside one of the steps");
	part.to = &at;
	if (st != DM_OK || !dmi_ancestral_target(e, &part, s->option[ETA], DMI_SPLIT_VE, &a))
		return 0;
	dm_val x = dmi_emit_line(e, s->x, s->from, x0, &a.down);
	return dm_emit_eval(e, dmi_emit_fresh(e, s, x, a.up, s->option[S_NOISE], 0), &at, DM_SPACE_X0);
}

static dm_status step(void *user, const dm_step *s, dm_emit *e)
{
	struct dmi_ancestral a;
	double share = 1 / (2 * s->option[R]);
	(void)user;
	if (!dmi_ancestral_target(e, s, s->option[ETA], DMI_SPLIT_VE, &a))
		return DM_OK;
	dm_val x0 = dm_emit_eval(e, s->x, s->from, DM_SPACE_X0);
	if (dmi_is_finite(dmi_lambda_step(s->from, s->to)))
		x0 = dm_emit_linear(e, 2, (dm_term[]){{1 - share, x0}, {share, inner(e, s, x0)}});
	dm_val x = dmi_emit_line(e, s->x, s->from, x0, &a.down);
	dm_emit_state(e, dmi_emit_fresh(e, s, x, a.up, s->option[S_NOISE], 1));
	return DM_OK;
}

static int32_t order(const struct dmi_options *given)
{
	return dmi_noisy_order(given->value[ETA], given->value[S_NOISE], 2, 1);
}

const struct dmi_sampler_type dmi_sampler_dpmpp_sde = {
    .method = DMI_METHOD_KNOWN(
        "dpmpp_sde", "DPM-Solver++ as SDE, single-step with two evaluations", "Lu 2022b; k-diffusion", options,
        "diffusers: DPMSolverSDEScheduler; k-diffusion: sample_dpmpp_sde; ComfyUI: dpmpp_sde, dpmpp_sde_gpu"),
    .ops = {.struct_size = sizeof(dm_sampler_ops), .step = step},
    .order = order,
};
