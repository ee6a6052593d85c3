#include "base/compiler.h"
#include "base/math.h"
#include "array/half.h"
#include "array/host.h"
#include "noise/isa.h"
#include "noise/normals.h"
#include "noise/path.h"
#include <math.h>
#include <string.h>

#if DMI_HAS_X86
DMI_TARGET(DMI_TARGET_AVX512)
DMI_VECTORISE
#define ISA DMI_ISA_AVX512
#define VECTOR_BYTES 64
#include "array/f64_body.h"

const struct dmi_kernels dmi_kernels_f64_avx512 = {combine_vectors, elementwise, quantile_clip,
                                                   stats,           error,       first_not_finite};
DMI_TARGET_END
#endif
