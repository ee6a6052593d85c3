/* EDICT (Wallace 2022, section 4): DDIM on two coupled states x and y, which can be undone exactly. Down, with F(x, y) the
 * step of x along the prediction made for y, at the noisier node:
 *
 *     x1 = F(x, y),     y1 = F(y, x1),     x' = p x1 + (1 - p) y1,     y' = p y1 + (1 - p) x'
 *
 * Up from (x', y'), the same backwards: y1 = (y' - (1 - p) x') / p, x1 = (x' - (1 - p) y1) / p, y = F^-1(y1, x1),
 * x = F^-1(x1, y). With (x0, epsilon) the prediction for the other state, F is
 *
 *     ve      (alpha'/alpha) x + (sigma' - (alpha'/alpha) sigma) epsilon        as published
 *     native  x + (alpha' - alpha) x0 + (sigma' - sigma) epsilon
 *
 * auto takes native where alpha + sigma = 1 (rectified flow) and at alpha = 0, where the other has no meaning. Going up
 * multiplies a difference of the two states, and so its rounding, by 1/p^2 a step. As in the authors' code the roles
 * change from step to step (leapfrog); steps are counted from the noisy end, so that both directions agree. A step that
 * does not move changes nothing and asks for nothing. The model sees x1 at the node where x was, so a constant prediction
 * is carried to first order only. Kept: y; at the start it is x unless it is given. */
#include "base/compiler.h"
#include "sampler/coordinates.h"
#include "base/math.h"

enum { P, LEAPFROG, COORDINATES };

static const double MOST_GROWTH = 1e8;

static const dm_option options[] = {
    DMI_REAL("p", "weight of a state of its own in the mixture; 1: none is mixed", 0.93, 0.01, 1),
    DMI_INTEGER("leapfrog", "1: the two states change roles from step to step", 1, 0, 1),
    DMI_COORDINATES,
};

/* x along the prediction for the other state, made at `high`; from high to low, or back. */
static dm_val along(dm_emit *e, const dm_step *s, dm_val x, dm_val other, const dm_node *high, int up)
{
	const dm_node *from = s->from, *to = s->to, *low = up ? from : to;
	dm_val x0 = dm_emit_eval(e, other, high, DM_SPACE_X0);
	dm_val epsilon = dm_emit_part(e, x0, DM_PART_PREDICTION, DM_SPACE_EPSILON);
	if (high->alpha == 0 || low->alpha == 0 || dmi_is_native((int)s->option[COORDINATES], from, to))
		return dm_emit_linear(e, 3,
		                      (dm_term[]){{1, x}, {to->alpha - from->alpha, x0}, {to->sigma - from->sigma, epsilon}});
	double scale = to->alpha / from->alpha;
	return dm_emit_linear(e, 2, (dm_term[]){{scale, x}, {to->sigma - scale * from->sigma, epsilon}});
}

static dm_val sum(dm_emit *e, double a, dm_val x, double b, dm_val y)
{
	return dm_emit_linear(e, 2, (dm_term[]){{a, x}, {b, y}});
}

/* state[0] is moved first on the way down. */
static void go_down(dm_emit *e, const dm_step *s, dm_val state[2])
{
	double p = s->option[P];
	dm_val x = along(e, s, state[0], state[1], s->from, 0), y = along(e, s, state[1], x, s->from, 0);
	state[0] = sum(e, p, x, 1 - p, y);
	state[1] = sum(e, p, y, 1 - p, state[0]);
}

static void go_up(dm_emit *e, const dm_step *s, dm_val state[2])
{
	double p = s->option[P];
	dm_val y = sum(e, 1 / p, state[1], 1 - 1 / p, state[0]), x = sum(e, 1 / p, state[0], 1 - 1 / p, y);
	state[1] = along(e, s, y, x, s->to, 1);
	state[0] = along(e, s, x, state[1], s->to, 1);
}

static dm_status step(void *user, const dm_step *s, dm_emit *e)
{
	double h = dmi_lambda_step(s->from, s->to);
	int64_t from_noise = h < 0 ? s->n_step - 1 - s->step : s->step;
	int swapped = s->option[LEAPFROG] != 0 && from_noise % 2 == 1;
	dm_val y = s->kept[0] ? s->kept[0] : s->x, state[2] = {swapped ? y : s->x, swapped ? s->x : y};
	(void)user;
	if (h < 0 && dmi_pow(s->option[P], -2 * (double)s->n_step) > MOST_GROWTH)
		dm_emit_fail(
		    e, DM_ERR_UNSUPPORTED,
		    "sampler \"edict\": going up, 1/p^2 in every step multiplies the rounding by more than 1e8; take a "
		    "larger p, or fewer steps");
	else if (h > 0)
		go_down(e, s, state);
	else if (h < 0)
		go_up(e, s, state);
	if (h != 0)
		dm_emit_departs(e, DM_DEPARTS_MEAN | DM_DEPARTS_VARIANCE);
	dm_emit_state(e, state[swapped]);
	dm_emit_keep(e, 0, state[!swapped]);
	return DM_OK;
}

const struct dmi_sampler_type dmi_sampler_edict = {
    .method = DMI_METHOD("edict", "two coupled DDIM chains; the way back is exact", "Wallace 2022, section 4", options),
    .ops = {.struct_size = sizeof(dm_sampler_ops), .n_kept = 1, .step = step, .order = 1},
};
