/* Classifier-free guidance. y: the result of the stages before, or the prediction with the given condition,
 *
 *     x0 = none + scale (y - none)    (form=none; 1 is no guidance; Ho 2021, eq. 6 with w = scale - 1)
 *     x0 = y + scale (y - none)       (form=given; 0 is no guidance; scale + 1 in the other form)
 *
 * none is the empty or the negative condition. A branch whose weight is 0 at a node is not evaluated there. */
#include "base/compiler.h"
#include "guidance/common.h"

enum { FORM = DMI_SCALE_END };
enum { FROM_NONE, FROM_GIVEN };

static const char *const forms[] = {"none", "given", NULL};

static const dm_option options[] = {
    DMI_SCALE_OPTIONS(
        "form=none: 1 is the condition as it is, 0 without it, above 1 stronger; form=given: 0 is the condition", 1),
    DMI_CHOICE("form", "what the difference is added to: none + scale d, given + scale d", FROM_NONE, forms),
};

static void parts(const double *option, const dm_node *at, struct dmi_part part[2])
{
	double from_given = option[FORM] == FROM_GIVEN, scale = dmi_scale_at(option, at, 1 - from_given) + from_given;
	part[0] = (struct dmi_part){{0, DM_CONDITION_GIVEN, 0}, scale};
	part[1] = (struct dmi_part){{0, DM_CONDITION_NONE, 0}, 1 - scale};
}

static dm_status branches(void *user, const dm_node *at, dm_branch *branch, int32_t *n)
{
	struct dmi_part part[2];
	parts(user, at, part);
	dmi_list_parts(part, 2, branch, n);
	return DM_OK;
}

static dm_status weights(void *user, const dm_node *at, const dm_branch *branch, int32_t n, const dm_stats *stats,
                         double *weight)
{
	struct dmi_part part[2];
	(void)stats;
	parts(user, at, part);
	dmi_weigh_parts(part, 2, branch, n, weight);
	return DM_OK;
}

const struct dmi_guidance_type dmi_guidance_cfg = {
    .method = DMI_METHOD_KNOWN(
        "cfg", "classifier-free guidance of a condition against none", "Ho 2021, eq. 6", options,
        "diffusers: ClassifierFreeGuidance, guidance_scale; ComfyUI: CFGGuider; stable-diffusion.cpp: cfg-scale"),
    .ops = {.struct_size = sizeof(dm_guidance_ops), .branches = branches, .weights = weights},
    .check = dmi_guidance_check_scale,
};
