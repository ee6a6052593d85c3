/* Combining stages in another space than x0. In a space with prediction = a x + b x0 the statistics of the predictions
 * follow from those of x and of the x0; and predictions with weights w_i give, seen as x0,
 *
 *     sum_i w_i x0_i + (sum_i w_i - 1) (a / b) x
 *
 * So the stage becomes one that weighs, after the evaluation, the x0 so far, those of its branches, and x. One whose
 * weights do not follow from statistics is the same sum in every space. */
#include "base/compiler.h"
#include "guidance/guidance.h"
#include "base/error.h"
#include "base/math.h"
#include "base/text.h"
#include <math.h>
#include <string.h>

enum { X0, EPSILON, V, FLOW };
enum { MAX_BRANCH = DM_GUIDANCE_MAX_BRANCH, MAX_VALUE = MAX_BRANCH };

const char *const dmi_spaces[5] = {"x0", "epsilon", "v", "flow", NULL};

/* prediction = row[0] x + row[1] x0, from epsilon = (x - alpha x0) / sigma. */
static void encode(int32_t space, double alpha, double sigma, double row[2])
{
	double size = sqrt(alpha * alpha + sigma * sigma);
	const double x[] = {[X0] = 0, [EPSILON] = 1 / sigma, [V] = alpha / (sigma * size), [FLOW] = 1 / sigma};
	const double x0[] = {[X0] = 1, [EPSILON] = -alpha / sigma, [V] = -size / sigma, [FLOW] = -(alpha + sigma) / sigma};
	row[0] = x[space];
	row[1] = x0[space];
}

static int32_t space_of(const struct dmi_stage *stage)
{
	return stage->type->space ? (int32_t)stage->options.value[stage->type->space] : X0;
}

static void fail(dm_emit *e, const struct dmi_stage *stage, const char *what)
{
	char message[256];
	struct dmi_text text = {message, sizeof message, 0};
	dmi_text_format(&text, "guidance \"%s\": %s", stage->name, what);
	dm_emit_fail(e, DM_ERR_UNSUPPORTED, message);
}

/* The branches of the stage behind a first entry that stands for what the stages before made. */
static dm_status list(const struct dmi_stage *stage, const dm_node *at, dm_branch branch[2 * MAX_BRANCH], int32_t *n)
{
	*n = 1;
	branch[0] = (dm_branch){-1, -1, -1};
	return stage->type->ops.branches((void *)(uintptr_t)stage->options.value, at, branch, n);
}

static dm_status branches(void *user, const dm_node *at, dm_branch *branch, int32_t *n)
{
	struct dmi_stage *stage = user;
	return stage->type->ops.branches(stage->options.value, at, branch, n);
}

/* The sum of n values with the weights of a stage that looks at no statistics. */
static dm_status sum(struct dmi_stage *stage, const dm_node *at, const dm_branch *branch, int32_t n,
                     const dm_val *value, dm_emit *e, dm_val *x0)
{
	double weight[2 * MAX_BRANCH];
	dm_term term[2 * MAX_BRANCH];
	dm_status st = stage->type->ops.weights(stage->options.value, at, branch + 1, n - 1, NULL, weight);
	for (int32_t i = 0; st == DM_OK && i < n; i++)
		term[i] = (dm_term){weight[i], value[i]};
	if (st == DM_OK)
		*x0 = dm_emit_linear(e, n, term);
	return st;
}

/* The same in a space, with weights by statistics. */
static void weigh(const struct dmi_stage *stage, const dm_guide *guide, int32_t n, dm_val *value, dm_emit *e,
                  dm_val *x0)
{
	const dm_node *at = guide->at;
	double row[2];
	encode(space_of(stage), at->alpha, at->sigma, row);
	if (!dmi_is_finite(row[0]) || !(row[1] != 0))
		fail(e, stage, "space: there is no x0 in this prediction at alpha = 0, and none at sigma = 0");
	if (n > MAX_VALUE - 1)
		fail(e, stage, "space: too many branches");
	else {
		value[n] = guide->x;
		*x0 = dm_emit_weighted(e, n + 1, value, 0, (double[4]){at->alpha, at->sigma, at->lambda, (double)at->visit});
	}
}

