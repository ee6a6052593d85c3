/* The weights of UniPC (Zhao 2023) in x_t = base - F sum_k c_k (m_k - m0). With earlier nodes r_k = (lambda_k -
 * lambda_s) / h (r = 1 for the new node of a corrector) and z = -h (x0) or h (epsilon):
 *
 *     c_k = B rho_k / r_k,   sum_k rho_k r_k^(j-1) = z phi_(j+1)(z) j! / B,   j = 1 .. n
 *
 * bh1: B = z, bh2: B = e^z - 1, both with rho = 1/2 for n = 1. vary_coeff: B cancels and n = 1 is solved too; this is
 * the exponential Adams step through the nodes.
 *
 * As published vary_coeff multiplies, with C_kj = r_k^(j-1) / j! and f_j = z phi_j(z), the inverse of C (row j, column
 * k) by f_(j+1) for j < n only, and the new node's column by f_(n+1) times the last entry of row n - 1; its correctors
 * of n > 1 are of order 1. */
#ifndef DMI_UNIPC_WEIGHTS_H
#define DMI_UNIPC_WEIGHTS_H

enum { DMI_UNIPC_MAX = 4 };
enum { DMI_UNIPC_BH1, DMI_UNIPC_BH2, DMI_UNIPC_VARY };

void dmi_unipc_weights(int variant, double z, int n, const double *r, double *c);

/* The published corrector of vary_coeff. */
void dmi_unipc_published(double z, int n, const double *r, double *c);

#endif
