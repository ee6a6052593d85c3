/* The Runge-Kutta pair of orders 5 and 4 of Dormand and Prince (1980), and its control of the step. */
#ifndef DMI_RK45_H
#define DMI_RK45_H

#include "base/math.h"
#include <math.h>

enum { DMI_RK45_STAGES = 7 };

/* Nodes, stage weights, the weights of order 5 (those of the last stage, whose value is the result), and these minus
 * the weights of order 4; as initialisers. */
#define DMI_RK45_C                                                                                                     \
	{                                                                                                                  \
		0, 1.0 / 5, 3.0 / 10, 4.0 / 5, 8.0 / 9, 1, 1                                                                   \
	}
#define DMI_RK45_B                                                                                                     \
	{                                                                                                                  \
		35.0 / 384, 0, 500.0 / 1113, 125.0 / 192, -2187.0 / 6784, 11.0 / 84                                            \
	}
#define DMI_RK45_A                                                                                                     \
	{                                                                                                                  \
		{0}, {1.0 / 5}, {3.0 / 40, 9.0 / 40}, {44.0 / 45, -56.0 / 15, 32.0 / 9},                                       \
		    {19372.0 / 6561, -25360.0 / 2187, 64448.0 / 6561, -212.0 / 729},                                           \
		    {9017.0 / 3168, -355.0 / 33, 46732.0 / 5247, 49.0 / 176, -5103.0 / 18656}, DMI_RK45_B                      \
	}
#define DMI_RK45_DIFFERENCE                                                                                            \
	{                                                                                                                  \
		71.0 / 57600, 0, -71.0 / 16695, 71.0 / 1920, -17253.0 / 339200, 22.0 / 525, -1.0 / 40                          \
	}

/* The factor from the size of a trial to that of the next, from its error (accepted below 1); the step after a rejected
 * trial does not grow. */
static inline double dmi_rk45_factor(double error, int after_rejection)
{
	double factor = error > 0 ? fmin(10, fmax(0.2, 0.9 * dmi_pow(error, -0.2))) : 10;
	return after_rejection && error < 1 ? fmin(factor, 1) : factor;
}

#endif
