/* DDPM, ancestral sampling (Ho 2020, eq. 6, 7 and 11; learned variances: Nichol 2021, eq. 15), in native coordinates. With
 * g = 1 - e^(-2h), h = lambda' - lambda:
 *
 *     x' = alpha' g x0 + e^(-h) (sigma'/sigma) x + s z
 *     small: s^2 = v = sigma'^2 g, the posterior q(x' | x, x0)     large: s^2 = b = sigma^2 g, that is beta on vp
 *     learned, learned_log: s^2 = out, e^out of the network's second output
 *     learned_range: ln s^2 = f ln b + (1 - f) ln v, f = (out + 1) / 2
 *
 * Only small keeps the marginal. The step to sigma' = 0 adds no noise; compat=diffusers adds one that is not small there too when the step starts
 * above table index 0, with v no less than 1e-20; compat=wuerstchen adds none on the last step, wherever it ends. State: none. */
#include "base/compiler.h"
#include "sampler/step.h"
#include "base/math.h"
#include "demist/array.h"
#include <math.h>

enum { VARIANCE, COMPAT };
enum { SMALL, LARGE, LEARNED, LEARNED_LOG, LEARNED_RANGE };
enum { COMPAT_NONE, COMPAT_DIFFUSERS, COMPAT_WUERSTCHEN };

static const char *const variances[] = {"small", "large", "learned", "learned_log", "learned_range", NULL};
static const char *const compats[] = {"none", "diffusers", "wuerstchen", NULL};

static const dm_option options[] = {
    DMI_CHOICE("variance", "posterior (small), one forward step (large), or from the model's second output", SMALL,
               variances),
    DMI_CHOICE("compat",
               "diffusers: noise on the last step too when it starts above index 0; wuerstchen: none on the last step",
               0, compats),
};

/* s z with s from the second output of the network. */
static dm_val learned(dm_emit *e, dm_val x0, dm_val z, int kind, double large, double small)
{
	double range = (dmi_log(large) - dmi_log(small)) / 4;
	double parameter[4] = {kind == LEARNED_RANGE ? dmi_log(small) / 2 + range : 0, kind == LEARNED_RANGE ? range : 0.5,
	                       kind == LEARNED, 0};
	return dm_emit_map(e, DM_MAP_LEARNED_STD, 2, (dm_val[]){z, dm_emit_part(e, x0, DM_PART_VARIANCE, DM_SPACE_RAW)},
	                   parameter);
}

static dm_status step(void *user, const dm_step *s, dm_emit *e)
{
	const dm_node *from = s->from, *to = s->to;
	double h = dmi_lambda_step(from, to), g = to->sigma > 0 ? -dmi_expm1(-2 * h) : 1;
	double small = to->sigma * to->sigma * g, large = from->sigma * from->sigma * g;
	int kind = (int)s->option[VARIANCE], compat = (int)s->option[COMPAT], noisy = to->sigma > 0;
	(void)user;
	if (!dmi_goes_down(e, s, "sampler \"ddpm\" needs noise that falls from node to node"))
		return DM_OK;
	if (compat == COMPAT_DIFFUSERS) {
		noisy = noisy || (kind != SMALL && from->t > 0);
		small = fmax(small, 1e-20);
	}
	if (compat == COMPAT_WUERSTCHEN && s->step == s->n_step - 1)
		noisy = 0;
	noisy = noisy && (kind != SMALL || small > 0) && large > 0;
	double fixed = !noisy ? 0 : kind == SMALL ? sqrt(small) : kind == LARGE ? sqrt(large) : 1;
	double stay = to->sigma > 0 ? dmi_exp(-h) * to->sigma / from->sigma : 0;
	dm_val x0 = dm_emit_eval(e, s->x, from, DM_SPACE_X0);
	dm_val z = noisy ? dm_emit_increment(e, from->lambda, to->lambda, 0) : 0;
	if (noisy && kind >= LEARNED)
		z = learned(e, x0, z, kind, large, small);
	if (noisy ? kind != SMALL || to->sigma == 0 : to->sigma > 0 && g > 0)
		dm_emit_departs(e, DM_DEPARTS_VARIANCE);
	dm_emit_state(e, dm_emit_linear(e, 3, (dm_term[]){{stay, s->x}, {to->alpha * g, x0}, {fixed, z}}));
	return DM_OK;
}

const struct dmi_sampler_type dmi_sampler_ddpm = {
    .method = DMI_METHOD_KNOWN("ddpm", "ancestral sampling of the discrete chain", "Ho 2020, eq. 6-11", options,
                               "diffusers: DDPMScheduler, DDPMParallelScheduler, DDPMWuerstchenScheduler "
                               "(compat=wuerstchen), UnCLIPScheduler; ComfyUI: ddpm"),
    .ops = {.struct_size = sizeof(dm_sampler_ops), .step = step, .order = 1},
};
