/* CFG-Zero* (Fan 2025, eq. 8-10), per sample, on x0: the prediction without condition is first scaled by its projection on the other,
 *
 *     f = <given, none> / (<none, none> + 1e-8)
 *     x0 = base + scale (given - f none),   base = f none, or given (base=given: scale counts from 0) */
#include "base/compiler.h"
#include "guidance/guidance.h"

enum { SCALE, BASE };

static const char *const bases[] = {"none", "given", NULL};

static const dm_option options[] = {
    DMI_REAL("scale", "strength of the condition; with base=none 1 is the condition as it is", 1, -1000, 1000),
    DMI_CHOICE("base", "what the scaled difference is added to", 0, bases),
};

static dm_status branches(void *user, const dm_node *at, dm_branch *branch, int32_t *n)
{
	(void)user, (void)at;
	branch[(*n)++] = (dm_branch){0, DM_CONDITION_GIVEN, 0};
	branch[(*n)++] = (dm_branch){0, DM_CONDITION_NONE, 0};
	return DM_OK;
}

static dm_status weights(void *user, const dm_node *at, const dm_branch *branch, int32_t n, const dm_stats *stats,
                         double *weight)
{
	const double *option = user;
	int32_t given = dmi_find_branch(branch, n, DM_CONDITION_GIVEN),
	        none = dmi_find_branch(branch, n, DM_CONDITION_NONE);
	int32_t i = 1 + given, k = 1 + none, m = stats->n;
	double f = stats->gram[i * m + k] / (stats->gram[k * m + k] + 1e-8);
	(void)at;
	weight[i] = option[SCALE] + (option[BASE] != 0);
	weight[k] = f * ((option[BASE] == 0) - option[SCALE]);
	return DM_OK;
}

const struct dmi_guidance_type dmi_guidance_cfg_zero_star = {
    .method = DMI_METHOD("cfg_zero_star", "classifier-free guidance with an optimal scale of the unconditional branch",
                         "Fan 2025, eq. 8-10", options),
    .ops = {.struct_size = sizeof(dm_guidance_ops), .needs_stats = 1, .branches = branches, .weights = weights},
};
