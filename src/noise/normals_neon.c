#include "base/compiler.h"
#include "noise/isa.h"
#include "noise/noise.h"
#include "noise/normals.h"
#include <string.h>

#if DMI_HAS_NEON
#include <arm_neon.h>

#define VECTOR_BYTES 16
#define WIDE_MULTIPLY(a, b) (wide) vmull_u32(vmovn_u64((uint64x2_t)(a)), vmovn_u64((uint64x2_t)(b)))
#define ROOT(x) (vec) vsqrtq_f32((float32x4_t)(x))
#define FILL dmi_normals_neon
#include "noise/normals_body.h"

#endif
