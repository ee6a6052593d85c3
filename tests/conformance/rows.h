/* Rows of numbers of any of the library's host types. */
#ifndef ROWS_H
#define ROWS_H

#include "demist.h"

/* n_sample rows of n_element numbers, read or written with a stride. */
void rows_read(double *out, const void *data, int32_t type, size_t stride, size_t n_sample, size_t n_element);
void rows_write(void *out, int32_t type, size_t stride, const double *value, size_t n_sample, size_t n_element);

#endif
