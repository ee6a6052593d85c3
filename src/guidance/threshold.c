/* Dynamic thresholding (Saharia 2022, section 2.3), per sample, on x0:
 *
 *     q = quantile(|x0|, ratio), s = max(q, 1), x0 = clip(x0, -s, s) / s
 *
 * max: s is at most this (others' code caps it; at 1 the quantile has no say and it is clip:range=1).
 * form=floor: s = max(q, max), with 1 for max = 0, as in the code of DPM-Solver. */
#include "base/compiler.h"
#include "guidance/common.h"
#include "base/error.h"
#include "demist/array.h"

enum { RATIO, MAX = DMI_TABLE, FORM };
enum { CAP, FLOOR };
#define NO_LIMIT 1e30

static const char *const forms[] = {"cap", "floor", NULL};

static const dm_option options[] = {
    DMI_REAL("ratio", "which quantile of |x0|", 0.995, 1e-9, 1),
    DMI_INTERVAL_OPTIONS,
    DMI_REAL("max", "form=cap: the largest threshold, at least 1, 0: any; form=floor: the smallest, 0: 1", 0, 0, 1e30),
    DMI_CHOICE("form", "cap: min(max(q, 1), max); floor: max(q, max)", CAP, forms),
};

static void parameters(const double *option, double parameter[4])
{
	parameter[0] = option[RATIO];
	parameter[1] = option[MAX] > 0 ? option[MAX] : option[FORM] == FLOOR ? 1 : NO_LIMIT;
	parameter[2] = option[FORM];
}

static dm_status check(const struct dmi_guidance_type *type, const struct dmi_options *o, dm_guidance_ops *ops,
                       dm_error *err)
{
	if (o->value[FORM] == CAP && o->value[MAX] > 0 && o->value[MAX] < 1)
		return dmi_fail(
		    err, DM_ERR_ARGUMENT,
		    "guidance \"threshold\": max = %g must be at least 1 (or 0: any) with form=cap, where the threshold "
		    "is never below 1",
		    o->value[MAX]);
	return dmi_guidance_check_interval(type, o, ops, err);
}

const struct dmi_guidance_type dmi_guidance_threshold = {
    .method = DMI_METHOD_KNOWN("threshold", "dynamic thresholding of x0", "Saharia 2022, section 2.3", options,
                               "diffusers: dynamic_thresholding_ratio"),
    .map = DM_MAP_QUANTILE_CLIP,
    .parameters = parameters,
    .check = check,
};
