/* Clips x0 to [-range, range] (Ho 2020, in the authors' code). */
#include "base/compiler.h"
#include "guidance/common.h"
#include "demist/array.h"

enum { RANGE };

static const dm_option options[] = {
    DMI_REAL("range", "bound on the absolute value", 1, 1e-30, 1e30),
    DMI_INTERVAL_OPTIONS,
};

static void parameters(const double *option, double parameter[4])
{
	parameter[0] = option[RANGE];
}

const struct dmi_guidance_type dmi_guidance_clip = {
    .method = DMI_METHOD_KNOWN("clip", "clip x0 to [-range, range]", "Ho 2020", options, "diffusers: clip_sample"),
    .map = DM_MAP_CLIP,
    .parameters = parameters,
    .check = dmi_guidance_check_interval,
};
