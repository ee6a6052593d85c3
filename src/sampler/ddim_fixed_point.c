/* DDIM whose upward step is the inverse of the downward one (Pan 2023, accelerated iterative diffusion inversion; Garibi 2024, ReNoise). Down it is ddim. Up, to the
 * state x' from which DDIM comes to x, it repeats k times, from x' = x,
 *
 *     ve      x' <- (alpha'/alpha) x + (sigma' - (alpha'/alpha) sigma) epsilon(x', t')
 *     native  x' <- x + (alpha' - alpha) x0(x', t') + (sigma' - sigma) epsilon(x', t')
 *
 * all at the noisier node t'. What is left of the error falls by a factor that is below 1 where the step is short enough
 * for the denoiser; with a finite k a constant prediction is not carried exactly upward. auto takes native where
 * alpha + sigma = 1 (rectified flow) and at alpha' = 0. State: none. */
#include "base/compiler.h"
#include "sampler/coordinates.h"

enum { ITERATIONS, COORDINATES };

static const dm_option options[] = {
    DMI_INTEGER("iterations", "evaluations of an upward step", 5, 1, 16),
    DMI_COORDINATES,
};

static dm_val predicted(dm_emit *e, dm_val x, const dm_node *at, dm_val *epsilon)
{
	dm_val x0 = dm_emit_eval(e, x, at, DM_SPACE_X0);
	*epsilon = dm_emit_part(e, x0, DM_PART_PREDICTION, DM_SPACE_EPSILON);
	return x0;
}

static dm_val down(dm_emit *e, const dm_step *s)
{
	dm_val epsilon = 0, x0 = dm_emit_eval(e, s->x, s->from, DM_SPACE_X0);
	if (s->to->sigma > 0)
		epsilon = dm_emit_part(e, x0, DM_PART_PREDICTION, DM_SPACE_EPSILON);
	return dm_emit_linear(e, 2, (dm_term[]){{s->to->alpha, x0}, {s->to->sigma, epsilon}});
}

static dm_val improved(dm_emit *e, const dm_step *s, dm_val guess)
{
	const dm_node *from = s->from, *to = s->to;
	dm_val epsilon, x0 = predicted(e, guess, to, &epsilon);
	if (to->alpha == 0 || dmi_is_native((int)s->option[COORDINATES], from, to))
		return dm_emit_linear(
		    e, 3, (dm_term[]){{1, s->x}, {to->alpha - from->alpha, x0}, {to->sigma - from->sigma, epsilon}});
	double scale = to->alpha / from->alpha;
	return dm_emit_linear(e, 2, (dm_term[]){{scale, s->x}, {to->sigma - scale * from->sigma, epsilon}});
}

static dm_status step(void *user, const dm_step *s, dm_emit *e)
{
	dm_val x = s->x;
	(void)user;
	if (dmi_lambda_step(s->from, s->to) >= 0) {
		dm_emit_state(e, down(e, s));
		return DM_OK;
	}
	for (int k = 0; k < (int)s->option[ITERATIONS]; k++)
		x = improved(e, s, x);
	dm_emit_departs(e, DM_DEPARTS_MEAN | DM_DEPARTS_VARIANCE);
	dm_emit_state(e, x);
	return DM_OK;
}

const struct dmi_sampler_type dmi_sampler_ddim_fixed_point = {
    .method = DMI_METHOD("ddim_fixed_point", "ddim, inverted upward by fixed-point iteration", "Pan 2023; Garibi 2024",
                         options),
    .ops = {.struct_size = sizeof(dm_sampler_ops), .step = step, .order = 1},
};
