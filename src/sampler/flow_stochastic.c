/* Every step goes to the predicted sample and noises it afresh (stochastic sampling of rectified flow in diffusers, sCM, the LCM sampler of
 * ComfyUI; Song 2023, algorithm 1 without its floor):
 *
 *     x' = alpha' x0 + s sigma' z,   s from s_noise at the first step to s_noise_end at the last
 *
 * noise_clip_std > 0 clips z to that many of its own standard deviations, taken over the sample, or over the batch with norm=batch.
 * s = 1 without clipping keeps the marginal. State: none. */
#include "base/compiler.h"
#include "sampler/step.h"
#include "demist/array.h"

enum { S_NOISE, S_NOISE_END, NOISE_CLIP_STD, NORM };

static const char *const norms[] = {"sample", "batch", NULL};

static const dm_option options[] = {
    DMI_REAL("s_noise", "deviation of the fresh noise at the first step, 1 keeps the variance", 1, 0, 100),
    DMI_REAL("s_noise_end", "the same at the last step", 1, 0, 100),
    DMI_REAL("noise_clip_std", "clip the noise to so many standard deviations; 0: no", 0, 0, 100),
    DMI_CHOICE("norm", "whose deviation the clipping takes", DM_NORM_SAMPLE, norms),
};

static dm_status step(void *user, const dm_step *s, dm_emit *e)
{
	const double *o = s->option;
	double share = s->n_step > 1 ? (double)s->step / (double)(s->n_step - 1) : 0;
	double factor = o[S_NOISE] + (o[S_NOISE_END] - o[S_NOISE]) * share, fresh = factor * s->to->sigma;
	(void)user;
	if (!dmi_goes_down(e, s, "sampler \"flow_stochastic\" needs noise that falls from node to node"))
		return DM_OK;
	dm_node clean = dmi_aim(e, s, 0);
	dm_val x0 = dm_emit_eval_to(e, s->x, s->from, &clean, DM_SPACE_X0);
	dm_val z = fresh > 0 ? dm_emit_noise(e, s->step, 0) : 0;
	if (fresh > 0 && o[NOISE_CLIP_STD] > 0)
		z = dm_emit_map(e, DM_MAP_STD_CLIP, 1, &z, (double[4]){o[NOISE_CLIP_STD], o[NORM], 0, 0});
	if (s->to->sigma > 0 && (factor != 1 || o[NOISE_CLIP_STD] > 0))
		dm_emit_departs(e, DM_DEPARTS_VARIANCE);
	dm_emit_state(e, dm_emit_linear(e, 2, (dm_term[]){{s->to->alpha, x0}, {fresh, z}}));
	return DM_OK;
}

const struct dmi_sampler_type dmi_sampler_flow_stochastic = {
    .method = DMI_METHOD_KNOWN("flow_stochastic", "the predicted sample, noised afresh at every step",
                               "diffusers; Song 2023", options,
                               "diffusers: FlowMatchEulerDiscreteScheduler (its stochastic_sampling), SCMScheduler "
                               "(over trigflow); ComfyUI: lcm (norm=batch)"),
    .ops = {.struct_size = sizeof(dm_sampler_ops), .step = step},
};
