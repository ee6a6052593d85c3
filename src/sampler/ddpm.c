/* DDPM, ancestral sampling (Ho 2020, eq. 6, 7 and 11), in native coordinates. With g = 1 - e^(-2h), h = lambda' -
 * lambda:
 *
 *     x' = alpha' g x0 + e^(-h) (sigma'/sigma) x + s z
 *     small: s = sigma' sqrt(g), the posterior q(x' | x, x0)        large: s = sigma sqrt(g), that is sqrt(beta) on vp
 *
 * The large variance is Ho's other bound; it does not keep the marginal. The step to sigma' = 0 adds no noise. State:
 * none. */
#include "base/compiler.h"
#include "sampler/step.h"
#include "base/math.h"
#include <math.h>

enum { VARIANCE };
enum { SMALL, LARGE };

static const char *const variances[] = {"small", "large", NULL};

static const dm_option options[] = {
    DMI_CHOICE("variance", "small: posterior variance; large: that of one forward step", SMALL, variances),
};

static dm_status step(void *user, const dm_step *s, dm_emit *e)
{
	const dm_node *from = s->from, *to = s->to;
	double h = dmi_lambda_step(from, to), g = -dmi_expm1(-2 * h);
	int large = s->option[VARIANCE] == LARGE && to->sigma > 0;
	(void)user;
	if (!dmi_goes_down(e, s, "sampler \"ddpm\" needs noise that falls from node to node"))
		return DM_OK;
	if (large)
		dm_emit_departs(e, DM_DEPARTS_VARIANCE);
	double fresh = (large ? from->sigma : to->sigma) * sqrt(g);
	double stay = to->sigma > 0 ? dmi_exp(-h) * to->sigma / from->sigma : 0;
	dm_val x0 = dm_emit_eval(e, s->x, from, DM_SPACE_X0);
	dm_val z = fresh > 0 ? dm_emit_noise(e, s->step, 0) : 0;
	dm_emit_state(e, dm_emit_linear(e, 3, (dm_term[]){{stay, s->x}, {to->alpha * g, x0}, {fresh, z}}));
	return DM_OK;
}

const struct dmi_sampler_type dmi_sampler_ddpm = {
    .method = DMI_METHOD("ddpm", "ancestral sampling of the discrete chain", "Ho 2020, eq. 6-11", options),
    .ops = {.struct_size = sizeof(dm_sampler_ops), .step = step},
};
