/* One single-step exponential Runge-Kutta step of order 1 to 3 (Lu 2022a, algorithms 1 and 2; Lu 2022b; with eta > 0
 * Gonzalez 2023), from one node to another, evaluations at lambda + r1 h and lambda + r2 h between them:
 *
 *     x_1 = first-order point at r1, m_1 there;  x_2 = that at r2 with (r2/r1) (m_1 - m) as slope, m_2 there
 *     order 2: slope (m_1 - m) / r1      order 3: slope (m_2 - m) / r2, or with taylor = 1 slope and curvature of the
 *                                                 parabola through m, m_1, m_2
 *
 * in the step of dpm.h; order 2 with midpoint = 1 takes phi_1 / 2 for phi_2. With eta > 0 the inner points carry
 * the noise of their part of the way, and the result that of all parts. */
#ifndef DMI_SINGLE_H
#define DMI_SINGLE_H

#include "sampler/dpm.h"

struct dmi_single {
	const dm_step *s;
	const dm_node *from, *to;
	dm_val x, m; /* at from */
	dm_val x0;   /* epsilon with eta = 0, optional: the other view of m, which keeps long steps free of cancellation */
	int predict, midpoint, taylor;
	double eta, s_noise, r[2];
	dm_val inner[2];   /* m_1, m_2, set by the stages */
	dm_node reached;   /* how far the noise is */
	double carried[3]; /* on draw[], in units of sigma (x0) or alpha (epsilon) */
	dm_val draw[3];
	int n_draw;
};

/* Evaluates the inner points an order needs; the order possible: 1 where h is not finite. */
int dmi_single_stages(dm_emit *e, struct dmi_single *o, int order);

/* The state at to. */
dm_val dmi_single_result(dm_emit *e, struct dmi_single *o, int order);

#endif
