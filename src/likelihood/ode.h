/* What the two files of the ODE share. */
#ifndef DMI_ODE_H
#define DMI_ODE_H

#include "likelihood/likelihood.h"

enum {
	DMI_ODE_METHOD,
	DMI_ODE_STEPS,
	DMI_ODE_GRID,
	DMI_ODE_TIMES,
	DMI_ODE_T_MIN,
	DMI_ODE_T_MAX,
	DMI_ODE_RTOL,
	DMI_ODE_ATOL,
	DMI_ODE_H_INIT,
	DMI_ODE_NORM,
	DMI_ODE_DIVERGENCE,
	DMI_ODE_DIFFERENCE_STEP,
	DMI_ODE_PROBE,
	DMI_ODE_N_PROBE,
	DMI_ODE_START,
	DMI_ODE_PRIOR_STD,
	DMI_ODE_OFFSET
};
enum { DMI_PROBE_RADEMACHER, DMI_PROBE_NORMAL, DMI_PROBE_EXACT };

/* The node at an angle between the ends. */
dm_status dmi_ode_node(const dm_likelihood *l, double angle, dm_node *out, dm_error *err);

/* y_next = y + h sum_s weight[s] slope[s] of a sample, over n stages. */
void dmi_ode_advance(dm_likelihood *l, size_t i, const double *weight, int32_t n);

/* The requests of a stage for the n samples in l->ask.row, and their answers. */
dm_status dmi_ode_ask_prediction(dm_likelihood *l, size_t n, dm_error *err);
dm_status dmi_ode_ask_probe(dm_likelihood *l);
dm_status dmi_ode_take(void *object, dm_error *err);

/* After the last stage: every sample goes on, or tries again. */
void dmi_ode_end_trial(dm_likelihood *l);

#endif
