/* DDIM (Song 2021, eq. 12 and 16), in native coordinates:
 *
 *     x' = alpha' x0 + sqrt(sigma'^2 - s^2) epsilon + s z
 *     s  = eta (sigma'/sigma) sqrt(sigma^2 - (alpha/alpha')^2 sigma'^2) = eta sigma' sqrt(1 - e^(-2h))
 *
 * h = lambda' - lambda. eta = 1 is DDPM with its small variance. On a grid that goes up (eta = 0) it encodes a sample.
 * State: none. epsilon is the one implied by the prediction before clipping, unless recompute_epsilon = 1. */
#include "base/compiler.h"
#include "sampler/step.h"
#include "base/math.h"
#include <math.h>

enum { ETA, RECOMPUTE };

static const dm_option options[] = {
    DMI_REAL("eta", "share of fresh noise: 0 deterministic, 1 DDPM", 0, 0, 1),
    DMI_INTEGER("recompute_epsilon", "1: epsilon follows from x0 after clipping", 0, 0, 1),
};

static dm_status step(void *user, const dm_step *s, dm_emit *e)
{
	const dm_node *to = s->to;
	double h = dmi_lambda_step(s->from, to), eta = s->option[ETA];
	(void)user;
	if (eta > 0 && !dmi_goes_down(e, s, "sampler \"ddim\": eta > 0 needs noise that falls; use eta = 0 to go up"))
		return DM_OK;
	double fresh = eta * to->sigma * sqrt(fmax(-dmi_expm1(-2 * h), 0));
	double kept = sqrt(fmax((to->sigma - fresh) * (to->sigma + fresh), 0));
	dm_node aim = fresh > 0 ? dmi_aim(e, s, kept / to->alpha) : *to;
	dm_val x0 = dm_emit_eval_to(e, s->x, s->from, &aim, DM_SPACE_X0);
	dm_val epsilon = kept == 0 ? 0
	                           : dm_emit_part(e, x0, s->option[RECOMPUTE] != 0 ? DM_PART_PREDICTION : DM_PART_UNMAPPED,
	                                          DM_SPACE_EPSILON);
	dm_val z = fresh > 0 ? dm_emit_increment(e, s->from->lambda, to->lambda, 0) : 0;
	dm_emit_state(e, dm_emit_linear(e, 3, (dm_term[]){{to->alpha, x0}, {kept, epsilon}, {fresh, z}}));
	return DM_OK;
}

const struct dmi_sampler_type dmi_sampler_ddim = {
    .method = DMI_METHOD_KNOWN(
        "ddim", "denoising diffusion implicit model; goes up to encode", "Song 2021, eq. 12, 16", options,
        "diffusers: DDIMScheduler, DDIMParallelScheduler, DDIMInverseScheduler (over a grid that goes up), "
        "CogVideoXDDIMScheduler; ComfyUI: ddim (runs euler); stable-diffusion.cpp: ddim_trailing (eta=1)"),
    .ops = {.struct_size = sizeof(dm_sampler_ops), .step = step, .order = 1},
};
