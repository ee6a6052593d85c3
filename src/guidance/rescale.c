/* Guidance rescale (Lin 2024, eq. 15-16), per sample, on x0 or in another space:
 *
 *     x0 = (phi std(given) / std(y) + 1 - phi) y,    y: the guided prediction so far
 *
 * with the sample standard deviation (n - 1) over all elements of the sample. */
#include "base/compiler.h"
#include "guidance/common.h"

enum { PHI, SPACE = DMI_TABLE };

static const dm_option options[] = {
    DMI_REAL("phi", "0: no effect; 1: the standard deviation of the conditional prediction", 0.7, 0, 1),
    DMI_INTERVAL_OPTIONS,
    DMI_SPACE_OPTION,
};

static dm_status branches(void *user, const dm_node *at, dm_branch *branch, int32_t *n)
{
	const double *option = user;
	if (option[PHI] != 0 && dmi_acts_at(option, at))
		branch[(*n)++] = (dm_branch){0, DM_CONDITION_GIVEN, 0};
	return DM_OK;
}

/* Sum of squared distances from the mean. */
static double spread(const dm_stats *stats, int32_t i)
{
	double n = (double)stats->n_element;
	return fmax(stats->gram[i * stats->n + i] - stats->sum[i] * stats->sum[i] / n, 0);
}

static dm_status weights(void *user, const dm_node *at, const dm_branch *branch, int32_t n, const dm_stats *stats,
                         double *weight)
{
	const double *option = user;
	int acts = dmi_acts_at(option, at);
	weight[0] = 1;
	for (int32_t b = 0; b < n; b++) {
		weight[1 + b] = 0;
		if (!acts || branch[b].model || branch[b].condition != DM_CONDITION_GIVEN || branch[b].perturbation)
			continue;
		double y = spread(stats, 0), given = spread(stats, 1 + b);
		double ratio = y > 0 ? sqrt(given / y) : 1; /* a constant prediction has nothing to rescale */
		weight[0] = option[PHI] * ratio + 1 - option[PHI];
	}
	return DM_OK;
}

const struct dmi_guidance_type dmi_guidance_rescale = {
    .method = DMI_METHOD_KNOWN("rescale", "give the guided prediction the standard deviation of the conditional one",
                               "Lin 2024, eq. 15-16", options, "diffusers: guidance_rescale; ComfyUI: RescaleCFG"),
    .ops = {.struct_size = sizeof(dm_guidance_ops), .needs_stats = 1, .branches = branches, .weights = weights},
    .space = SPACE,
    .compares = 1,
    .check = dmi_guidance_check_interval,
};
