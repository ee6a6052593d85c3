/* SA-Solver (Xue 2023, algorithm 1), stochastic Adams: the step of stochastic_adams.h as a predictor over the p newest
 * predictions. When the next prediction arrives, the corrector redoes the last step from its own start with the same
 * noise over the q newest, that one included (pece = 1: and the prediction is made anew there). tau inside the window,
 * 0 elsewhere.
 *
 * With lower_order_final = 1 the predictor's order is at most the number of steps left before sigma = 0, the
 * corrector's that plus corrector_lead; the last step of order 1 makes the whole of order 2. start=rk: only where
 * tau = 0. The step to sigma' = 0 returns x0. State: three earlier predictions, the start of the last step, and its
 * noise, which as a draw takes no array. */
#include "base/compiler.h"
#include "sampler/nominal.h"
#include "sampler/stochastic_adams.h"
#include "base/error.h"
#include "base/math.h"
#include <math.h>

enum {
	PREDICT,
	PREDICTOR,
	CORRECTOR,
	PECE,
	SIMPLE,
	LOWER,
	LEAD,
	TAU,
	TAU_BY,
	TAU_FROM,
	TAU_TO,
	S_NOISE,
	START,
	ANALYTIC
};
enum { BY_FRACTION, BY_TIME, BY_LEVEL };
enum { START_OF_STEP, NOISE_OF_STEP, N_KEPT };
enum { MAX_ORDER = 4, UNCORRECTED = -1 /* pushed as the order of a step that is not to be corrected */ };

static const char *const predictions[] = {"x0", "epsilon", NULL};
static const char *const measures[] = {"fraction", "time", "level", NULL};

static const dm_option options[] = {
    DMI_CHOICE("predict", "what is extrapolated", DMI_SA_X0, predictions),
    DMI_INTEGER("predictor_order", "order of the predictor", 3, 1, MAX_ORDER),
    DMI_INTEGER("corrector_order", "order of the corrector; 0: none", 4, 0, MAX_ORDER),
    DMI_INTEGER("pece", "1: a second evaluation after the corrector", 0, 0, 1),
    DMI_INTEGER("simple_order_2", "1: the simplified weights of two nodes", 0, 0, 1),
    DMI_INTEGER("lower_order_final", "1: the orders fall towards the end", 1, 0, 1),
    DMI_INTEGER("corrector_lead", "how far the corrector's order may then exceed the number of steps left", 1, 1, 2),
    DMI_REAL("tau", "share of fresh noise inside the window: 0 ODE, 1 SDE", 1, 0, 10),
    DMI_CHOICE("tau_by",
               "what the window counts: the share of the process time, or the time, at a step's start; or the level "
               "(sigma/alpha; on rectified flow s) at its end",
               BY_FRACTION, measures),
    DMI_REAL("tau_from", "noisy end of the window, not below tau_to", 0.8, 0, DMI_INFINITE),
    DMI_REAL("tau_to", "clean end of the window", 0.2, 0, DMI_INFINITE),
    DMI_REAL("s_noise", "deviation of the fresh noise, 1 keeps the variance", 1, 0, 100),
    DMI_START,
    DMI_ANALYTIC_FIRST,
};

static double lambda_of(const dm_node *at)
{
	return at->lambda;
}

static double tau_of(const dm_step *s, const dm_node *from, const dm_node *to)
{
	const double *option = s->option, slack = 1e-9;
	double clean, noise, value = from->t;
	dm_schedule_range(s->schedule, &clean, &noise);
	if (option[TAU_BY] == BY_FRACTION)
		value = (value - clean) / (noise - clean);
	else if (option[TAU_BY] == BY_LEVEL)
		value = dmi_coordinates(s, DMI_COORDINATES_AUTO)->abscissa(to);
	return value >= option[TAU_TO] * (1 - slack) && value <= option[TAU_FROM] * (1 + slack) ? option[TAU] : 0;
}

/* The step between two nodes, or its repetition. */
static struct dmi_stochastic_adams update(const dm_step *s, const dm_node *from, const dm_node *to, dm_val x)
{
	struct dmi_stochastic_adams u = {from, to, x, (int)s->option[PREDICT], s->option[SIMPLE] != 0, 0, 0, 0};
	u.tau = tau_of(s, from, to);
	u.s_noise = s->option[S_NOISE];
	return u;
}

/* The last step again, from where it started, with the prediction m at its end. */
static dm_val correct(dm_emit *e, const dm_step *s, int order, dm_val m)
{
	const dm_past *last = &s->past[0];
	struct dmi_history history = {s->past + 1, s->n_past - 1, s->option[ANALYTIC] != 0};
	struct dmi_stochastic_adams u = update(s, &last->at, s->from, s->kept[START_OF_STEP]);
	struct dmi_nodes nodes = dmi_emit_nodes(e, u.from, u.to, &history, lambda_of, order - 1);
	nodes.n = order > 1 ? nodes.n : 0;
	nodes.value[0] = last->prediction;
	nodes.theta[nodes.n] = 1;
	nodes.value[nodes.n++] = m;
	u.z = s->kept[NOISE_OF_STEP];
	if (history.analytic_first) /* the start that every correction goes back to has never been right */
		dm_emit_departs(e, DM_DEPARTS_MEAN | DM_DEPARTS_VARIANCE);
	return dmi_emit_stochastic_adams(e, &u, &nodes);
}

