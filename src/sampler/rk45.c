/* The probability-flow ODE by an adaptive Runge-Kutta pair of orders 5 and 4 (Song 2021, eq. 13; Dormand and Prince 1980):
 *
 *     dx/dt = f(t) x + (g^2(t) / (2 sigma)) epsilon = alpha' x0 + sigma' epsilon
 *
 * with the drift f and diffusion g of the schedule, t its process time, ' the derivative by it, in either direction. Steps are chosen so that
 * rms((high - low) / max(atol, rtol max(|low|, |x|))) stays below 1: h <- h min(10, max(1/5, 9/10 error^(-1/5))).
 * A final node with sigma = 0 is reached from the last node with sigma > 0 by x0 (denoise=x0) or by the mean of one reverse step of the
 * discrete chain of `chain` steps over t in [0, 1] (denoise=mean; Song 2021, appendix G). The method solves an ODE whose solution keeps the
 * marginal, step by step only to its tolerance. State: the slope at the end of the last accepted step. */
#include "base/compiler.h"
#include "sampler/rk45.h"
#include "sampler/step.h"
#include "base/math.h"
#include <math.h>

enum { RTOL, ATOL, H_INIT, DENOISE, CHAIN, NORM };
enum { DENOISE_X0, DENOISE_MEAN };
enum { MEMORY_REJECTED, N_MEMORY, STAGES = DMI_RK45_STAGES };

static const char *const norms[] = {"sample", "batch", "max", NULL};
static const char *const denoises[] = {"x0", "mean", NULL};

static const dm_option options[] = {
    DMI_REAL("rtol", "relative tolerance", 1e-5, 0, 1),
    DMI_REAL("atol", "absolute tolerance", 1e-5, 1e-300, 1e6),
    DMI_REAL("h_init", "first step in process time", 0.001, 1e-12, 1e6),
    DMI_CHOICE("denoise", "how a final node with sigma = 0 is reached", DENOISE_X0, denoises),
    DMI_INTEGER("chain", "steps of the discrete chain of denoise=mean", 1000, 2, 1e6),
    DMI_CHOICE("norm", "error of every sample for itself, of the whole batch, or the largest of the batch",
               DM_NORM_SAMPLE, norms),
};

static const double c[STAGES] = DMI_RK45_C;
static const double a[STAGES][STAGES - 1] = DMI_RK45_A;
static const double difference[STAGES] = DMI_RK45_DIFFERENCE;

/* dx/dt of the value x at a node. */
static dm_val slope(dm_emit *e, const dm_step *s, dm_val x, const dm_node *at)
{
	double d_alpha, d_sigma;
	if (at->sigma == 0 || dm_schedule_slopes(s->schedule, at->t, &d_alpha, &d_sigma, NULL) != DM_OK) {
		dm_emit_fail(e, DM_ERR_UNSUPPORTED,
		             "sampler \"rk45\": d alpha/dt and d sigma/dt must be finite at the nodes of a step");
		return 0;
	}
	dm_val x0 = dm_emit_eval(e, x, at, DM_SPACE_X0);
	dm_val epsilon = dm_emit_part(e, x0, DM_PART_PREDICTION, DM_SPACE_EPSILON);
	return dm_emit_linear(e, 2, (dm_term[]){{d_alpha, x0}, {d_sigma, epsilon}});
}

/* x + h sum_j w_j k_j. */
static dm_val advance(dm_emit *e, dm_val x, double h, const double *w, const dm_val *k, int n)
{
	dm_term term[STAGES + 1] = {{x != 0, x}}; /* x = 0: the sum alone */
	for (int j = 0; j < n; j++)
		term[1 + j] = (dm_term){h * w[j], k[j]};
	return dm_emit_linear(e, 1 + n, term);
}

