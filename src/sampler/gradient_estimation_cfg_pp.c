/* Gradient estimation (Permenter 2024, algorithm 1) with CFG++ (Chung 2024), with d = epsilon of the unguided prediction and
 * u = sigma/alpha:
 *
 *     x' = alpha' (x0 + u' d + (gamma - 1) (u' - u) (d - d_old))
 *
 * The first step has no d_old, the step to sigma' = 0 returns x0. State: one earlier d. */
#include "base/compiler.h"
#include "sampler/step.h"

enum { GAMMA };

static const dm_option options[] = {
    DMI_REAL("gamma", "weight of the newest slope against the one before; 1: Euler", 2, 1, 5),
};

static dm_status step(void *user, const dm_step *s, dm_emit *e)
{
	double u = dmi_level(s->from), u_to = dmi_level(s->to), alpha = s->to->alpha, c = 0;
	(void)user;
	if (alpha == 0 || s->from->alpha == 0) {
		dm_emit_fail(e, DM_ERR_UNSUPPORTED, "sampler \"gradient_estimation_cfg_pp\" needs alpha > 0 at both nodes");
		return DM_OK;
	}
	dm_val x0 = dm_emit_eval(e, s->x, s->from, DM_SPACE_X0), old = 0;
	dm_val d = dm_emit_part(e, x0, DM_PART_UNGUIDED, DM_SPACE_EPSILON);
	if (s->n_past && s->to->sigma > 0) {
		old = s->past[0].prediction;
		c = (s->option[GAMMA] - 1) * (u_to - u);
	}
	dm_emit_state(e, dm_emit_linear(e, 3, (dm_term[]){{alpha, x0}, {alpha * (u_to + c), d}, {-alpha * c, old}}));
	dm_emit_push(e, s->from, d, 1);
	return DM_OK;
}

const struct dmi_sampler_type dmi_sampler_gradient_estimation_cfg_pp = {
    .method = DMI_METHOD("gradient_estimation_cfg_pp", "gradient estimation along the unguided prediction",
                         "Permenter 2024, algorithm 1; Chung 2024", options),
    .ops = {.struct_size = sizeof(dm_sampler_ops), .n_past = 1, .step = step},
};
