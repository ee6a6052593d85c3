/* The variational bound of the discrete chain (Ho 2020, eq. 5, appendix A; learned variances and the decoder's variance as
 * in Nichol 2021). q(x_s | x_t, x_0) and p(x_s | x_t) have means that differ by m (x_0 - x0), m the posterior's weight of x_0
 * and x0 the model's, so for every element, with v and w their variances,
 *
 *     KL(q | p) = (ln(w / v) - 1 + (v + m^2 (x_0 - x0)^2) / w) / 2
 */
#include "base/compiler.h"
#include "likelihood/likelihood.h"
#include "base/error.h"
#include "base/math.h"
#include <math.h>
#include <string.h>

enum { VARIANCE, LAST, LEVELS, CDF, CLIP, AT, N_DRAW, PRIOR_STD };
enum { SMALL, LARGE, LEARNED, LEARNED_LOG, LEARNED_RANGE };
enum { LAST_DISCRETIZED, LAST_CONTINUOUS };
enum { CDF_EXACT, CDF_TANH };
enum { MAX_TERM = (1 << 24) - 1 }; /* a draw's visit */

static const char *const variances[] = {"small", "large", "learned", "learned_log", "learned_range", NULL};
static const char *const lasts[] = {"discretized", "continuous", NULL};
static const char *const cdfs[] = {"exact", "tanh", NULL};
static const double log_2pi = 1.8378770664093453, ln2 = 0.6931471805599453;

static const dm_option options[] = {
    DMI_CHOICE("variance", "of the reverse steps", SMALL, variances),
    DMI_CHOICE("last", "what the last step gives: probability of a bin, or density", LAST_DISCRETIZED, lasts),
    DMI_INTEGER("levels", "values of x0 from -1 to 1", 256, 2, 1e9),
    DMI_CHOICE("cdf", "distribution function of the bins", CDF_EXACT, cdfs),
    DMI_REAL("clip", "the model's x0 is clipped to this size; 0: it is not", 0, 0, 1e9),
    DMI_LIST("at", "terms to compute, of 1 to N-1", 1, MAX_TERM),
    DMI_INTEGER("n_draw", "draws for each term", 1, 1, 32),
    DMI_REAL("prior_std", "standard deviation of the prior; 0: sigma of the first node", 0, 0, 1e9),
};

/* --------------------------------------------------------------------------------------------------------- set-up */

static dm_status check_terms(const dm_likelihood *l, dm_error *err)
{
	double last = (double)l->bound.n_node - 2, before = 0;
	for (size_t k = 0; k < l->ask.options.n_list; k++) {
		double at = l->ask.options.list[k];
		if (!(at > before && at <= last && floor(at) == at))
			return dmi_fail(err, DM_ERR_ARGUMENT, "bound: at = %g must be a whole number of 1 to %g, and rise", at,
			                last);
		before = at;
	}
	return DM_OK;
}

static dm_status setup(void *object, dm_error *err)
{
	dm_likelihood *l = object;
	const double *option = l->ask.options.value;
	struct dmi_bound *b = &l->bound;
	b->n_node = l->ask.grid ? dm_grid_count(l->ask.grid) : dm_schedule_table_size(l->ask.schedule) + 1;
	if (b->n_node < 2)
		return dmi_fail(err, DM_ERR_ARGUMENT, "bound: schedule \"%s\" has no table, so the chain needs a grid",
		                dmi_schedule_name(l->ask.schedule));
	if (b->n_node > MAX_TERM)
		return dmi_fail(err, DM_ERR_OVERFLOW, "bound: %z steps are more than %d", b->n_node - 1, MAX_TERM - 1);
	if (option[VARIANCE] >= LEARNED && !dmi_model_has_variance(l->ask.model))
		return dmi_fail(err, DM_ERR_ARGUMENT, "bound: variance=%s needs a model with variance=1",
		                variances[(size_t)option[VARIANCE]]);
	if (b->n_node == 2 && option[VARIANCE] != LEARNED && option[VARIANCE] != LEARNED_LOG)
		return dmi_fail(err, DM_ERR_UNSUPPORTED,
		                "bound: variance=%s of the last step needs a step before, the chain has 1",
		                variances[(size_t)option[VARIANCE]]);
	b->n_chosen = l->ask.options.n_list ? l->ask.options.n_list + 1 : b->n_node - 1;
	dm_status st = check_terms(l, err);
	if (st == DM_OK && option[LAST] == LAST_CONTINUOUS)
		st = dmi_ask_refuse(&l->ask, 1u << LEVELS | 1u << CDF, "last=continuous", err);
	return st;
}

