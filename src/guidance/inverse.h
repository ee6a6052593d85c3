/* What the methods for inverse problems share. */
#ifndef DMI_INVERSE_H
#define DMI_INVERSE_H

#include "guidance/guidance.h"

/* The variance of an element of the clean sample given the state, where it has variance d^2 by itself and all are
 * independent and normal: sigma^2 d^2 / (sigma^2 + alpha^2 d^2). */
static inline double dmi_inverse_variance(const dm_node *at, double d)
{
	return at->sigma * at->sigma * d * d / (at->sigma * at->sigma + at->alpha * at->alpha * d * d);
}

#endif
