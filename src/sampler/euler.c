/* Euler's method on dx/du = (x - x0)/u with x over alpha and u = sigma/alpha (Karras 2022, algorithm 2 without its
 * second order part), in native coordinates:
 *
 *     x' = (sigma'/sigma) x + (alpha' - alpha sigma'/sigma) x0
 *
 * The same step as DDIM with eta = 0 and as Euler on a rectified flow. Churn adds noise before the evaluation. State:
 * none. */
#include "base/compiler.h"
#include "sampler/step.h"
#include <math.h>

static const dm_option options[] = {DMI_CHURN_OPTIONS};

static dm_status step(void *user, const dm_step *s, dm_emit *e)
{
	dm_node at;
	(void)user;
	dm_val x = dmi_emit_churn(e, s, &at);
	dm_val x0 = dm_emit_eval(e, x, &at, DM_SPACE_X0);
	dm_emit_state(e, dmi_emit_line(e, x, &at, x0, s->to));
	return DM_OK;
}

const struct dmi_sampler_type dmi_sampler_euler = {
    .method = DMI_METHOD("euler", "Euler's method in sigma, with churn", "Karras 2022, algorithm 2", options),
    .ops = {.struct_size = sizeof(dm_sampler_ops), .step = step},
};
