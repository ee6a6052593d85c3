/* The exact model of section 9 of the format: a mixture of isotropic Gaussians. */
#ifndef MIXTURE_H
#define MIXTURE_H

#include "case.h"

/* Whether the case describes one. */
int mixture_given(const struct test_case *c);

/* The prediction named by the case's `prediction` for n_sample rows of case_elements numbers at (alpha, sigma).
 * VERDICT_SKIP for a kind of prediction that is not known. */
int mixture_predict(const struct test_case *c, double alpha, double sigma, const double *x, size_t n_sample,
                    double *out, struct verdict *verdict);

#endif
