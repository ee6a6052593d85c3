#include "base/compiler.h"
#include "sampler/phi.h"
#include "base/math.h"
#include <math.h>

double dmi_phi(int k, double z)
{
	double factorial = 1, value, term;
	if (fabs(z) < 2) { /* the series: sum over j of z^j / (j + k)! */
		for (int j = 2; j <= k; j++)
			factorial *= j;
		value = 0;
		term = 1 / factorial;
		for (int j = 1; fabs(term) > 1e-18 * fabs(value); j++) {
			value += term;
			term *= z / (j + k);
		}
		return value;
	}
	if (k == 0)
		return dmi_exp(z);
	value = dmi_expm1(z) / z;
	for (int j = 1; j < k; j++) {
		factorial *= j;
		value = (value - 1 / factorial) / z;
	}
	return value;
}

static void exchange(double *a, double *b, int n)
{
	for (int i = 0; i < n; i++) {
		double t = a[i];
		a[i] = b[i];
		b[i] = t;
	}
}

int dmi_solve(int n, double *a, double *b)
{
	for (int k = 0; k < n; k++) {
		int best = k;
		for (int i = k + 1; i < n; i++)
			if (fabs(a[i * n + k]) > fabs(a[best * n + k]))
				best = i;
		if (a[best * n + k] == 0)
			return 0;
		exchange(a + k * n, a + best * n, n);
		exchange(b + k, b + best, 1);
		for (int i = k + 1; i < n; i++) {
			double f = a[i * n + k] / a[k * n + k];
			for (int j = k; j < n; j++)
				a[i * n + j] -= f * a[k * n + j];
			b[i] -= f * b[k];
		}
	}
	for (int k = n - 1; k >= 0; k--) {
		for (int j = k + 1; j < n; j++)
			b[k] -= a[k * n + j] * b[j];
		b[k] /= a[k * n + k];
	}
	return 1;
}
