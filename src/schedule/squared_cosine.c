/* beta_i = min(1 - f((i+1)/T) / f(i/T), cap), f(u) = cos^2((u + s)/(1 + s) pi/2)  (Nichol and Dhariwal 2021, eq. 17).
 *
 * Counted from the noise end, k = T - i, the angle of f(i/T) is pi/2 - k h with h = pi/(2 T (1 + s)), so that
 *     beta_i = 1 - sin^2((k-1) h) / sin^2(k h) = sin((2k-1) h) sin(h) / sin^2(k h),
 * which loses no digits at either end. */
#include "base/compiler.h"
#include "schedule/table.h"
#include "base/math.h"
#include <math.h>

enum { S = DMI_TABLE_OWN, CAP };

static dm_status setup(dm_schedule *s, dm_error *err)
{
	const double half_pi = 1.5707963267948966, *option = s->options.value;
	size_t n = (size_t)option[DMI_TABLE_T];
	double *beta = dmi_table_new(s, n, err);
	if (!beta)
		return DM_ERR_MEMORY;
	double h = half_pi / ((double)n * (1 + option[S]));
	for (size_t i = 0; i < n; i++) {
		double k = (double)(n - i), c = dmi_sin(k * h);
		beta[i] = fmin(dmi_sin((2 * k - 1) * h) * dmi_sin(h) / (c * c), option[CAP]);
	}
	return dmi_table_from_betas(s, err);
}

static const dm_option options[] = {
    DMI_TABLE_OPTIONS,
    DMI_REAL("s", "offset that keeps the first betas from vanishing", 0.008, 0, 1),
    DMI_REAL("cap", "largest beta", 0.999, 0, 1),
};

#define COSINE(name, help)                                                                                             \
	{                                                                                                                  \
		DMI_METHOD_KNOWN(name, help, "Nichol and Dhariwal 2021, eq. 17", options,                                      \
		                 "diffusers: squaredcos_cap_v2 (beta_schedule); ComfyUI: squaredcos_cap_v2 (beta_schedule)"),  \
		    &dmi_table_process, setup                                                                                  \
	}
const struct dmi_schedule_family dmi_schedule_squared_cosine =
    COSINE("squared_cosine", "discrete table, alpha-bar a squared cosine of time");
const struct dmi_schedule_family dmi_schedule_squaredcos_cap_v2 =
    COSINE("squaredcos_cap_v2", "another name of squared_cosine");
