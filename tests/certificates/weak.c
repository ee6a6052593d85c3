/* The weak order of methods that draw. For a Gaussian target the exact denoiser is affine, so every value of a plan is
 * an affine form in independent unit normals: the start and the draws. The rows of the plan are carried out over these
 * forms. The variance of the last state is compared with that of the process. From the mean of the process the mean is
 * exact in most methods, so it is followed from a start displaced by one deviation. */
#include "base/compiler.h"
#include "certificates/facts.h"
#include "certificates/slope.h"
#include "certificates/weak.h"
#include "certificates/world.h"
#include "base/math.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* A form: [0] the constant, [1] the weight of the start, [2 + k] that of draw k. */
enum { CONSTANT, START, DRAWS };

struct walk {
	const char *model;
	double (*said)(const struct walk *w, const dm_node *at); /* the second output */
	const struct process *process;
	double step;         /* of the even grid, in lambda */
	double *form, *sum;  /* one form for every slot, and what a row makes */
	size_t length, used; /* of a form; the weights from `used` on are still 0 everywhere */
};

static double *form_of(const struct walk *w, int32_t slot)
{
	return w->form + (size_t)slot * w->length;
}

static size_t place_of(const dm_operand *in)
{
	return (size_t)(DRAWS + in->draw_ordinal); /* the start has the ordinal -1 */
}

static void use_draws(struct walk *w, const dm_row *row)
{
	for (int32_t i = 0; i < row->n_in; i++)
		if (row->in[i].slot < 0 && place_of(&row->in[i]) >= w->used)
			w->used = place_of(&row->in[i]) + 1;
}

static void add_operand(const struct walk *w, const dm_operand *in, double c, double *sum)
{
	if (in->slot < 0)
		sum[place_of(in)] += c;
	for (size_t k = 0; in->slot >= 0 && k < w->used; k++)
		sum[k] += c * form_of(w, in->slot)[k];
}

static void walk_combine(struct walk *w, const dm_row *row)
{
	for (int32_t o = 0; o < row->n_out; o++)
		memset(w->sum + (size_t)o * w->length, 0, w->used * sizeof *w->sum);
	for (int32_t o = 0; o < row->n_out; o++)
		for (int32_t i = 0; i < row->n_in; i++)
			add_operand(w, &row->in[i], row->coefficient[o * row->n_in + i], w->sum + (size_t)o * w->length);
	for (int32_t o = 0; o < row->n_out; o++)
		memcpy(form_of(w, row->out[o]), w->sum + (size_t)o * w->length, w->used * sizeof *w->sum);
}

/* The variance of the posterior at the end of the step that starts there. */
static double posterior(const struct walk *w, const dm_node *at)
{
	dm_schedule *schedule;
	dm_node to = *at;
	dm_schedule_create(&schedule, w->process->schedule, NULL, NULL);
	dm_schedule_at_lambda(schedule, at->lambda + w->step, &to, NULL);
	dm_schedule_free(schedule);
	return -to.sigma * to.sigma * dmi_expm1(-2 * w->step);
}

static double log_posterior(const struct walk *w, const dm_node *at)
{
	return dmi_log(posterior(w, at));
}

static double constant(const struct walk *w, const dm_node *at)
{
	(void)w;
	(void)at;
	return SAID_OF_VARIANCE;
}

/* x0 = m + k (x - alpha m) with k = alpha s^2 / (alpha^2 s^2 + sigma^2) */
static void walk_eval(struct walk *w, const dm_row *row)
{
	double alpha = row->at->alpha, sigma = row->at->sigma, weight[2];
	double m = gaussian.mean[0], s2 = gaussian.deviation[0] * gaussian.deviation[0];
	double k = alpha * s2 / (alpha * alpha * s2 + sigma * sigma);
	const double *x = form_of(w, row->in[0].slot);
	output_weights(w->model, alpha, sigma, weight);
	for (int32_t b = 0; b < row->n_out; b++) {
		double *out = form_of(w, row->out[b]);
		int learned = b >= row->n_branch;
		for (size_t i = 0; i < w->used; i++)
			out[i] = learned ? 0 : (weight[0] + weight[1] * k) * x[i];
		out[CONSTANT] += learned ? w->said(w, row->at) : weight[1] * m * (1 - k * alpha);
	}
}

