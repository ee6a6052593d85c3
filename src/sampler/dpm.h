/* The mathematics of the DPM-Solver family: one exponential step in lambda with the prediction m expanded in powers of
 * the way, h = lambda' - lambda, for the process with eta times the noise of the reverse SDE (0: its ODE, 1: the SDE).
 *
 *     x0:       x' = (sigma'/sigma) e^(-eta h) x + alpha' H (phi_1(-H) m + phi_2(-H) m1 + phi_3(-H) m2)
 *                    + sigma' sqrt(1 - e^(-2 eta h)) z,                               H = (1 + eta) h
 *     epsilon:  x' = (alpha'/alpha) x - (1 + eta) sigma' h (phi_1(h) m + phi_2(h) m1 + phi_3(h) m2)
 *                    + sigma' sqrt(eta (e^(2h) - 1)) z
 *
 * m1 = h dm/dlambda, m2 = h^2 d^2 m/dlambda^2 (Lu 2022a, 2022b; Gonzalez 2023). */
#ifndef DMI_DPM_H
#define DMI_DPM_H

#include "sampler/start.h"

enum { DMI_DPM_X0, DMI_DPM_EPSILON };

/* The space to ask the model for. */
int32_t dmi_dpm_space(int predict);

struct dmi_dpm {
	double x, m, m1, m2, z;
};

/* x0 also from alpha = 0 and to sigma = 0 or alpha = 0, where only m has a meaning; epsilon between levels above 0
 * (all 0 from alpha = 0: there the step is alpha' x0 + sigma' epsilon). */
struct dmi_dpm dmi_dpm_weights(const dm_node *from, const dm_node *to, int predict, double eta);

/* Whether a step can be made at all; fails where it cannot: noise that rises with eta > 0, epsilon with eta > 0 from
 * alpha = 0. */
int dmi_dpm_possible(dm_emit *e, const dm_step *s, int predict, double eta);

/* The step to sigma = 0: alpha' x0 of an evaluation in either space. */
dm_val dmi_emit_data(dm_emit *e, dm_val eval, const dm_node *to);

/* Whether predictions at two lambdas make a difference that a step of h can use: over a shorter distance, relative to
 * the step or to lambda, it is mostly rounding. */
int dmi_apart(double lambda, double other, double h);

/* How many earlier predictions, at most `wanted`, a step can use: those apart from each other and from the step's
 * start. 0 where the step itself is infinite or of no length in lambda. */
int dmi_history(const dm_step *s, int wanted);

/* The multistep step of order 1 to 3: m1 and m2 from divided differences of the newest predictions. midpoint:
 * phi_1 / 2 in place of phi_2 at order 2 (exact for a linear m up to the same order). true_order = 0: half of m2, the
 * published weight, with which order 3 is of order 2. n = dmi_history(): order - 1. */
struct dmi_multistep {
	int predict, order, midpoint, true_order, analytic_first;
	double eta, s_noise;
};

dm_val dmi_emit_multistep(dm_emit *e, const dm_step *s, const struct dmi_multistep *method, dm_val m);

#endif