static void place(void *object)
{
	dm_likelihood *l = object;
	struct dmi_bound *b = &l->bound;
	size_t count;
	dmi_likelihood_place(l);
	b->node = dmi_arena_take(&l->ask.arena, b->n_node, sizeof *b->node);
	b->chosen = dmi_arena_take(&l->ask.arena, b->n_chosen, sizeof *b->chosen);
	b->x0 = dmi_arena_take(&l->ask.arena, l->ask.n_element, sizeof *b->x0);
	b->variance = dmi_arena_take(&l->ask.arena, l->ask.n_element, sizeof *b->variance);
	if (!dmi_multiply(b->n_node, sizeof *b->term, &count))
		l->ask.arena.overflow = 1;
	else
		b->term = dmi_arena_take(&l->ask.arena, l->ask.n_sample, count);
}

static dm_status nodes(dm_likelihood *l, dm_error *err)
{
	struct dmi_bound *b = &l->bound;
	size_t last = b->n_node - 1;
	double mean[2], variance;
	dm_status st = DM_OK;
	for (size_t i = 0; st == DM_OK && i <= last; i++)
		if (l->ask.grid)
			b->node[i] = *dm_grid_node(l->ask.grid, i);
		else if (i < last)
			st = dm_schedule_at_time(l->ask.schedule, (double)(last - 1 - i), &b->node[i], err);
		else
			st = dm_schedule_at_lambda(l->ask.schedule, INFINITY, &b->node[i], err);
	for (size_t i = 1; st == DM_OK && i <= last; i++) {
		st = dm_posterior(&b->node[i - 1], &b->node[i], mean, &variance, err);
		if (st == DM_OK && i < last && !(variance > 0))
			st = dmi_fail(err, DM_ERR_ARGUMENT,
			              "bound: the noise must fall at every step, but stays at sigma = %g in step %z",
			              b->node[i].sigma, i - 1);
	}
	if (st == DM_OK && !(b->node[last].sigma == 0 && b->node[last].alpha > 0))
		st = dmi_fail(err, DM_ERR_ARGUMENT, "bound: the chain must end at sigma = 0, not at %g", b->node[last].sigma);
	return st;
}

/* KL(N(alpha x0, sigma^2) | N(0, p^2)) of a sample. */
static double prior_term(const dm_likelihood *l, size_t i)
{
	const dm_node *at = &l->bound.node[0];
	const dm_input x0 = dmi_row(l->start + i * l->ask.n_element);
	double p = l->ask.options.value[PRIOR_STD] != 0 ? l->ask.options.value[PRIOR_STD] : at->sigma;
	double ratio = at->sigma / p, mean = at->alpha / p;
	double square = mean * mean * dmi_row_product(&l->ask, x0, x0) / (double)l->ask.n_element;
	return (ratio * ratio - 1 - 2 * dmi_log(ratio) + square) / (2 * ln2);
}

static dm_status begin(void *object, dm_error *err)
{
	dm_likelihood *l = object;
	struct dmi_bound *b = &l->bound;
	dm_status st = dmi_likelihood_begin(l, err);
	if (st == DM_OK)
		st = nodes(l, err);
	if (st != DM_OK)
		return st;
	for (size_t k = 0; k < b->n_chosen; k++)
		b->chosen[k] = l->ask.options.n_list ? (size_t)(k < l->ask.options.n_list ? l->ask.options.list[k] : 0) : k + 1;
	b->chosen[b->n_chosen - 1] = b->n_node - 1;
	for (size_t i = 0; i < l->ask.n_sample; i++) {
		double *term = b->term + i * b->n_node;
		for (size_t k = 1; k < b->n_node; k++)
			term[k] = NAN;
		for (size_t k = 0; k < b->n_chosen; k++)
			term[b->chosen[k]] = 0;
		term[0] = prior_term(l, i);
	}
	l->ask.rq.n_step = (int64_t)b->n_node - 1;
	return DM_OK;
}

/* ------------------------------------------------------------------------------------------------------- requests */

