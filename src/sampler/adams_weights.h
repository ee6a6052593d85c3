/* Weights of Adams methods: integrals of the Lagrange basis over one step, which runs over theta from 0 to 1; earlier
 * nodes lie at theta < 0. */
#ifndef DMI_ADAMS_WEIGHTS_H
#define DMI_ADAMS_WEIGHTS_H

enum { DMI_MAX_ADAMS = 6 };

/* weight[j] = integral of e^((1 - theta) z) L_j(theta), L_j the Lagrange basis on the n distinct nodes: the moments of
 * theta^m are m! phi_(m+1)(z). z = 0: Adams-Bashforth (with a node at 1: Adams-Moulton). */
void dmi_adams(int n, const double *theta, double z, double *weight);

/* Another kernel: at x in [0, 1], *theta there and *kernel (integrated over x). Smooth ones only: composite Gauss, 3
 * points. */
typedef void dmi_kernel(const void *context, double x, double *theta, double *kernel);
void dmi_adams_over(int n, const double *theta, dmi_kernel *at, const void *context, double *weight);

/* Equal steps, k terms: theta = 0, -1, -2, ... */
void dmi_adams_equal(int k, double *weight);

#endif
