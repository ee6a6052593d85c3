/* Gradient estimation (Permenter 2024, algorithm 1) with CFG++ (Chung 2024), with d = epsilon of the unguided prediction and
 * u = sigma/alpha:
 *
 *     x' = alpha' (x0 + u' d + (gamma - 1) (u' - u) (d - d_old))
 *
 * The first step has no d_old, the step to sigma' = 0 returns x0. State: one earlier d. */
#include "base/compiler.h"
#include "sampler/nominal.h"
#include "sampler/start.h"

enum { GAMMA, ANALYTIC_FIRST };

static const dm_option options[] = {
    DMI_REAL("gamma", "weight of the newest slope against the one before; 1: Euler", 2, 1, 5),
    DMI_ANALYTIC_FIRST,
};

static dm_status step(void *user, const dm_step *s, dm_emit *e)
{
	double u = dmi_level(s->from), u_to = dmi_level(s->to), alpha = s->to->alpha, c = 0;
	(void)user;
	if (alpha == 0 || s->from->alpha == 0) {
		dm_emit_fail(e, DM_ERR_UNSUPPORTED, "sampler \"gradient_estimation_cfg_pp\" needs alpha > 0 at both nodes");
		return DM_OK;
	}
	int analytic = s->option[ANALYTIC_FIRST] != 0;
	struct dmi_seen seen = dmi_see(e, s, analytic);
	dm_val x0 = dmi_view(e, &seen, DM_SPACE_X0), d = dmi_view_unguided(e, &seen, DM_SPACE_EPSILON), old = 0;
	if (s->n_past && s->to->sigma > 0) {
		old = s->past[0].prediction;
		dmi_departs_at(e, analytic, &s->past[0].at);
		c = (s->option[GAMMA] - 1) * (u_to - u);
	}
	dm_emit_state(e, dm_emit_linear(e, 3, (dm_term[]){{alpha, x0}, {alpha * (u_to + c), d}, {-alpha * c, old}}));
	dm_emit_push(e, s->from, d, 1);
	return DM_OK;
}

static int32_t order(const struct dmi_options *given)
{
	return dmi_started_order(given->value[GAMMA] == 1.5 ? 2 : 1, DMI_START_EULER, given->value[ANALYTIC_FIRST]);
}

const struct dmi_sampler_type dmi_sampler_gradient_estimation_cfg_pp = {
    .method =
        DMI_METHOD_KNOWN("gradient_estimation_cfg_pp", "gradient estimation along the unguided prediction",
                         "Permenter 2024, algorithm 1; Chung 2024", options, "ComfyUI: gradient_estimation_cfg_pp"),
    .ops = {.struct_size = sizeof(dm_sampler_ops), .n_past = 1, .step = step},
    .order = order,
};
