/* Guidance away from a perturbed forward pass with the given condition: layers skipped (SLG), attention maps replaced by
 * the identity (PAG; Ahn 2024), queries blurred (SEG; Hong 2024), self-attention blurred (SAG). Which
 * perturbation it is the caller knows by its number in the branches of a request.
 *
 *     x0 = y + scale (given - perturbed)           (form=add; 0 is no guidance; beside cfg)
 *     x0 = perturbed + scale (y - perturbed)       (form=weak; 1 is no guidance; on its own)
 *
 * y: the result of the stages before, or the prediction with the given condition. */
#include "base/compiler.h"
#include "guidance/weak.h"

enum { NUMBER = DMI_SCALE_END, FORM };

static const dm_option options[] = {
    DMI_SCALE_OPTIONS("form=add: 0 is no guidance; form=weak: 1 is", 0),
    DMI_INTEGER("number", "number of the perturbation in the branches of a request", 1, 1, 1e6),
    DMI_CHOICE("form", "perturbed + scale (y - perturbed), or y + scale (given - perturbed)", DMI_ADD, dmi_weak_forms),
};

static dm_branch weak(const double *option)
{
	return (dm_branch){0, DM_CONDITION_GIVEN, (int32_t)option[NUMBER]};
}

static dm_status branches(void *user, const dm_node *at, dm_branch *branch, int32_t *n)
{
	const double *option = user;
	dm_branch perturbed = weak(option);
	dmi_weak_list(option, (int32_t)option[FORM], &perturbed, at, branch, n);
	return DM_OK;
}

static dm_status weights(void *user, const dm_node *at, const dm_branch *branch, int32_t n, const dm_stats *stats,
                         double *weight)
{
	const double *option = user;
	dm_branch perturbed = weak(option);
	(void)stats;
	dmi_weak_weigh(option, (int32_t)option[FORM], &perturbed, at, branch, n, weight);
	return DM_OK;
}

const struct dmi_guidance_type dmi_guidance_perturbed = {
    .method = DMI_METHOD_KNOWN("perturbed", "away from a forward pass with skipped layers or perturbed attention",
                               "Ahn 2024; Hong 2024", options,
                               "diffusers: PerturbedAttentionGuidance, SkipLayerGuidance; ComfyUI: "
                               "PerturbedAttentionGuidance, SkipLayerGuidanceDiT"),
    .ops = {.struct_size = sizeof(dm_guidance_ops), .branches = branches, .weights = weights},
    .check = dmi_guidance_check_scale,
};
