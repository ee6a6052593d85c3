/* iPNDM with variable steps (k-diffusion's LMS under the name of ComfyUI): Adams-Bashforth of order k with the weights
 * of the steps as they are, in the coordinates of adams.h; the step to sigma' = 0 is the line.
 *
 * compat=comfyui: the weights as published there. With steps g (this one), g1, g2, g3 (earlier ones), q = g/g1,
 * p = g1/g2, v = g1 (g1 + g2) / (g2 (g2 + g3)):
 *
 *     2  1 + q/2, -q/2
 *     3  1 + q/2 + T, -q/2 - (1 + p) T, p T,                T = (1 - g^2 / (3 g1 (g1 + g2))) / 2
 *     4  1 + q/2 + T + U, -q/2 - (1 + p) T - (1 + p + v) U, p T + (p + v (1 + g2/g3)) U, -p v U
 *        U = ((1 - g/(3 (g + g1))) / 2 + (1 - g/(2 (g + g1))) g / (6 (g + g1 + g2))) g (g + g1) (g + g1 + g2)
 *            / (g1 (g1 + g2) (g1 + g2 + g3))
 *
 * Adams-Bashforth has T = (1 - g/(3 (g + g1))) / 2 * g (g + g1) / (g1 (g1 + g2)) and the last weight -(g2/g3) v U; as
 * published the order is 2, and four terms do not carry a constant. State: order - 1 earlier slopes. */
#include "base/compiler.h"
#include "sampler/adams.h"
#include "sampler/nominal.h"

enum { ORDER, COORDINATES, START, COMPAT, ANALYTIC_FIRST, MAX_ORDER = 4 };
enum { NONE, COMFYUI };

static const char *const compats[] = {"none", "comfyui", NULL};

static const dm_option options[] = {
    DMI_INTEGER("order", "order of the method", 4, 1, MAX_ORDER),
    DMI_COORDINATES,
    DMI_START,
    DMI_CHOICE("compat", "comfyui: its weights, which are of order 2", NONE, compats),
    DMI_ANALYTIC_FIRST,
};

static void published(int n, const double *theta, double *weight)
{
	double g = 1, g1 = -theta[1], q = g / g1;
	weight[0] = 1 + q / 2;
	weight[1] = -q / 2;
	if (n < 3)
		return;
	double g2 = theta[1] - theta[2], p = g1 / g2, t = (1 - g * g / (3 * g1 * (g1 + g2))) / 2;
	weight[0] += t;
	weight[1] -= (1 + p) * t;
	weight[2] = p * t;
	if (n < 4)
		return;
	double g3 = theta[2] - theta[3], v = g1 * (g1 + g2) / (g2 * (g2 + g3));
	double u = (1 - g / (3 * (g + g1))) / 2 + (1 - g / (2 * (g + g1))) * g / (6 * (g + g1 + g2));
	u *= g * (g + g1) * (g + g1 + g2) / (g1 * (g1 + g2) * (g1 + g2 + g3));
	weight[0] += u;
	weight[1] -= (1 + p + v) * u;
	weight[2] += (p + v * (1 + g2 / g3)) * u;
	weight[3] = -p * v * u;
}

static void ve_published(const dm_step *s, int n, const double *theta, double *weight)
{
	double way = s->to->alpha * (dmi_level(s->to) - dmi_level(s->from));
	published(n, theta, weight);
	for (int j = 0; j < n; j++)
		weight[j] *= way;
}

static void flow_published(const dm_step *s, int n, const double *theta, double *weight)
{
	const struct dmi_form *flow = &dmi_form_flow;
	double way = flow->scale(s->to) * (flow->abscissa(s->to) - flow->abscissa(s->from));
	published(n, theta, weight);
	for (int j = 0; j < n; j++)
		weight[j] *= way;
}

static dm_status step(void *user, const dm_step *s, dm_emit *e)
{
	const struct dmi_form *form = dmi_coordinates(s, s->option[COORDINATES]);
	struct dmi_form compat = *form;
	int order = s->to->sigma == 0 ? 1 : (int)s->option[ORDER];
	(void)user;
	if (s->option[COMPAT] == COMFYUI) {
		compat.weights = form == &dmi_form_flow ? flow_published : ve_published;
		form = &compat;
		if (order == 4 && s->n_past >= 3)
			dm_emit_departs(e, DM_DEPARTS_MEAN | DM_DEPARTS_VARIANCE);
	}
	dmi_emit_adams(e, s, form, order, s->option[START], s->option[ANALYTIC_FIRST] != 0);
	return DM_OK;
}

static int32_t order(const struct dmi_options *given)
{
	double start = given->value[COMPAT] == NONE ? given->value[START] : DMI_START_EULER;
	return dmi_started_order(given->value[ORDER], start, given->value[ANALYTIC_FIRST]);
}

const struct dmi_sampler_type dmi_sampler_ipndm_v = {
    DMI_METHOD_KNOWN("ipndm_v", "iPNDM with the weights of variable steps, orders 1 to 4", "Zhang 2023", options,
                     "ComfyUI: ipndm_v (compat=comfyui); stable-diffusion.cpp: ipndm_v"),
    {.struct_size = sizeof(dm_sampler_ops), .n_past = MAX_ORDER - 1, .step = step},
    .order = order,
};
