/* Predictor and corrector for the reverse SDE (Song 2021, algorithms 2-5 and appendix G), dx = f x dt + g dw going back in time. At every
 * node first corrector_steps corrector updates, then one predictor, with s the score and z fresh normals:
 *
 *     langevin            x += e s + sqrt(2 e) z, e = 2 a (snr |z| / |s|)^2, norms of every sample (norm=sample) or their
 *                         means over the batch; a = 1 - b on vp, else 1
 *     ald                 the same with e = 2 a (snr sigma)^2
 *     euler_maruyama      mean = x - (f x - g^2 s) dt,   x' = mean + g sqrt(dt) z
 *     reverse_diffusion   mean = (2 - a) x + b s,        x' = mean + sqrt(b) z
 *     ancestral           mean = (x + b s) / a,          x' = mean + sqrt(b) (sigma'/sigma) z
 *
 * a = alpha/alpha' and b = sigma^2 - a^2 sigma'^2 belong to the forward step from the next node to this one. probability_flow=1
 * halves the score term and adds no noise. return_mean=1: the last step returns the mean. These methods discretise the SDE, so they
 * keep neither mean nor variance exactly. compat=score_sde: dt = 1/N for the N nodes evaluated, and b, a, g at table index
 * floor(t (N - 1)) of N, as that code has it. State: none. */
#include "base/compiler.h"
#include "sampler/reverse_sde.h"
#include <math.h>

enum { PREDICTOR, CORRECTOR, CORRECTOR_STEPS, SNR, PROBABILITY_FLOW, RETURN_MEAN, NORM, COMPAT };
enum { EULER_MARUYAMA, REVERSE_DIFFUSION, ANCESTRAL, NO_PREDICTOR };
enum { NO_CORRECTOR, LANGEVIN, ALD };

static const char *const predictors[] = {"euler_maruyama", "reverse_diffusion", "ancestral", "none", NULL};
static const char *const correctors[] = {"none", "langevin", "ald", NULL};
static const char *const norms[] = {"sample", "batch", NULL};
static const char *const compats[] = {"none", "score_sde", NULL};

static const dm_option options[] = {
    DMI_CHOICE("predictor", "how a step goes to the next node", REVERSE_DIFFUSION, predictors),
    DMI_CHOICE("corrector", "how the state is corrected at a node", NO_CORRECTOR, correctors),
    DMI_INTEGER("corrector_steps", "corrections at every node, one evaluation each", 1, 0, 18),
    DMI_REAL("snr", "signal-to-noise ratio of a correction", 0.16, 0, 10),
    DMI_INTEGER("probability_flow", "1: the deterministic form", 0, 0, 1),
    DMI_INTEGER("return_mean", "1: no noise on the last step", 1, 0, 1),
    DMI_CHOICE("norm", "langevin: norms of every sample for itself, or means over the batch", DM_NORM_SAMPLE, norms),
    DMI_CHOICE("compat", "score_sde: steps of 1/N and the discrete tables of N entries", 0, compats),
};

static dm_val correct(const dm_step *s, dm_emit *e, dm_val x, const struct dmi_reverse_sde *n, int32_t tag)
{
	double factor = 2 * (dmi_is_vp(s->from) ? (s->option[COMPAT] != 0 ? 1 - n->b : n->a * n->a) : 1),
	       snr = s->option[SNR];
	dm_val score = dm_emit_eval_to(e, x, s->from, s->from, DM_SPACE_SCORE), z = dm_emit_noise(e, s->step, tag), move;
	if (s->option[CORRECTOR] == ALD) {
		double size = factor * snr * snr * s->from->sigma * s->from->sigma;
		move = dm_emit_linear(e, 2, (dm_term[]){{size, score}, {sqrt(2 * size), z}});
	} else {
		double parameter[4] = {factor * snr * snr, 0, 0, 0};
		move = dm_emit_weighted(e, 2, (dm_val[]){score, z}, 0, parameter);
	}
	return dm_emit_linear(e, 2, (dm_term[]){{1, x}, {1, move}});
}