/* x_t of a sample in the draw at hand, and the term it belongs to. */
static dm_input noise(const dm_likelihood *l)
{
	uint32_t tag = (uint32_t)l->bound.draw, visit = (uint32_t)l->bound.chosen[l->bound.at];
	return (dm_input){.source = DM_SOURCE_NORMALS, .draw = (uint32_t)DM_DRAW_BOUND << 29 | tag << 24 | visit};
}

static dm_status ask(void *object, dm_error *err)
{
	dm_likelihood *l = object;
	const struct dmi_bound *b = &l->bound;
	double row[2], scale = 0;
	if (b->at == b->n_chosen)
		return DM_DONE;
	const dm_node *t = &b->node[b->chosen[b->at] - 1];
	for (size_t i = 0; i < l->ask.n_sample; i++)
		l->ask.row[i] = i;
	dmi_ask_rows(&l->ask, l->ask.n_sample, 1);
	dm_status st = dmi_ask_node(&l->ask, 0, t, err);
	if (st == DM_OK)
		st = dmi_ask_decode(&l->ask, DM_SPACE_X0, t, row, err);
	if (st == DM_OK)
		st = dmi_ask_scale(&l->ask, t, &scale, err);
	if (st != DM_OK)
		return st;
	const double c[2] = {scale * t->alpha, scale * t->sigma};
	for (size_t i = 0; i < l->ask.n_sample; i++) {
		const dm_input in[2] = {dmi_row(l->start + i * l->ask.n_element), noise(l)};
		dmi_row_sum(&l->ask, i, 2, in, c, dmi_ask_input(&l->ask, i), l->ask.rq.x_type);
	}
	l->ask.rq.step = (int64_t)b->chosen[b->at] - 1;
	return dmi_ask_make(&l->ask, DM_ASK_PREDICTION);
}

/* --------------------------------------------------------------------------------------------------------- answers */

/* One reverse step: what it is over all elements. */
struct step {
	double m, q;         /* weight of x_0 in the posterior's mean, and its variance */
	double small, large; /* variances */
	double alpha;        /* at the end of the step */
	int last;
};

static struct step step_of(const struct dmi_bound *b, size_t k)
{
	const dm_node *t = &b->node[k - 1], *s = &b->node[k];
	struct step step = {.last = k == b->n_node - 1, .alpha = s->alpha};
	double mean[2], ratio = t->alpha * s->sigma / (t->sigma * s->alpha);
	/* the nodes were checked */
	(void)dm_posterior(t, s, mean, &step.q, NULL);
	step.m = mean[1];
	step.small = step.q;
	step.large = t->sigma * t->sigma * (1 - ratio) * (1 + ratio);
	if (step.last && k > 1)
		(void)dm_posterior(t - 1, t, mean, &step.small, NULL);
	return step;
}

/* ln of the reverse step's variance at an element; NaN where a learned one is negative. */
static double log_variance(const dm_likelihood *l, const struct step *step, size_t j)
{
	double out = l->bound.variance[j];
	switch ((int)l->ask.options.value[VARIANCE]) {
	case SMALL:
		return dmi_log(step->small);
	case LARGE:
		return dmi_log(step->last ? step->small : step->large);
	case LEARNED:
		return dmi_log(out);
	case LEARNED_LOG:
		return out;
	default:
		return (out + 1) / 2 * dmi_log(step->large) + (1 - out) / 2 * dmi_log(step->small);
	}
}

/* The approximation of the normal distribution function of the original, and its floor. */
static double log_bin_tanh(double low, double high)
{
	static const double slope = 0.7978845608028654; /* sqrt(2 / pi) */
	double at[2] = {low, high}, p[2];
	for (int k = 0; k < 2; k++)
		p[k] = at[k] == -INFINITY  ? 0
		       : at[k] == INFINITY ? 1
		                           : (1 + dmi_tanh(slope * (at[k] + 0.044715 * at[k] * at[k] * at[k]))) / 2;
	return dmi_log(fmax(p[1] - p[0], 1e-12));
}

/* -ln p of a true value under a normal around the model's. */
static double last_term(const double *option, double truth, double x0, double log_std)
{
	double std = dmi_exp(log_std), z = (truth - x0) / std, half = 1 / (option[LEVELS] - 1);
	if (option[LAST] == LAST_CONTINUOUS)
		return log_std + (log_2pi + z * z) / 2;
	double low = truth <= half - 1 ? -INFINITY : (truth - half - x0) / std;
	double high = truth >= 1 - half ? INFINITY : (truth + half - x0) / std;
	return -(option[CDF] == CDF_TANH ? log_bin_tanh : dmi_log_normal_bin)(low, high);
}

