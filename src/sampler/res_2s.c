/* RES 2S, the refined exponential solver with two evaluations a step (Zhang 2024): the single step of single.h in the x0
 * form with the slope (x0_c - x0)/c_2 weighted by phi_2, its second evaluation at lambda + c_2 h; with eta > 0 to a level
 * below the node, and fresh noise up to it (ancestral.h). Steps to sigma = 0 return x0. State: none. */
#include "base/compiler.h"
#include "sampler/ancestral.h"
#include "sampler/nominal.h"
#include "sampler/single.h"

enum { ETA, S_NOISE, C_2 };

static const dm_option options[] = {
    DMI_REAL("eta", "share of fresh noise; what exceeds the level is cut", 0, 0, 100),
    DMI_REAL("s_noise", "deviation of the fresh noise, 1 keeps the variance", 1, 0, 100),
    DMI_REAL("c_2", "where the second evaluation is made, as a fraction of the step in lambda", 0.5, 0.01, 1),
};

static dm_status step(void *user, const dm_step *s, dm_emit *e)
{
	struct dmi_ancestral a;
	(void)user;
	if (!dmi_ancestral_target(e, s, s->option[ETA], DMI_SPLIT_VE, &a))
		return DM_OK;
	struct dmi_single single = {.s = s, .from = s->from, .to = &a.down, .x = s->x, .predict = DMI_DPM_X0};
	single.r[0] = s->option[C_2];
	single.m = dm_emit_eval(e, s->x, s->from, DM_SPACE_X0);
	dm_val x = dmi_single_result(e, &single, dmi_single_stages(e, &single, 2));
	dm_emit_state(e, dmi_emit_fresh(e, s, x, a.up, s->option[S_NOISE], 0));
	return DM_OK;
}

static int32_t order(const struct dmi_options *given)
{
	return dmi_noisy_order(given->value[ETA], given->value[S_NOISE], 2, 1);
}

const struct dmi_sampler_type dmi_sampler_res_2s = {
    .method = DMI_METHOD_KNOWN("res_2s", "refined exponential solver, single-step with two evaluations", "Zhang 2024",
                               options, "stable-diffusion.cpp: res_2s"),
    .ops = {.struct_size = sizeof(dm_sampler_ops), .step = step},
    .order = order,
};
