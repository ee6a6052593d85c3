/* DPM-Solver++(2M) with CFG++ (Chung 2024 over Lu 2022b, algorithm 2): the guided x0 is the aim, the unguided prediction x0_u makes
 * the noise and its history. h = lambda' - lambda, h_old the step before:
 *
 *     x' = alpha' x0 + (sigma'/sigma) (x - alpha x0_u) + alpha' (1 - e^(-h)) (h / (2 h_old)) (x0_u - x0_u,old)
 *
 * The first step and the step to sigma' = 0 have no history term. compat=comfyui takes the guided x0 for the newer one of the
 * difference, which adds guidance again at every step. State: one earlier unguided prediction of x0. */
#include "base/compiler.h"
#include "sampler/dpm.h"
#include "sampler/nominal.h"
#include "base/math.h"

enum { COMPAT, ANALYTIC_FIRST };

static const char *const compats[] = {"none", "comfyui", NULL};

static const dm_option options[] = {
    DMI_CHOICE("compat", "comfyui: the difference of the guided and the earlier unguided prediction", 0, compats),
    DMI_ANALYTIC_FIRST,
};

static dm_status step(void *user, const dm_step *s, dm_emit *e)
{
	const dm_node *from = s->from, *to = s->to;
	double h = dmi_lambda_step(from, to), a = to->sigma > 0 ? to->sigma / from->sigma : 0, c = 0;
	(void)user;
	int analytic = s->option[ANALYTIC_FIRST] != 0;
	struct dmi_seen seen = dmi_see(e, s, analytic);
	dm_val x0 = dmi_view(e, &seen, DM_SPACE_X0), unguided = dmi_view_unguided(e, &seen, DM_SPACE_X0), old = 0;
	dm_val newer = s->option[COMPAT] != 0 ? x0 : unguided;
	if (to->sigma > 0 && dmi_history(s, 1)) {
		old = s->past[0].prediction;
		dmi_departs_at(e, analytic, &s->past[0].at);
		c = -to->alpha * dmi_expm1(-h) * h / (2 * dmi_lambda_step(&s->past[0].at, from));
	}
	dm_emit_state(
	    e, dm_emit_linear(
	           e, 5, (dm_term[]){{a, s->x}, {to->alpha, x0}, {-a * from->alpha, unguided}, {c, newer}, {-c, old}}));
	dm_emit_push(e, from, unguided, 2);
	return DM_OK;
}

static int32_t order(const struct dmi_options *given)
{
	return dmi_started_order(2, DMI_START_EULER, given->value[ANALYTIC_FIRST]);
}

const struct dmi_sampler_type dmi_sampler_dpmpp_2m_cfg_pp = {
    .method =
        DMI_METHOD_KNOWN("dpmpp_2m_cfg_pp", "DPM-Solver++ 2M, noised again with the unguided prediction",
                         "Chung 2024; Lu 2022b, algorithm 2", options, "ComfyUI: dpmpp_2m_cfg_pp (compat=comfyui)"),
    .ops = {.struct_size = sizeof(dm_sampler_ops), .n_past = 1, .step = step},
    .order = order,
};
