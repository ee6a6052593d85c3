#include "base/compiler.h"
#include "array/host.h"
#include <string.h>

/* --------------------------------------------------------------------------------------------------- finite check */

/* A number is not finite when its exponent bits are all ones: then the magnitude plus one unit of the exponent carries
 * into the sign bit. The sweep ors these; only a hit is searched for its place. */
#define SWEEP(name, bits, exponent_unit)                                                                               \
	static int64_t name(const void *row, size_t n)                                                                     \
	{                                                                                                                  \
		const bits *in = row, sign = (bits)((bits)1 << (8 * sizeof(bits) - 1)), unit = (bits)(exponent_unit);          \
		for (size_t first = 0, end; first < n; first = end) {                                                          \
			bits hit = 0;                                                                                              \
			end = n - first < DMI_BLOCK ? n : first + DMI_BLOCK;                                                       \
			for (size_t j = first; j < end; j++)                                                                       \
				hit = (bits)(hit | (bits)((bits)(in[j] & (bits)~sign) + unit));                                        \
			for (size_t j = first; hit & sign && j < end; j++)                                                         \
				if ((bits)((bits)(in[j] & (bits)~sign) + unit) & sign)                                                 \
					return (int64_t)j;                                                                                 \
		}                                                                                                              \
		return -1;                                                                                                     \
	}

SWEEP(sweep_f16, uint16_t, 1u << 10)
SWEEP(sweep_bf16, uint16_t, 1u << 7)
SWEEP(sweep_f32, uint32_t, 1u << 23)
SWEEP(sweep_f64, uint64_t, UINT64_C(1) << 52)

int64_t dmi_first_not_finite(const void *row, int32_t type, size_t n)
{
	static int64_t (*const sweep[])(const void *, size_t) = {
	    [DM_F32] = sweep_f32, [DM_F64] = sweep_f64, [DM_F16] = sweep_f16, [DM_BF16] = sweep_bf16};
	return sweep[type](row, n);
}

/* --------------------------------------------------------------------------------------------------------- poison */

/* Quiet NaNs with a payload that no processor makes by itself. */
static const uint32_t poison_f32 = 0x7fc0de57u;
static const uint64_t poison_f64 = UINT64_C(0x7ffc0de5d3d157ed);
static const uint16_t poison_f16 = 0x7e5d, poison_bf16 = 0x7fd3;
static const void *const poison[] = {
    [DM_F32] = &poison_f32, [DM_F64] = &poison_f64, [DM_F16] = &poison_f16, [DM_BF16] = &poison_bf16};

/* Sizes known to the compiler: each plant is one store. */
#define PLANT(bits)                                                                                                    \
	static void plant_##bits(unsigned char *row, bits value, size_t n)                                                 \
	{                                                                                                                  \
		const size_t step = 1024;                                                                                      \
		for (size_t j = 0; j < n; j += step)                                                                           \
			memcpy(row + j * sizeof value, &value, sizeof value);                                                      \
		if (n)                                                                                                         \
			memcpy(row + (n - 1) * sizeof value, &value, sizeof value);                                                \
	}

PLANT(uint16_t)
PLANT(uint32_t)
PLANT(uint64_t)

void dmi_poison_row(void *row, int32_t type, size_t n)
{
	if (type == DM_F32)
		plant_uint32_t(row, poison_f32, n);
	else if (type == DM_F64)
		plant_uint64_t(row, poison_f64, n);
	else
		plant_uint16_t(row, type == DM_F16 ? poison_f16 : poison_bf16, n);
}

int dmi_is_poison(const void *row, int32_t type, size_t element)
{
	const size_t size = dmi_type_size(type);
	return !memcmp((const unsigned char *)row + element * size, poison[type], size);
}
