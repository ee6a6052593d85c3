/* Every step goes to the predicted sample and noises it afresh (diffusers, stochastic sampling of rectified flow; the
 * multistep consistency step): x' = alpha' x0 + sigma' z. State: none. */
#include "base/compiler.h"
#include "sampler/step.h"

static dm_status step(void *user, const dm_step *s, dm_emit *e)
{
	(void)user;
	if (!dmi_goes_down(e, s, "sampler \"flow_stochastic\" needs noise that falls from node to node"))
		return DM_OK;
	dm_val x0 = dm_emit_eval(e, s->x, s->from, DM_SPACE_X0);
	dm_val z = s->to->sigma > 0 ? dm_emit_noise(e, s->step, 0) : 0;
	dm_emit_state(e, dm_emit_linear(e, 2, (dm_term[]){{s->to->alpha, x0}, {s->to->sigma, z}}));
	return DM_OK;
}

const struct dmi_sampler_type dmi_sampler_flow_stochastic = {
    .method = DMI_METHOD_PLAIN("flow_stochastic", "the predicted sample, noised afresh at every step", "diffusers"),
    .ops = {.struct_size = sizeof(dm_sampler_ops), .step = step},
};
