/* Moment-matching posterior sampling, for y = A x0 + noise n (Rozet 2024, eq. 14-16): x0 given the state is taken as
 * normal around the denoiser's estimate with its true covariance V = sigma^2 / alpha J (Tweedie), J = d x0 / d x, so
 *
 *     x0' = x0 + V A^T (A V A^T + noise^2)^-1 (y - A x0)
 *         = x0 + V w,    (noise^2 + A^T A V) w = A^T (y - A x0)
 *
 * The second system is symmetric in the inner product <a, V b>; conjugate gradients in it search the same spaces as the
 * paper's, which solve the first one, with `rounds` products V v (one vjp each). They end at the solution after as many
 * rounds as A has independent rows. Per sample:
 *
 *     a = <r, V r> / (noise^2 <p, V p> + <V p, A^T A V p>)
 *     x0' += a V p    r' = r - a (noise^2 p + A^T A V p)    p' = r' + <r', V r'> / <r, V r> p
 *
 * At alpha = 0 the state says nothing, J is 0, and V = data^2 I.
 *
 * Bias: none where the prior is normal and the rounds suffice. Otherwise x0 given the state is not normal, and V changes
 * with the state, which is left out of the gradient; fewer rounds make the measurement count less. */
#include "base/compiler.h"
#include "guidance/common.h"
#include <math.h>

enum { NOISE, ROUNDS = DMI_TABLE, DATA };

static const dm_option options[] = {
    DMI_REAL("noise", "standard deviation of the measurement's noise", 0, 0, 1e6),
    DMI_INTERVAL_OPTIONS,
    DMI_INTEGER("rounds", "conjugate gradients: products with the Jacobian in every evaluation", 3, 1, 16),
    DMI_REAL("data", "standard deviation of an element of the data; for alpha = 0", 1, 1e-6, 1e6),
};

/* The values that the rules see: the estimate, r, V r, p, V p, A^T A V p; or r', V r', r, V r, p, V p. */
enum { X0, REST, SPREAD, ALONG, SPREAD_ALONG, SEEN, N_VALUE };
enum { NEW_REST, NEW_SPREAD, OLD_REST, OLD_SPREAD };
enum { RULE_ESTIMATE, RULE_REST, RULE_ALONG, RULE_SPREAD_ALONG };

/* a, or 0 where nothing is left. */
static double step_length(const double *gram, double noise2)
{
	double size = gram[REST * N_VALUE + SPREAD];
	double curvature = noise2 * gram[ALONG * N_VALUE + SPREAD_ALONG] + gram[SPREAD_ALONG * N_VALUE + SEEN];
	return size > 0 && curvature > 0 ? size / curvature : 0;
}

static void weigh(int32_t rule, const double *gram, double noise2, double *weight)
{
	double before = gram[OLD_REST * N_VALUE + OLD_SPREAD], now = gram[NEW_REST * N_VALUE + NEW_SPREAD];
	double a = step_length(gram, noise2), b = before > 0 && now > 0 ? now / before : 0;
	const double all[][N_VALUE] = {
	    [RULE_ESTIMATE] = {[X0] = 1, [SPREAD_ALONG] = a},
	    [RULE_REST] = {[REST] = 1, [ALONG] = -a * noise2, [SEEN] = -a},
	    [RULE_ALONG] = {[NEW_REST] = 1, [4] = b},
	    [RULE_SPREAD_ALONG] = {[NEW_SPREAD] = 1, [5] = b},
	};
	for (int i = 0; i < N_VALUE; i++)
		weight[i] = all[rule][i];
}

static dm_status rule(void *user, int32_t which, const double parameter[4], size_t n_sample, const dm_stats *stats,
                      double *weight)
{
	(void)user;
	for (size_t s = 0; s < n_sample; s++)
		weigh(which, stats[s].gram, parameter[0], weight + s * N_VALUE);
	return DM_OK;
}

/* V v */
static dm_val spread(dm_emit *e, const dm_guide *guide, dm_val v)
{
	dm_val product = dm_emit_vjp(e, guide->evaluation, v);
	double factor = guide->at->sigma * guide->at->sigma / guide->at->alpha;
	return dm_emit_linear(e, 1, &(dm_term){factor, product});
}

static dm_val solve(dm_emit *e, const dm_guide *guide, dm_val x0, const double *option)
{
	const double parameter[4] = {option[NOISE] * option[NOISE]};
	dm_val rest = dm_emit_operator(e, DM_OPERATOR_RESIDUAL, x0, NULL), of_rest = spread(e, guide, rest);
	dm_val along = rest, of_along = of_rest;
	for (int round = 1;; round++) {
		dm_val seen = dm_emit_operator(e, DM_OPERATOR_GRAM, of_along, NULL);
		dm_val now[N_VALUE] = {x0, rest, of_rest, along, of_along, seen};
		x0 = dm_emit_weighted(e, N_VALUE, now, RULE_ESTIMATE, parameter);
		if (round == option[ROUNDS])
			return x0;
		dm_val old_rest = rest, old_of_rest = of_rest;
		rest = dm_emit_weighted(e, N_VALUE, now, RULE_REST, parameter);
		of_rest = spread(e, guide, rest);
		dm_val next[N_VALUE] = {rest, of_rest, old_rest, old_of_rest, along, of_along};
		along = dm_emit_weighted(e, N_VALUE, next, RULE_ALONG, parameter);
		of_along = dm_emit_weighted(e, N_VALUE, next, RULE_SPREAD_ALONG, parameter);
	}
}

/* V = data^2 I */
static dm_val solve_at_noise(dm_emit *e, dm_val x0, const double *option)
{
	const double parameter[4] = {option[DATA], option[NOISE]};
	dm_val correction = dm_emit_operator(e, DM_OPERATOR_POSTERIOR, x0, parameter);
	return dm_emit_linear(e, 2, (dm_term[]){{1, x0}, {option[DATA] * option[DATA], correction}});
}

static dm_status after(void *user, const dm_guide *guide, dm_emit *e, dm_val *x0)
{
	const double *option = user;
	if (guide->at->sigma > 0 && dmi_acts_at(option, guide->at))
		*x0 = guide->at->alpha > 0 ? solve(e, guide, *x0, option) : solve_at_noise(e, *x0, option);
	return DM_OK;
}

const struct dmi_guidance_type dmi_guidance_mmps = {
    .method = DMI_METHOD("mmps", "inverse problem: gradient of the likelihood with the denoiser's own covariance",
                         "Rozet 2024, eq. 14-16", options),
    .ops = {.struct_size = sizeof(dm_guidance_ops), .after = after, .rule = rule},
    .needs_operator = 1,
    .check = dmi_guidance_check_interval,
};
