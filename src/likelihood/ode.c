/* The log-density by the probability-flow ODE (Song 2021, section 4.3; Chen 2018 for the change of density; Hutchinson's
 * estimator as in Grathwohl 2019), in coordinates that are smooth at both ends: with r = sqrt(alpha^2 + sigma^2),
 * y = x / r and tan(a) = sigma / alpha,
 *
 *     x = alpha x0 + sigma epsilon, dx = dalpha x0 + dsigma epsilon    =>    dy/da = cos(a) epsilon - sin(a) x0 = v
 *     d ln p(y) / da = -div v,    ln p(x) = ln p(y) - n ln r
 *
 * Of a prediction, v = row[0] x + row[1] out, so div v = n r row[0] + row[1] tr(d out / dy). This file makes the nodes and
 * the steps; stage.c evaluates v and its divergence. */
#include "base/compiler.h"
#include "likelihood/ode.h"
#include "base/error.h"
#include "base/math.h"
#include "sampler/rk45.h"
#include <math.h>
#include <string.h>

enum { BIT_FIXED = 1u << DMI_ODE_STEPS | 1u << DMI_ODE_GRID | 1u << DMI_ODE_TIMES };
enum { BIT_ADAPTIVE = 1u << DMI_ODE_RTOL | 1u << DMI_ODE_ATOL | 1u << DMI_ODE_H_INIT | 1u << DMI_ODE_NORM };
enum { BIT_ENDS = 1u << DMI_ODE_STEPS | 1u << DMI_ODE_GRID | 1u << DMI_ODE_T_MIN | 1u << DMI_ODE_T_MAX };
enum { GRID_ANGLE, GRID_LOG_SNR, GRID_TIME };
enum { DIVERGENCE_AUTO, DIVERGENCE_VJP, DIVERGENCE_DIFFERENCE };
enum { START_STATE, START_CLEAN };

static const char *const methods[] = {"rk45", "rk4", "heun", "midpoint", "euler", NULL};
static const char *const grids[] = {"angle", "log_snr", "time", NULL};
static const char *const norms[] = {"sample", "batch", NULL};
static const char *const divergences[] = {"auto", "vjp", "difference", NULL};
static const char *const probes[] = {"rademacher", "normal", "exact", NULL};
static const char *const starts[] = {"state", "clean", NULL};

/* In the order of the DMI_ODE_... numbers. */
static const dm_option options[] = {
    DMI_CHOICE("method", "adaptive pair, or a method with fixed steps", 0, methods),
    DMI_INTEGER("steps", "fixed steps", 32, 1, 1e6),
    DMI_CHOICE("grid", "what fixed steps are even in", GRID_ANGLE, grids),
    DMI_LIST("times", "nodes of fixed steps in process time", -1, 1e9),
    DMI_REAL("t_min", "process time of the samples; default: the schedule's least noise", 0, -1, 1e9),
    DMI_REAL("t_max", "process time of the prior; default: the schedule's noise end", 0, -1, 1e9),
    DMI_REAL("rtol", "relative tolerance", 1e-5, 0, 1),
    DMI_REAL("atol", "absolute tolerance", 1e-5, 1e-300, 1e6),
    DMI_REAL("h_init", "first step as a fraction of the way", 0.01, 1e-9, 1),
    DMI_CHOICE("norm", "error of every sample for itself, or of the whole batch", 0, norms),
    DMI_CHOICE("divergence", "where the divergence comes from", DIVERGENCE_AUTO, divergences),
    DMI_REAL("difference_step", "distance of differences; 0: from the number types", 0, 0, 1),
    DMI_CHOICE("probe", "distribution of the probes", DMI_PROBE_RADEMACHER, probes),
    DMI_INTEGER("n_probe", "number of probes", 1, 1, 16777216),
    DMI_CHOICE("start", "what the samples are at t_min: the state, or alpha times them is", START_STATE, starts),
    DMI_REAL("prior_std", "standard deviation at t_max; 0: sigma there", 0, 0, 1e9),
    DMI_REAL("offset", "added to the bits per dimension", 0, -1e9, 1e9),
};

/* ---------------------------------------------------------------------------------------------------------- set-up */

