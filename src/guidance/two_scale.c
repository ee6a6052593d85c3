/* Two conditions with a scale each, where the second is part of the first (text and image, image alone). y: the result of
 * the stages before, or the prediction with the given condition; part: with condition number `condition`,
 *
 *     x0 = none + part_scale (part - none) + scale (y - part)                    (form=sum; Brooks 2023, eq. 3)
 *     x0 = none + part_scale (q - none),  q = part + scale (y - part)            (form=nested)
 *
 * With both scales 1 it is no guidance. */
#include "base/compiler.h"
#include "guidance/common.h"

enum { PART_SCALE = DMI_SCALE_END, CONDITION, FORM };
enum { SUM, NESTED };

static const char *const forms[] = {"sum", "nested", NULL};

static const dm_option options[] = {
    DMI_SCALE_OPTIONS("strength of the whole condition against its part (text)", 1),
    DMI_REAL("part_scale", "strength of the part against none (image)", 1, -1000, 1000),
    DMI_INTEGER("condition", "number of the condition that is part of the given one", 2, 2, 1e6),
    DMI_CHOICE("form", "a sum of two differences, or one guidance inside the other", SUM, forms),
};

static void parts(const double *option, const dm_node *at, struct dmi_part part[3])
{
	double scale = dmi_scale_at(option, at, 1), part_scale = dmi_acts_at(option, at) ? option[PART_SCALE] : 1;
	double outer = option[FORM] == NESTED ? part_scale : 1;
	part[0] = (struct dmi_part){{0, DM_CONDITION_GIVEN, 0}, outer * scale};
	part[1] = (struct dmi_part){{0, (int32_t)option[CONDITION], 0}, part_scale - outer * scale};
	part[2] = (struct dmi_part){{0, DM_CONDITION_NONE, 0}, 1 - part_scale};
}

static dm_status branches(void *user, const dm_node *at, dm_branch *branch, int32_t *n)
{
	struct dmi_part part[3];
	parts(user, at, part);
	dmi_list_parts(part, 3, branch, n);
	return DM_OK;
}

static dm_status weights(void *user, const dm_node *at, const dm_branch *branch, int32_t n, const dm_stats *stats,
                         double *weight)
{
	struct dmi_part part[3];
	(void)stats;
	parts(user, at, part);
	dmi_weigh_parts(part, 3, branch, n, weight);
	return DM_OK;
}

const struct dmi_guidance_type dmi_guidance_two_scale = {
    .method = DMI_METHOD_KNOWN("two_scale", "a scale for the whole condition and one for a part of it",
                               "Brooks 2023, eq. 3", options, "ComfyUI: DualCFGGuider"),
    .ops = {.struct_size = sizeof(dm_guidance_ops), .branches = branches, .weights = weights},
    .check = dmi_guidance_check_scale,
};
