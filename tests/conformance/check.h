/* Comparisons, as section 2 of the format has them. */
#ifndef CHECK_H
#define CHECK_H

#include "case.h"

/* tol, tol_time: largest relative errors. touched: every array something was compared with, in that order, for the test
 * that moves numbers; it may be NULL. */
struct check {
	double tol, tol_time;
	struct case_array **touched;
	size_t n_touched, capacity;
	struct verdict *verdict;
};

/* max |computed - expected| / max |expected| <= tol (1 in place of a maximum of 0); expected infinities must be met.
 * label is for the message. */
int compare(struct check *check, struct case_array *expected, const double *computed, size_t n, const char *label);

/* Each number for itself: |computed - expected| / max(|expected|, 1e-3) <= tol_time. */
int compare_times(struct check *check, struct case_array *expected, const double *computed, size_t n,
                  const char *label);

#endif
