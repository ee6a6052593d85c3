/* Instruction sets chosen at run time. Only the noise and array floors know them. */
#ifndef DMI_ISA_H
#define DMI_ISA_H

#include "base/compiler.h"
#include <stdint.h>

/* Those of public dm_array_set_isa. */
enum { DMI_ISA_BEST, DMI_ISA_PLAIN, DMI_ISA_SSE2, DMI_ISA_AVX2, DMI_ISA_AVX512, DMI_ISA_NEON, DMI_ISA_COUNT };

/* Which of them this build holds; with DEMIST_PLAIN none but plain C. */
#if defined(__GNUC__) && defined(__x86_64__) && !defined(DEMIST_PLAIN)
#define DMI_HAS_X86 1
#else
#define DMI_HAS_X86 0
#endif
#if !defined(DEMIST_PLAIN) && defined(__GNUC__) && defined(__aarch64__) && defined(__ARM_NEON) &&                      \
    !defined(__ARM_BIG_ENDIAN)
#define DMI_HAS_NEON 1
#else
#define DMI_HAS_NEON 0
#endif

/* The one that needs no question: every processor of this architecture has it. */
#define DMI_ISA_BASE (DMI_HAS_X86 ? DMI_ISA_SSE2 : DMI_HAS_NEON ? DMI_ISA_NEON : DMI_ISA_PLAIN)

/* From here to DMI_TARGET_END a file's functions may use an instruction set, and their loops become vectors whatever
 * the optimisation asked for. Contraction stays off: some sets bring a fused multiply-add. */
#if defined(__clang__)
#define DMI_PRAGMA(text) _Pragma(#text)
#define DMI_TARGET(name) DMI_PRAGMA(clang attribute push(__attribute__((target(name))), apply_to = function))
#define DMI_TARGET_END _Pragma("clang attribute pop")
#define DMI_VECTORISE
#elif defined(__GNUC__)
#define DMI_PRAGMA(text) _Pragma(#text)
#define DMI_TARGET(name) _Pragma("GCC push_options") DMI_PRAGMA(GCC target(name))
#define DMI_TARGET_END _Pragma("GCC pop_options")
#define DMI_VECTORISE                                                                                                  \
	DMI_PRAGMA(GCC optimize("O2", "tree-vectorize", "no-trapping-math", "no-math-errno", "fp-contract=off"))
#endif

#if defined(__GNUC__)
#define DMI_INLINE inline __attribute__((always_inline))
#else
#define DMI_INLINE inline
#endif

#define DMI_TARGET_AVX2 "avx2"
#if defined(__clang__)
#define DMI_TARGET_AVX512 "avx512f,avx512bw,avx512dq,avx512vl"
#else
#define DMI_TARGET_AVX512 "avx512f,avx512bw,avx512dq,avx512vl,prefer-vector-width=512"
#endif

/* The widest that this build holds and this processor has; and whether one of them may be used here. The question costs
 * microseconds on virtual machines. */
int32_t dmi_isa_best(void);
int dmi_isa_present(int32_t isa);

#endif
