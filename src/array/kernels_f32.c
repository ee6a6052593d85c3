#include "base/compiler.h"
#include "base/math.h"
#include "array/half.h"
#include "array/host.h"
#include "noise/path.h"
#include <math.h>
#include <string.h>

#define WORK float
#define WORK_TYPE DM_F32
#define BITS uint32_t
#define NORMALS dmi_normals_f32
#define PATH dmi_path_f32
#define NARROW_F16 dmi_narrow_f16_f32
#define NARROW_BF16 dmi_narrow_bf16_f32
#define KERNELS dmi_kernels_f32

#include "array/tile_body.h"
#include "array/sum_body.h"
#include "array/map_body.h"
#include "array/reduce_body.h"

const struct dmi_kernels KERNELS = {combine, elementwise, quantile_clip, stats, error};
