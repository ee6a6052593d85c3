/* DPM2 with fresh noise after every step (k-diffusion sample_dpm_2_ancestral; split = rf as in ComfyUI): the midpoint step
 * of dpm2.h to a level below the node, then noise up to it (ancestral.h). Native coordinates with split = rf step to
 * the level `down` of the flow itself and scale by alpha'/alpha_down afterwards. State: none. */
#include "base/compiler.h"
#include "sampler/ancestral.h"
#include "sampler/dpm2.h"
#include "sampler/nominal.h"

enum { ETA, S_NOISE, SPLIT, COORDINATES };

static const dm_option options[] = {
    DMI_REAL("eta", "share of fresh noise; what exceeds the level is cut", 1, 0, 100),
    DMI_REAL("s_noise", "deviation of the fresh noise, 1 keeps the variance", 1, 0, 100),
    DMI_SPLIT(DMI_SPLIT_VE),
    DMI_COORDINATES,
};

/* The same level on alpha + sigma = 1. */
static dm_node on_flow(const dm_node *at)
{
	dm_node node = *at;
	node.alpha = at->alpha / (at->alpha + at->sigma);
	node.sigma = at->sigma / (at->alpha + at->sigma);
	return node;
}

static dm_status step(void *user, const dm_step *s, dm_emit *e)
{
	struct dmi_ancestral a;
	(void)user;
	if (!dmi_ancestral_target(e, s, s->option[ETA], (int)s->option[SPLIT], &a))
		return DM_OK;
	dm_node down = s->option[SPLIT] == DMI_SPLIT_RF ? on_flow(&a.down) : a.down;
	dm_val x = dmi_emit_dpm2(e, s, s->x, s->from, &down, (int)s->option[COORDINATES]);
	if (down.alpha != a.down.alpha)
		x = dm_emit_linear(e, 1, (dm_term[]){{a.down.alpha / down.alpha, x}});
	dm_emit_state(e, dmi_emit_fresh(e, s, x, a.up, s->option[S_NOISE], 0));
	return DM_OK;
}

static int32_t order(const struct dmi_options *given)
{
	return dmi_noisy_order(given->value[ETA], given->value[S_NOISE], 2, 1);
}

const struct dmi_sampler_type dmi_sampler_dpm2_ancestral = {
    .method = DMI_METHOD_KNOWN("dpm2_ancestral", "midpoint method of order 2 with fresh noise after every step",
                               "Karras 2022; k-diffusion", options,
                               "diffusers: KDPM2AncestralDiscreteScheduler; k-diffusion: sample_dpm_2_ancestral; "
                               "ComfyUI: dpm_2_ancestral, sample_dpm_2_ancestral_RF (split=rf)"),
    .ops = {.struct_size = sizeof(dm_sampler_ops), .step = step},
    .order = order,
};
