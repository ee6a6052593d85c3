/* What several samplers share: the scalars of a step and the pieces they emit. u = sigma / alpha throughout. */
#ifndef DMI_STEP_H
#define DMI_STEP_H

#include "sampler/sampler.h"

/* lambda(to) - lambda(from): positive towards the data, +inf from alpha = 0 or to sigma = 0; 0 between equal nodes. */
double dmi_lambda_step(const dm_node *from, const dm_node *to);

/* sigma / alpha; +inf at alpha = 0. */
double dmi_level(const dm_node *at);

/* x' = alpha' x0 + sigma' epsilon, written over x and x0: exact where the prediction is constant (DDIM with eta = 0,
 * Euler). */
dm_val dmi_emit_line(dm_emit *e, dm_val x, const dm_node *from, dm_val x0, const dm_node *to);

/* The split of a step from level u to level u' into a deterministic part down to `down` and fresh noise `up`
 * (Karras 2022, section 4; k-diffusion): up = min(u', eta u' sqrt(1 - u'^2/u^2)), down^2 + up^2 = u'^2. */
void dmi_ancestral_split(const dm_node *from, const dm_node *to, double eta, double *down, double *up);

/* Where the line of a prediction goes before noise is added, as a node for dm_emit_eval_to: the level u = sigma/alpha of
 * the schedule, u = 0 for methods that go to x0; the end of the step where the schedule has no such level. */
dm_node dmi_aim(dm_emit *e, const dm_step *s, double u);

/* dm_emit_fail with numbers, by the letters of base/text.h. */
void dmi_refuse(dm_emit *e, dm_status status, const char *format, ...);

/* Fails for methods that only go down in noise; returns whether the step goes down (or stays). */
int dmi_goes_down(dm_emit *e, const dm_step *s, const char *name);

/* Churn (Karras 2022, algorithm 2): noise is added up to u (1 + gamma), gamma = min(s_churn / n_step, sqrt 2 - 1) where
 * s_tmin <= u <= s_tmax, but never beyond the noise end of the schedule. The four options stand in this order. */
enum { DMI_S_CHURN, DMI_S_TMIN, DMI_S_TMAX, DMI_S_NOISE, DMI_AFTER_CHURN };
#define DMI_CHURN_OPTIONS                                                                                              \
	DMI_REAL("s_churn", "noise added over all steps; 0: none", 0, 0, 1e6),                                             \
	    DMI_REAL("s_tmin", "lowest sigma/alpha at which noise is added", 0, 0, 1e30),                                  \
	    DMI_REAL("s_tmax", "highest sigma/alpha at which noise is added", DMI_INFINITE, 0, DMI_INFINITE),              \
	    DMI_REAL("s_noise", "deviation of the added noise, 1 keeps the variance", 1, 0, 100)
#define DMI_INFINITE ((double)INFINITY)

/* Whether the window of churn has room. */
dm_status dmi_check_churn(const struct dmi_options *given, dm_error *err);

/* gamma; 0 where there is no churn. */
double dmi_churn_factor(const dm_step *s);

/* The state after churn and the node where it then is; both unchanged where there is none. */
dm_val dmi_emit_churn(dm_emit *e, const dm_step *s, dm_node *at);

#endif
