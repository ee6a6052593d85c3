/* Inpainting: where the mask is 1 the sample is known (DM_BOUND_KNOWN, DM_BOUND_MASK m in [0, 1]):
 *
 *     mode=blend    before every evaluation x = m (alpha known + sigma z) + (1 - m) x with the same z all the way, and after
 *                   it x0 = m known + (1 - m) x0: known parts come out exactly (latent masks of image editors)
 *     mode=replace  the state at the end of every step is replaced in the same way, with fresh z at every step, and x0 is
 *                   left as it is (Song 2021, appendix I.2; RePaint, Lugmayr 2022, eq. 8)
 *
 * A mask with values between 0 and 1 is soft: mode=blend mixes in that proportion. */
#include "base/compiler.h"
#include "guidance/guidance.h"
#include "demist/array.h"

enum { MODE };
enum { BLEND, REPLACE };

static const char *const modes[] = {"blend", "replace", NULL};

static const dm_option options[] = {
    DMI_CHOICE("mode", "blend: the value evaluated and x0; replace: the state after every step", BLEND, modes),
};

/* mask a + (1 - mask) b */
static dm_val blend(dm_emit *e, dm_val a, dm_val b)
{
	static const double none[4];
	return dm_emit_map(e, DM_MAP_BLEND, 3, (dm_val[]){b, a, dm_emit_bound(e, DM_BOUND_MASK)}, none);
}

static dm_val noised(dm_emit *e, const dm_node *at, int32_t fixed)
{
	dm_val known = dm_emit_bound(e, DM_BOUND_KNOWN), z = at->sigma > 0 ? dm_emit_renoise(e, 1, fixed) : 0;
	return dm_emit_linear(e, 2, (dm_term[]){{at->alpha, known}, {at->sigma, z}});
}

static dm_status before(void *user, const dm_guide *guide, dm_emit *e, dm_val *x)
{
	const double *option = user;
	if (option[MODE] == BLEND)
		*x = blend(e, noised(e, guide->at, 1), *x);
	return DM_OK;
}

static dm_status after(void *user, const dm_guide *guide, dm_emit *e, dm_val *x0)
{
	const double *option = user;
	(void)guide;
	if (option[MODE] == BLEND)
		*x0 = blend(e, dm_emit_bound(e, DM_BOUND_KNOWN), *x0);
	return DM_OK;
}

static dm_status state(void *user, const dm_guide *guide, dm_emit *e, dm_val *x)
{
	const double *option = user;
	if (option[MODE] == REPLACE)
		*x = blend(e, noised(e, guide->at, 0), *x);
	return DM_OK;
}

const struct dmi_guidance_type dmi_guidance_inpaint = {
    .method =
        DMI_METHOD("inpaint", "keep the known part of a sample", "Song 2021, appendix I.2; Lugmayr 2022", options),
    .ops = {.struct_size = sizeof(dm_guidance_ops), .before = before, .after = after, .state = state},
};
