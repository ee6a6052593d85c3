/* Limits the norm of the guided prediction y by that of the conditional one, per sample:
 *
 *     x0 = strength min(1, limit |given| / |y|) y
 *
 * limit=1 with strength is the CFGNorm of image editors, strength=1 with limit the renormalisation of Lumina 2. */
#include "base/compiler.h"
#include "guidance/common.h"

enum { LIMIT, STRENGTH = DMI_TABLE, SPACE };

static const dm_option options[] = {
    DMI_REAL("limit", "largest norm, in units of that of the conditional prediction", 1, 1e-6, 1e6),
    DMI_INTERVAL_OPTIONS,
    DMI_REAL("strength", "factor after that", 1, 0, 100),
    DMI_SPACE_OPTION,
};

static dm_status branches(void *user, const dm_node *at, dm_branch *branch, int32_t *n)
{
	if (dmi_acts_at(user, at))
		branch[(*n)++] = (dm_branch){0, DM_CONDITION_GIVEN, 0};
	return DM_OK;
}

static dm_status weights(void *user, const dm_node *at, const dm_branch *branch, int32_t n, const dm_stats *stats,
                         double *weight)
{
	const double *option = user;
	for (int32_t b = 0; b < n; b++)
		weight[1 + b] = 0;
	weight[0] = 1;
	if (!dmi_acts_at(option, at))
		return DM_OK;
	int32_t i = 1 + dmi_find_branch(branch, n, DM_CONDITION_GIVEN);
	double y = sqrt(stats->gram[0]), most = option[LIMIT] * sqrt(stats->gram[i * stats->n + i]);
	weight[0] = option[STRENGTH] * (y > most ? most / y : 1);
	return DM_OK;
}

const struct dmi_guidance_type dmi_guidance_cfg_norm = {
    .method = DMI_METHOD_KNOWN("cfg_norm", "limit the norm of the guided prediction by that of the conditional one",
                               "CFGNorm of image editors; Lumina 2", options, "ComfyUI: CFGNorm"),
    .ops = {.struct_size = sizeof(dm_guidance_ops), .needs_stats = 1, .branches = branches, .weights = weights},
    .space = SPACE,
    .compares = 1,
    .check = dmi_guidance_check_interval,
};
