/* Multistep sampling of a consistency model (Song 2023, algorithm 1), with u = sigma/alpha and the level u_min at which the model
 * is the identity:
 *
 *     x' = alpha' (x0 + s_noise sqrt(u'^2 - u_min^2) z)
 *
 * The state between steps has variance u'^2 - u_min^2 around x0, so the marginal is not kept. State: none. */
#include "base/compiler.h"
#include "sampler/step.h"
#include <math.h>

enum { SIGMA_MIN, S_NOISE };

static const dm_option options[] = {
    DMI_REAL("sigma_min", "sigma/alpha where the model is the identity; 0: the schedule's least noise", 0, 0, 1e30),
    DMI_REAL("s_noise", "deviation of the fresh noise", 1, 0, 100),
};

/* sigma/alpha where the model is the identity, and the node there. */
static double least_level(dm_emit *e, const dm_step *s, dm_node *at)
{
	double t_clean, given = s->option[SIGMA_MIN];
	if (given > 0) {
		*at = dmi_aim(e, s, given);
		return given;
	}
	dm_schedule_range(s->schedule, &t_clean, NULL);
	if (dm_schedule_at_time(s->schedule, t_clean, at, NULL) == DM_OK)
		return dmi_level(at);
	*at = *s->to;
	return 0;
}

static dm_status step(void *user, const dm_step *s, dm_emit *e)
{
	dm_node end;
	double least = least_level(e, s, &end), u = dmi_level(s->to), fresh = 0;
	(void)user;
	if (u > least && s->n_step > 1 && s->to->alpha > 0)
		fresh = s->option[S_NOISE] * sqrt((u - least) * (u + least));
	dm_emit_departs(e, DM_DEPARTS_VARIANCE);
	dm_val x0 = dm_emit_eval_to(e, s->x, s->from, &end, DM_SPACE_X0);
	dm_val z = fresh > 0 ? dm_emit_noise(e, s->step, 0) : 0;
	dm_emit_state(e, dm_emit_linear(e, 2, (dm_term[]){{s->to->alpha, x0}, {s->to->alpha * fresh, z}}));
	return DM_OK;
}

const struct dmi_sampler_type dmi_sampler_consistency = {
    .method = DMI_METHOD_KNOWN("consistency", "consistency model, multistep", "Song 2023, algorithm 1", options,
                               "diffusers: CMStochasticIterativeScheduler"),
    .ops = {.struct_size = sizeof(dm_sampler_ops), .step = step},
};