static double precision(int32_t type)
{
	static const double of[] = {[DM_F32] = 0x1p-23, [DM_F64] = 0x1p-52, [DM_F16] = 0x1p-10, [DM_BF16] = 0x1p-7};
	return of[type];
}

static dm_status check_options(dm_likelihood *l, dm_error *err)
{
	const double *option = l->ask.options.value;
	const dm_model_ops *ops = &l->ask.model->ops;
	int adaptive = l->ode.tableau->adaptive, times = l->ask.options.given >> DMI_ODE_TIMES & 1;
	dm_status st = adaptive ? dmi_ask_refuse(&l->ask, BIT_FIXED, "method=rk45", err)
	                        : dmi_ask_refuse(&l->ask, BIT_ADAPTIVE, "a method of fixed steps", err);
	if (st == DM_OK && times)
		st = dmi_ask_refuse(&l->ask, BIT_ENDS, "times", err);
	if (st == DM_OK && times && l->ask.options.n_list < 2)
		st = dmi_fail(err, DM_ERR_ARGUMENT, "likelihood: times holds %z number, it must hold 2 or more",
		              l->ask.options.n_list);
	if (st == DM_OK && option[DMI_ODE_PROBE] == DMI_PROBE_EXACT)
		st = dmi_ask_refuse(&l->ask, 1u << DMI_ODE_N_PROBE, "probe=exact", err);
	if (st == DM_OK && option[DMI_ODE_DIVERGENCE] == DIVERGENCE_VJP)
		st = dmi_ask_refuse(&l->ask, 1u << DMI_ODE_DIFFERENCE_STEP, "divergence=vjp", err);
	if (st == DM_OK && option[DMI_ODE_DIVERGENCE] == DIVERGENCE_VJP && ops->predict && !ops->vjp)
		st = dmi_fail(err, DM_ERR_ARGUMENT,
		              "likelihood: divergence=vjp needs the model's callback vjp, which is NULL; it may be difference");
	return st;
}

static dm_status setup(void *object, dm_error *err)
{
	dm_likelihood *l = object;
	struct dmi_ode *o = &l->ode;
	const double *option = l->ask.options.value;
	o->tableau = dmi_tableaus[(size_t)option[DMI_ODE_METHOD]];
	dm_status st = check_options(l, err);
	if (st != DM_OK)
		return st;
	o->together = !o->tableau->adaptive || option[DMI_ODE_NORM] != 0;
	o->use_vjp = option[DMI_ODE_DIVERGENCE] == DIVERGENCE_VJP ||
	             (option[DMI_ODE_DIVERGENCE] == DIVERGENCE_AUTO && l->ask.model->ops.vjp);
	l->ask.cotangents = o->use_vjp;
	o->n_probe = option[DMI_ODE_PROBE] == DMI_PROBE_EXACT ? l->ask.n_element : (size_t)option[DMI_ODE_N_PROBE];
	o->n_part = 1 + o->n_probe * (o->use_vjp ? 1 : 2);
	o->difference = option[DMI_ODE_DIFFERENCE_STEP];
	if (o->difference == 0)
		o->difference = dmi_pow(fmax(precision(l->ask.rq.x_type), precision(l->ask.rq.out_type)), 1.0 / 3);
	o->n_node = o->tableau->adaptive    ? 2
	            : l->ask.options.n_list ? l->ask.options.n_list
	                                    : (size_t)option[DMI_ODE_STEPS] + 1;
	return DM_OK;
}

static void place(void *object)
{
	dm_likelihood *l = object;
	struct dmi_ode *o = &l->ode;
	dmi_likelihood_place(l);
	o->node = dmi_arena_take(&l->ask.arena, o->n_node, sizeof *o->node);
	o->angle = dmi_arena_take(&l->ask.arena, o->n_node, sizeof *o->angle);
	o->lane = dmi_arena_take(&l->ask.arena, l->ask.n_sample, sizeof *o->lane);
	o->y = dmi_ask_take_rows(&l->ask, l->ask.n_element, DM_F64);
	o->y_next = dmi_ask_take_rows(&l->ask, l->ask.n_element, DM_F64);
	o->probe = dmi_ask_take_rows(&l->ask, l->ask.n_element, DM_F64);
	for (int32_t s = 0; s < o->tableau->n_stage; s++)
		o->slope[s] = dmi_ask_take_rows(&l->ask, l->ask.n_element, DM_F64);
}

