#include "base/compiler.h"
#include "sampler/adams.h"
#include "base/math.h"
#include <math.h>

dm_val dmi_emit_start(dm_emit *e, const dm_step *s, const struct dmi_seen *seen, int order)
{
	struct dmi_single single = {.s = s, .from = s->from, .to = s->to, .x = s->x, .predict = DMI_DPM_X0};
	single.m = dmi_view(e, seen, DM_SPACE_X0);
	single.r[0] = order == 3 ? 1.0 / 2 : 1.0 / 3;
	single.r[1] = 2.0 / 3;
	return dmi_single_result(e, &single, dmi_single_stages(e, &single, order - 1));
}

/* -------------------------------------------------------------------------------------------------------- the step */

/* In units of the step: over shorter distances a difference of predictions is mostly rounding. */
static const double apart = 1e-4;

static int is_apart(const struct dmi_nodes *nodes, double theta)
{
	for (int j = 0; j < nodes->n; j++)
		if (!(fabs(nodes->theta[j] - theta) > apart))
			return 0;
	return dmi_is_finite(theta);
}

struct dmi_nodes dmi_emit_nodes(dm_emit *e, const dm_node *from, const dm_node *to, const struct dmi_history *history,
                                double (*abscissa)(const dm_node *at), int order)
{
	struct dmi_nodes nodes = {.n = 1};
	double way = abscissa(to) - abscissa(from);
	for (int32_t k = 0; k < history->n_past && nodes.n < order && dmi_is_finite(way) && way != 0; k++) {
		double theta = (abscissa(&history->past[k].at) - abscissa(from)) / way;
		if (!is_apart(&nodes, theta))
			continue;
		nodes.theta[nodes.n] = theta;
		nodes.value[nodes.n++] = history->past[k].prediction;
		dmi_departs_at(e, history->analytic_first, &history->past[k].at);
	}
	return nodes;
}

dm_val dmi_emit_prediction_line(dm_emit *e, const dm_step *s, const struct dmi_seen *seen)
{
	dm_val x0 = dmi_view(e, seen, DM_SPACE_X0);
	if (s->from->sigma > 0)
		return dmi_emit_line(e, s->x, s->from, x0, s->to);
	dm_val epsilon = dmi_view(e, seen, DM_SPACE_EPSILON);
	return dm_emit_linear(e, 2, (dm_term[]){{s->to->alpha, x0}, {s->to->sigma, epsilon}});
}

static dm_val advance(dm_emit *e, const dm_step *s, const struct dmi_form *form, const struct dmi_nodes *nodes)
{
	double weight[DMI_MAX_ADAMS];
	dm_term term[1 + DMI_MAX_ADAMS];
	form->weights(s, nodes->n, nodes->theta, weight);
	term[0] = (dm_term){form->scale(s->to) / form->scale(s->from), s->x};
	for (int j = 0; j < nodes->n; j++)
		term[1 + j] = (dm_term){weight[j], nodes->value[j]};
	return dm_emit_linear(e, 1 + nodes->n, term);
}

void dmi_emit_adams(dm_emit *e, const dm_step *s, const struct dmi_form *form, int order, double start,
                    int analytic_first)
{
	struct dmi_seen seen = dmi_see(e, s, analytic_first);
	dm_val slope = dmi_view(e, &seen, form->space);
	struct dmi_history history = {s->past, s->n_past, analytic_first};
	struct dmi_nodes nodes = dmi_emit_nodes(e, s->from, s->to, &history, form->abscissa, order);
	double way = form->abscissa(s->to) - form->abscissa(s->from);
	int is_line = nodes.n == 1 && (!form->rotates || !dmi_is_finite(way));
	nodes.value[0] = slope;
	if (dmi_starts(s, (int)start, order, nodes.n))
		dm_emit_state(e, dmi_emit_start(e, s, &seen, order));
	else if (is_line)
		dm_emit_state(e, dmi_emit_prediction_line(e, s, &seen));
	else
		dm_emit_state(e, advance(e, s, form, &nodes));
	dm_emit_push(e, s->from, slope, nodes.n);
}
