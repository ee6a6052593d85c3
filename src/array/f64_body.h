/* What the kernels of f64 arrays are made of: loops for the compiler and, where VECTOR_BYTES is set, vectors. Included by the kernels_f64*.c files only. */

#define WORK double
#define WORK_TYPE DM_F64
#define BITS uint64_t
#define NORMALS dmi_normals_f64_by
#define PATH dmi_path_f64
#define NARROW_F16 dmi_narrow_f16_f64
#define NARROW_BF16 dmi_narrow_bf16_f64

#include "array/tile_body.h"
#include "array/sum_body.h"
#ifdef VECTOR_BYTES
#include "array/check_body.h"
#include "array/vector_body.h"
#endif
#include "array/map_body.h"
#include "array/reduce_body.h"