/* ----------------------------------------------------------------------------------------------------------- nodes */

dm_status dmi_ode_node(const dm_likelihood *l, double angle, dm_node *out, dm_error *err)
{
	const struct dmi_ode *o = &l->ode;
	double lambda = dmi_log(dmi_cos(angle) / dmi_sin(angle));
	lambda = fmin(fmax(lambda, o->node[o->n_node - 1].lambda), o->node[0].lambda);
	return dm_schedule_at_lambda(l->ask.schedule, lambda, out, err);
}

static dm_status ends(dm_likelihood *l, dm_error *err)
{
	struct dmi_ode *o = &l->ode;
	const double *option = l->ask.options.value;
	double t_min, t_max;
	dm_schedule_range(l->ask.schedule, &t_min, &t_max);
	if (l->ask.options.given >> DMI_ODE_T_MIN & 1)
		t_min = option[DMI_ODE_T_MIN];
	if (l->ask.options.given >> DMI_ODE_T_MAX & 1)
		t_max = option[DMI_ODE_T_MAX];
	if (l->ask.options.n_list) {
		t_min = l->ask.options.list[0];
		t_max = l->ask.options.list[o->n_node - 1];
	}
	if (!(t_min < t_max))
		return dmi_fail(err, DM_ERR_ARGUMENT, "likelihood: t_min (%g) must be below t_max (%g)", t_min, t_max);
	dm_status st = dm_schedule_at_time(l->ask.schedule, t_min, &o->node[0], err);
	return st == DM_OK ? dm_schedule_at_time(l->ask.schedule, t_max, &o->node[o->n_node - 1], err) : st;
}

/* The i-th node between the ends. */
static dm_status inner_node(dm_likelihood *l, size_t i, dm_error *err)
{
	struct dmi_ode *o = &l->ode;
	size_t n = o->n_node;
	const dm_node *low = &o->node[0], *high = &o->node[n - 1];
	int32_t grid = (int32_t)l->ask.options.value[DMI_ODE_GRID];
	if (l->ask.options.n_list)
		return dm_schedule_at_time(l->ask.schedule, l->ask.options.list[i], &o->node[i], err);
	if (grid == GRID_TIME)
		return dm_schedule_at_time(l->ask.schedule, dmi_even(low->t, high->t, i, n), &o->node[i], err);
	if (grid == GRID_ANGLE)
		return dmi_ode_node(l, dmi_even(o->angle[0], o->angle[n - 1], i, n), &o->node[i], err);
	if (!dmi_is_finite(low->lambda) || !dmi_is_finite(high->lambda))
		return dmi_fail(err, DM_ERR_UNSUPPORTED,
		                "likelihood: grid=log_snr has no even steps between lambda %g and %g; set t_min and t_max",
		                low->lambda, high->lambda);
	return dm_schedule_at_lambda(l->ask.schedule, dmi_even(low->lambda, high->lambda, i, n), &o->node[i], err);
}

static double angle_of(const dm_node *at)
{
	return dmi_atan2(at->sigma, at->alpha);
}

static dm_status nodes(dm_likelihood *l, dm_error *err)
{
	struct dmi_ode *o = &l->ode;
	size_t last = o->n_node - 1;
	dm_status st = ends(l, err);
	o->angle[0] = angle_of(&o->node[0]);
	o->angle[last] = angle_of(&o->node[last]);
	for (size_t i = 1; st == DM_OK && i < last; i++) {
		st = inner_node(l, i, err);
		o->angle[i] = angle_of(&o->node[i]);
	}
	for (size_t i = 1; st == DM_OK && i <= last; i++)
		if (!(o->angle[i] > o->angle[i - 1]))
			st = dmi_fail(err, DM_ERR_ARGUMENT, "likelihood: the noise must rise from t = %g to the next node, t = %g",
			              o->node[i - 1].t, o->node[i].t);
	return st;
}

