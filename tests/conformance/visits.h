/* RePaint: a run that falls and climbs (sampler repaint of the format). */
#ifndef VISITS_H
#define VISITS_H

#include "check.h"
#include "demist.h"

/* The grid of all visits. */
int visits_grid(const struct test_case *c, const dm_schedule *schedule, struct verdict *verdict, dm_grid **out);

/* The recorded noise of a draw: a step's vector, also where the step draws twice; or the many of a climb as one. 0 where
 * the case has none. */
int visits_noise(const struct test_case *c, uint32_t draw, size_t n, double *out);

/* Binds what is known and the mask. */
int visits_bind(const struct test_case *c, dm_run *run, struct verdict *verdict);

#endif