/* The mean over the elements of a sample, in nats. */
static double mean_term(const dm_likelihood *l, size_t i, const struct step *step)
{
	const struct dmi_bound *b = &l->bound;
	const double *truth = l->start + i * l->ask.n_element, *option = l->ask.options.value;
	double sum = 0, clip = option[CLIP] != 0 ? option[CLIP] : INFINITY;
	for (size_t j = 0; j < l->ask.n_element; j++) {
		double x0 = fmin(fmax(b->x0[j], -clip), clip), log_w = log_variance(l, step, j), d = step->m * (truth[j] - x0);
		if (step->last)
			sum += last_term(option, truth[j], x0, log_w / 2 - dmi_log(step->alpha));
		else
			sum += (log_w - dmi_log(step->q) - 1 + (step->q + d * d) / dmi_exp(log_w)) / 2;
	}
	return sum / (double)l->ask.n_element;
}

/* The model's x0 and its second output for a sample, in double. */
static void read_answer(dm_likelihood *l, size_t i, const dm_node *t, const double row[2])
{
	static const double one = 1;
	const struct dmi_bound *b = &l->bound;
	const dm_input in[3] = {dmi_row(l->start + i * l->ask.n_element), noise(l), dmi_ask_answer(&l->ask, i)};
	const double c[3] = {row[0] * t->alpha, row[0] * t->sigma, row[1]};
	dmi_row_sum(&l->ask, i, 3, in, c, b->x0, DM_F64);
	if (!l->ask.rq.out_variance)
		return;
	size_t at = i * l->ask.rq.out_stride * dmi_type_size(l->ask.rq.out_type);
	const dm_input variance = {.data = (const char *)l->ask.out_variance[0] + at, .type = l->ask.rq.out_type};
	dmi_row_sum(&l->ask, i, 1, &variance, &one, b->variance, DM_F64);
}

static dm_status take(void *object, dm_error *err)
{
	dm_likelihood *l = object;
	struct dmi_bound *b = &l->bound;
	size_t k = b->chosen[b->at];
	const struct step step = step_of(b, k);
	const int32_t n_draw = (int32_t)l->ask.options.value[N_DRAW];
	double row[2];
	dm_status st = dmi_ask_decode(&l->ask, DM_SPACE_X0, &b->node[k - 1], row, err);
	for (size_t i = 0; st == DM_OK && i < l->ask.n_sample; i++) {
		read_answer(l, i, &b->node[k - 1], row);
		l->log_density[i] = mean_term(l, i, &step); /* kept there until all are known */
		if (!dmi_is_finite(l->log_density[i]))
			st = dmi_fail(err, DM_ERR_NOT_FINITE,
			              "bound: term %z of sample %l is %g; a learned variance must be above 0 and finite", k,
			              l->ask.sample[i], l->log_density[i]);
	}
	if (st != DM_OK)
		return st;
	dmi_likelihood_count(l);
	for (size_t i = 0; i < l->ask.n_sample; i++)
		b->term[i * b->n_node + k] += l->log_density[i] / (ln2 * n_draw);
	if (++b->draw == n_draw) {
		b->draw = 0;
		b->at++;
	}
	return DM_OK;
}

/* Terms that were not computed count as the mean of those that were. */
static dm_status finish(void *object, dm_error *err)
{
	dm_likelihood *l = object;
	const struct dmi_bound *b = &l->bound;
	double all = (double)b->n_node - 2, computed = (double)b->n_chosen - 1;
	(void)err;
	for (size_t i = 0; i < l->ask.n_sample; i++) {
		const double *term = b->term + i * b->n_node;
		double sum = 0;
		for (size_t k = 0; k + 1 < b->n_chosen; k++)
			sum += term[b->chosen[k]];
		if (computed > 0)
			sum *= all / computed;
		l->log_density[i] = -(term[0] + sum + term[b->n_node - 1]) * (double)l->ask.n_element * ln2;
	}
	return DM_OK;
}

const struct dmi_asker_type dmi_likelihood_bound = {.name = "bound",
                                                    .driver = "dm_likelihood_next",
                                                    .option = options,
                                                    .n_option = sizeof options / sizeof *options,
                                                    .setup = setup,
                                                    .place = place,
                                                    .begin = begin,
                                                    .ask = ask,
                                                    .take = take,
                                                    .finish = finish};
