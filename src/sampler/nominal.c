#include "base/compiler.h"
#include "sampler/nominal.h"

int32_t dmi_noisy_order(double noise, double s_noise, int32_t ode, int32_t weak)
{
	if (noise == 0)
		return ode;
	return s_noise == 1 ? weak : 0;
}

int32_t dmi_churned_order(const double *option, int32_t ode)
{
	return dmi_noisy_order(option[DMI_S_CHURN], option[DMI_S_NOISE], ode, 1);
}

int32_t dmi_started_order(double terms, double start, double analytic_first)
{
	int32_t most = analytic_first != 0 ? 1 : start == DMI_START_RK ? (int32_t)terms : 2;
	return (int32_t)terms < most ? (int32_t)terms : most;
}

int32_t dmi_order_with_end(double falls, int32_t order)
{
	return falls != 0 && order > 2 ? 2 : order;
}
