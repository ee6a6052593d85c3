#include "base/compiler.h"
#include "base/math.h"
#include "array/half.h"
#include "array/host.h"
#include "noise/path.h"
#include <math.h>
#include <string.h>

#define WORK double
#define WORK_TYPE DM_F64
#define BITS uint64_t
#define NORMALS dmi_normals_f64
#define PATH dmi_path_f64
#define NARROW_F16 dmi_narrow_f16_f64
#define NARROW_BF16 dmi_narrow_bf16_f64
#define KERNELS dmi_kernels_f64

#include "array/tile_body.h"
#include "array/sum_body.h"
#include "array/map_body.h"
#include "array/reduce_body.h"

const struct dmi_kernels KERNELS = {combine, elementwise, quantile_clip, stats, error};
