/* Magnitude-aware guidance (MAMBO-G 2025): the larger the difference is beside the prediction without condition, the weaker
 * the guidance; per sample, y: the result of the stages before, or the prediction with the given condition,
 *
 *     c = exp(-alpha |y - none| / |none|)
 *     x0 = none + (1 + (scale - 1) c) (y - none)     (form=none; 1 is no guidance)
 *     x0 = y + scale c (y - none)                    (form=given; 0 is no guidance) */
#include "base/compiler.h"
#include "guidance/common.h"
#include "base/math.h"

enum { ALPHA = DMI_SCALE_END, FORM, SPACE };
enum { FROM_NONE, FROM_GIVEN };

static const char *const forms[] = {"none", "given", NULL};

static const dm_option options[] = {
    DMI_SCALE_OPTIONS("largest strength; form=none: 1 is no guidance; form=given: 0 is", 1),
    DMI_REAL("alpha", "how fast the strength falls with the size of the difference", 8, 0, 1e6),
    DMI_CHOICE("form", "what the difference is added to", FROM_NONE, forms),
    DMI_SPACE_OPTION,
};

/* The strength beyond the condition as it is. */
static double excess(const double *option, const dm_node *at)
{
	double neutral = option[FORM] == FROM_NONE;
	return dmi_scale_at(option, at, neutral) - neutral;
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
	const double *option = user;
	int32_t k = 1 + dmi_find_branch(branch, n, DM_CONDITION_NONE), m = stats->n;
	double strength = excess(option, at);
	for (int32_t b = 0; b < n; b++)
		weight[1 + b] = 0;
	weight[0] = 1;
	if (strength == 0)
		return DM_OK;
	double none = stats->gram[k * m + k], size = fmax(stats->gram[0] - 2 * stats->gram[k] + none, 0);
	/* a difference from nothing at all is beyond measure */
	double c = size == 0 ? 1 : none > 0 ? dmi_exp(-option[ALPHA] * sqrt(size / none)) : option[ALPHA] == 0;
	weight[0] = 1 + strength * c;
	weight[k] = -strength * c;
	return DM_OK;
}

const struct dmi_guidance_type dmi_guidance_mambo_g = {
    .method = DMI_METHOD_KNOWN("mambo_g", "classifier-free guidance, weaker where the difference is large",
                               "MAMBO-G 2025, arXiv:2508.03442", options, "diffusers: MagnitudeAwareGuidance"),
    .ops = {.struct_size = sizeof(dm_guidance_ops), .needs_stats = 1, .branches = branches, .weights = weights},
    .space = SPACE,
    .check = dmi_guidance_check_scale,
};
