/* One step of stochastic Adams (Xue 2023) over given nodes. tau is the share of noise (0: ODE, 1: SDE), c = 1 + tau^2,
 * h = lambda' - lambda, theta the share of the step, L_j the Lagrange basis on the nodes:
 *
 *     x0       x' = e^(-tau^2 h) (sigma'/sigma) x + c alpha' h sum_j x0_j * integral of e^(-c h (1 - theta)) L_j(theta)
 *                   + sigma' sqrt(1 - e^(-2 tau^2 h)) z
 *     epsilon  x' = (alpha'/alpha) x - c sigma' h sum_j epsilon_j * integral of e^(h (1 - theta)) L_j(theta)
 *                   + tau sigma' sqrt(e^(2h) - 1) z
 *
 * simple: of two nodes the one at theta != 0 has the weight c alpha' h / (2 theta) in place of the integral (x0 form).
 * From alpha = 0 (x0 form) the one newest node stands for all. The epsilon form keeps the variance to first order. */
#ifndef DMI_STOCHASTIC_ADAMS_H
#define DMI_STOCHASTIC_ADAMS_H

#include "sampler/adams.h"

enum { DMI_SA_X0, DMI_SA_EPSILON };

struct dmi_stochastic_adams {
	const dm_node *from, *to;
	dm_val x;
	int predict, simple;
	double tau, s_noise;
	dm_val z; /* 0: drawn by the step, where it has noise */
};

dm_val dmi_emit_stochastic_adams(dm_emit *e, struct dmi_stochastic_adams *u, const struct dmi_nodes *nodes);

#endif
