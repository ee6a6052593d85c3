#include "base/compiler.h"
#include "sampler/adams_weights.h"
#include "sampler/phi.h"
#include <math.h>

/* sum over j of weight[j] theta[j]^m = moment[m], m < n. */
static void from_moments(int n, const double *theta, const double *moment, double *weight)
{
	double matrix[DMI_MAX_ADAMS * DMI_MAX_ADAMS];
	for (int m = 0; m < n; m++) {
		weight[m] = moment[m];
		for (int j = 0; j < n; j++)
			matrix[m * n + j] = m ? matrix[(m - 1) * n + j] * theta[j] : 1;
	}
	dmi_solve(n, matrix, weight);
}

void dmi_adams(int n, const double *theta, double z, double *weight)
{
	double moment[DMI_MAX_ADAMS], factorial = 1;
	for (int m = 0; m < n; m++) {
		factorial *= m ? m : 1;
		moment[m] = factorial * dmi_phi(m + 1, z);
	}
	from_moments(n, theta, moment, weight);
}

void dmi_adams_over(int n, const double *theta, dmi_kernel *at, const void *context, double *weight)
{
	enum { PANELS = 64 };
	double moment[DMI_MAX_ADAMS] = {0}, half = 0.5 / PANELS;
	for (int i = 0; i < 3 * PANELS; i++) {
		int side = i % 3 - 1;
		double here, kernel, x = (2 * (i / 3) + 1 + side * sqrt(3.0 / 5)) * half; /* Legendre, degree 3 */
		at(context, x, &here, &kernel);
		kernel *= (side ? 5.0 / 9 : 8.0 / 9) * half;
		for (int m = 0; m < n; m++, kernel *= here)
			moment[m] += kernel;
	}
	from_moments(n, theta, moment, weight);
}

void dmi_adams_equal(int k, double *weight)
{
	double theta[DMI_MAX_ADAMS];
	for (int j = 0; j < k; j++)
		theta[j] = -j;
	dmi_adams(k, theta, 0, weight);
}