static dm_status begin(void *object, dm_error *err)
{
	dm_likelihood *l = object;
	struct dmi_ode *o = &l->ode;
	dm_status st = dmi_likelihood_begin(l, err);
	if (st == DM_OK)
		st = nodes(l, err);
	const dm_node *first = &o->node[0];
	int clean = l->ask.options.value[DMI_ODE_START] == START_CLEAN;
	double factor = (clean ? first->alpha : 1) / sqrt(first->alpha * first->alpha + first->sigma * first->sigma);
	if (st == DM_OK && factor == 0)
		st = dmi_fail(err, DM_ERR_UNSUPPORTED, "likelihood: start=clean needs alpha above 0 at t_min = %g", first->t);
	for (size_t i = 0; st == DM_OK && i < l->ask.n_sample; i++) {
		const dm_input x0 = dmi_row(l->start + i * l->ask.n_element);
		dmi_row_sum(&l->ask, i, 1, &x0, &factor, o->y + i * l->ask.n_element, DM_F64);
		o->lane[i].angle = o->angle[0];
		o->lane[i].wish = l->ask.options.value[DMI_ODE_H_INIT] * (o->angle[o->n_node - 1] - o->angle[0]);
	}
	l->ask.rq.n_step = o->tableau->adaptive ? -1 : (int64_t)o->n_node - 1;
	return st;
}

/* ----------------------------------------------------------------------------------------------------------- steps */

/* The size of the trial that starts now; asking again gives the same. */
static dm_status begin_trial(const dm_likelihood *l, struct dmi_lane *lane, dm_error *err)
{
	const struct dmi_ode *o = &l->ode;
	const double no_sliver = 1.01;
	double left = o->angle[o->n_node - 1] - lane->angle;
	if (!o->tableau->adaptive) {
		lane->h = o->angle[lane->step + 1] - lane->angle;
		lane->is_end = (size_t)lane->step + 2 == o->n_node;
		return DM_OK;
	}
	lane->is_end = no_sliver * lane->wish >= left;
	lane->h = lane->is_end ? left : lane->wish;
	if (!(lane->angle + lane->h > lane->angle))
		return dmi_fail(err, DM_ERR_LIMIT,
		                "likelihood: the step at the angle %g became too small; rtol and atol cannot be met",
		                lane->angle);
	return DM_OK;
}

static dm_status ask(void *object, dm_error *err)
{
	dm_likelihood *l = object;
	struct dmi_ode *o = &l->ode;
	size_t n = 0;
	for (size_t i = 0; i < l->ask.n_sample; i++)
		if (!o->lane[i].done)
			l->ask.row[n++] = i;
	if (!n)
		return DM_DONE;
	if (o->tableau->adaptive && !(o->part && o->use_vjp) && l->ask.n_eval >= l->ask.max_eval)
		return dmi_fail(err, DM_ERR_LIMIT, "likelihood: max_eval = %l evaluations are used up", l->ask.max_eval);
	for (size_t k = 0; o->part == 0 && k < n; k++) {
		dm_status st = begin_trial(l, &o->lane[l->ask.row[k]], err);
		if (st != DM_OK)
			return st;
	}
	l->ask.rq.step = o->lane[l->ask.row[0]].step;
	return o->part ? dmi_ode_ask_probe(l) : dmi_ode_ask_prediction(l, n, err);
}

/* Sum of the squared scaled errors of a trial, over the elements and the integral of the divergence. */
static double trial_error(const dm_likelihood *l, size_t i)
{
	const struct dmi_ode *o = &l->ode;
	const struct dmi_lane *lane = &o->lane[i];
	const double tolerance[2] = {l->ask.options.value[DMI_ODE_ATOL], l->ask.options.value[DMI_ODE_RTOL]};
	double c[3][1 + DMI_RK_STAGES] = {{0}, {1}, {1}}, e = 0, low = lane->volume;
	dm_input in[1 + DMI_RK_STAGES] = {dmi_row(o->y + i * l->ask.n_element)};
	for (int32_t s = 0; s < o->tableau->n_stage; s++) {
		in[1 + s] = dmi_row(o->slope[s] + i * l->ask.n_element);
		c[0][1 + s] = lane->h * o->tableau->difference[s];
		c[1][1 + s] = lane->h * (o->tableau->b[s] - o->tableau->difference[s]);
		e += c[0][1 + s] * lane->rate[s];
		low += c[1][1 + s] * lane->rate[s];
	}
	const dm_job job = {.struct_size = sizeof job,
	                    .n_sample = 1,
	                    .n_element = l->ask.n_element,
	                    .n_in = 1 + DMI_RK_STAGES,
	                    .n_out = 3,
	                    .in = in,
	                    .coefficient = c[0]};
	e /= fmax(tolerance[0], tolerance[1] * fmax(fabs(low), fabs(lane->volume)));
	return dmi_kernels_f64.error(&job, 0, tolerance) + e * e;
}

