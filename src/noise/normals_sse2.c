#include "base/compiler.h"
#include "noise/isa.h"
#include "noise/noise.h"
#include "noise/normals.h"
#include <string.h>

#if DMI_HAS_X86
#include <emmintrin.h>

DMI_VECTORISE
#define VECTOR_BYTES 16
#define WIDE_MULTIPLY(a, b) (wide) _mm_mul_epu32((__m128i)(a), (__m128i)(b))
#define ROOT(x) (vec) _mm_sqrt_ps((__m128)(x))
#define FILL dmi_normals_sse2
#include "noise/normals_body.h"

#endif
