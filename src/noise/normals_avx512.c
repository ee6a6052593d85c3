#include "base/compiler.h"
#include "noise/isa.h"
#include "noise/noise.h"
#include "noise/normals.h"
#include <string.h>

#if DMI_HAS_X86
#include <immintrin.h>

DMI_TARGET(DMI_TARGET_AVX512)
DMI_VECTORISE
#define VECTOR_BYTES 64
#define WIDE_MULTIPLY(a, b) (wide) _mm512_mul_epu32((__m512i)(a), (__m512i)(b))
#define ROOT(x) (vec) _mm512_sqrt_ps((__m512)(x))
/* 2 v + 1 keeps 32 bits, which only this set converts as they are. */
#define HALF_MORE(v) ((vec)_mm512_cvtepu32_ps((__m512i)(2u * (v) + 1u)) * 0.5f)
#define CHOOSE(x, a, b) (uvec) _mm512_mask_blend_ps(_mm512_movepi32_mask((__m512i)(x)), (__m512)(b), (__m512)(a))
#define XOR3(a, b, c) (wide) _mm512_ternarylogic_epi64((__m512i)(a), (__m512i)(b), (__m512i)(c), 0x96)
#define FILL dmi_normals_avx512
#include "noise/normals_body.h"
DMI_TARGET_END

#endif
