/* Combining stages in another space than x0. In a space with prediction = a x + b x0 the statistics of the predictions
 * follow from those of x and of the x0; and predictions with weights w_i give, seen as x0,
 *
 *     sum_i w_i x0_i + (sum_i w_i - 1) (a / b) x
 *
 * So the stage becomes one that weighs, after the evaluation, the x0 so far, those of its branches, and x. */
#include "base/compiler.h"
#include "guidance/guidance.h"
#include "base/error.h"
#include "base/math.h"
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

static dm_status after(void *user, const dm_guide *guide, dm_emit *e, dm_val *x0)
{
	struct dmi_stage *stage = user;
	const dm_node *at = guide->at;
	dm_branch branch[2 * MAX_BRANCH];
	dm_val value[MAX_BRANCH + 2];
	double row[2];
	int32_t n;
	encode((int32_t)stage->options.value[stage->type->space], at->alpha, at->sigma, row);
	dm_status st = list(stage, at, branch, &n);
	if (!dmi_is_finite(row[0]) || !(row[1] != 0))
		dm_emit_fail(e, DM_ERR_UNSUPPORTED,
		             "guidance: space: there is no x0 in this prediction at alpha = 0, and none at sigma = 0");
	if (st == DM_OK && n > MAX_VALUE - 1)
		dm_emit_fail(e, DM_ERR_UNSUPPORTED, "guidance: space: too many branches");
	else if (st == DM_OK && n > 1) {
		value[0] = *x0;
		for (int32_t b = 1; b < n; b++)
			value[b] = dm_emit_branch(e, guide->evaluation, &branch[b]);
		value[n] = guide->x;
		*x0 = dm_emit_weighted(e, n + 1, value, 0, (double[4]){at->alpha, at->sigma, at->lambda, (double)at->visit});
	}
	/* what the stage itself does after an evaluation */
	return st == DM_OK && stage->type->ops.after ? stage->type->ops.after(stage->options.value, guide, e, x0) : st;
}

/* The statistics of n predictions from those of n x0 and of x, the last one. */
static void transform(const dm_stats *stats, const double row[2], int32_t n, double *gram, double *sum)
{
	const double *g = stats->gram;
	int32_t m = stats->n, x = m - 1;
	for (int32_t i = 0; i < n; i++) {
		sum[i] = row[0] * stats->sum[x] + row[1] * stats->sum[i];
		for (int32_t k = 0; k < n; k++)
			gram[i * n + k] = row[0] * row[0] * g[x * m + x] + row[0] * row[1] * (g[x * m + i] + g[x * m + k]) +
			                  row[1] * row[1] * g[i * m + k];
	}
}

static dm_status rule(void *user, int32_t number, const double parameter[4], size_t n_sample, const dm_stats *stats,
                      double *weight)
{
	struct dmi_stage *stage = user;
	dm_node at = {.alpha = parameter[0], .sigma = parameter[1], .lambda = parameter[2], .visit = (int64_t)parameter[3]};
	dm_branch branch[2 * MAX_BRANCH];
	double row[2], gram[MAX_VALUE * MAX_VALUE], sum[MAX_VALUE];
	int32_t n;
	(void)number;
	encode((int32_t)stage->options.value[stage->type->space], at.alpha, at.sigma, row);
	dm_status st = list(stage, &at, branch, &n);
	for (size_t s = 0; st == DM_OK && s < n_sample; s++, weight += n + 1) {
		dm_stats seen = {sizeof seen, n, stats[s].n_element, gram, sum};
		double total = 0;
		transform(&stats[s], row, n, gram, sum);
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
