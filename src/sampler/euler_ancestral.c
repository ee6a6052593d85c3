/* Euler ancestral (k-diffusion): an Euler step to a level `down` below the node, then fresh noise up to it
 * (ancestral.h), in native coordinates:
 *
 *     x' = alpha' x0 + sigma_down epsilon + s_noise up z
 *
 * eta = 1 is DDPM (split = ve), eta = 0 Euler. State: none. */
#include "base/compiler.h"
#include "sampler/ancestral.h"
#include "sampler/nominal.h"

enum { ETA, S_NOISE, SPLIT };

static const dm_option options[] = {
    DMI_REAL("eta", "share of fresh noise; what exceeds the level is cut", 1, 0, 100),
    DMI_REAL("s_noise", "deviation of the fresh noise, 1 keeps the variance", 1, 0, 100),
    DMI_SPLIT(DMI_SPLIT_VE),
};

static dm_status step(void *user, const dm_step *s, dm_emit *e)
{
	struct dmi_ancestral a;
	(void)user;
	if (!dmi_ancestral_target(e, s, s->option[ETA], (int)s->option[SPLIT], &a))
		return DM_OK;
	dm_node aim = a.up > 0 ? dmi_aim(e, s, dmi_level(&a.down)) : *s->to;
	dm_val x0 = dm_emit_eval_to(e, s->x, s->from, &aim, DM_SPACE_X0);
	dm_val epsilon = a.down.sigma > 0 ? dm_emit_part(e, x0, DM_PART_PREDICTION, DM_SPACE_EPSILON) : 0;
	dm_val x = dm_emit_linear(e, 2, (dm_term[]){{a.down.alpha, x0}, {a.down.sigma, epsilon}});
	dm_emit_state(e, dmi_emit_fresh(e, s, x, a.up, s->option[S_NOISE], 0));
	return DM_OK;
}

static int32_t order(const struct dmi_options *given)
{
	return dmi_noisy_order(given->value[ETA], given->value[S_NOISE], 1, 1);
}

const struct dmi_sampler_type dmi_sampler_euler_ancestral = {
    .method = DMI_METHOD_KNOWN("euler_ancestral", "Euler with fresh noise after every step", "Karras 2022; k-diffusion",
                               options,
                               "diffusers: EulerAncestralDiscreteScheduler, LTXEulerAncestralRFScheduler (split=rf); "
                               "k-diffusion: sample_euler_ancestral; ComfyUI: euler_ancestral, "
                               "sample_euler_ancestral_RF (split=rf); stable-diffusion.cpp: euler_a"),
    .ops = {.struct_size = sizeof(dm_sampler_ops), .step = step},
    .order = order,
};
