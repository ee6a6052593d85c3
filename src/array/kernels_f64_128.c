#include "base/compiler.h"
#include "base/math.h"
#include "array/half.h"
#include "array/host.h"
#include "noise/isa.h"
#include "noise/normals.h"
#include "noise/path.h"
#include <math.h>
#include <string.h>

#if DMI_HAS_X86 || DMI_HAS_NEON
DMI_VECTORISE
#define ISA (DMI_HAS_X86 ? DMI_ISA_SSE2 : DMI_ISA_NEON)
#define VECTOR_BYTES 16
#include "array/f64_body.h"

const struct dmi_kernels dmi_kernels_f64_128 = {combine_vectors, elementwise, quantile_clip,
                                                stats,           error,       first_not_finite};
#endif