static void accept(dm_likelihood *l, size_t i)
{
	struct dmi_ode *o = &l->ode;
	struct dmi_lane *lane = &o->lane[i];
	size_t at = i * l->ask.n_element, bytes = l->ask.n_element * sizeof(double), last = (size_t)o->tableau->n_stage - 1;
	dmi_ode_advance(l, i, o->tableau->b, o->tableau->n_stage);
	memcpy(o->y + at, o->y_next + at, bytes);
	for (size_t s = 0; s <= last; s++)
		lane->volume += lane->h * o->tableau->b[s] * lane->rate[s];
	lane->step++;
	lane->angle = lane->is_end           ? o->angle[o->n_node - 1]
	              : o->tableau->adaptive ? lane->angle + lane->h
	                                     : o->angle[lane->step];
	lane->done = lane->is_end;
	if (o->tableau->adaptive) {
		memcpy(o->slope[0] + at, o->slope[last] + at, bytes);
		lane->rate[0] = lane->rate[last];
	}
}

static void judge(dm_likelihood *l, size_t i, double sum, double count)
{
	struct dmi_lane *lane = &l->ode.lane[i];
	double error = sqrt(sum / count);
	if (!dmi_is_finite(error))
		error = 1e30;
	lane->wish = lane->h * dmi_rk45_factor(error, lane->rejected);
	lane->rejected = !(error < 1);
	if (!lane->rejected)
		accept(l, i);
}

void dmi_ode_end_trial(dm_likelihood *l)
{
	const struct dmi_ode *o = &l->ode;
	double count = (double)l->ask.n_element + 1, sum = 0;
	size_t n = l->ask.rq.n_sample;
	for (size_t k = 0; o->tableau->adaptive && o->together && k < n; k++)
		sum += trial_error(l, l->ask.row[k]);
	for (size_t k = 0; k < n; k++)
		if (!o->tableau->adaptive)
			accept(l, l->ask.row[k]);
		else if (o->together)
			judge(l, l->ask.row[k], sum, count * (double)n);
		else
			judge(l, l->ask.row[k], trial_error(l, l->ask.row[k]), count);
}

/* ---------------------------------------------------------------------------------------------------------- results */

static dm_status finish(void *object, dm_error *err)
{
	dm_likelihood *l = object;
	static const double half_log_2pi = 0.9189385332046727;
	const struct dmi_ode *o = &l->ode;
	const dm_node *first = &o->node[0], *end = &o->node[o->n_node - 1];
	double n = (double)l->ask.n_element,
	       std = l->ask.options.value[DMI_ODE_PRIOR_STD] != 0 ? l->ask.options.value[DMI_ODE_PRIOR_STD] : end->sigma;
	double r2 = first->alpha * first->alpha + first->sigma * first->sigma;
	double end_r2 = end->alpha * end->alpha + end->sigma * end->sigma;
	double constant = n * (dmi_log(end_r2 / r2) / 2 - dmi_log(std) - half_log_2pi);
	(void)err;
	if (l->ask.options.value[DMI_ODE_START] == START_CLEAN)
		constant += n * dmi_log(first->alpha);
	for (size_t i = 0; i < l->ask.n_sample; i++) {
		const dm_input y = dmi_row(o->y + i * l->ask.n_element);
		l->log_density[i] = constant + o->lane[i].volume - end_r2 * dmi_row_product(&l->ask, y, y) / (2 * std * std);
	}
	return DM_OK;
}

const struct dmi_asker_type dmi_likelihood_ode = {.name = "likelihood",
                                                  .driver = "dm_likelihood_next",
                                                  .option = options,
                                                  .n_option = sizeof options / sizeof *options,
                                                  .setup = setup,
                                                  .place = place,
                                                  .begin = begin,
                                                  .ask = ask,
                                                  .take = dmi_ode_take,
                                                  .finish = finish};
