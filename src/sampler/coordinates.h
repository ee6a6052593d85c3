/* Over which variable a Runge-Kutta step in the levels runs, with slopes from predictions k of weights w_k, sum 1:
 *
 *     ve      over u = sigma/alpha:   x' = (alpha'/alpha) x + alpha' (u' - u) sum w_k epsilon_k
 *     native  over (alpha, sigma):    x' = x + (alpha' - alpha) sum w_k x0_k + (sigma' - sigma) sum w_k epsilon_k
 *
 * auto takes native where alpha + sigma = 1 (rectified flow: velocities), ve elsewhere. */
#ifndef DMI_COORDINATES_H
#define DMI_COORDINATES_H

#include "sampler/step.h"

enum { DMI_COORDINATES_AUTO, DMI_COORDINATES_VE, DMI_COORDINATES_NATIVE };
extern const char *const dmi_coordinates_words[4];

#define DMI_COORDINATES                                                                                                \
	DMI_CHOICE("coordinates", "auto; ve: x/alpha over sigma/alpha; native: x over (alpha, sigma)",                     \
	           DMI_COORDINATES_AUTO, dmi_coordinates_words)

int dmi_is_native(int coordinates, const dm_node *from, const dm_node *to);

/* u, or sigma/(alpha + sigma). */
double dmi_coordinate(const dm_node *at, int native);

/* eval: n <= 3 evaluations in the space of x0. ve needs alpha > 0 at both ends. */
dm_val dmi_emit_slopes(dm_emit *e, dm_val x, const dm_node *from, const dm_node *to, int native, int n,
                       const double *weight, const dm_val *eval);

#endif
