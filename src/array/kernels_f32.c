#include "base/compiler.h"
#include "base/math.h"
#include "array/half.h"
#include "array/host.h"
#include "noise/isa.h"
#include "noise/normals.h"
#include "noise/path.h"
#include <math.h>
#include <string.h>

#define ISA DMI_ISA_PLAIN
#include "array/f32_body.h"

const struct dmi_kernels dmi_kernels_f32 = {combine, elementwise, quantile_clip, stats, error, dmi_first_not_finite};
