/* Bidirectional integration approximation of DDIM (Zhang 2023, "Exact diffusion inversion via bidirectional integration
 * approximation"): a step from the state before the last one, which can be undone exactly. With F(x, t -> t') the DDIM
 * step alpha' x0 + sigma' epsilon along the prediction at t, and the nodes t- before and t' after t:
 *
 *     x' = F(x, t -> t') + g (x- - F(x, t -> t-)),     g = gamma down, 1 / gamma up
 *
 * gamma = 0 would be DDIM and cannot be undone. gamma = 1 is a leapfrog rule: what two neighbours differ by beyond the
 * trajectory does not fade, so it is for many steps; the authors take 0.5 for few. Going up, rounding grows by 1 / gamma
 * a step; where that makes more than 1e8, half of what a double holds, the plan is refused. The first step is DDIM, or
 * goes to the kept value where that is given. A step that does not move changes nothing and asks for nothing. Kept: the
 * state at the last other node; at the start, as an earlier run left it: the state at the node to which this run moves
 * first. */
#include "base/compiler.h"
#include "sampler/step.h"
#include "base/math.h"

enum { GAMMA };

static const dm_option options[] = {
    DMI_REAL("gamma", "weight of the state before the last one; 1: leapfrog", 1, 0.01, 1),
};

static int moves(const dm_node *from, const dm_node *to)
{
	return from->alpha != to->alpha || from->sigma != to->sigma;
}

/* The node of the kept value: the last other one before step s; NULL where that value was given. */
static const dm_node *before(const dm_step *s)
{
	for (int64_t i = s->step - 1; i >= 0; i--)
		if (moves(&s->grid[i], s->from))
			return &s->grid[i];
	return NULL;
}

static double weight(dm_emit *e, const dm_step *s)
{
	double gamma = s->option[GAMMA];
	if (dmi_lambda_step(s->from, s->to) >= 0)
		return gamma;
	if (-(double)s->n_step * dmi_log(gamma) > dmi_log(1e8))
		dm_emit_fail(e, DM_ERR_UNSUPPORTED,
		             "sampler \"bdia\": going up, rounding grows by 1 / gamma a step: too much for so many steps; take "
		             "fewer, or gamma nearer to 1");
	return 1 / gamma;
}

static dm_status step(void *user, const dm_step *s, dm_emit *e)
{
	const dm_node *to = s->to, *last = before(s);
	double g = weight(e, s);
	(void)user;
	if (!moves(s->from, to)) {
		dm_emit_state(e, s->x);
		return DM_OK;
	}
	dm_emit_keep(e, 0, s->x);
	if (s->kept[0] && !last) {
		dm_emit_departs(e, DM_DEPARTS_MEAN | DM_DEPARTS_VARIANCE); /* the plan cannot know what is given */
		dm_emit_state(e, s->kept[0]);
		return DM_OK;
	}
	dm_val x0 = dm_emit_eval(e, s->x, s->from, DM_SPACE_X0);
	dm_val epsilon = dm_emit_part(e, x0, DM_PART_PREDICTION, DM_SPACE_EPSILON);
	if (!s->kept[0])
		dm_emit_state(e, dm_emit_linear(e, 2, (dm_term[]){{to->alpha, x0}, {to->sigma, epsilon}}));
	else
		dm_emit_state(e, dm_emit_linear(e, 3,
		                                (dm_term[]){{g, s->kept[0]},
		                                            {to->alpha - g * last->alpha, x0},
		                                            {to->sigma - g * last->sigma, epsilon}}));
	return DM_OK;
}

static int32_t order(const struct dmi_options *given)
{
	return given->value[GAMMA] == 1 ? 2 : 1;
}

const struct dmi_sampler_type dmi_sampler_bdia = {
    .method = DMI_METHOD("bdia", "bidirectional integration approximation of DDIM; the way back is exact",
                         "Zhang 2023, bidirectional integration approximation", options),
    .ops = {.struct_size = sizeof(dm_sampler_ops), .n_kept = 1, .step = step},
    .order = order,
};
