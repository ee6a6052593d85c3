/* What the orders of whole runs are made of: see dm_sampler_order. They hold as the steps of a grid even in lambda become
 * short, so a reduction on grids of few steps does not count. */
#ifndef DMI_NOMINAL_H
#define DMI_NOMINAL_H

#include "sampler/start.h"

enum { DMI_MOST_STEPS = 1000000 }; /* of a grid; with lower_order_below as large, the order always falls at the end */

/* `ode` where no noise is asked for (eta, s_churn: 0); else `weak`, as long as its deviation is that of the process: of a
 * run with s_noise other than 1 no order is claimed. */
int32_t dmi_noisy_order(double noise, double s_noise, int32_t ode, int32_t weak);

/* The same of a method whose options begin with those of churn: weak order 1. */
int32_t dmi_churned_order(const double *option, int32_t ode);

/* Of a multistep method of so many terms. Its order rises from 1, which leaves an error of h^2 behind, unless single
 * steps start it; an analytic first prediction, wrong by a constant, leaves one of h. */
int32_t dmi_started_order(double terms, double start, double analytic_first);

/* At most 2 where the last step has order 1. */
int32_t dmi_order_with_end(double falls, int32_t order);

#endif