/* The deviation that a second output says, times a draw. */
static void walk_learned(struct walk *w, const dm_row *row)
{
	const double *p = row->parameter;
	double said = form_of(w, row->in[1].slot)[CONSTANT];
	double deviation = p[2] != 0 ? sqrt(said) : dmi_exp(p[0] + p[1] * said);
	memset(w->sum, 0, w->length * sizeof *w->sum);
	add_operand(w, &row->in[0], deviation, w->sum);
	memcpy(form_of(w, row->out[0]), w->sum, w->used * sizeof *w->sum);
}

/* From the marginal of the process at the first node. */
static void walk_start(struct walk *w, const dm_row *row)
{
	double alpha = row->at->alpha, sigma = row->at->sigma, s = gaussian.deviation[0];
	double *form = form_of(w, row->out[0]);
	form[CONSTANT] = alpha * gaussian.mean[0];
	form[START] = sqrt(alpha * alpha * s * s + sigma * sigma);
}

/* 0 where the row is not affine. */
static int walk_row(struct walk *w, const dm_row *row, const double **state)
{
	use_draws(w, row);
	if (row->kind == DM_ROW_COMBINE && !row->weighted)
		walk_combine(w, row);
	else if (row->kind == DM_ROW_EVAL)
		walk_eval(w, row);
	else if (row->kind == DM_ROW_MAP && row->map == DM_MAP_LEARNED_STD)
		walk_learned(w, row);
	else if (row->kind == DM_ROW_STEP)
		*state = form_of(w, row->in[0].slot);
	else
		return 0;
	return 1;
}

struct moments {
	double mean, variance;
};

static int walk_plan(struct walk *w, const dm_plan *plan, struct moments *found)
{
	const double *state = NULL;
	int affine = 1;
	for (size_t r = 0; r < dm_plan_count(plan) && affine; r++) {
		affine = walk_row(w, dm_plan_row(plan, r), &state);
		if (r == 0)
			walk_start(w, dm_plan_row(plan, r));
	}
	if (!affine || !state)
		return 0;
	found->mean = state[CONSTANT] + state[START];
	found->variance = 0;
	for (size_t k = START; k < w->used; k++)
		found->variance += state[k] * state[k];
	return 1;
}

enum { N_SLOT = 64 }; /* slots have numbers below this, and a row has no more outputs */

static int moments_of(const dm_plan *plan, const char *spec, const struct process *p, int32_t steps,
                      struct moments *found)
{
	dm_plan_info info = facts_of(plan);
	struct walk w = {.model = p->model, .process = p, .length = (size_t)info.n_draw + DRAWS, .used = DRAWS};
	w.step = dmi_log(TOP / BOTTOM) / steps;
	w.said = strstr(spec, "learned_range") ? constant : strstr(spec, "learned_log") ? log_posterior : posterior;
	w.form = calloc(N_SLOT * w.length, sizeof *w.form);
	w.sum = calloc(N_SLOT * w.length, sizeof *w.sum);
	int affine = w.form && w.sum && walk_plan(&w, plan, found);
	free(w.form);
	free(w.sum);
	return affine;
}

/* How the scale of er_sde's noise grows, d ln(u (e^(u^0.3) + 10)) / d ln(u), or 1 + share. */
static double rate_of(const struct setting *s, double u)
{
	double power = dmi_pow(u, 0.3), e = dmi_exp(power);
	return s->share == STANDARD_SCALER ? 1 + 0.3 * power * e / (e + 10) : 1 + s->share;
}

/* What is left at the end of a displacement of x/alpha: its logarithm falls by rate u^2 / (s^2 + u^2) over ln(u).
 * Simpson's rule; the error is rounding. */
static double displacement_left(const struct setting *s)
{
	enum { N = 4000 };
	double bottom = dmi_log(BOTTOM), h = (dmi_log(TOP) - bottom) / N;
	double s2 = gaussian.deviation[0] * gaussian.deviation[0], sum = 0;
	for (int i = 0; i <= N; i++) {
		double u = dmi_exp(bottom + i * h), weight = i == 0 || i == N ? 1 : i % 2 ? 4 : 2;
		sum += weight * rate_of(s, u) * u * u / (s2 + u * u);
	}
	return dmi_exp(-sum * h / 3);
}

