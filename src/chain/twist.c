/* The twisting function of a linear measurement, T(x) = N(y; A x0, (noise^2 + r^2) I): its logarithm, and its gradient by
 * x0, A^T (y - A x0) / (noise^2 + r^2). */
#include "base/compiler.h"
#include "chain/particles.h"
#include "base/error.h"
#include "base/math.h"
#include "operator/operator.h"

static const double log_2pi = 1.8378770664093453;

double dmi_particles_spread(const dm_particles *p, const dm_node *at)
{
	double data = p->chain.ask.options.value[DMI_PARTICLES_DATA];
	double signal = at->alpha * data, noise = at->sigma * data;
	return data > 0 ? noise * noise / (signal * signal + at->sigma * at->sigma) : 0;
}

dm_status dmi_particles_measure(dm_particles *p, double *x0, dm_error *err)
{
	const dm_operator *op = p->op;
	const dm_node *at = dmi_chain_node(&p->chain);
	double noise = p->chain.ask.options.value[DMI_PARTICLES_NOISE];
	double variance = noise * noise + (at->sigma > 0 ? dmi_particles_spread(p, at) : 0);
	double constant = (double)op->n_out * (log_2pi + dmi_log(variance)) / 2;
	dm_status st = DM_OK;
	for (size_t i = 0; st == DM_OK && i < p->chain.ask.n_sample; i++) {
		const double *y = p->y + i / p->n_particle * op->n_out;
		double *rest = p->work, *gradient = dmi_chain_row(&p->chain, p->gradient, i), square = 0;
		st = dmi_operator_apply(op, dmi_chain_row(&p->chain, x0, i), rest, err);
		for (size_t k = 0; st == DM_OK && k < op->n_out; k++) {
			rest[k] = (y[k] - rest[k]) / variance;
			square += rest[k] * rest[k];
		}
		if (st == DM_OK)
			st = dmi_operator_adjoint(op, rest, gradient, err);
		p->twist[i] = -variance * square / 2 - constant;
		if (st == DM_OK && !dmi_is_finite(p->twist[i]))
			st = dmi_fail(err, DM_ERR_NOT_FINITE, "particles: the operator's measurement of sample %l is not finite",
			              p->chain.ask.sample[i]);
		if (st != DM_OK && err) {
			err->sample = p->chain.ask.sample[i];
			err->step = (int64_t)p->chain.at;
		}
	}
	return st;
}
