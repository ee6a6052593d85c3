/* Quantile functions with the library's own arithmetic: the same bits everywhere. */
#ifndef DMI_BASE_QUANTILE_H
#define DMI_BASE_QUANTILE_H

/* The x in [0, 1] where the regularised incomplete beta function I_x(a, b) is p, to 1e-13. a, b in [0.01, 1000]. */
double dmi_beta_quantile(double p, double a, double b);

/* The z that a standard normal stays below with probability p; -inf and +inf at 0 and 1. */
double dmi_normal_quantile(double p);

#endif
