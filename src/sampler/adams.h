/* Linear multistep methods for the probability-flow ODE in several coordinates.
 *
 * A form writes the ODE as d(x / scale) = slope dtau with a slope that is a prediction in some space, and extrapolates
 * the slope by a polynomial in an abscissa through the newest nodes:
 *
 *     x' = (scale'/scale) x + sum_j W_j slope_j,     W_j = scale' * integral of L_j over the step
 *
 * ve          scale alpha,          slope epsilon,       tau = abscissa = u = sigma/alpha
 * flow        scale alpha + sigma,  slope epsilon - x0,  tau = abscissa = s = sigma/(alpha + sigma)
 * epsilon     scale alpha,          slope epsilon,       tau = u, abscissa lambda
 * x0          scale sigma,          slope x0,            tau = e^lambda, abscissa lambda
 *
 * A constant denoiser has constant slopes in all of them, so the step of one term is the line x' = alpha' x0 + sigma'
 * epsilon. */
#ifndef DMI_ADAMS_H
#define DMI_ADAMS_H

#include "sampler/adams_weights.h"
#include "sampler/single.h"

struct dmi_form {
	int32_t space;
	double (*scale)(const dm_node *at);
	double (*abscissa)(const dm_node *at); /* where it is not finite there is only the line */
	void (*weights)(const dm_step *s, int n, const double *theta, double *weight);
	int32_t rotates; /* 1: one term is not the line, because the slope of a constant denoiser is not constant */
};

extern const struct dmi_form dmi_form_ve, dmi_form_flow, dmi_form_epsilon, dmi_form_x0;

/* Whether the grid is of rectified flow: alpha + sigma = 1. One answer for all steps of a run. */
int dmi_is_flow(const dm_step *s);

/* coordinates=auto: flow there, ve elsewhere. */
enum { DMI_COORDINATES_AUTO, DMI_COORDINATES_VE, DMI_COORDINATES_FLOW };
extern const char *const dmi_coordinate_words[4];
#define DMI_COORDINATES                                                                                                \
	DMI_CHOICE("coordinates", "ve: over sigma/alpha; flow: over sigma/(alpha+sigma); auto: flow where the grid is",    \
	           DMI_COORDINATES_AUTO, dmi_coordinate_words)
const struct dmi_form *dmi_coordinates(const dm_step *s, double option);

/* x' = alpha' x0 + sigma' epsilon; up from sigma = 0 epsilon is the model's. */
dm_val dmi_emit_prediction_line(dm_emit *e, const dm_step *s, const struct dmi_seen *seen);

/* The state by a single step of order - 1 (single.h). */
dm_val dmi_emit_start(dm_emit *e, const dm_step *s, const struct dmi_seen *seen, int order);

/* The nodes that a step from -> to may use, at most `order`: theta = 0 (whose value is left to the caller), then the
 * newest of past that are finite in the abscissa and apart from each other. */
struct dmi_nodes {
	int n;
	double theta[DMI_MAX_ADAMS];
	dm_val value[DMI_MAX_ADAMS];
};

struct dmi_history {
	const dm_past *past;
	int32_t n_past;
	int analytic_first;
};

struct dmi_nodes dmi_emit_nodes(dm_emit *e, const dm_node *from, const dm_node *to, const struct dmi_history *history,
                                double (*abscissa)(const dm_node *at), int order);

/* The whole step: evaluates, sets the state, pushes. order: at most; 1 is the line. */
void dmi_emit_adams(dm_emit *e, const dm_step *s, const struct dmi_form *form, int order, double start,
                    int analytic_first);

#endif
