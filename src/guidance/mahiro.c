/* Mahiro: the more alike the guided prediction y and the prediction without condition point, the less of y and the more
 * of the scaled conditional prediction is taken; per sample, root(x) = sign(x) sqrt(|x|) of every element,
 *
 *     m = (scale given + y) / 2,   c = cos(root(scale none), root(m))
 *     x0 = ((1 + c) y + (1 - c) scale given) / 2
 *
 * scale is that of the guidance before it. */
#include "base/compiler.h"
#include "guidance/common.h"
#include "demist/array.h"

static const dm_option options[] = {
    DMI_REAL("scale", "that of the guidance before", 1, -1000, 1000),
    DMI_INTERVAL_OPTIONS,
};

static dm_status branches(void *user, const dm_node *at, dm_branch *branch, int32_t *n)
{
	if (!dmi_acts_at(user, at))
		return DM_OK;
	branch[(*n)++] = (dm_branch){0, DM_CONDITION_GIVEN, 0};
	branch[(*n)++] = (dm_branch){0, DM_CONDITION_NONE, 0};
	return DM_OK;
}

static dm_val root(dm_emit *e, dm_val x)
{
	static const double none[4];
	return dm_emit_map(e, DM_MAP_SIGNED_ROOT, 1, &x, none);
}

static dm_status after(void *user, const dm_guide *guide, dm_emit *e, dm_val *x0)
{
	const double *option = user;
	if (!dmi_acts_at(option, guide->at))
		return DM_OK;
	dm_val given = dm_emit_branch(e, guide->evaluation, &(dm_branch){0, DM_CONDITION_GIVEN, 0});
	dm_val none = dm_emit_branch(e, guide->evaluation, &(dm_branch){0, DM_CONDITION_NONE, 0});
	dm_val leap = dm_emit_linear(e, 1, &(dm_term){option[DMI_SCALE], given});
	dm_val back = dm_emit_linear(e, 1, &(dm_term){option[DMI_SCALE], none});
	dm_val middle = dm_emit_linear(e, 2, (dm_term[]){{0.5, leap}, {0.5, *x0}});
	const dm_val value[4] = {*x0, leap, root(e, back), root(e, middle)};
	*x0 = dm_emit_weighted(e, 4, value, 0, (double[4]){0, 0, 0, 0});
	return DM_OK;
}

static dm_status rule(void *user, int32_t number, const double parameter[4], size_t n_sample, const dm_stats *stats,
                      double *weight)
{
	(void)user, (void)number, (void)parameter;
	for (size_t s = 0; s < n_sample; s++, weight += 4) {
		const double *g = stats[s].gram;
		double size = sqrt(g[2 * 4 + 2] * g[3 * 4 + 3]), c = g[2 * 4 + 3] / fmax(size, 1e-8);
		weight[0] = (1 + c) / 2;
		weight[1] = (1 - c) / 2;
		weight[2] = weight[3] = 0;
	}
	return DM_OK;
}

const struct dmi_guidance_type dmi_guidance_mahiro = {
    .method = DMI_METHOD_KNOWN("mahiro",
                               "more along the conditional prediction where the guided one is like the unconditional",
                               "Mahiro of image editors", options, "ComfyUI: Mahiro"),
    .ops = {.struct_size = sizeof(dm_guidance_ops), .branches = branches, .after = after, .rule = rule},
    .check = dmi_guidance_check_interval,
};
