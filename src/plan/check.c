#include "base/compiler.h"
#include "plan/check.h"
#include "base/error.h"
#include "sampler/phi.h"
#include <math.h>
#include <string.h>

typedef struct dmi_check_vector vector;

static const double tolerance = 1e-7;

struct dmi_check *dmi_check_place(struct dmi_arena *arena, int32_t n_value)
{
	struct dmi_check *check = dmi_arena_take(arena, 1, sizeof *check);
	vector *value = dmi_arena_take(arena, (size_t)n_value, sizeof *value);
	if (check)
		check->value = value;
	return check;
}

void dmi_check_start(struct dmi_check *check, const dm_schedule *schedule, const dm_node *first)
{
	check->n_past = check->n_draw = 0;
	check->schedule = schedule;
	check->n_basis = 2;
	check->state.n = 2;
	check->state.v[0] = first->alpha;
	check->state.v[1] = first->sigma;
	for (int k = 0; k < DMI_MAX_KEPT; k++)
		check->kept[k] = check->state;
}

/* a on the constant, nothing else. */
static void set(vector *out, double a)
{
	out->n = 1;
	out->v[0] = a;
}

static void copy(vector *out, const vector *v)
{
	out->n = v->n;
	memcpy(out->v, v->v, (size_t)v->n * sizeof *v->v);
}

static void extend(vector *v, int32_t n)
{
	while (v->n < n)
		v->v[v->n++] = 0;
}

static void add(vector *to, double factor, const vector *v)
{
	extend(to, v->n);
	for (int32_t i = 0; i < v->n; i++)
		to->v[i] += factor * v->v[i];
}

/* Without the constant. */
static double dot(const vector *a, const vector *b)
{
	double sum = 0;
	for (int32_t i = 1; i < a->n && i < b->n; i++)
		sum += a->v[i] * b->v[i];
	return sum;
}

/* A unit normal independent of all so far. */
static dm_status fresh(struct dmi_check *check, vector *out, dm_error *err)
{
	set(out, 0);
	if (check->n_basis == DMI_CHECK_DIM)
		return dmi_fail(err, DM_ERR_SAMPLER, "sampler: one interval has too many draws to follow");
	extend(out, ++check->n_basis);
	out->v[check->n_basis - 1] = 1;
	return DM_OK;
}

double dmi_check_overlap(double from, double to, double from2, double to2)
{
	double low = fmax(fmin(from, to), fmin(from2, to2)), high = fmin(fmax(from, to), fmax(from2, to2));
	double size = sqrt(fabs(to - from) * fabs(to2 - from2));
	double sign = (to > from) == (to2 > from2) ? 1 : -1;
	return high > low && size < INFINITY ? sign * (high - low) / size : 0;
}

/* Turns a fresh unit vector into one that has the right covariance with the increments before it: v = sum_i w_i d_i + rest,
 * where the w solve the normal equations. */
static dm_status correlate(struct dmi_check *check, double from, double to, vector *out, dm_error *err)
{
	double gram[64], w[8], size = 1;
	int32_t index[8], n = 0;
	for (int32_t i = 0; i < check->n_draw && n < 8; i++)
		if (dmi_check_overlap(from, to, check->from[i], check->to[i]) != 0)
			index[n++] = i;
	for (int32_t i = 0; i < n; i++) {
		w[i] = dmi_check_overlap(from, to, check->from[index[i]], check->to[index[i]]);
		for (int32_t k = 0; k < n; k++)
			gram[i * n + k] = dot(&check->drawn[index[i]], &check->drawn[index[k]]);
	}
	check->is_lost = n && !dmi_solve(n, gram, w);
	if (check->is_lost)
		return dmi_fail(err, DM_ERR_SAMPLER,
		                "sampler: it asks for increments of the path that follow from one another");
	vector v;
	set(&v, 0);
	for (int32_t i = 0; i < n; i++) {
		size -= w[i] * dmi_check_overlap(from, to, check->from[index[i]], check->to[index[i]]);
		add(&v, w[i], &check->drawn[index[i]]);
	}
	add(&v, sqrt(fmax(size, 0)), out);
	copy(out, &v);
	return DM_OK;
}

