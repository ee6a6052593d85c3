#include "noise/isa.h"

#if DMI_HAS_X86
#include <cpuid.h>

/* What the system saves of the registers when it changes threads: bits 1 and 2 the 256-bit ones, 5 to 7 the 512-bit ones. */
static uint32_t saved_registers(void)
{
	uint32_t low, high;
	__asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
	return low;
}

/* Leaves 1 and 7 of the processor's own description. Nothing is remembered: there is no state to keep it in. */
int32_t dmi_isa_best(void)
{
	const uint32_t osxsave = 1u << 27, avx2 = 1u << 5, f_dq_bw_vl = 1u << 16 | 1u << 17 | 1u << 30 | 1u << 31;
	uint32_t max, a, b, c, d;
	__cpuid(0, max, b, c, d);
	if (max < 7)
		return DMI_ISA_SSE2;
	__cpuid(1, a, b, c, d);
	if (!(c & osxsave))
		return DMI_ISA_SSE2;
	uint32_t saved = saved_registers();
	__cpuid_count(7, 0, a, b, c, d);
	if ((saved & 0xe6u) == 0xe6u && (b & f_dq_bw_vl) == f_dq_bw_vl && b & avx2)
		return DMI_ISA_AVX512;
	return (saved & 6u) == 6u && b & avx2 ? DMI_ISA_AVX2 : DMI_ISA_SSE2;
}
#else
int32_t dmi_isa_best(void)
{
	return DMI_ISA_BASE;
}
#endif

int dmi_isa_present(int32_t isa)
{
	if (isa == DMI_ISA_PLAIN || isa == DMI_ISA_BASE)
		return 1;
	return DMI_HAS_X86 && isa > DMI_ISA_PLAIN && isa <= DMI_ISA_AVX512 && isa <= dmi_isa_best();
}
