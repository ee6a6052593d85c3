/* The 16-bit number types: f16 (IEEE binary16) and bf16 (the upper half of an f32). Widening is exact; narrowing rounds
 * once, to nearest even, overflows to infinity and keeps NaN a NaN. */
#ifndef DMI_HALF_H
#define DMI_HALF_H

#include <stddef.h>
#include <stdint.h>

void dmi_widen_f16(const uint16_t *in, float *out, size_t n);
void dmi_widen_bf16(const uint16_t *in, float *out, size_t n);
void dmi_narrow_f16_f32(const float *in, uint16_t *out, size_t n);
void dmi_narrow_bf16_f32(const float *in, uint16_t *out, size_t n);
void dmi_narrow_f16_f64(const double *in, uint16_t *out, size_t n);
void dmi_narrow_bf16_f64(const double *in, uint16_t *out, size_t n);

#endif
