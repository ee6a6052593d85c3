/* PNDM (Liu 2022, algorithm 2): the step of pseudo.h over the newest four predictions, with Runge-Kutta steps while
 * there are fewer. t_m lies half way in time between t and t':
 *
 *     k1 = p,   k2 at (F(x, k1; t_m), t_m),   k3 at (F(x, k2; t_m), t_m),   k4 at (F(x, k3; t'), t')
 *     x' = F(x, (k1 + 2 k2 + 2 k3 + k4) / 6; t')
 *
 * Only k1 is kept; so there are nine evaluations more than steps. Over so many noise levels that the stages would show
 * nothing but rounding, x' = F(x, k1; t'). compat=diffusers: half way is at whole indices, where an odd stride has two
 * different ones: the states go to the first, the evaluations are made at the second. State: three earlier
 * predictions. */
#include "base/compiler.h"
#include "sampler/pseudo.h"
#include <math.h>

enum { COMPAT = DMI_AFTER_PSEUDO };

static const char *const compats[] = {"none", "diffusers", NULL};

static const dm_option options[] = {
    DMI_PSEUDO_OPTIONS,
    DMI_CHOICE("compat", "diffusers: half way is at whole indices", 0, compats),
};

/* The node at a distance from the step's start in t. */
static dm_node between(dm_emit *e, const dm_step *s, double distance)
{
	dm_node at = *s->to;
	if (dm_schedule_at_time(s->schedule, s->from->t + distance, &at, NULL) != DM_OK)
		dm_emit_fail(e, DM_ERR_UNSUPPORTED, "sampler \"pndm\": the schedule has no time half way between two nodes");
	return at;
}

static dm_val runge_kutta(dm_emit *e, const dm_step *s, dm_val k1)
{
	static const double one = 1, mean[4] = {1.0 / 6, 1.0 / 3, 1.0 / 3, 1.0 / 6};
	double way = s->to->t - s->from->t, half = way / 2;
	if (s->option[COMPAT] != 0 && half != ceil(half)) { /* way < 0 */
		half = ceil(half);
		dm_emit_departs(e, DM_DEPARTS_MEAN | DM_DEPARTS_VARIANCE);
	}
	dm_node first = between(e, s, half), middle = between(e, s, way - half);
	if (!dmi_pseudo_holds(s, 3, (const dm_node *[]){&middle, &middle, s->to}))
		return dmi_emit_transfer(e, s, s->to, 1, &one, &k1);
	dm_val k2 = dmi_emit_pseudo_eval(e, s, &middle, dmi_emit_transfer(e, s, &first, 1, &one, &k1));
	dm_val k3 = dmi_emit_pseudo_eval(e, s, &middle, dmi_emit_transfer(e, s, &middle, 1, &one, &k2));
	dm_val k4 = dmi_emit_pseudo_eval(e, s, s->to, dmi_emit_transfer(e, s, s->to, 1, &one, &k3));
	return dmi_emit_transfer(e, s, s->to, 4, mean, (dm_val[]){k1, k2, k3, k4});
}

static dm_status step(void *user, const dm_step *s, dm_emit *e)
{
	(void)user;
	dmi_emit_pseudo(e, s, DMI_PSEUDO_TERMS - 1, runge_kutta);
	return DM_OK;
}

static int32_t order(const struct dmi_options *given)
{
	return given->value[COMPAT] != 0 ? 0 : dmi_pseudo_order(given);
}

const struct dmi_sampler_type dmi_sampler_pndm = {
    DMI_METHOD_KNOWN("pndm", "plms started by three Runge-Kutta steps", "Liu 2022, algorithm 2", options,
                     "diffusers: PNDMScheduler (compat=diffusers)"),
    {.struct_size = sizeof(dm_sampler_ops), .n_past = DMI_PSEUDO_TERMS - 1, .step = step},
    .order = order,
};
