/* DEIS (Zhang 2023), exponential multistep in epsilon with rho = sigma/alpha and the k newest nodes:
 *
 *     x'/alpha' = x/alpha + sum_j C_j epsilon_j,     C_j = integral of L_j over rho from rho to rho'
 *
 * L_j the Lagrange basis in ln rho (form=log_rho), in rho itself (rho: lms), or in the time t(rho) of a vp process with
 * rho^2 = e^(B t^2 / 2 + b0 t) - 1 through (0.001, 0.002) and (1, 80), whatever the grid (t: the tAB of the paper with
 * the constants of EDM):
 *
 *     t(rho) = (sqrt(b0^2 + 2 B ln(1 + rho^2)) - b0) / B
 *
 * On grids of rectified flow the forms t and rho run over s with the velocity (adams.h). The order falls to 2 and 1 at
 * the last steps of grids of fewer than lower_order_below steps where lower_order_final = 1; the step to sigma' = 0 and
 * one from alpha = 0 over rho are the line. The C_j of a step are of its own nodes (ComfyUI's rhoab at order 4 keeps those
 * of step 3 for every later step: a defect). State: order - 1 earlier slopes. */
#include "base/compiler.h"
#include "sampler/adams.h"
#include "sampler/nominal.h"
#include "base/math.h"
#include <math.h>

enum { ORDER, FORM, LOWER_ORDER_FINAL, LOWER_ORDER_BELOW, START, ANALYTIC_FIRST, MAX_ORDER = 4 };
enum { LOG_RHO, RHO, TIME };

static const char *const forms[] = {"log_rho", "rho", "t", NULL};

static const dm_option options[] = {
    DMI_INTEGER("order", "order of the method", 3, 1, MAX_ORDER),
    DMI_CHOICE("form", "what the polynomial runs over: ln rho, rho = sigma/alpha, or the time of a vp process", LOG_RHO,
               forms),
    DMI_INTEGER("lower_order_final", "1: short grids end with orders 2 and 1", 1, 0, 1),
    DMI_INTEGER("lower_order_below", "what is a short grid, in steps", 15, 0, DMI_MOST_STEPS),
    DMI_START,
    DMI_ANALYTIC_FIRST,
};

static double time_of(double level)
{
	double first = dmi_log1p(0.002 * 0.002), last = dmi_log1p(80.0 * 80), l = dmi_log1p(level * level);
	double b = 2 * (first / 0.001 - last) / (0.001 - 1), b0 = last - b / 2;
	return 2 * l / (sqrt(b0 * b0 + 2 * b * l) + b0);
}

static double ve_time(const dm_node *at)
{
	return at->alpha > 0 ? time_of(dmi_level(at)) : INFINITY;
}

static double flow_time(const dm_node *at)
{
	return time_of(dmi_form_flow.abscissa(at));
}

/* A step from level to level, seen as theta in t. */
struct way {
	double from, to, t_from, t_way;
};

static void over_level(const void *context, double x, double *theta, double *kernel)
{
	const struct way *way = context;
	*theta = (time_of(way->from + x * (way->to - way->from)) - way->t_from) / way->t_way;
	*kernel = way->to - way->from;
}

static void weights(const dm_step *s, const struct dmi_form *of, int n, const double *theta, double *weight)
{
	struct way way = {of->abscissa(s->from), of->abscissa(s->to), 0, 0};
	way.t_from = time_of(way.from);
	way.t_way = time_of(way.to) - way.t_from;
	dmi_adams_over(n, theta, over_level, &way, weight);
	for (int j = 0; j < n; j++)
		weight[j] *= of->scale(s->to);
}

static void ve_weights(const dm_step *s, int n, const double *theta, double *weight)
{
	weights(s, &dmi_form_ve, n, theta, weight);
}

static void flow_weights(const dm_step *s, int n, const double *theta, double *weight)
{
	weights(s, &dmi_form_flow, n, theta, weight);
}

static int order_now(const dm_step *s)
{
	int order = (int)s->option[ORDER];
	int64_t left = s->n_step - s->step;
	if (s->to->sigma == 0)
		return 1;
	if (s->option[LOWER_ORDER_FINAL] == 0 || (double)s->n_step >= s->option[LOWER_ORDER_BELOW] || left > 2)
		return order;
	return left == 1 ? 1 : order < 2 ? order : 2;
}

static dm_status step(void *user, const dm_step *s, dm_emit *e)
{
	const struct dmi_form *form = &dmi_form_epsilon, *plain = dmi_coordinates(s, DMI_COORDINATES_AUTO);
	struct dmi_form timed = *plain;
	(void)user;
	timed.abscissa = plain == &dmi_form_flow ? flow_time : ve_time;
	timed.weights = plain == &dmi_form_flow ? flow_weights : ve_weights;
	if (s->option[FORM] != LOG_RHO)
		form = s->option[FORM] == TIME ? &timed : plain;
	dmi_emit_adams(e, s, form, order_now(s), s->option[START], s->option[ANALYTIC_FIRST] != 0);
	return DM_OK;
}

static int32_t order(const struct dmi_options *given)
{
	const double *o = given->value;
	int is_short = o[LOWER_ORDER_FINAL] != 0 && o[LOWER_ORDER_BELOW] >= DMI_MOST_STEPS;
	return dmi_order_with_end(is_short, dmi_started_order(o[ORDER], o[START], o[ANALYTIC_FIRST]));
}

const struct dmi_sampler_type dmi_sampler_deis = {
    DMI_METHOD_KNOWN("deis", "exponential integrator multistep in epsilon, orders 1 to 4", "Zhang 2023", options,
                     "diffusers: DEISMultistepScheduler; ComfyUI: deis (its mode tab is form=t, rhoab form=rho)"),
    {.struct_size = sizeof(dm_sampler_ops), .n_past = MAX_ORDER - 1, .step = step},
    .order = order,
};
