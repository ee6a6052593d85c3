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

void check_slope(struct page *page, const struct setting *s, const char *where, double slope)
{
	if (!(slope >= s->order - TOLERANCE))
		fault(page, "%s, %s: order %.2f where %g is claimed", s->spec, where, slope, s->order);
	if (!s->note && !(slope <= s->order + WORTH_A_NOTE))
		fault(page, "%s, %s: order %.2f where %g is claimed, and no note says why", s->spec, where, slope, s->order);
}

void write_grid(char *text, size_t capacity, int32_t steps)
{
	snprintf(text, capacity, "log_snr:steps=%d,sigma_max=%g,sigma_min=%g", (int)steps, TOP, BOTTOM);
}
