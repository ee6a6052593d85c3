#include "base/compiler.h"
#include "plan/check.h"
#include "base/error.h"
#include "sampler/phi.h"
#include <math.h>
#include <string.h>

typedef struct dmi_check_vector vector;

static const double tolerance = 1e-7;

void dmi_check_start(struct dmi_check *check, const dm_schedule *schedule, const dm_node *first)
{
	memset(check, 0, sizeof *check);
	check->schedule = schedule;
	check->n_basis = 2;
	check->state.v[0] = first->alpha;
	check->state.v[1] = first->sigma;
	for (int k = 0; k < DMI_MAX_KEPT; k++)
		check->kept[k] = check->state;
}

static void add(vector *to, double factor, const vector *v)
{
	for (int i = 0; i < DMI_CHECK_DIM; i++)
		to->v[i] += factor * v->v[i];
}

static double dot(const vector *a, const vector *b)
{
	double sum = 0;
	for (int i = 1; i < DMI_CHECK_DIM; i++)
		sum += a->v[i] * b->v[i];
	return sum;
}

/* A unit normal independent of all so far. */
static dm_status fresh(struct dmi_check *check, vector *out, dm_error *err)
{
	memset(out, 0, sizeof *out);
	if (check->n_basis == DMI_CHECK_DIM)
		return dmi_fail(err, DM_ERR_SAMPLER, "sampler: one interval has too many draws to follow");
	out->v[check->n_basis++] = 1;
	return DM_OK;
}

/* The covariance of two unit increments of one path, 0 where one is an independent draw. */
static double overlap(double from, double to, double from2, double to2)
{
	double low = fmax(fmin(from, to), fmin(from2, to2)), high = fmin(fmax(from, to), fmax(from2, to2));
	double size = sqrt(fabs(to - from) * fabs(to2 - from2));
	double sign = (to > from) == (to2 > from2) ? 1 : -1;
	return high > low && size < INFINITY ? sign * (high - low) / size : 0;
}

/* Turns a fresh unit vector into one that has the right covariance with the increments before it: v = sum_i w_i d_i + rest,
 * where the w solve the normal equations. */
static dm_status correlate(const struct dmi_check *check, double from, double to, vector *out, dm_error *err)
{
	double gram[64], w[8], size = 1;
	int32_t index[8], n = 0;
	for (int32_t i = 0; i < check->n_draw && n < 8; i++)
		if (overlap(from, to, check->from[i], check->to[i]) != 0)
			index[n++] = i;
	for (int32_t i = 0; i < n; i++) {
		w[i] = overlap(from, to, check->from[index[i]], check->to[index[i]]);
		for (int32_t k = 0; k < n; k++)
			gram[i * n + k] = dot(&check->drawn[index[i]], &check->drawn[index[k]]);
	}
	if (n && !dmi_solve(n, gram, w))
		return dmi_fail(err, DM_ERR_SAMPLER,
		                "sampler: it asks for increments of the path that follow from one another");
	vector v = {{0}};
	for (int32_t i = 0; i < n; i++) {
		size -= w[i] * overlap(from, to, check->from[index[i]], check->to[index[i]]);
		add(&v, w[i], &check->drawn[index[i]]);
	}
	add(&v, sqrt(fmax(size, 0)), out);
	*out = v;
	return DM_OK;
}

static dm_status draw(struct dmi_check *check, const struct dmi_value *value, vector *out, dm_error *err)
{
	for (int32_t i = 0; i < check->n_draw; i++)
		if (check->draw[i] == value->draw) {
			*out = check->drawn[i];
			return DM_OK;
		}
	dm_status st = fresh(check, out, err);
	if (st == DM_OK)
		st = correlate(check, value->parameter[0], value->parameter[1], out, err);
	if (st != DM_OK)
		return st;
	if (check->n_draw == DMI_CHECK_DRAW) { /* forget the oldest */
		int32_t rest = --check->n_draw;
		memmove(check->draw, check->draw + 1, (size_t)rest * sizeof *check->draw);
		memmove(check->from, check->from + 1, (size_t)rest * sizeof *check->from);
		memmove(check->to, check->to + 1, (size_t)rest * sizeof *check->to);
		memmove(check->drawn, check->drawn + 1, (size_t)rest * sizeof *check->drawn);
	}
	check->draw[check->n_draw] = value->draw;
	check->from[check->n_draw] = value->parameter[0];
	check->to[check->n_draw] = value->parameter[1];
	check->drawn[check->n_draw++] = *out;
	return DM_OK;
}

/* What the constant model says for x at a node, in a space. */
static dm_status predict(struct dmi_check *check, const dm_model *model, const vector *x, const dm_node *at,
                         int32_t space, vector *out, dm_error *err)
{
	double row[3];
	struct dmi_level level;
	vector x0 = {{1}}, epsilon = {{0}}, value = {{0}};
	dmi_model_level(model, check->schedule, at, &level);
	dmi_space_encode(model->kind, space, &level, row);
	if (at->sigma > 0) {
		add(&epsilon, 1 / at->sigma, x);
		add(&epsilon, -at->alpha / at->sigma, &x0);
	} else if (fresh(check, &epsilon, err) != DM_OK)
		return DM_ERR_SAMPLER;
	const vector *in[3] = {x, &x0, &epsilon};
	for (int i = 0; i < 3; i++)
		if (row[i] != 0)
			add(&value, row[i], in[i]);
	*out = value;
	return DM_OK;
}

