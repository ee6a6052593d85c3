/* Weights, the effective sample size, and drawing anew. */
#include "base/compiler.h"
#include "chain/particles.h"
#include "base/error.h"
#include "base/math.h"
#include "noise/philox.h"
#include <math.h>

/* The first of n weights' logarithms' largest. */
static double largest(const double *log_weight, size_t n)
{
	double top = -INFINITY;
	for (size_t k = 0; k < n; k++)
		top = fmax(top, log_weight[k]);
	return top;
}

/* Of row i at the node at hand, uniform in [0, 1): the first two words of the row's draw number 1 of this step. */
static double uniform(const dm_particles *p, size_t i)
{
	const struct dmi_asker *a = &p->chain.ask;
	uint64_t sample = (uint64_t)a->sample[i], seed = a->seed[i];
	uint32_t draw = (uint32_t)DM_DRAW_STEP << 29 | (uint32_t)1 << 24 | (uint32_t)p->chain.at;
	uint32_t c[4] = {0, draw, (uint32_t)sample, (uint32_t)(sample >> 32)};
	dmi_philox(c, (uint32_t)seed, (uint32_t)(seed >> 32));
	return (double)(((uint64_t)c[0] << 32 | c[1]) >> 11) * 0x1p-53;
}

/* The first particle whose running sum passes a place in [0, total). */
static size_t find(const double *running, size_t n, double place)
{
	size_t low = 0, high = n - 1;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (running[middle] > place)
			high = middle;
		else
			low = middle + 1;
	}
	return low;
}

/* running: sums of the weights up to each particle of the group that begins at row `first`. */
static void draw(dm_particles *p, size_t first, const double *running)
{
	size_t n = p->n_particle;
	const double total = running[n - 1], below_one = 1 - 0x1p-53; /* times total: below total in any rounding */
	int32_t *ancestor = p->ancestor + p->chain.at * p->chain.ask.n_sample + first;
	int systematic = p->chain.ask.options.value[DMI_PARTICLES_RESAMPLE] == DMI_SYSTEMATIC;
	double one = systematic ? uniform(p, first) : 0;
	for (size_t k = 0; k < n; k++) {
		double place = systematic ? ((double)k + one) / (double)n : uniform(p, first + k);
		ancestor[k] = (int32_t)find(running, n, fmin(place, below_one) * total);
		p->log_weight[first + k] = 0;
	}
}

/* One group, whose logarithms stand in log_weight. */
static void weigh_group(dm_particles *p, size_t g)
{
	const struct dmi_chain *c = &p->chain;
	size_t n = p->n_particle, first = g * n;
	double *log_weight = p->log_weight + first, *weight = p->weight + first;
	double top = largest(log_weight, n), sum = 0, squares = 0;
	for (size_t k = 0; k < n; k++) {
		double w = dmi_exp(log_weight[k] - top);
		squares += w * w;
		sum += w;
		weight[k] = c->at < c->n_step ? sum : w;
	}
	double ess = sum * sum / squares, threshold = c->ask.options.value[DMI_PARTICLES_THRESHOLD] * (double)n;
	int drawn = c->at < c->n_step && ess < threshold;
	p->ess[c->at * p->n_group + g] = ess;
	if (drawn || c->at == c->n_step)
		p->log_evidence[g] += top + dmi_log(sum / (double)n);
	if (drawn)
		draw(p, first, weight);
	for (size_t k = 0; !drawn && c->at < c->n_step && k < n; k++)
		p->ancestor[c->at * c->ask.n_sample + first + k] = (int32_t)k;
	for (size_t k = 0; c->at == c->n_step && k < n; k++)
		weight[k] /= sum;
}

dm_status dmi_particles_weigh(dm_particles *p, dm_error *err)
{
	size_t n = p->n_particle;
	for (size_t i = 0; i < p->chain.ask.n_sample; i++)
		p->log_weight[i] = p->carried[i] + p->twist[i];
	for (size_t g = 0; g < p->n_group; g++) {
		if (largest(p->log_weight + g * n, n) > -INFINITY)
			continue;
		dmi_fail(err, DM_ERR_NOT_FINITE, "particles: the weights of all particles of group %z are 0 at node %z", g,
		         p->chain.at);
		if (err) {
			err->step = (int64_t)p->chain.at;
			err->sample = p->chain.ask.sample[g * n];
		}
		return DM_ERR_NOT_FINITE;
	}
	for (size_t g = 0; g < p->n_group; g++)
		weigh_group(p, g);
	return DM_OK;
}

/* --------------------------------------------------------------------------------------------------------- the step */

/* f of the header: from the gradient to what x0 is moved by. */
static double strength(const dm_particles *p)
{
	const double *option = p->chain.ask.options.value;
	const dm_node *at = dmi_chain_node(&p->chain);
	int last = p->chain.step[p->chain.at].noise == 0; /* a step without noise can be moved by nothing */
	if (last || option[DMI_PARTICLES_SCALE] == 0)
		return 0;
	if (option[DMI_PARTICLES_JACOBIAN] == DMI_JACOBIAN_NONE)
		return option[DMI_PARTICLES_SCALE] * dmi_particles_spread(p, at);
	return at->alpha > 0 ? option[DMI_PARTICLES_SCALE] * at->sigma * at->sigma / at->alpha : 0;
}

/* Row i goes on from row `from`; returns ln p / q. */
static double propose(dm_particles *p, size_t i, size_t from, double f)
{
	const struct dmi_chain *c = &p->chain;
	const struct dmi_chain_step *step = &c->step[c->at];
	const double w[4] = {step->stay, step->toward, step->toward * f, step->noise};
	const dm_input in[4] = {dmi_row(dmi_chain_row(c, c->x, from)),
	                        dmi_row(dmi_chain_row(c, c->x0, from)),
	                        dmi_row(dmi_chain_row(c, p->gradient, from)),
	                        {.source = DM_SOURCE_NORMALS, .draw = (uint32_t)DM_DRAW_STEP << 29 | (uint32_t)c->at}};
	double gram[4];
	dmi_row_sum(&c->ask, i, 4, in, w, dmi_chain_row(c, c->x_next, i), DM_F64);
	if (f == 0)
		return 0;
	dmi_row_gram(&c->ask, i, 2, in + 2, gram);
	double d = w[2], s = w[3];
	return -(d * d * gram[0] + 2 * d * s * gram[1]) / (2 * s * s);
}

void dmi_particles_propose(dm_particles *p)
{
	struct dmi_chain *c = &p->chain;
	const int32_t *ancestor = p->ancestor + c->at * c->ask.n_sample;
	double f = strength(p), *x = c->x;
	for (size_t i = 0; i < c->ask.n_sample; i++) {
		size_t from = i - i % p->n_particle + (size_t)ancestor[i];
		double ratio = propose(p, i, from, f);
		/* what weighs nothing goes on weighing nothing until it is drawn no more */
		p->carried[i] = p->log_weight[i] > -INFINITY ? p->log_weight[i] + ratio - p->twist[from] : -INFINITY;
	}
	c->x = c->x_next;
	c->x_next = x;
	c->at++;
}
