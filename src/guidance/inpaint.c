/* Inpainting: where the mask m (DM_BOUND_MASK, in [0, 1]) is 1 the sample is known (DM_BOUND_KNOWN):
 *
 *     mode=blend    before every evaluation x = m (alpha known + sigma z) + (1 - m) x with the same z all the way, and after
 *                   it x0 = m known + (1 - m) x0: known parts come out exactly (latent masks of image editors)
 *     mode=replace  the state at the end of every step is replaced in the same way, with fresh z at every step, and x0 is
 *                   left as it is (Song 2021, appendix I.2; RePaint, Lugmayr 2022, eq. 8)
 *     mode=clean    as blend, but the known part is given without noise: for networks that take a time for every
 *                   element (reference frames); the request's time is that of the rest, the caller knows the mask
 *
 * The interval goes by the level of what is replaced: where it is evaluated, with mode=replace the end of the step.
 *
 * Between 0 and 1 a mask is soft: it mixes in that proportion. With hard=1 such a value is instead the time of its release:
 * an element is known while sigma / (alpha + sigma) >= 1 - m, then free (differential diffusion, Levin 2023). */
#include "base/compiler.h"
#include "guidance/common.h"
#include "demist/array.h"
#include <math.h>

enum { MODE, HARD = DMI_TABLE };
enum { BLEND, REPLACE, CLEAN };

static const char *const modes[] = {"blend", "replace", "clean", NULL};

static const dm_option options[] = {
    DMI_CHOICE("mode",
               "blend: the value evaluated and x0; replace: the state after every step; clean: known without noise",
               BLEND, modes),
    DMI_INTERVAL_OPTIONS,
    DMI_INTEGER("hard", "1: a mask value is the share of the noise range in which its element is known", 0, 0, 1),
};

/* The mask at a level. */
static dm_val mask_at(dm_emit *e, const double *option, const dm_node *at)
{
	double parameter[4] = {fmax(1 - at->sigma / (at->alpha + at->sigma), 1e-30), 0, 0, 0}; /* 0 is never known */
	dm_val mask = dm_emit_bound(e, DM_BOUND_MASK);
	return option[HARD] != 0 ? dm_emit_map(e, DM_MAP_AT_LEAST, 1, &mask, parameter) : mask;
}

/* mask a + (1 - mask) b */
static dm_val blend(dm_emit *e, const double *option, const dm_node *at, dm_val a, dm_val b)
{
	static const double none[4];
	return dm_emit_map(e, DM_MAP_BLEND, 3, (dm_val[]){b, a, mask_at(e, option, at)}, none);
}

static dm_val noised(dm_emit *e, const dm_node *at, int32_t fixed)
{
	dm_val known = dm_emit_bound(e, DM_BOUND_KNOWN), z = at->sigma > 0 ? dm_emit_renoise(e, 1, fixed) : 0;
	return dm_emit_linear(e, 2, (dm_term[]){{at->alpha, known}, {at->sigma, z}});
}

static dm_status before(void *user, const dm_guide *guide, dm_emit *e, dm_val *x)
{
	const double *option = user;
	if (!dmi_acts_at(option, guide->at))
		return DM_OK;
	if (option[MODE] == BLEND)
		*x = blend(e, option, guide->at, noised(e, guide->at, 1), *x);
	else if (option[MODE] == CLEAN)
		*x = blend(e, option, guide->at, dm_emit_bound(e, DM_BOUND_KNOWN), *x);
	return DM_OK;
}

static dm_status after(void *user, const dm_guide *guide, dm_emit *e, dm_val *x0)
{
	const double *option = user;
	if (option[MODE] != REPLACE && dmi_acts_at(option, guide->at))
		*x0 = blend(e, option, guide->at, dm_emit_bound(e, DM_BOUND_KNOWN), *x0);
	return DM_OK;
}

static dm_status state(void *user, const dm_guide *guide, dm_emit *e, dm_val *x)
{
	const double *option = user;
	if (option[MODE] == REPLACE && dmi_acts_at(option, guide->at))
		*x = blend(e, option, guide->at, noised(e, guide->at, 0), *x);
	return DM_OK;
}

const struct dmi_guidance_type dmi_guidance_inpaint = {
    .method =
        DMI_METHOD("inpaint", "keep the known part of a sample", "Song 2021, appendix I.2; Lugmayr 2022", options),
    .ops = {.struct_size = sizeof(dm_guidance_ops), .before = before, .after = after, .state = state},
    .check = dmi_guidance_check_interval,
};
