/* Euler with CFG++ (Chung 2024, algorithm 2), ancestral: the step goes to the guided x0 and is noised again with the epsilon of the
 * unguided prediction:
 *
 *     x' = alpha' (x0 + down epsilon_unguided + s_noise up z),   (down, up) = split(u, u'; eta), step.h
 *
 * eta = 0 is the deterministic euler_cfg_pp. From alpha = 0, where u is infinite, up = min(1, eta) u', the limit of the
 * split (ComfyUI takes down = 0, up = u' there whatever eta > 0: a defect). It needs the branch without condition
 * whatever the scale. State: none. */
#include "base/compiler.h"
#include "sampler/nominal.h"
#include "sampler/step.h"

enum { ETA, S_NOISE };

static const dm_option options[] = {
    DMI_REAL("eta", "share of fresh noise; what exceeds the level is cut", 1, 0, 100),
    DMI_REAL("s_noise", "deviation of the fresh noise, 1 keeps the variance", 1, 0, 100),
};

static dm_status step(void *user, const dm_step *s, dm_emit *e)
{
	double down, up, alpha = s->to->alpha;
	(void)user;
	if (!dmi_goes_down(e, s, "sampler \"euler_ancestral_cfg_pp\" needs noise that falls from node to node"))
		return DM_OK;
	if (alpha == 0) {
		dm_emit_fail(e, DM_ERR_UNSUPPORTED, "sampler \"euler_ancestral_cfg_pp\" cannot step to a node with alpha = 0");
		return DM_OK;
	}
	dmi_ancestral_split(s->from, s->to, s->option[ETA], &down, &up);
	dm_val x0 = dm_emit_eval(e, s->x, s->from, DM_SPACE_X0);
	dm_val epsilon = dm_emit_part(e, x0, DM_PART_UNGUIDED, DM_SPACE_EPSILON);
	up *= s->option[S_NOISE];
	dm_val z = up > 0 ? dm_emit_increment(e, s->from->lambda, s->to->lambda, 0) : 0;
	if (s->option[ETA] > 0 && s->to->sigma > 0 && s->option[S_NOISE] != 1)
		dm_emit_departs(e, DM_DEPARTS_VARIANCE);
	dm_emit_state(e, dm_emit_linear(e, 3, (dm_term[]){{alpha, x0}, {alpha * down, epsilon}, {alpha * up, z}}));
	return DM_OK;
}

static int32_t order(const struct dmi_options *given)
{
	return dmi_noisy_order(given->value[ETA], given->value[S_NOISE], 1, 1);
}

const struct dmi_sampler_type dmi_sampler_euler_ancestral_cfg_pp = {
    .method = DMI_METHOD_KNOWN("euler_ancestral_cfg_pp", "Euler ancestral, noised again with the unguided prediction",
                               "Chung 2024, algorithm 2", options,
                               "ComfyUI: euler_ancestral_cfg_pp, euler_cfg_pp (eta=0); stable-diffusion.cpp: "
                               "euler_a_cfg_pp, euler_cfg_pp (eta=0)"),
    .ops = {.struct_size = sizeof(dm_sampler_ops), .step = step},
    .order = order,
};