static dm_status follow(struct dmi_check *check, const dm_emit *e, const dm_model *model, int32_t i, dm_error *err)
{
	const struct dmi_value *value = &e->value[i];
	vector *out = &check->value[i], sum = {{0}};
	const struct dmi_value *eval = value->kind == DMI_PART ? &e->value[value->of - 1] : value;
	if (value->inner || (value->kind == DMI_PART && value->part == DM_PART_VARIANCE)) {
		*out = sum;
		return DM_OK;
	}
	switch (value->kind) {
	case DMI_LINEAR:
		for (int32_t t = value->first_term; t < value->first_term + value->n_term; t++)
			add(&sum, e->term[t].coefficient, &check->value[e->term[t].value - 1]);
		*out = sum;
		return DM_OK;
	case DMI_NOISE:
		return draw(check, value, out, err);
	case DMI_MAPPED: /* taken as its first input; what that misses is the method's to declare */
	case DMI_WEIGHTED:
		*out = check->value[e->term[value->first_term].value - 1];
		return DM_OK;
	case DMI_PREDICTION:
	case DMI_PART:
		return predict(check, model, &check->value[eval->asked - 1], &eval->at, value->space, out, err);
	case DMI_GUIDED:
		return predict(check, model, &check->value[e->term[value->first_term].value - 1], &value->at, value->space, out,
		               err);
	default:
		return DM_OK; /* entries stand there already */
	}
}

static double variance(const vector *v)
{
	double sum = 0;
	for (int i = 1; i < DMI_CHECK_DIM; i++)
		sum += v->v[i] * v->v[i];
	return sum;
}

static dm_status compare(vector *state, const dm_emit *e, const dm_node *to, dm_error *err)
{
	double mean = state->v[0], sd = sqrt(variance(state));
	if (!(fabs(mean - to->alpha) <= tolerance) && !(e->departs & DM_DEPARTS_MEAN))
		return dmi_fail(
		    err, DM_ERR_SAMPLER,
		    "sampler: a constant prediction arrives with %g instead of alpha = %g, and no departure is declared", mean,
		    to->alpha);
	if (!(fabs(sd - to->sigma) <= tolerance * fmax(1, to->sigma)) && !(e->departs & DM_DEPARTS_VARIANCE))
		return dmi_fail(
		    err, DM_ERR_SAMPLER,
		    "sampler: the noise arrives with deviation %g instead of sigma = %g, and no departure is declared", sd,
		    to->sigma);
	return DM_OK;
}

/* After a declared departure the next step is judged from a state that is right. */
static dm_status repair(struct dmi_check *check, vector *state, const dm_node *to, dm_error *err)
{
	double sd = sqrt(variance(state));
	dm_status st = sd > 0 || to->sigma == 0 ? DM_OK : fresh(check, state, err);
	for (int i = 1; i < DMI_CHECK_DIM; i++)
		state->v[i] *= to->sigma / (sd > 0 ? sd : 1);
	state->v[0] = to->alpha;
	return st;
}

/* Writes n vectors in a basis of their own (Gram-Schmidt, twice, without the constant). */
static int32_t rebase(vector *const *live, int32_t n)
{
	vector q[DMI_CHECK_LIVE];
	int32_t n_q = 0;
	for (int32_t i = 0; i < n; i++) {
		vector rest = *live[i], now = {{0}};
		double size = sqrt(dot(&rest, &rest));
		for (int pass = 0; pass < 2; pass++)
			for (int32_t k = 0; k < n_q; k++) {
				double c = dot(&rest, &q[k]);
				now.v[1 + k] += c;
				add(&rest, -c, &q[k]);
			}
		double left = sqrt(dot(&rest, &rest));
		if (left > 1e-12 * size && left > 0) {
			memset(&q[n_q], 0, sizeof q[n_q]);
			add(&q[n_q], 1 / left, &rest);
			now.v[1 + n_q++] = left;
		}
		now.v[0] = live[i]->v[0];
		*live[i] = now;
	}
	return n_q + 1;
}

static void carry(struct dmi_check *check, const dm_emit *e, int32_t kept_set, int32_t max_past)
{
	vector *live[DMI_CHECK_LIVE];
	int32_t n = 0;
	for (int32_t i = 0; i < e->n_push; i++) {
		memmove(check->past + 1, check->past, (DMI_MAX_PAST - 1) * sizeof *check->past);
		check->past[0] = check->value[e->push[i].prediction - 1];
	}
	check->n_past += e->n_push;
	if (check->n_past > max_past)
		check->n_past = max_past;
	for (int32_t i = 0; i < check->n_draw; i++)
		live[n++] = &check->drawn[i];
	live[n++] = &check->state;
	for (int32_t i = 0; i < check->n_past; i++)
		live[n++] = &check->past[i];
	for (int32_t k = 0; k < e->n_kept; k++) {
		if (e->keep[k])
			check->kept[k] = check->value[e->keep[k] - 1];
		if (e->keep[k] || (kept_set >> k & 1))
			live[n++] = &check->kept[k];
	}
	check->n_basis = rebase(live, n);
}

dm_status dmi_check_interval(struct dmi_check *check, const dm_emit *e, const dm_model *model, const dm_node *to,
                             int32_t kept_set, int32_t max_past, dm_error *err)
{
	int32_t entry = 0;
	check->value[entry++] = check->state;
	for (int32_t i = 0; i < check->n_past; i++)
		check->value[entry++] = check->past[i];
	for (int32_t k = 0; k < e->n_kept; k++)
		if (kept_set >> k & 1)
			check->value[entry++] = check->kept[k];
	for (int32_t i = 0; i < e->n_value; i++) {
		dm_status st = follow(check, e, model, i, err);
		if (st != DM_OK)
			return st;
	}
	check->state = check->value[e->own_state - 1];
	dm_status st = compare(&check->state, e, to, err);
	if (st == DM_OK && e->departs)
		st = repair(check, &check->state, to, err);
	carry(check, e, kept_set, max_past);
	return st;
}
