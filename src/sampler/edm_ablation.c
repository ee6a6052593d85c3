/* The sampler of the EDM ablation study (Karras 2022, algorithms 1 and 3): Runge-Kutta of order 2 in the process time t,
 *
 *     dx/dt = alpha' x0 + sigma' epsilon,     alpha' = d alpha/dt = f alpha,   sigma' = f sigma + g^2 / (2 sigma)
 *     x_p = x + a h d at t + a h,   x' = x + h ((1 - 1/(2a)) d + d_p / (2a)),   h = t' - t
 *
 * d, d_p the right side there; a = 1 is Heun, 1/2 midpoint. solver = euler, and the step to sigma = 0: x + h d. What
 * is not linear in t does not keep mean and variance exactly. Churn as in euler. State: none. */
#include "base/compiler.h"
#include "sampler/nominal.h"
#include "sampler/step.h"
#include <math.h>

enum { SOLVER = DMI_AFTER_CHURN, ALPHA };
enum { EULER, HEUN };

static const char *const solvers[] = {"euler", "heun", NULL};

static const dm_option options[] = {
    DMI_CHURN_OPTIONS,
    DMI_CHOICE("solver", "order 1 or 2", HEUN, solvers),
    DMI_REAL("alpha", "where in the step the second evaluation is made: 1 Heun, 1/2 midpoint", 1, 0.01, 1),
};

/* d(alpha)/dt and d(sigma)/dt. */
struct rates {
	double alpha, sigma;
};

static int rates_at(dm_emit *e, const dm_step *s, const dm_node *at, struct rates *out)
{
	if (at->sigma > 0 && dm_schedule_slopes(s->schedule, at->t, &out->alpha, &out->sigma, NULL) == DM_OK)
		return 1;
	dm_emit_fail(
	    e, DM_ERR_UNSUPPORTED,
	    "sampler \"edm_ablation\" steps in time: d alpha/dt and d sigma/dt must be finite at every node but the "
	    "last");
	return 0;
}

/* x + h dx/dt with evaluations at one or two nodes, weights w. */
static dm_val advance(dm_emit *e, dm_val x, double h, int n, const struct rates *rate, const dm_val *x0,
                      const double *w)
{
	dm_term term[5] = {{1, x}};
	for (int k = 0; k < n; k++) {
		dm_val epsilon = dm_emit_part(e, x0[k], DM_PART_PREDICTION, DM_SPACE_EPSILON);
		term[1 + 2 * k] = (dm_term){h * w[k] * rate[k].alpha, x0[k]};
		term[2 + 2 * k] = (dm_term){h * w[k] * rate[k].sigma, epsilon};
	}
	return dm_emit_linear(e, 1 + 2 * n, term);
}

/* Where the straight line in t misses the levels. */
static void declare(dm_emit *e, const dm_node *at, double h, const struct rates *rate, const dm_node *to)
{
	if (fabs(at->alpha + h * rate->alpha - to->alpha) > 1e-9 ||
	    fabs(at->sigma + h * rate->sigma - to->sigma) > 1e-9 * fmax(1, at->sigma))
		dm_emit_departs(e, DM_DEPARTS_MEAN | DM_DEPARTS_VARIANCE);
}

static dm_status step(void *user, const dm_step *s, dm_emit *e)
{
	dm_node at, inner = *s->to;
	struct rates rate[2];
	double a = s->option[ALPHA];
	(void)user;
	dm_val x = dmi_emit_churn(e, s, &at), x0[2];
	double h = s->to->t - at.t;
	if (!rates_at(e, s, &at, &rate[0]))
		return DM_OK;
	x0[0] = dm_emit_eval(e, x, &at, DM_SPACE_X0);
	declare(e, &at, h, rate, s->to);
	if (s->option[SOLVER] == EULER || s->to->sigma == 0) {
		dm_emit_state(e, advance(e, x, h, 1, rate, x0, (double[]){1}));
		return DM_OK;
	}
	if (a < 1 && dm_schedule_at_time(s->schedule, at.t + a * h, &inner, NULL) != DM_OK)
		dm_emit_fail(e, DM_ERR_UNSUPPORTED,
		             "sampler \"edm_ablation\": the schedule has no level inside one of the steps");
	if (!rates_at(e, s, &inner, &rate[1]))
		return DM_OK;
	x0[1] = dm_emit_eval(e, advance(e, x, a * h, 1, rate, x0, (double[]){1}), &inner, DM_SPACE_X0);
	declare(e, &at, a * h, rate, &inner);
	dm_emit_state(e, advance(e, x, h, 2, rate, x0, (double[]){1 - 1 / (2 * a), 1 / (2 * a)}));
	return DM_OK;
}

static int32_t order(const struct dmi_options *given)
{
	return dmi_churned_order(given->value, given->value[SOLVER] == HEUN ? 2 : 1);
}

const struct dmi_sampler_type dmi_sampler_edm_ablation = {
    .method = DMI_METHOD_KNOWN("edm_ablation", "order 2 in the process time, with churn",
                               "Karras 2022, algorithms 1, 3", options, "diffusers: KarrasVeScheduler (deprecated)"),
    .ops = {.struct_size = sizeof(dm_sampler_ops), .step = step},
    .order = order,
    .check = dmi_check_churn,
};
