#include "base/compiler.h"
#include "sampler/nominal.h"
#include "sampler/pseudo.h"
#include "base/math.h"
#include <math.h>

enum { AUTO, EPSILON, X0, V, FLOW };

const char *const dmi_pseudo_words[6] = {"auto", "epsilon", "x0", "v", "flow", NULL};

static int32_t space_of(const dm_step *s)
{
	static const int32_t space[] = {0, DM_SPACE_EPSILON, DM_SPACE_X0, DM_SPACE_V, DMI_SPACE_FLOW};
	int choice = (int)s->option[DMI_PSEUDO_COMBINE];
	return choice == AUTO ? (dmi_is_flow(s) ? DMI_SPACE_FLOW : DM_SPACE_EPSILON) : space[choice];
}

/* F: row[0] x + row[1] p. */
static void transfer(int32_t space, const dm_node *from, const dm_node *to, double row[2])
{
	double a = from->alpha, b = from->sigma, a2 = to->alpha, b2 = to->sigma, q = a * a + b * b;
	row[0] = space == DMI_SPACE_FLOW ? (a2 + b2) / (a + b) : a2 / a;
	row[1] = b2 - row[0] * b;
	if (space == DM_SPACE_X0) {
		row[0] = b2 / b;
		row[1] = a2 - row[0] * a;
	} else if (space == DM_SPACE_V) {
		row[0] = (a * a2 + b * b2) / q;
		row[1] = (b2 * a - a2 * b) / sqrt(q);
	}
}

dm_val dmi_emit_transfer(dm_emit *e, const dm_step *s, const dm_node *to, int n, const double *weight, const dm_val *p)
{
	double row[2];
	dm_term term[1 + DMI_PSEUDO_TERMS];
	transfer(space_of(s), s->from, to, row);
	term[0] = (dm_term){row[0], s->x};
	for (int j = 0; j < n; j++)
		term[1 + j] = (dm_term){row[1] * weight[j], p[j]};
	return dm_emit_linear(e, 1 + n, term);
}

dm_val dmi_emit_pseudo_eval(dm_emit *e, const dm_step *s, const dm_node *at, dm_val x)
{
	struct dmi_seen seen = {dm_emit_eval(e, x, at, DM_SPACE_X0), x, at};
	return dmi_view(e, &seen, space_of(s));
}

int dmi_pseudo_holds(const dm_step *s, int n, const dm_node *const *stage)
{
	const double most = 1e8; /* f64 loses half of its digits, f32 all of them */
	double row[2], gain = 1;
	for (int k = 0; k < n; k++) {
		transfer(DM_SPACE_EPSILON, s->from, stage[k], row);
		gain *= fabs(row[1]) / stage[k]->sigma;
	}
	transfer(DM_SPACE_EPSILON, s->from, s->to, row);
	return space_of(s) != DM_SPACE_EPSILON || gain * fabs(row[1]) <= most;
}

static dm_val combine(dm_emit *e, const dm_step *s, dm_val newest)
{
	double weight[DMI_PSEUDO_TERMS];
	dm_val p[DMI_PSEUDO_TERMS] = {newest};
	int n = 1;
	for (; n < DMI_PSEUDO_TERMS && n <= s->n_past; n++) {
		p[n] = s->past[n - 1].prediction;
		dmi_departs_at(e, s->option[DMI_PSEUDO_ANALYTIC] != 0, &s->past[n - 1].at);
	}
	dmi_adams_equal(n, weight);
	return dmi_emit_transfer(e, s, s->to, n, weight, p);
}

void dmi_emit_pseudo(dm_emit *e, const dm_step *s, int n_start,
                     dm_val (*start)(dm_emit *e, const dm_step *s, dm_val newest))
{
	double row[2];
	struct dmi_seen seen = dmi_see(e, s, s->option[DMI_PSEUDO_ANALYTIC] != 0);
	dm_val p = dmi_view(e, &seen, space_of(s));
	transfer(space_of(s), s->from, s->to, row);
	int possible = dmi_is_finite(row[0]) && dmi_is_finite(row[1]);
	if (space_of(s) == DM_SPACE_V)
		dm_emit_departs(e, DM_DEPARTS_MEAN | DM_DEPARTS_VARIANCE);
	if (!possible || (s->to->sigma == 0 && !s->n_past))
		dm_emit_state(e, dmi_emit_prediction_line(e, s, &seen));
	else
		dm_emit_state(e, s->n_past < n_start && s->to->sigma > 0 ? start(e, s, p) : combine(e, s, p));
	dm_emit_push(e, s->from, p, 1);
}

int32_t dmi_pseudo_order(const struct dmi_options *given)
{
	double terms = given->value[DMI_PSEUDO_COMBINE] == V ? 1 : 2;
	return dmi_started_order(terms, DMI_START_EULER, given->value[DMI_PSEUDO_ANALYTIC]);
}
