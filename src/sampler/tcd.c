/* Trajectory consistency distillation, strategic stochastic sampling (Zheng 2024, algorithm 4). A step from t to t' first goes along
 * the line of the prediction to t_s = (1 - gamma) t' (whole for a table), then adds noise up to t':
 *
 *     y = alpha_s x0 + sigma_s epsilon
 *     x' = (alpha'/alpha_s) y + sqrt(sigma'^2 - (alpha'/alpha_s)^2 sigma_s^2) z
 *
 * The last step, and every step with gamma = 0, is y alone. State: none. */
#include "base/compiler.h"
#include "sampler/step.h"
#include "base/math.h"
#include <math.h>

enum { GAMMA };

static const dm_option options[] = {
    DMI_REAL("gamma", "stochasticity: 0 deterministic, 1 all the way to the clean end and back", 0.3, 0, 1),
};

/* The node at (1 - gamma) t', within the process; t' itself below its least noise. The last step of a table ends at index 0,
 * its least noise, as the published sampler does. */
static dm_status inner_node(const dm_step *s, dm_node *at)
{
	double t_clean, t = (1 - s->option[GAMMA]) * s->to->t;
	int table = dm_schedule_table_size(s->schedule) > 0, last = s->step + 1 == s->n_step;
	*at = *s->to;
	if (s->to->sigma == 0 ? !table || !last || s->from->sigma == 0 : s->option[GAMMA] == 0)
		return DM_OK;
	dm_schedule_range(s->schedule, &t_clean, NULL);
	if (s->to->sigma > 0 && s->to->t <= t_clean)
		return DM_OK;
	return dm_schedule_at_time(s->schedule, fmax(table ? floor(t) : t, t_clean), at, NULL);
}

static dm_status step(void *user, const dm_step *s, dm_emit *e)
{
	dm_node at;
	int last = s->step + 1 == s->n_step;
	(void)user;
	if (!dmi_goes_down(e, s, "sampler \"tcd\" needs noise that falls from node to node"))
		return DM_OK;
	if (inner_node(s, &at) != DM_OK) {
		dm_emit_fail(e, DM_ERR_UNSUPPORTED, "sampler \"tcd\": the schedule has no level at (1 - gamma) t");
		return DM_OK;
	}
	dm_val x0 = dm_emit_eval_to(e, s->x, s->from, &at, DM_SPACE_X0);
	dm_val epsilon = at.sigma > 0 ? dm_emit_part(e, x0, DM_PART_PREDICTION, DM_SPACE_EPSILON) : 0;
	double a = last ? 1 : s->to->alpha / at.alpha, fresh = 0;
	if (last && at.lambda != s->to->lambda)
		dm_emit_departs(e, DM_DEPARTS_MEAN | DM_DEPARTS_VARIANCE); /* it ends where gamma says, not at the final node */
	if (!last)
		fresh = s->to->sigma * sqrt(fmax(-dmi_expm1(-2 * dmi_lambda_step(s->to, &at)), 0));
	dm_val z = fresh > 0 ? dm_emit_noise(e, s->step, 0) : 0;
	dm_emit_state(e, dm_emit_linear(e, 3, (dm_term[]){{a * at.alpha, x0}, {a * at.sigma, epsilon}, {fresh, z}}));
	return DM_OK;
}

static int32_t order(const struct dmi_options *given)
{
	return given->value[GAMMA] == 0;
}

const struct dmi_sampler_type dmi_sampler_tcd = {
    .method = DMI_METHOD_KNOWN("tcd", "trajectory consistency distillation, gamma sampling", "Zheng 2024, algorithm 4",
                               options, "diffusers: TCDScheduler; stable-diffusion.cpp: tcd"),
    .ops = {.struct_size = sizeof(dm_sampler_ops), .step = step},
    .order = order,
};
