/* Slopes of errors over numbers of steps. */
#ifndef CERTIFICATES_SLOPE_H
#define CERTIFICATES_SLOPE_H

#include "certificates/page.h"
#include "certificates/table.h"

/* The numbers of steps are FEWEST 2^k. They fill groups of 2 and 3 steps. The slope is the mean over the last N_LAST
 * doublings; an error is also shown at SHOWN steps. */
enum { FEWEST = 24, N_LAST = 3, SHOWN = 64 };

/* Of n errors at falling sizes of step. */
double slope_of(const double *error, int n);

/* The order that the library states. */
int32_t order_of(struct page *page, const char *spec);

/* Whether a slope is the nominal one, and not more without a note. */
void check_slope(struct page *page, const struct setting *s, const char *where, double slope, int32_t nominal);

/* Nodes even in log-SNR. */
void write_grid(char *text, size_t capacity, int32_t steps);

#endif
