#include "base/compiler.h"
#include "sampler/unipc_weights.h"
#include "sampler/phi.h"
#include "base/math.h"

void dmi_unipc_weights(int variant, double z, int n, const double *r, double *c)
{
	double matrix[DMI_UNIPC_MAX * DMI_UNIPC_MAX], factorial = 1;
	if (n == 1 && variant != DMI_UNIPC_VARY) {
		c[0] = (variant == DMI_UNIPC_BH1 ? z : dmi_expm1(z)) / (2 * r[0]);
		return;
	}
	for (int j = 0; j < n; j++) { /* for B rho_k: B cancels */
		factorial *= j + 1;
		c[j] = z * dmi_phi(j + 2, z) * factorial;
		for (int k = 0; k < n; k++)
			matrix[j * n + k] = j ? matrix[(j - 1) * n + k] * r[k] : 1;
	}
	dmi_solve(n, matrix, c);
	for (int k = 0; k < n; k++)
		c[k] /= r[k];
}

void dmi_unipc_published(double z, int n, const double *r, double *c)
{
	int last_row = n > 1 ? n - 2 : 0;
	for (int k = 0; k < n; k++) {
		double matrix[DMI_UNIPC_MAX * DMI_UNIPC_MAX], column[DMI_UNIPC_MAX] = {0};
		for (int i = 0; i < n; i++)
			for (int j = 0; j < n; j++)
				matrix[i * n + j] = j ? matrix[i * n + j - 1] * r[i] / (j + 1) : 1;
		column[k] = 1;
		dmi_solve(n, matrix, column);
		c[k] = 0;
		for (int j = 0; j < n - 1 && k < n - 1; j++)
			c[k] += z * dmi_phi(j + 2, z) * column[j];
		if (k == n - 1)
			c[k] = z * dmi_phi(n + 1, z) * column[last_row];
		c[k] /= r[k];
	}
}