static dm_status draw(struct dmi_check *check, const struct dmi_value *value, vector *out, dm_error *err)
{
	for (int32_t i = 0; i < check->n_draw; i++)
		if (check->draw[i] == value->draw) {
			copy(out, &check->drawn[i]);
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
	copy(&check->drawn[check->n_draw++], out);
	return DM_OK;
}

/* What the constant model says for x at a node, in a space. */
static dm_status predict(struct dmi_check *check, const dm_model *model, const vector *x, const dm_node *at,
                         int32_t space, vector *out, dm_error *err)
{
	double row[3];
	struct dmi_level level;
	vector x0, epsilon;
	dmi_model_level(model, check->schedule, at, &level);
	dmi_space_encode(model->kind, space, &level, row);
	set(&x0, 1);
	set(&epsilon, 0);
	if (at->sigma > 0) {
		add(&epsilon, 1 / at->sigma, x);
		add(&epsilon, -at->alpha / at->sigma, &x0);
	} else if (fresh(check, &epsilon, err) != DM_OK)
		return DM_ERR_SAMPLER;
	const vector *in[3] = {x, &x0, &epsilon};
	set(out, 0);
	for (int i = 0; i < 3; i++)
		if (row[i] != 0)
			add(out, row[i], in[i]);
	return DM_OK;
}

static dm_status follow(struct dmi_check *check, const dm_emit *e, const dm_model *model, int32_t i, dm_error *err)
{
	const struct dmi_value *value = &e->value[i];
	vector *out = &check->value[i];
	const struct dmi_value *eval = value->kind == DMI_PART ? &e->value[value->of - 1] : value;
	if (value->inner || (value->kind == DMI_PART && value->part == DM_PART_VARIANCE)) {
		set(out, 0);
		return DM_OK;
	}
	switch (value->kind) {
	case DMI_LINEAR:
		set(out, 0);
		for (int32_t t = value->first_term; t < value->first_term + value->n_term; t++)
			add(out, e->term[t].coefficient, &check->value[e->term[t].value - 1]);
		return DM_OK;
	case DMI_NOISE:
		return draw(check, value, out, err);
	case DMI_MAPPED: /* taken as its first input; what that misses is the method's to declare */
	case DMI_WEIGHTED:
		copy(out, &check->value[e->term[value->first_term].value - 1]);
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

static double deviation(const vector *v)
{
	return sqrt(dot(v, v));
}

/* How far the deviation may be off at a node. */
static double allowed(const dm_node *at)
{
	return tolerance * fmax(1, at->sigma);
}

/* Whether a difference is no more than what rounding leaves of numbers of the size of the state before the step. */
static int is_rounding(double difference, double before)
{
	return difference <= 1.5e-14 * before;
}

/* before: the deviation of the state that the step starts from. */
static dm_status compare(struct dmi_check *check, const dm_emit *e, const dm_node *to, double before, dm_error *err)
{
	double mean = check->state.v[0], sd = deviation(&check->state), off = fabs(sd - to->sigma);
	check->is_lost = 1; /* where it fails */
	if (!(fabs(mean - to->alpha) <= tolerance) && !(e->departs & DM_DEPARTS_MEAN))
		return dmi_fail(
		    err, DM_ERR_SAMPLER,
		    "sampler: a constant prediction arrives with %g instead of alpha = %g, and no departure is declared", mean,
		    to->alpha);
	if (e->departs & DM_DEPARTS_VARIANCE || off <= allowed(to) ||
	    (is_rounding(off, before) && off <= 1e4 * allowed(to)))
		return DM_OK;
	if (is_rounding(off, before))
		return dmi_fail(err, DM_ERR_UNSUPPORTED,
		                "sampler: a step from sigma = %g to sigma = %g loses too many digits by this method: put nodes "
		                "between them",
		                before, to->sigma);
	return dmi_fail(err, DM_ERR_SAMPLER,
	                "sampler: the noise arrives with deviation %g instead of sigma = %g, and no departure is declared",
	                sd, to->sigma);
}

/* After a declared departure, or much rounding, the next step is judged from a state that is right. */
static dm_status repair(struct dmi_check *check, vector *state, const dm_node *to, dm_error *err)
{
	double sd = deviation(state);
	dm_status st = sd > 0 || to->sigma == 0 ? DM_OK : fresh(check, state, err);
	for (int32_t i = 1; i < state->n; i++)
		state->v[i] *= to->sigma / (sd > 0 ? sd : 1);
	state->v[0] = to->alpha;
	return st;
}

/* A unit vector of the new basis: most are 0 but for one place, so the places that are not are kept. */
struct axis {
	int32_t first, end;
	double v[DMI_CHECK_DIM];
};

static void set_axis(struct axis *axis, const vector *v, double length)
{
	axis->end = v->n;
	for (axis->first = 1; v->v[axis->first] == 0;)
		axis->first++;
	while (v->v[axis->end - 1] == 0)
		axis->end--;
	for (int32_t i = axis->first; i < axis->end; i++)
		axis->v[i] = v->v[i] / length;
}

/* Takes out of v what lies along the axis, and returns how much. */
static double take(vector *v, const struct axis *axis)
{
	double along = 0;
	int32_t end = axis->end < v->n ? axis->end : v->n;
	for (int32_t i = axis->first; i < end; i++)
		along += v->v[i] * axis->v[i];
	if (along != 0)
		extend(v, axis->end);
	for (int32_t i = axis->first; along != 0 && i < axis->end; i++)
		v->v[i] -= along * axis->v[i];
	return along;
}

/* Writes n vectors in a basis of their own (Gram-Schmidt, twice, without the constant). */
static int32_t rebase(vector *const *live, int32_t n)
{
	struct axis axis[DMI_CHECK_LIVE];
	int32_t n_axis = 0;
	for (int32_t i = 0; i < n; i++) {
		vector rest, *now = live[i];
		double size = sqrt(dot(now, now));
		copy(&rest, now);
		now->n = 1;
		extend(now, 1 + n_axis);
		for (int pass = 0; pass < 2; pass++)
			for (int32_t k = 0; k < n_axis; k++)
				now->v[1 + k] += take(&rest, &axis[k]);
		double left = sqrt(dot(&rest, &rest));
		if (left > 1e-12 * size && left > 0) {
			set_axis(&axis[n_axis++], &rest, left);
			now->v[now->n++] = left;
		}
	}
	return n_axis + 1;
}

static void carry(struct dmi_check *check, const dm_emit *e, int32_t kept_set, int32_t max_past)
{
	vector *live[DMI_CHECK_LIVE];
	int32_t n = 0;
	for (int32_t i = 0; i < e->n_push; i++) {
		memmove(check->past + 1, check->past, (DMI_MAX_PAST - 1) * sizeof *check->past);
		copy(&check->past[0], &check->value[e->push[i].prediction - 1]);
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
			copy(&check->kept[k], &check->value[e->keep[k] - 1]);
		if (e->keep[k] || (kept_set >> k & 1))
			live[n++] = &check->kept[k];
	}
	check->n_basis = rebase(live, n);
}

dm_status dmi_check_interval(struct dmi_check *check, const dm_emit *e, const dm_model *model, const dm_node *to,
                             int32_t kept_set, int32_t max_past, dm_error *err)
{
	int32_t entry = 0;
	check->is_lost = 0;
	double before = deviation(&check->state);
	copy(&check->value[entry++], &check->state);
	for (int32_t i = 0; i < check->n_past; i++)
		copy(&check->value[entry++], &check->past[i]);
	for (int32_t k = 0; k < e->n_kept; k++)
		if (kept_set >> k & 1)
			copy(&check->value[entry++], &check->kept[k]);
	for (int32_t i = 0; i < e->n_value; i++) {
		dm_status st = follow(check, e, model, i, err);
		if (st != DM_OK)
			return st;
	}
	copy(&check->state, &check->value[e->own_state - 1]);
	dm_status st = compare(check, e, to, before, err);
	if (st == DM_OK && (e->departs || fabs(deviation(&check->state) - to->sigma) > allowed(to)))
		st = repair(check, &check->state, to, err);
	carry(check, e, kept_set, max_past);
	return st;
}
