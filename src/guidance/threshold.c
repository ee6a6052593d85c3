/* Dynamic thresholding (Saharia 2022, section 2.3), per sample, on x0:
 *
 *     q = quantile(|x0|, ratio), s = min(max(q, 1), max), x0 = clip(x0, -s, s) / s
 *
 * form=floor: s = max(q, max), as in the code of DPM-Solver. */
#include "base/compiler.h"
#include "guidance/guidance.h"
#include "demist/array.h"

enum { RATIO, MAX, FORM };

static const char *const forms[] = {"cap", "floor", NULL};

static const dm_option options[] = {
    DMI_REAL("ratio", "which quantile of |x0|", 0.995, 1e-9, 1),
    DMI_REAL("max", "largest threshold (form=cap) or smallest (form=floor)", 1, 1e-30, 1e30),
    DMI_CHOICE("form", "cap: min(max(q, 1), max); floor: max(q, max)", 0, forms),
};

static void parameters(const double *option, double parameter[4])
{
	parameter[0] = option[RATIO];
	parameter[1] = option[MAX];
	parameter[2] = option[FORM];
}

const struct dmi_guidance_type dmi_guidance_threshold = {
    .method = DMI_METHOD_KNOWN("threshold", "dynamic thresholding of x0", "Saharia 2022, section 2.3", options,
                               "diffusers: dynamic_thresholding_ratio"),
    .map = DM_MAP_QUANTILE_CLIP,
    .parameters = parameters,
};
