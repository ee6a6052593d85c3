/* The functions of exponential integrators: phi_0(z) = e^z, phi_k(z) = (phi_(k-1)(z) - 1/(k-1)!) / z; phi_k(0) = 1/k!.
 */
#ifndef DMI_PHI_H
#define DMI_PHI_H

/* k = 0 .. 8, any finite z, without cancellation near 0. */
double dmi_phi(int k, double z);

/* Solves the n x n system a x = b (row-major, destroyed) by elimination with row exchanges; n <= 8. Returns 0 when
 * singular. */
int dmi_solve(int n, double *a, double *b);

#endif
