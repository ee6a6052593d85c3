/* Autoguidance (Karras 2024): away from what a worse model says, model number `model` of the requests,
 *
 *     x0 = weak + scale (y - weak)     (form=weak; 1 is no guidance)
 *     x0 = y + scale (given - weak)    (form=add; 0 is no guidance)
 *
 * y: the result of the stages before, or the prediction with the given condition. */
#include "base/compiler.h"
#include "guidance/weak.h"

enum { MODEL = DMI_SCALE_END, CONDITION, FORM };

static const char *const conditions[] = {"given", "none", NULL};

static const dm_option options[] = {
    DMI_SCALE_OPTIONS("form=weak: 1 is no guidance; form=add: 0 is", 1),
    DMI_INTEGER("model", "number of the worse model in the branches of a request", 1, 1, 1e6),
    DMI_CHOICE("condition", "what the worse model is given", 0, conditions),
    DMI_CHOICE("form", "weak + scale (y - weak), or y + scale (given - weak)", DMI_WEAK, dmi_weak_forms),
};

static dm_branch weak(const double *option)
{
	return (dm_branch){(int32_t)option[MODEL], option[CONDITION] == 0 ? DM_CONDITION_GIVEN : DM_CONDITION_NONE, 0};
}

static dm_status branches(void *user, const dm_node *at, dm_branch *branch, int32_t *n)
{
	const double *option = user;
	dm_branch worse = weak(option);
	dmi_weak_list(option, (int32_t)option[FORM], &worse, at, branch, n);
	return DM_OK;
}

static dm_status weights(void *user, const dm_node *at, const dm_branch *branch, int32_t n, const dm_stats *stats,
                         double *weight)
{
	const double *option = user;
	dm_branch worse = weak(option);
	(void)stats;
	dmi_weak_weigh(option, (int32_t)option[FORM], &worse, at, branch, n, weight);
	return DM_OK;
}

const struct dmi_guidance_type dmi_guidance_autoguidance = {
    .method = DMI_METHOD_KNOWN("autoguidance", "away from the prediction of a worse model", "Karras 2024", options,
                               "diffusers: AutoGuidance"),
    .ops = {.struct_size = sizeof(dm_guidance_ops), .branches = branches, .weights = weights},
    .check = dmi_guidance_check_scale,
};