static dm_status after(void *user, const dm_guide *guide, dm_emit *e, dm_val *x0)
{
	struct dmi_stage *stage = user;
	dm_branch branch[2 * MAX_BRANCH];
	dm_val value[2 * MAX_BRANCH] = {*x0};
	int32_t n;
	dm_status st = list(stage, guide->at, branch, &n);
	for (int32_t b = 1; st == DM_OK && b < n; b++)
		value[b] = dm_emit_branch(e, guide->evaluation, &branch[b]);
	if (st == DM_OK && n > 1 && stage->type->ops.needs_stats)
		weigh(stage, guide, n, value, e, x0);
	else if (st == DM_OK && n > 1)
		st = sum(stage, guide->at, branch, n, value, e, x0);
	/* what the stage itself does after an evaluation */
	return st == DM_OK && stage->type->ops.after ? stage->type->ops.after(stage->options.value, guide, e, x0) : st;
}

/* The statistics of n predictions from those of n x0 and of x, the last one. A square of which no more is left than the
 * rounding of float arrays (6e-8, squared, over what cancels) is 0, so that a velocity that stands still is one. */
static void transform(const dm_stats *stats, const double row[2], int32_t n, double *gram, double *total)
{
	const double *g = stats->gram;
	int32_t m = stats->n, x = m - 1;
	for (int32_t i = 0; i < n; i++) {
		total[i] = row[0] * stats->sum[x] + row[1] * stats->sum[i];
		for (int32_t k = 0; k < n; k++)
			gram[i * n + k] = row[0] * row[0] * g[x * m + x] + row[0] * row[1] * (g[x * m + i] + g[x * m + k]) +
			                  row[1] * row[1] * g[i * m + k];
	}
	for (int32_t i = 0; i < n; i++)
		if (gram[i * n + i] <= 1e-14 * (row[0] * row[0] * g[x * m + x] + row[1] * row[1] * g[i * m + i]))
			gram[i * n + i] = total[i] = 0;
}

static dm_status rule(void *user, int32_t number, const double parameter[4], size_t n_sample, const dm_stats *stats,
                      double *weight)
{
	struct dmi_stage *stage = user;
	dm_node at = {.alpha = parameter[0], .sigma = parameter[1], .lambda = parameter[2], .visit = (int64_t)parameter[3]};
	dm_branch branch[2 * MAX_BRANCH];
	double row[2], gram[MAX_VALUE * MAX_VALUE], sums[MAX_VALUE];
	int32_t n;
	(void)number;
	encode(space_of(stage), at.alpha, at.sigma, row);
	dm_status st = list(stage, &at, branch, &n);
	for (size_t s = 0; st == DM_OK && s < n_sample; s++, weight += n + 1) {
		dm_stats seen = {sizeof seen, n, stats[s].n_element, gram, sums};
		double total = 0;
		transform(&stats[s], row, n, gram, sums);
		st = stage->type->ops.weights(stage->options.value, &at, branch + 1, n - 1, &seen, weight);
		for (int32_t i = 0; i < n; i++)
			total += weight[i];
		weight[n] = (total - 1) * row[0] / row[1];
	}
	return st;
}

dm_status dmi_space_adapt(struct dmi_stage *stage, dm_error *err)
{
	if (stage->ops.keep)
		return dmi_fail(err, DM_ERR_UNSUPPORTED,
		                "guidance \"%s\": what it keeps from one evaluation to the next it keeps in x0 only",
		                stage->name);
	stage->ops =
	    (dm_guidance_ops){.struct_size = sizeof(dm_guidance_ops), .branches = branches, .after = after, .rule = rule};
	stage->user = stage;
	return DM_OK;
}
