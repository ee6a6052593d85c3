/* Annealed Langevin dynamics (Song and Ermon 2019, algorithm 1; 2020 for the last step and the default numbers): at every node
 * but the last some Langevin steps, in y = x/alpha with u = sigma/alpha and u_L that of the last node with noise:
 *
 *     y += (a/2) score + sqrt(a) z,   a = epsilon (u/u_L)^2,   score = -epsilon_theta/u
 *
 * There is no predictor: y goes to the next node as it is. denoise = 1: the step to sigma' = 0 evaluates once more, and
 * returns x0. More steps than the option allows: repeat the levels of the grid. Its noise does not drive the process, so it
 * is independent draws with noise=path too. State: none. */
#include "base/compiler.h"
#include "sampler/step.h"
#include <math.h>

enum { STEPS, EPSILON, DENOISE };

static const dm_option options[] = {
    DMI_INTEGER("steps", "Langevin steps at every node, one evaluation each", 5, 1, 24),
    DMI_REAL("epsilon", "size of a step at the last level; 0: 0.062 u_L^2, 6.2e-6 at u_L = 0.01", 0, 0, 1e30),
    DMI_INTEGER("denoise", "1: the step to sigma = 0 returns x0, by one more evaluation; 0: the noisy state", 1, 0, 1),
};

/* epsilon over u_L^2 */
static double relative_size(const dm_step *s)
{
	double last = dmi_level(s->end);
	return s->option[EPSILON] > 0 ? s->option[EPSILON] / (last * last) : 0.062;
}

/* One Langevin step: score = (x0 - y) / u^2, a = size u^2. */
static dm_val langevin(dm_emit *e, const dm_step *s, dm_val x, int32_t k)
{
	double size = relative_size(s), alpha = s->from->alpha;
	dm_val x0 = dm_emit_eval_to(e, x, s->from, s->from, DM_SPACE_X0), z = dm_emit_noise(e, s->step, k);
	return dm_emit_linear(e, 3,
	                      (dm_term[]){{1 - size / 2, x}, {alpha * size / 2, x0}, {s->from->sigma * sqrt(size), z}});
}

static dm_status step(void *user, const dm_step *s, dm_emit *e)
{
	dm_val x = s->x;
	(void)user;
	if (!dmi_goes_down(e, s, "sampler \"annealed_langevin\" needs noise that falls from node to node"))
		return DM_OK;
	if (s->from->alpha == 0 || s->to->alpha == 0) {
		dm_emit_fail(e, DM_ERR_UNSUPPORTED, "sampler \"annealed_langevin\" needs alpha > 0 at every node");
		return DM_OK;
	}
	if (!(relative_size(s) < 4)) { /* the noise of a step would grow */
		dmi_refuse(
		    e, DM_ERR_ARGUMENT,
		    "sampler \"annealed_langevin\": epsilon = %g must be below 4 (sigma/alpha)^2 of the last node with noise",
		    s->option[EPSILON]);
		return DM_OK;
	}
	for (int32_t k = 0; k < (int32_t)s->option[STEPS]; k++)
		x = langevin(e, s, x, k);
	dm_term carried = {s->to->alpha / s->from->alpha, x};
	if (s->to->sigma == 0 && s->option[DENOISE] != 0)
		carried = (dm_term){s->to->alpha, dm_emit_eval(e, x, s->from, DM_SPACE_X0)};
	else
		dm_emit_departs(e, DM_DEPARTS_VARIANCE);
	dm_emit_state(e, dm_emit_linear(e, 1, &carried));
	return DM_OK;
}

const struct dmi_sampler_type dmi_sampler_annealed_langevin = {
    .method = DMI_METHOD("annealed_langevin", "Langevin steps at every level, no predictor",
                         "Song and Ermon 2019, algorithm 1; 2020", options),
    .ops = {.struct_size = sizeof(dm_sampler_ops), .step = step},
};
