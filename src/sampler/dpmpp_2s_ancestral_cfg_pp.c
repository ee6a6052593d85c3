/* DPM-Solver++(2S) ancestral with CFG++ (Chung 2024 over Lu 2022b, algorithm 1): both stages follow the unguided prediction x0_u, and
 * the guidance of the first one is added at the end. On y = x/alpha, u = sigma/alpha, (down, up) = split(u, u'; eta), step.h,
 * u_m = sqrt(u down):
 *
 *     y_m = (u_m/u) y + (1 - u_m/u) x0_u
 *     y' = (down/u) y + (1 - down/u) x0_u(y_m, u_m) + s_noise up z + (x0 - x0_u)
 *
 * x0 - x0_u is that of the first evaluation (in ComfyUI the second one overwrites x0_u before it is subtracted: a
 * defect). Rectified flow is the same on y and u; it splits by eta in u, not in s, and alpha > 0 is needed at both nodes
 * (the form for flow proposed to ComfyUI evaluates at s = 0.9999 where alpha = 0). With down = 0 it is
 * y' = x0 + s_noise up z. State: none. */
#include "base/compiler.h"
#include "sampler/nominal.h"
#include "sampler/step.h"
#include "base/math.h"
#include <math.h>

enum { ETA, S_NOISE };

static const dm_option options[] = {
    DMI_REAL("eta", "share of fresh noise; what exceeds the level is cut", 1, 0, 100),
    DMI_REAL("s_noise", "deviation of the fresh noise, 1 keeps the variance", 1, 0, 100),
};

static dm_status step(void *user, const dm_step *s, dm_emit *e)
{
	double down, up, alpha = s->to->alpha, u = dmi_level(s->from);
	dm_node middle;
	(void)user;
	if (!dmi_goes_down(e, s, "sampler \"dpmpp_2s_ancestral_cfg_pp\" needs noise that falls from node to node"))
		return DM_OK;
	if (alpha == 0 || s->from->alpha == 0) {
		dm_emit_fail(e, DM_ERR_UNSUPPORTED, "sampler \"dpmpp_2s_ancestral_cfg_pp\" needs alpha > 0 at both nodes");
		return DM_OK;
	}
	dmi_ancestral_split(s->from, s->to, s->option[ETA], &down, &up);
	dm_val x0 = dm_emit_eval(e, s->x, s->from, DM_SPACE_X0);
	dm_val unguided = dm_emit_part(e, x0, DM_PART_UNGUIDED, DM_SPACE_X0), second = unguided;
	if (down > 0 && down < u) {
		double ratio = sqrt(down / u);
		if (dm_schedule_at_lambda(s->schedule, -dmi_log(u * ratio), &middle, NULL) != DM_OK) {
			dm_emit_fail(e, DM_ERR_UNSUPPORTED,
			             "sampler \"dpmpp_2s_ancestral_cfg_pp\": the schedule has no middle level");
			return DM_OK;
		}
		double a = middle.alpha * ratio / s->from->alpha, b = middle.alpha * (1 - ratio);
		dm_val x2 = dm_emit_linear(e, 2, (dm_term[]){{a, s->x}, {b, unguided}});
		second = dm_emit_part(e, dm_emit_eval(e, x2, &middle, DM_SPACE_X0), DM_PART_UNGUIDED, DM_SPACE_X0);
	}
	double stay = down > 0 ? down / u : 0;
	if (up > 0 && s->option[S_NOISE] != 1)
		dm_emit_departs(e, DM_DEPARTS_VARIANCE);
	up *= s->option[S_NOISE];
	dm_val z = up > 0 ? dm_emit_increment(e, s->from->lambda, s->to->lambda, 0) : 0;
	dm_emit_state(e, dm_emit_linear(e, 5,
	                                (dm_term[]){{alpha * stay / s->from->alpha, s->x},
	                                            {alpha * (1 - stay), second},
	                                            {alpha, x0},
	                                            {-alpha, unguided},
	                                            {alpha * up, z}}));
	return DM_OK;
}

static int32_t order(const struct dmi_options *given)
{
	return dmi_noisy_order(given->value[ETA], given->value[S_NOISE], 2, 1);
}

const struct dmi_sampler_type dmi_sampler_dpmpp_2s_ancestral_cfg_pp = {
    .method = DMI_METHOD_KNOWN("dpmpp_2s_ancestral_cfg_pp", "DPM-Solver++ 2S ancestral along the unguided prediction",
                               "Chung 2024; Lu 2022b, algorithm 1", options, "ComfyUI: dpmpp_2s_ancestral_cfg_pp"),
    .ops = {.struct_size = sizeof(dm_sampler_ops), .step = step},
    .order = order,
};
