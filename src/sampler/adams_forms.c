/* The forms of adams.h. */
#include "base/compiler.h"
#include "sampler/adams.h"
#include "base/math.h"
#include <math.h>

const char *const dmi_coordinate_words[4] = {"auto", "ve", "flow", NULL};

static double alpha_of(const dm_node *at)
{
	return at->alpha;
}

static double sigma_of(const dm_node *at)
{
	return at->sigma;
}

static double lambda_of(const dm_node *at)
{
	return at->lambda;
}

static double sum_of(const dm_node *at)
{
	return at->alpha + at->sigma;
}

static double share_of(const dm_node *at)
{
	return at->sigma / (at->alpha + at->sigma);
}

static void multiply(int n, double factor, double *weight)
{
	for (int j = 0; j < n; j++)
		weight[j] *= factor;
}

static void ve_weights(const dm_step *s, int n, const double *theta, double *weight)
{
	dmi_adams(n, theta, 0, weight);
	multiply(n, s->to->alpha * (dmi_level(s->to) - dmi_level(s->from)), weight);
}

static void flow_weights(const dm_step *s, int n, const double *theta, double *weight)
{
	dmi_adams(n, theta, 0, weight);
	multiply(n, sum_of(s->to) * (share_of(s->to) - share_of(s->from)), weight);
}

/* -sigma' h times the integral of e^((1 - theta) h) L_j. */
static void epsilon_weights(const dm_step *s, int n, const double *theta, double *weight)
{
	double h = dmi_lambda_step(s->from, s->to);
	dmi_adams(n, theta, h, weight);
	multiply(n, -s->to->sigma * h, weight);
}

/* alpha' h times the integral of e^(-(1 - theta) h) L_j. */
static void x0_weights(const dm_step *s, int n, const double *theta, double *weight)
{
	double h = dmi_lambda_step(s->from, s->to);
	dmi_adams(n, theta, -h, weight);
	multiply(n, s->to->alpha * h, weight);
}

const struct dmi_form dmi_form_ve = {DM_SPACE_EPSILON, alpha_of, dmi_level, ve_weights, 0};
const struct dmi_form dmi_form_flow = {DMI_SPACE_FLOW, sum_of, share_of, flow_weights, 0};
const struct dmi_form dmi_form_epsilon = {DM_SPACE_EPSILON, alpha_of, lambda_of, epsilon_weights, 0};
const struct dmi_form dmi_form_x0 = {DM_SPACE_X0, sigma_of, lambda_of, x0_weights, 0};

int dmi_is_flow(const dm_step *s)
{
	const dm_node *middle =
	    &s->grid[(s->n_step + 1) / 2]; /* at an end other processes can have alpha + sigma = 1 too */
	return fabs(sum_of(middle) - 1) < 1e-9;
}

const struct dmi_form *dmi_coordinates(const dm_step *s, double option)
{
	int flow = option == DMI_COORDINATES_FLOW || (option == DMI_COORDINATES_AUTO && dmi_is_flow(s));
	return flow ? &dmi_form_flow : &dmi_form_ve;
}
