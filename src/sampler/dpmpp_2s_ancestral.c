/* DPM-Solver++(2S) with fresh noise after every step (k-diffusion; Lu 2022b): to the level below the node by one
 * single-step midpoint step (single.h) of the x0 form, then noise up to the node (ancestral.h):
 *
 *     x_m = (sigma_m/sigma) x - alpha_m (e^(-h/2) - 1) x0,  x_d = (sigma_d/sigma) x - alpha' (e^(-h) - 1) x0_m
 *     x'  = x_d + s_noise up z
 *
 * h to the level below, x0_m predicted half-way in lambda. Where that level is 0 the step is x0 alpha' and noise. eta =
 * 0 is DPM-Solver++(2S). From alpha = 0, where half-way in
 * lambda is no place, the step is that of x0; compat = comfyui makes its second evaluation at sigma/(alpha + sigma) =
 * 0.9999. State: none. */
#include "base/compiler.h"
#include "sampler/ancestral.h"
#include "sampler/nominal.h"
#include "sampler/single.h"
#include "base/math.h"

enum { ETA, S_NOISE, SPLIT, COMPAT };

static const char *const compats[] = {"none", "comfyui", NULL};

static const dm_option options[] = {
    DMI_REAL("eta", "share of fresh noise; what exceeds the level is cut", 1, 0, 100),
    DMI_REAL("s_noise", "deviation of the fresh noise, 1 keeps the variance", 1, 0, 100),
    DMI_SPLIT(DMI_SPLIT_VE),
    DMI_CHOICE("compat", "comfyui: a second evaluation also from alpha = 0", 0, compats),
};

/* From alpha = 0: x0 at the level 0.9999, and the line of that. */
static dm_val from_noise(dm_emit *e, const struct dmi_single *o)
{
	dm_node at;
	const double level = 0.9999;
	if (dm_schedule_at_lambda(o->s->schedule, dmi_log1p(-level) - dmi_log(level), &at, NULL) != DM_OK)
		dm_emit_fail(e, DM_ERR_UNSUPPORTED, "sampler \"dpmpp_2s_ancestral\": the schedule has no level 0.9999");
	dm_val x0 = dm_emit_eval(e, dmi_emit_line(e, o->x, o->from, o->m, &at), &at, DM_SPACE_X0);
	return dmi_emit_line(e, o->x, o->from, x0, o->to);
}

static dm_status step(void *user, const dm_step *s, dm_emit *e)
{
	struct dmi_ancestral a;
	(void)user;
	if (!dmi_ancestral_target(e, s, s->option[ETA], (int)s->option[SPLIT], &a))
		return DM_OK;
	struct dmi_single single = {.s = s, .from = s->from, .to = &a.down, .x = s->x, .predict = DMI_DPM_X0};
	single.midpoint = 1;
	single.r[0] = 0.5;
	single.m = dm_emit_eval(e, s->x, s->from, DM_SPACE_X0);
	dm_val x = s->from->alpha == 0 && s->to->sigma > 0 && s->option[COMPAT] != 0
	               ? from_noise(e, &single)
	               : dmi_single_result(e, &single, dmi_single_stages(e, &single, 2));
	dm_emit_state(e, dmi_emit_fresh(e, s, x, a.up, s->option[S_NOISE], 0));
	return DM_OK;
}

static int32_t order(const struct dmi_options *given)
{
	return dmi_noisy_order(given->value[ETA], given->value[S_NOISE], 2, 1);
}

const struct dmi_sampler_type dmi_sampler_dpmpp_2s_ancestral = {
    .method = DMI_METHOD_KNOWN("dpmpp_2s_ancestral",
                               "DPM-Solver++ of order 2, single-step, with fresh noise after every step",
                               "Lu 2022b; k-diffusion", options,
                               "k-diffusion: sample_dpmpp_2s_ancestral; ComfyUI: dpmpp_2s_ancestral, "
                               "sample_dpmpp_2s_ancestral_RF (split=rf); stable-diffusion.cpp: dpm++2s_a"),
    .ops = {.struct_size = sizeof(dm_sampler_ops), .step = step},
    .order = order,
};
