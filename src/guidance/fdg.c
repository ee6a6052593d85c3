/* Frequency-decoupled guidance (Sadat 2025, FDG): a scale for the low and one for the high frequencies of the difference.
 * With a low-pass L made of the operator A that the guidance was created with,
 *
 *     split=projection  L = A^T (A A^T)^-1 A    what A sees: the means of squares for average pooling
 *     split=blur        L = A^T A               for a smoothing A: the blur, forth and back
 *
 *     x0 = y + (low - 1) L d + (high - 1) (d - L d),   d = given - none
 *
 * y: the result of the stages before, or the prediction with the given condition, with which low = high = scale is
 * classifier-free guidance at that scale. */
#include "base/compiler.h"
#include "guidance/common.h"

enum { LOW = DMI_SCALE, HIGH = DMI_TABLE, SPLIT };
enum { PROJECTION, BLUR };

static const char *const splits[] = {"projection", "blur", NULL};

static const dm_option options[] = {
    DMI_REAL("low", "scale of the low frequencies; 1: no guidance", 1, -1000, 1000),
    DMI_INTERVAL_OPTIONS,
    DMI_REAL("high", "scale of the high frequencies; 1: no guidance", 1, -1000, 1000),
    DMI_CHOICE("split", "how the operator A makes a low-pass: what it sees, or A transposed times A", PROJECTION,
               splits),
};

static int acts(const double *option, const dm_node *at)
{
	return dmi_acts_at(option, at) && (option[LOW] != 1 || option[HIGH] != 1);
}

static dm_status branches(void *user, const dm_node *at, dm_branch *branch, int32_t *n)
{
	if (!acts(user, at))
		return DM_OK;
	branch[(*n)++] = (dm_branch){0, DM_CONDITION_GIVEN, 0};
	branch[(*n)++] = (dm_branch){0, DM_CONDITION_NONE, 0};
	return DM_OK;
}

static dm_status after(void *user, const dm_guide *guide, dm_emit *e, dm_val *x0)
{
	const double *option = user;
	if (!acts(option, guide->at))
		return DM_OK;
	dm_val given = dm_emit_branch(e, guide->evaluation, &(dm_branch){0, DM_CONDITION_GIVEN, 0});
	dm_val none = dm_emit_branch(e, guide->evaluation, &(dm_branch){0, DM_CONDITION_NONE, 0});
	dm_val d = dm_emit_linear(e, 2, (dm_term[]){{1, given}, {-1, none}});
	int32_t what = option[SPLIT] == PROJECTION ? DM_OPERATOR_NORMAL : DM_OPERATOR_GRAM;
	dm_val low = option[LOW] != option[HIGH] ? dm_emit_operator(e, what, d, (double[4]){1, 0, 0, 0}) : 0;
	*x0 = dm_emit_linear(e, 3, (dm_term[]){{1, *x0}, {option[HIGH] - 1, d}, {option[LOW] - option[HIGH], low}});
	return DM_OK;
}

const struct dmi_guidance_type dmi_guidance_fdg = {
    .method = DMI_METHOD_KNOWN("fdg", "a scale for low and one for high frequencies", "Sadat 2025 (FDG)", options,
                               "diffusers: FrequencyDecoupledGuidance"),
    .ops = {.struct_size = sizeof(dm_guidance_ops), .branches = branches, .after = after},
    .needs_operator = 1,
    .check = dmi_guidance_check_interval,
};
