#include "rows.h"

void rows_read(double *out, const void *data, int32_t type, size_t stride, size_t n_sample, size_t n_element)
{
	for (size_t row = 0; row < n_sample; row++)
		for (size_t i = 0; i < n_element; i++) {
			size_t at = row * stride + i;
			*out++ = type == DM_F64 ? ((const double *)data)[at] : (double)((const float *)data)[at];
		}
}

void rows_write(void *out, int32_t type, size_t stride, const double *value, size_t n_sample, size_t n_element)
{
	for (size_t row = 0; row < n_sample; row++)
		for (size_t i = 0; i < n_element; i++, value++) {
			if (type == DM_F64)
				((double *)out)[row * stride + i] = *value;
			else
				((float *)out)[row * stride + i] = (float)*value;
		}
}