static dm_val predict(const dm_step *s, dm_emit *e, dm_val x, const struct dmi_reverse_sde *n, int32_t tag)
{
	int kind = (int)s->option[PREDICTOR], flow = s->option[PROBABILITY_FLOW] != 0;
	int noisy = !flow && !(s->option[RETURN_MEAN] != 0 && s->step + 1 == s->n_step);
	double half = flow ? 0.5 : 1, on_x, on_score, fresh;
	if (kind == NO_PREDICTOR)
		return x;
	if (kind == EULER_MARUYAMA) {
		on_x = 1 - n->drift;
		on_score = half * n->noise;
		fresh = sqrt(n->noise);
	} else if (kind == REVERSE_DIFFUSION) {
		on_x = 2 - n->a;
		on_score = half * n->b;
		fresh = sqrt(n->b);
	} else {
		on_x = 1 / n->a;
		on_score = half * n->b / n->a;
		fresh = sqrt(n->b) * n->next_sigma / n->std;
	}
	fresh = noisy ? fresh : 0;
	dm_val score = dm_emit_eval(e, x, s->from, DM_SPACE_SCORE);
	dm_val z = fresh > 0 ? dm_emit_increment(e, s->from->lambda, s->to->lambda, tag) : 0;
	return dm_emit_linear(e, 3, (dm_term[]){{on_x, x}, {on_score, score}, {fresh, z}});
}

/* A table of few entries may have beta/N > 1 there: then a^2 = 1 - beta/N is no square. euler_maruyama does not read it. */
static int has_table(dm_emit *e, const dm_step *s, const struct dmi_reverse_sde *n, int32_t corrections)
{
	int kind = (int)s->option[PREDICTOR], vp = dmi_is_vp(s->from);
	int is_read = kind == REVERSE_DIFFUSION || kind == ANCESTRAL || corrections > 0;
	if (s->option[COMPAT] == 0 || !is_read || n->a > 0 || (n->a == 0 && kind != ANCESTRAL))
		return 1;
	dmi_refuse(
	    e, DM_ERR_UNSUPPORTED,
	    "sampler \"pc\": compat=score_sde: with tables of N = %l entries %s = %g at t = %g leaves nothing of the "
	    "state: take more steps",
	    s->n_step, vp ? "beta/N" : "-f/N", vp ? n->b : -n->drift, s->from->t);
	return 0;
}

static dm_status step(void *user, const dm_step *s, dm_emit *e)
{
	struct dmi_reverse_sde n = {0};
	dm_val x = s->x;
	int32_t corrections = s->option[CORRECTOR] == NO_CORRECTOR ? 0 : (int32_t)s->option[CORRECTOR_STEPS];
	(void)user;
	if (!dmi_goes_down(e, s, "sampler \"pc\" needs noise that falls from node to node"))
		return DM_OK;
	if ((s->option[COMPAT] != 0 ? dmi_reverse_sde_of_tables(s, &n) : dmi_reverse_sde(s, &n)) != DM_OK ||
	    !(s->to->alpha > 0) || !(s->from->sigma > 0)) {
		dm_emit_fail(e, DM_ERR_UNSUPPORTED, "sampler \"pc\": the schedule has no drift and diffusion at this node");
		return DM_OK;
	}
	if (!has_table(e, s, &n, corrections))
		return DM_OK;
	dm_emit_departs(e, DM_DEPARTS_MEAN | DM_DEPARTS_VARIANCE);
	for (int32_t k = 0; k < corrections; k++)
		x = correct(s, e, x, &n, k);
	dm_emit_state(e, predict(s, e, x, &n, 31));
	return DM_OK;
}

/* Langevin: e = 2 a snr^2 (|z| / |s|)^2 on the score and sqrt(2 e) on the noise; value 0 is the score. */
static dm_status weights(void *user, const double *option, int32_t rule, const double parameter[4], size_t n,
                         const dm_stats *stats, double *weight)
{
	double score = 0, noise = 0;
	(void)user, (void)rule;
	for (size_t i = 0; i < n; i++) {
		score += sqrt(stats[i].gram[0]);
		noise += sqrt(stats[i].gram[3]);
	}
	for (size_t i = 0; i < n; i++) {
		double own = sqrt(stats[i].gram[0]),
		       ratio = option[NORM] == DM_NORM_BATCH ? noise / score : sqrt(stats[i].gram[3]) / own;
		double size = ratio < INFINITY ? parameter[0] * ratio * ratio : 0; /* a score of 0 has no direction to go */
		weight[2 * i] = size;
		weight[2 * i + 1] = sqrt(2 * size);
	}
	return DM_OK;
}

static int32_t order(const struct dmi_options *given)
{
	const double *o = given->value;
	int corrects = o[CORRECTOR] != NO_CORRECTOR && o[CORRECTOR_STEPS] > 0;
	return o[PREDICTOR] != NO_PREDICTOR && !corrects && o[COMPAT] == 0;
}

const struct dmi_sampler_type dmi_sampler_pc = {
    .method = DMI_METHOD_KNOWN("pc", "predictor and corrector for the reverse SDE",
                               "Song 2021, algorithms 2-5, appendix G", options, "diffusers: ScoreSdeVeScheduler"),
    .ops = {.struct_size = sizeof(dm_sampler_ops), .step = step, .weights = weights},
    .order = order,
};
