#include "base/compiler.h"
#include "sampler/start.h"
#include "base/math.h"
#include <math.h>

const char *const dmi_start_words[3] = {"euler", "rk", NULL};

struct dmi_seen dmi_see(dm_emit *e, const dm_step *s, int analytic_first)
{
	struct dmi_seen seen = {0, s->x, s->from};
	dmi_departs_at(e, analytic_first, s->from);
	if (analytic_first && dmi_lambda_step(s->from, s->to) < 0) /* going up, what it left wrong may grow */
		dm_emit_departs(e, DM_DEPARTS_MEAN | DM_DEPARTS_VARIANCE);
	if (!analytic_first || s->step > 0)
		seen.eval = dm_emit_eval(e, s->x, s->from, DM_SPACE_X0);
	return seen;
}

/* With epsilon = x / n, n = sqrt(alpha^2 + sigma^2): x0 = x alpha / (n (n + sigma)), and v is the same. */
static double analytic(const dm_node *at, int32_t space)
{
	double n = sqrt(at->alpha * at->alpha + at->sigma * at->sigma), x0 = at->alpha / (n * (n + at->sigma));
	if (space == DM_SPACE_EPSILON)
		return 1 / n;
	return space == DMI_SPACE_FLOW ? 1 / n - x0 : x0;
}

dm_val dmi_view(dm_emit *e, const struct dmi_seen *seen, int32_t space)
{
	if (!seen->eval)
		return dm_emit_linear(e, 1, (dm_term[]){{analytic(seen->at, space), seen->x}});
	if (space == DM_SPACE_X0)
		return seen->eval;
	if (space != DMI_SPACE_FLOW)
		return dm_emit_part(e, seen->eval, DM_PART_PREDICTION, space);
	dm_val epsilon = dm_emit_part(e, seen->eval, DM_PART_PREDICTION, DM_SPACE_EPSILON);
	return dm_emit_linear(e, 2, (dm_term[]){{1, epsilon}, {-1, seen->eval}});
}

dm_val dmi_view_unguided(dm_emit *e, const struct dmi_seen *seen, int32_t space)
{
	return seen->eval ? dm_emit_part(e, seen->eval, DM_PART_UNGUIDED, space) : dmi_view(e, seen, space);
}

void dmi_departs_at(dm_emit *e, int analytic_first, const dm_node *at)
{
	if (analytic_first && at->visit == 0)
		dm_emit_departs(e, DM_DEPARTS_MEAN | DM_DEPARTS_VARIANCE);
}

int dmi_starts(const dm_step *s, int start, int order, int have)
{
	return start == DMI_START_RK && order >= 3 && have < order && dmi_is_finite(s->from->lambda) &&
	       dmi_is_finite(s->to->lambda) && s->from->lambda != s->to->lambda;
}
