/* A sampler of your own, written outside the library: Adams-Bashforth of order 2 with unequal steps. In y = x / alpha
 * and u = sigma / alpha the probability flow is dy/du = epsilon, so with r = (u' - u) / (u - u_old)
 *
 *     x' = (alpha'/alpha) x + alpha' (u' - u) ((1 + r/2) epsilon - (r/2) epsilon_old)
 *
 * The plan checks it like the library's own methods: a second sampler here forgets the factor alpha' and is refused. */
#include <math.h>
#include <stdio.h>

#include "demist.h"

static double level(const dm_node *at)
{
	return at->sigma / at->alpha;
}

/* user: the factor that multiplies alpha' (1 / alpha' when it is forgotten is left to the careless one below). */
static dm_status step_ab2(void *user, const dm_step *s, dm_emit *e)
{
	const dm_node *from = s->from, *to = s->to;
	const double order = s->option[0], forget = *(const double *)user;
	double du = level(to) - level(from), scale = forget != 0 ? 1 : to->alpha, r = 0;
	dm_val epsilon = dm_emit_eval(e, s->x, from, DM_SPACE_EPSILON), old = 0;

	if (order > 1 && s->n_past > 0) {
		old = s->past[0].prediction;
		r = du / (level(from) - level(&s->past[0].at));
	}
	dm_emit_state(e, dm_emit_linear(e, 3,
	                                (dm_term[]){{to->alpha / from->alpha, s->x},
	                                            {scale * du * (1 + r / 2), epsilon},
	                                            {-scale * du * r / 2, old}}));
	dm_emit_push(e, from, epsilon, 2);
	return DM_OK;
}
