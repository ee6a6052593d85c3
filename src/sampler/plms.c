/* PLMS, pseudo linear multistep (Liu 2022; the default of latent diffusion): the step of pseudo.h over the newest four
 * predictions. The first step is redone with the mean of the predictions at its two ends,
 *
 *     x_1 = F(x, p),   x' = F(x, (p + p_1) / 2),   p_1 at (x_1, t'),
 *
 * the second of which is not kept; so there is one evaluation more than there are steps, but for a first step over so
 * many noise levels that F(x, p) has to do. State: three earlier predictions. */
#include "base/compiler.h"
#include "sampler/pseudo.h"

static const dm_option options[] = {DMI_PSEUDO_OPTIONS};

static dm_val trapezoid(dm_emit *e, const dm_step *s, dm_val p)
{
	static const double one = 1, mean[2] = {0.5, 0.5};
	if (!dmi_pseudo_holds(s, 1, (const dm_node *[]){s->to}))
		return dmi_emit_transfer(e, s, s->to, 1, &one, &p);
	dm_val p1 = dmi_emit_pseudo_eval(e, s, s->to, dmi_emit_transfer(e, s, s->to, 1, &one, &p));
	return dmi_emit_transfer(e, s, s->to, 2, mean, (dm_val[]){p, p1});
}

static dm_status step(void *user, const dm_step *s, dm_emit *e)
{
	(void)user;
	dmi_emit_pseudo(e, s, 1, trapezoid);
	return DM_OK;
}

const struct dmi_sampler_type dmi_sampler_plms = {
    DMI_METHOD_KNOWN("plms", "pseudo linear multistep of four terms, started by a trapezoid", "Liu 2022", options,
                     "diffusers: PNDMScheduler (its skip_prk_steps)"),
    {.struct_size = sizeof(dm_sampler_ops), .n_past = DMI_PSEUDO_TERMS - 1, .step = step},
    .order = dmi_pseudo_order,
};
