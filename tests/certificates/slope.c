#include "base/compiler.h"
#include "certificates/slope.h"
#include "certificates/world.h"
#include "base/math.h"
#include <stdio.h>

#define TOLERANCE 0.15
#define WORTH_A_NOTE 0.25

double slope_of(const double *error, int n)
{
	return dmi_log(error[n - 1 - N_LAST] / error[n - 1]) / dmi_log(2) / N_LAST;
}

int32_t order_of(struct page *page, const char *spec)
{
	dm_sampler *sampler;
	dm_error err;
	if (dm_sampler_create(&sampler, spec, NULL, &err) != DM_OK)
		fault(page, "%s: %s", spec, err.message);
	int32_t order = dm_sampler_order(sampler);
	dm_sampler_free(sampler);
	return order;
}

void check_slope(struct page *page, const struct setting *s, const char *where, double slope, int32_t nominal)
{
	if (!(slope >= nominal - s->below - TOLERANCE))
		fault(page, "%s, %s: order %.2f where %d is nominal", s->spec, where, slope, (int)nominal);
	if (!s->note && (s->below > 0 || !(slope <= nominal + WORTH_A_NOTE)))
		fault(page, "%s, %s: order %.2f where %d is nominal, and no note says why", s->spec, where, slope,
		      (int)nominal);
}

void write_grid(char *text, size_t capacity, int32_t steps)
{
	snprintf(text, capacity, "log_snr:steps=%d,sigma_max=%g,sigma_min=%g", (int)steps, TOP, BOTTOM);
}