static dm_val predict(dm_emit *e, const dm_step *s, dm_val x, dm_val m, int order)
{
	struct dmi_history history = {s->past, s->n_past, s->option[ANALYTIC] != 0};
	struct dmi_stochastic_adams u = update(s, s->from, s->to, x);
	struct dmi_nodes nodes = dmi_emit_nodes(e, u.from, u.to, &history, lambda_of, order);
	nodes.value[0] = m;
	dm_val to = dmi_emit_stochastic_adams(e, &u, &nodes);
	if (u.z)
		dm_emit_keep(e, NOISE_OF_STEP, u.z);
	return to;
}

static int is_corrected(const dm_step *s, int order)
{
	return s->n_past && order > 0 && s->past[0].order != UNCORRECTED && dmi_is_finite(s->past[0].at.lambda) &&
	       (s->to->sigma > 0 || s->option[PECE] != 0);
}

static int is_possible(dm_emit *e, const dm_step *s)
{
	if (s->from->alpha == 0 && s->option[PREDICT] == DMI_SA_EPSILON)
		dm_emit_fail(e, DM_ERR_UNSUPPORTED, "sampler \"sa_solver\": predict=epsilon cannot start at alpha = 0");
	return dmi_goes_down(e, s, "sampler \"sa_solver\" needs noise that falls from node to node");
}

static dm_status step(void *user, const dm_step *s, dm_emit *e)
{
	const double *option = s->option;
	double left = (double)(s->n_step - s->step - (s->grid[s->n_step].sigma == 0));
	double reach = option[LOWER] != 0 ? left : MAX_ORDER;
	int p = (int)fmin(option[PREDICTOR], reach), q = (int)fmin(option[CORRECTOR], reach + option[LEAD]);
	int most = p > q ? p : q;
	int32_t space = option[PREDICT] == DMI_SA_X0 ? DM_SPACE_X0 : DM_SPACE_EPSILON;
	dm_val x = s->x, to;
	(void)user;
	if (!is_possible(e, s))
		return DM_OK;
	if (option[TAU] > 0 && (option[S_NOISE] != 1 || space == DM_SPACE_EPSILON))
		dm_emit_departs(e, DM_DEPARTS_VARIANCE); /* for good: corrections go back to earlier starts */
	struct dmi_seen seen = dmi_see(e, s, option[ANALYTIC] != 0);
	dm_val m = dmi_view(e, &seen, space);
	q = q < s->n_past + 1 ? q : s->n_past + 1;
	if (is_corrected(s, q)) {
		x = correct(e, s, q, m);
		if (option[PECE] != 0) {
			seen = (struct dmi_seen){dm_emit_eval(e, x, s->from, DM_SPACE_X0), x, s->from};
			m = dmi_view(e, &seen, space);
		}
	}
	int starts = x == s->x && tau_of(s, s->from, s->to) == 0 && dmi_starts(s, (int)option[START], most, s->n_past + 1);
	if (s->to->sigma == 0)
		to = dm_emit_linear(e, 1, (dm_term[]){{s->to->alpha, dmi_view(e, &seen, DM_SPACE_X0)}});
	else
		to = starts ? dmi_emit_start(e, s, &seen, most) : predict(e, s, x, m, p);
	dm_emit_state(e, to);
	dm_emit_keep(e, START_OF_STEP, x);
	dm_emit_push(e, s->from, m, starts ? UNCORRECTED : p);
	return DM_OK;
}

/* That of the corrector, at most one above the predictor's. A start of order 1 leaves an error of h^2, of h^3 where it is
 * corrected. */
static int32_t order(const struct dmi_options *given)
{
	const double *o = given->value;
	int32_t p = (int32_t)o[PREDICTOR], q = (int32_t)o[CORRECTOR], start = q > 1 ? 3 : 2;
	int32_t ode = q == 0 ? p : q < p + 1 ? q : p + 1;
	if (o[START] == DMI_START_EULER && ode > start)
		ode = start;
	ode = o[ANALYTIC] != 0 ? 1 : dmi_order_with_end(o[LOWER], ode);
	return dmi_noisy_order(o[TAU], o[S_NOISE], ode, ode < 2 ? ode : 2);
}

static dm_status check(const struct dmi_options *given, dm_error *err)
{
	static const struct dmi_need needs[] = {{SIMPLE, PREDICT, DMI_SA_X0}};
	const double *o = given->value;
	if (o[TAU] > 0 && o[TAU_FROM] < o[TAU_TO])
		return dmi_fail(
		    err, DM_ERR_ARGUMENT,
		    "sampler \"sa_solver\": tau_from = %g, the noisy end of the window, is below tau_to = %g; tau=0 is the ODE",
		    o[TAU_FROM], o[TAU_TO]);
	if (o[PECE] != 0 && o[CORRECTOR] == 0)
		return dmi_option_needs(given, "sampler", "sa_solver", options, PECE, "corrector_order above 0", err);
	return dmi_options_check_needs(given, "sampler", "sa_solver", options, needs, 1, err);
}

const struct dmi_sampler_type dmi_sampler_sa_solver = {
    DMI_METHOD_KNOWN("sa_solver", "stochastic Adams, predictor and corrector", "Xue 2023, algorithm 1", options,
                     "diffusers: SASolverScheduler (tau_by=time); ComfyUI: sa_solver (tau_by=level), sa_solver_pece "
                     "(tau_by=level,pece=1)"),
    {.struct_size = sizeof(dm_sampler_ops), .n_past = MAX_ORDER - 1, .n_kept = N_KEPT, .step = step},
    .order = order,
    .check = check,
};
