#include "base/compiler.h"
#include "sampler/stochastic_adams.h"
#include "base/math.h"
#include <math.h>

/* half: c alpha' h / 2; the sum of both weights stays. */
static void simplify(const double *theta, double half, double *weight)
{
	int away = theta[0] == 0, at = 1 - away;
	double total = weight[0] + weight[1];
	weight[away] = half / theta[away];
	weight[at] = total - weight[away];
}

static void weigh(const struct dmi_stochastic_adams *u, const struct dmi_nodes *nodes, double c, double h,
                  double *weight)
{
	int x0 = u->predict == DMI_SA_X0;
	double scale = x0 ? c * u->to->alpha * h : -c * u->to->sigma * h;
	if (!dmi_is_finite(h)) {
		weight[0] = u->to->alpha;
		return;
	}
	dmi_adams(nodes->n, nodes->theta, x0 ? -c * h : h, weight);
	for (int j = 0; j < nodes->n; j++)
		weight[j] *= scale;
	if (u->simple && nodes->n == 2 && x0)
		simplify(nodes->theta, scale / 2, weight);
}

dm_val dmi_emit_stochastic_adams(dm_emit *e, struct dmi_stochastic_adams *u, const struct dmi_nodes *nodes)
{
	int x0 = u->predict == DMI_SA_X0;
	double h = dmi_lambda_step(u->from, u->to), tau = u->tau, decay = tau > 0 ? tau * tau * h : 0, fresh = 0;
	double weight[DMI_MAX_ADAMS],
	    stay = x0 ? dmi_exp(-decay) * u->to->sigma / u->from->sigma : u->to->alpha / u->from->alpha;
	dm_term term[2 + DMI_MAX_ADAMS] = {{stay, u->x}};
	if (tau > 0 && u->s_noise > 0)
		fresh = u->to->sigma * (x0 ? sqrt(-dmi_expm1(-2 * decay)) : tau * sqrt(dmi_expm1(2 * h)));
	if (fresh > 0 && !u->z)
		u->z = dm_emit_increment(e, u->from->lambda, u->to->lambda, 0);
	term[1] = (dm_term){u->s_noise * fresh, u->z};
	weigh(u, nodes, 1 + tau * tau, h, weight);
	for (int j = 0; j < nodes->n; j++)
		term[2 + j] = (dm_term){weight[j], nodes->value[j]};
	return dm_emit_linear(e, 2 + nodes->n, term);
}
