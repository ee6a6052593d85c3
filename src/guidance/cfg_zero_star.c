/* CFG-Zero* (Fan 2025, eq. 8-10), per sample: the prediction without condition is first scaled by its projection on the
 * other. y: the result of the stages before, or the prediction with the given condition,
 *
 *     f = <y, none> / (<none, none> + 1e-8)
 *     x0 = f none + scale (y - f none)     (base=none; 1 is no guidance)
 *     x0 = y + scale (y - f none)          (base=given; 0 is no guidance)
 *
 * The paper takes the products of velocities (space=flow). zero_steps: at so many first nodes of the grid the state has no
 * velocity, epsilon - x0 = 0, that is x0 = x / (alpha + sigma); what the network says is not used there. */
#include "base/compiler.h"
#include "guidance/common.h"

enum { BASE = DMI_SCALE_END, ZERO_STEPS, SPACE };
enum { FROM_NONE, FROM_GIVEN };

static const char *const bases[] = {"none", "given", NULL};

static const dm_option options[] = {
    DMI_SCALE_OPTIONS("strength of the condition; base=none: 1 is no guidance; base=given: 0 is", 1),
    DMI_CHOICE("base", "what the scaled difference is added to", FROM_NONE, bases),
    DMI_INTEGER("zero_steps", "first nodes of the grid at which the velocity is 0", 0, 0, 1e9),
    DMI_SPACE_OPTION,
};

static int stands_still(const double *option, const dm_node *at)
{
	return at->visit >= 0 && (double)at->visit < option[ZERO_STEPS];
}

/* The strength beyond the condition as it is. */
static double excess(const double *option, const dm_node *at)
{
	double neutral = option[BASE] == FROM_NONE;
	return stands_still(option, at) ? 0 : dmi_scale_at(option, at, neutral) - neutral;
}

static dm_status branches(void *user, const dm_node *at, dm_branch *branch, int32_t *n)
{
	if (excess(user, at) != 0)
		dmi_list_against(DM_CONDITION_NONE, branch, n);
	return DM_OK;
}

static dm_status weights(void *user, const dm_node *at, const dm_branch *branch, int32_t n, const dm_stats *stats,
                         double *weight)
{
	double strength = excess(user, at);
	for (int32_t b = 0; b < n; b++)
		weight[1 + b] = 0;
	weight[0] = 1;
	if (strength == 0)
		return DM_OK;
	int32_t k = 1 + dmi_find_branch(branch, n, DM_CONDITION_NONE);
	weight[0] = 1 + strength;
	weight[k] = -strength * stats->gram[k] / (stats->gram[k * stats->n + k] + 1e-8);
	return DM_OK;
}

static dm_status after(void *user, const dm_guide *guide, dm_emit *e, dm_val *x0)
{
	if (stands_still(user, guide->at))
		*x0 = dm_emit_linear(e, 1, &(dm_term){1 / (guide->at->alpha + guide->at->sigma), guide->x});
	return DM_OK;
}

static dm_status check(const struct dmi_guidance_type *type, const struct dmi_options *o, dm_guidance_ops *ops,
                       dm_error *err)
{
	if (o->value[ZERO_STEPS] == 0)
		ops->after = NULL;
	return dmi_guidance_check_scale(type, o, ops, err);
}

const struct dmi_guidance_type dmi_guidance_cfg_zero_star = {
    .method = DMI_METHOD_KNOWN(
        "cfg_zero_star", "classifier-free guidance with an optimal scale of the unconditional branch",
        "Fan 2025, eq. 8-10", options, "diffusers: ClassifierFreeZeroStarGuidance; ComfyUI: CFGZeroStar"),
    .ops = {.struct_size = sizeof(dm_guidance_ops),
            .needs_stats = 1,
            .branches = branches,
            .weights = weights,
            .after = after},
    .space = SPACE,
    .check = check,
};