static void denoise(dm_emit *e, const dm_step *s)
{
	const double *option = s->option;
	double steps = option[CHAIN], t = floor(s->from->t * (steps - 1)) / (steps - 1), f, g2;
	dm_val x = s->x;
	if (option[DENOISE] == DENOISE_X0) {
		x = dm_emit_linear(e, 1, (dm_term[]){{s->to->alpha, dm_emit_eval(e, x, s->from, DM_SPACE_X0)}});
	} else if (dm_schedule_sde(s->schedule, t, &f, &g2, NULL) == DM_OK) {
		double stay = f == 0 ? 1 : sqrt(1 - g2 / steps);
		dm_emit_departs(e, DM_DEPARTS_MEAN | DM_DEPARTS_VARIANCE);
		dm_val score = dm_emit_eval(e, x, s->from, DM_SPACE_SCORE);
		x = dm_emit_linear(e, 2, (dm_term[]){{2 - stay, x}, {g2 / steps, score}});
	} else {
		dm_emit_fail(e, DM_ERR_UNSUPPORTED, "sampler \"rk45\": denoise=mean needs a process over t in [0, 1]");
	}
	dm_emit_error_estimate(e, x, x, x, option[ATOL], option[RTOL], (int32_t)option[NORM]);
	dm_emit_state(e, x);
}

static dm_status step(void *user, const dm_step *s, dm_emit *e)
{
	double h = s->to->t - s->from->t;
	dm_node at[STAGES];
	dm_val k[STAGES], x = s->x;
	(void)user;
	if (s->to->sigma == 0) {
		denoise(e, s);
		return DM_OK;
	}
	dm_emit_departs(e, DM_DEPARTS_MEAN | DM_DEPARTS_VARIANCE);
	for (int i = 0; i < STAGES; i++) {
		at[i] = i == 0 ? *s->from : *s->to;
		dm_status st =
		    c[i] == 0 || c[i] == 1 ? DM_OK : dm_schedule_at_time(s->schedule, s->from->t + c[i] * h, &at[i], NULL);
		if (st != DM_OK)
			dm_emit_fail(e, st, "sampler \"rk45\": the schedule has no level between the ends of a trial");
		x = i ? advance(e, s->x, h, a[i], k, i) : s->x;
		k[i] = i == 0 && s->kept[0] ? s->kept[0] : slope(e, s, x, &at[i]);
	}
	dm_val low = dm_emit_linear(e, 2, (dm_term[]){{1, x}, {-1, advance(e, 0, h, difference, k, STAGES)}});
	dm_emit_error_estimate(e, x, low, s->x, s->option[ATOL], s->option[RTOL], (int32_t)s->option[NORM]);
	dm_emit_state(e, x);
	dm_emit_keep(e, 0, k[STAGES - 1]);
	return DM_OK;
}

static dm_status control(void *user, double *memory, const double *option, double error, int32_t *accept, double *h)
{
	(void)user;
	if (error < 0) {
		*h = option[H_INIT];
		return DM_OK;
	}
	*accept = error < 1;
	*h *= dmi_rk45_factor(error, memory[MEMORY_REJECTED] != 0);
	memory[MEMORY_REJECTED] = !*accept;
	return DM_OK;
}

static dm_status check(const struct dmi_options *given, dm_error *err)
{
	static const struct dmi_need needs[] = {{CHAIN, DENOISE, DENOISE_MEAN}};
	return dmi_options_check_needs(given, "sampler", "rk45", options, needs, sizeof needs / sizeof *needs, err);
}

const struct dmi_sampler_type dmi_sampler_rk45 = {
    .method =
        DMI_METHOD_KNOWN("rk45", "probability-flow ODE, adaptive Runge-Kutta 5(4)", "Song 2021, eq. 13; Dormand 1980",
                         options, "k-diffusion: log_likelihood (its integrator)"),
    .ops = {.struct_size = sizeof(dm_sampler_ops),
            .n_kept = 1,
            .n_memory = N_MEMORY,
            .step = step,
            .control = control,
            .clock = DM_CLOCK_TIME,
            .order = 5},
    .check = check,
};