static struct moments exact_moments(const struct setting *s, const struct process *p)
{
	dm_node node[2];
	double s2 = gaussian.deviation[0] * gaussian.deviation[0];
	find_ends(p, node);
	double displaced = sqrt(s2 + TOP * TOP) * displacement_left(s);
	return (struct moments){node[1].alpha * (gaussian.mean[0] + displaced),
	                        node[1].alpha * node[1].alpha * s2 + node[1].sigma * node[1].sigma};
}

/* 0 where mean and variance do not pass through the plan. */
static int errors_at(struct page *page, const struct setting *s, const struct process *p, int32_t steps, double *mean,
                     double *variance)
{
	char grid[100];
	dm_error err = {0};
	struct moments exact = exact_moments(s, p), found = {0};
	write_grid(grid, sizeof grid, steps);
	dm_plan *plan = make_plan(s->spec, p, grid, NULL, &err);
	if (!plan)
		fault(page, "%s, %s: %s", s->spec, p->title, err.message);
	int affine = plan && moments_of(plan, s->spec, p, steps, &found);
	dm_plan_free(plan);
	*mean = fabs(found.mean - exact.mean);
	*variance = fabs(found.variance - exact.variance);
	return affine;
}

enum { N_ERROR = 7, N_MOMENT = 2 }; /* up to 1536 steps; mean and variance */

#define EXACT 1e-12 /* an error that is rounding alone has no slope */

static void say_slope(struct page *page, const struct setting *s, const char *where, const double *error, double shown,
                      int32_t nominal)
{
	if (shown < EXACT) {
		say(page, "exact");
		return;
	}
	check_slope(page, s, where, slope_of(error, N_ERROR), nominal);
	say(page, "%.2f (%.1e)", slope_of(error, N_ERROR), shown);
}

static void say_process(struct page *page, const struct setting *s, const struct process *p, int32_t nominal)
{
	double error[N_MOMENT][N_ERROR], shown[N_MOMENT];
	int affine = errors_at(page, s, p, SHOWN, &shown[0], &shown[1]);
	if (!affine && nominal > 0)
		fault(page, "%s, %s: mean and variance do not pass through the plan", s->spec, p->title);
	if (!affine || nominal == 0) {
		say(page, affine ? " (%.1e) |" : " – |", shown[1]);
		return;
	}
	for (int k = 0; k < N_ERROR; k++)
		errors_at(page, s, p, FEWEST << k, &error[0][k], &error[1][k]);
	for (int m = 0; m < N_MOMENT; m++) {
		say(page, m ? ", " : " ");
		if (m == 0 && s->share == UNKNOWN_SHARE)
			say(page, "–");
		else
			say_slope(page, s, p->title, error[m], shown[m], nominal);
	}
	say(page, " |");
}

static void say_weak_order(struct page *page, const struct setting *s)
{
	int32_t nominal = order_of(page, s->spec);
	say(page, "| `%s` |", s->spec);
	if (nominal > 0)
		say(page, " %d |", (int)nominal);
	else
		say(page, " none |");
	for (int p = 0; p < N_PROCESS; p++)
		say_process(page, s, &processes[p], nominal);
	say_cost(page, s->spec);
	say(page, " %s |\n", s->note ? s->note : "");
	if (!s->note && nominal == 0)
		fault(page, "%s has no weak order, and no note says why", s->spec);
}

void say_weak_orders(struct page *page)
{
	say(page, "| setting | weak order | VP | VE | flow | evaluations | draws | history | arrays | note |\n"
	          "|---|---|---|---|---|---|---|---|---|---|\n");
	for (const struct setting *s = weak_orders; s->spec; s++)
		if (draws_of(s->spec))
			say_weak_order(page, s);
		else
			fault(page, "%s draws nothing: it has no weak order", s->spec);
	const dm_method *method;
	for (int32_t k = 0; (method = dm_method_at(DM_KIND_SAMPLER, k)) != NULL; k++) {
		struct setting own;
		for (int i = 0; !has_settings(method->name) && property_setting(method->name, DRAWS_SOME, i, &own); i++)
			say_weak_order(page, &own);
	}
}
