/* Classifier-free guidance (Ho and Salimans 2021, eq. 6, in the convention where 1 is no guidance):
 *
 *     x0 = none + scale (given - none)
 *
 * At scale 1 only the given condition is evaluated, at scale 0 only the empty one. */
#include "base/compiler.h"
#include "guidance/guidance.h"

enum { SCALE };

static const dm_option options[] = {
    DMI_REAL("scale", "1: the condition as it is; 0: without it; above 1: stronger", 1, -1000, 1000),
};

static dm_status branches(void *user, const dm_node *at, dm_branch *branch, int32_t *n)
{
	const double *option = user;
	(void)at;
	if (option[SCALE] != 0)
		branch[(*n)++] = (dm_branch){0, DM_CONDITION_GIVEN, 0};
	if (option[SCALE] != 1)
		branch[(*n)++] = (dm_branch){0, DM_CONDITION_NONE, 0};
	return DM_OK;
}

static dm_status weights(void *user, const dm_node *at, const dm_branch *branch, int32_t n, const dm_stats *stats,
                         double *weight)
{
	const double *option = user;
	(void)at, (void)stats;
	for (int32_t b = 0; b < n; b++) {
		weight[1 + b] = 0;
		if (branch[b].model == 0 && branch[b].perturbation == 0)
			weight[1 + b] = branch[b].condition == DM_CONDITION_GIVEN  ? option[SCALE]
			                : branch[b].condition == DM_CONDITION_NONE ? 1 - option[SCALE]
			                                                           : 0;
	}
	weight[0] = 0;
	return DM_OK;
}

const struct dmi_guidance_type dmi_guidance_cfg = {
    .method = DMI_METHOD("cfg", "classifier-free guidance of a condition against none", "Ho 2021, eq. 6", options),
    .ops = {.struct_size = sizeof(dm_guidance_ops), .needs_stats = 0, .branches = branches, .weights = weights},
};
