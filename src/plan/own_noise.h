/* The noise that a step itself adds to the state. */
#ifndef DMI_OWN_NOISE_H
#define DMI_OWN_NOISE_H

#include "plan/emit.h"

/* The variance of the sampler's draws in the state it left, given the state it started from and its evaluations; NaN
 * where a draw also goes through an evaluation or a map, so that its weight is no number. */
double dmi_own_noise(const dm_emit *e);

#endif
