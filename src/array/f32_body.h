/* What the kernels of f32 arrays are made of: loops for the compiler and, where VECTOR_BYTES is set, vectors. Included by the kernels_f32*.c files only. */

#define WORK float
#define WORK_TYPE DM_F32
#define BITS uint32_t
#define NORMALS dmi_normals_f32_by
#define PATH dmi_path_f32
#define NARROW_F16 dmi_narrow_f16_f32
#define NARROW_BF16 dmi_narrow_bf16_f32

#include "array/tile_body.h"
#include "array/sum_body.h"
#ifdef VECTOR_BYTES
#include "array/check_body.h"
#include "array/vector_body.h"
#endif
#include "array/map_body.h"
#include "array/reduce_body.h"
