#include "base/compiler.h"
#include "noise/isa.h"
#include "noise/noise.h"
#include "noise/normals.h"
#include <string.h>

#if DMI_HAS_X86
#include <immintrin.h>

DMI_TARGET(DMI_TARGET_AVX2)
DMI_VECTORISE
#define VECTOR_BYTES 32
#define WIDE_MULTIPLY(a, b) (wide) _mm256_mul_epu32((__m256i)(a), (__m256i)(b))
#define ROOT(x) (vec) _mm256_sqrt_ps((__m256)(x))
#define CHOOSE(x, a, b) (uvec) _mm256_blendv_ps((__m256)(b), (__m256)(a), (__m256)(x))
#define FILL dmi_normals_avx2
#include "noise/normals_body.h"
DMI_TARGET_END

#endif
