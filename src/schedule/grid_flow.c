/* Grid of flow models: s evenly spaced from top to bottom, then shifted, s <- m s / (1 + (m - 1) s)
 * (Esser et al. 2024, eq. 23). With the defaults s_i = shift(1 - i/N) and the final node is s = 0.
 *
 * extra = 1: N + 1 values, the last one dropped (final=included keeps it). extra = 0: N values, both ends included.
 * On another process the node is the one with sigma/(alpha + sigma) = s. */
#include "base/compiler.h"
#include "schedule/grid.h"
#include "base/error.h"
#include <math.h>

enum { SHIFT = DMI_GRID_OWN, TOP, BOTTOM, EXTRA, CAP };

extern const struct dmi_schedule_family dmi_schedule_flow;

static dm_status push(dm_grid *g, double s, dm_error *err)
{
	if (g->schedule->method == &dmi_schedule_flow.method)
		return dmi_grid_push_time(g, s, err);
	return dmi_grid_push_level(g, s / (1 - s), err);
}

static dm_status fill(dm_grid *g, dm_error *err)
{
	const double *option = g->options.value;
	size_t n = dmi_grid_steps(g), points = n + (size_t)option[EXTRA];
	size_t keep = dmi_grid_final_is(g, DMI_FINAL_INCLUDED) ? points : n;
	dm_status st = DM_OK;
	if (!(option[BOTTOM] < option[TOP]))
		return dmi_fail(err, DM_ERR_ARGUMENT, "grid \"flow\": bottom (%g) must be below top (%g)", option[BOTTOM],
		                option[TOP]);
	for (size_t i = 0; st == DM_OK && i < keep; i++) {
		double s = dmi_even(option[TOP], option[BOTTOM], i, points), m = option[SHIFT];
		st = push(g, fmin(m * s / (1 + (m - 1) * s), option[CAP]), err);
	}
	return st;
}

static const dm_option options[] = {
    DMI_GRID_OPTIONS,
    DMI_REAL("shift", "above 1: more steps near the noise", 1, 1e-3, 1e3),
    DMI_REAL("top", "first s before the shift", 1, 0, 1),
    DMI_REAL("bottom", "last s before the shift", 0, 0, 1),
    DMI_GRID_EXTRA(1),
    DMI_REAL("cap", "largest s after the shift; below 1 it keeps lambda finite at the start", 1, 0, 1),
};

const struct dmi_grid_family dmi_grid_flow = {
    DMI_METHOD("flow", "even in s, shifted", "Esser et al. 2024 (rectified flow transformers), eq. 23", options),
    fill,
};
