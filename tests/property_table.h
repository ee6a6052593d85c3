/* The property table: one row per method. Every check of the property tests runs over all rows and all processes, so a
 * new sampler is tested by adding its row here. */
#ifndef PROPERTY_TABLE_H
#define PROPERTY_TABLE_H

#include "demist.h"

/* Where a method draws: nowhere; in every step that ends at a noisy node (adaptive: before the last one); in every step that starts from a node above
 * which the process still has room (churn). */
enum { DRAWS_NOTHING, DRAWS_TO_NOISE, DRAWS_CHURN };

/* ADAPTIVE   chooses its own nodes.
 * GOES_UP    accepts a grid whose noise rises; the others must refuse it.
 * WHOLE      looks at the batch as a whole, so a split batch may differ.
 * DEPARTS    does not keep the noise variance at sigma^2, and says so.
 * CORRECTS   carries epsilon over a corrected state, so at a clean end it is not at its last prediction of x0. */
enum { ADAPTIVE = 1, GOES_UP = 2, WHOLE = 4, DEPARTS = 8, CORRECTS = 16 };

struct method {
	const char *spec;
	/* The form whose order of convergence is measured, free of noise (NULL: another row has it), and that order. It
	 * counts the whole run: a multistep method is of the order its start and its last step allow. In an adaptive row
	 * the controller is switched off and h_init is appended. */
	const char *measured;
	double order;
	/* Evaluations of N steps (adaptive: of N trials, the step to a clean node counting as one): evals N, less `saved`
	 * where the final node is clean. */
	int32_t evals, saved;
	int32_t draws, flags;
	/* Of f32 against f64 over the grids of `processes`, over the largest value. At its first steps an adaptive method
	 * of order 3 sees the rounding of f32 as its error, so its steps are others and the results agree only within its
	 * own tolerance. */
	double f32_tolerance;
};

static const struct method methods[] = {
    /* spec, measured, order, evals, saved, draws, flags, f32 */
    {"ddpm", NULL, 0, 1, 0, DRAWS_TO_NOISE, 0, 1e-5},
    {"ddpm:variance=large", NULL, 0, 1, 0, DRAWS_TO_NOISE, DEPARTS, 1e-5},
    {"ddim", "ddim", 1, 1, 0, DRAWS_NOTHING, GOES_UP, 1e-5},
    {"ddim:eta=0.5", NULL, 0, 1, 0, DRAWS_TO_NOISE, 0, 1e-5},
    {"ddim:eta=1", NULL, 0, 1, 0, DRAWS_TO_NOISE, 0, 1e-5},
    {"ddim:recompute_epsilon=1", "ddim:recompute_epsilon=1", 1, 1, 0, DRAWS_NOTHING, GOES_UP, 1e-5},
    {"euler", "euler", 1, 1, 0, DRAWS_NOTHING, GOES_UP, 1e-5},
    {"euler:s_churn=3", NULL, 0, 1, 0, DRAWS_CHURN, GOES_UP, 1e-5},
    {"euler:s_churn=3,s_noise=1.1", NULL, 0, 1, 0, DRAWS_CHURN, GOES_UP | DEPARTS, 1e-5},
    {"euler_ancestral", "euler_ancestral:eta=0", 1, 1, 0, DRAWS_TO_NOISE, 0, 1e-5},
    {"euler_ancestral:eta=0.6", NULL, 0, 1, 0, DRAWS_TO_NOISE, 0, 1e-5},
    {"euler_ancestral:s_noise=1.1", NULL, 0, 1, 0, DRAWS_TO_NOISE, DEPARTS, 1e-5},
    {"heun", "heun", 2, 2, 1, DRAWS_NOTHING, GOES_UP, 3e-5},
    {"heun:coordinates=ve", "heun:coordinates=ve", 2, 2, 1, DRAWS_NOTHING, GOES_UP, 3e-5},
    {"heun:coordinates=native", "heun:coordinates=native", 2, 2, 1, DRAWS_NOTHING, GOES_UP, 3e-5},
    {"heun:s_churn=3", NULL, 0, 2, 1, DRAWS_CHURN, GOES_UP, 3e-5},
    {"dpmpp_2m", "dpmpp_2m", 2, 1, 0, DRAWS_NOTHING, GOES_UP, 1e-5},
    /* Started by order 1, so 2 for every order without a corrector; the corrector lifts the start to 3, but at the last
     * step nothing is corrected: the predictor's own order counts there. */
    {"unipc", "unipc:lower_order_final=0", 3, 1, 0, DRAWS_NOTHING, GOES_UP, 1e-5},
    {"unipc:order=1", "unipc:order=1", 2, 1, 0, DRAWS_NOTHING, GOES_UP, 1e-5},
    {"unipc:order=1,corrector=0", "unipc:order=1,corrector=0", 1, 1, 0, DRAWS_NOTHING, GOES_UP, 1e-5},
    {"unipc:corrector=0", "unipc:corrector=0", 2, 1, 0, DRAWS_NOTHING, GOES_UP, 1e-5},
    {"unipc:variant=bh1", "unipc:variant=bh1,lower_order_final=0", 3, 1, 0, DRAWS_NOTHING, GOES_UP, 1e-5},
    {"unipc:order=3", "unipc:order=3,lower_order_final=0", 3, 1, 0, DRAWS_NOTHING, GOES_UP, 2e-5},
    {"unipc:order=3,variant=bh1", "unipc:order=3,variant=bh1,lower_order_final=0", 3, 1, 0, DRAWS_NOTHING, GOES_UP,
     2e-5},
    {"unipc:order=3,corrector=0", "unipc:order=3,corrector=0", 2, 1, 0, DRAWS_NOTHING, GOES_UP, 2e-5},
    {"unipc:order=3,predict=epsilon", "unipc:order=3,predict=epsilon,lower_order_final=0", 3, 1, 0, DRAWS_NOTHING,
     GOES_UP | CORRECTS, 1e-3},
    {"unipc:order=3,predict=epsilon,variant=bh1", "unipc:order=3,predict=epsilon,variant=bh1,lower_order_final=0", 3, 1,
     0, DRAWS_NOTHING, GOES_UP | CORRECTS, 1e-3},
    {"dpm_adaptive", "dpm_adaptive:icoeff=0", 3, 3, 2, DRAWS_NOTHING, ADAPTIVE, 1e-2},
    {"dpm_adaptive:order=2", "dpm_adaptive:order=2,icoeff=0", 2, 2, 1, DRAWS_NOTHING, ADAPTIVE, 5e-5},
    {"dpm_adaptive:eta=0.5", NULL, 0, 3, 2, DRAWS_TO_NOISE, ADAPTIVE, 1e-2},
    {"dpm_adaptive:eta=1,s_noise=1.1", NULL, 0, 3, 2, DRAWS_TO_NOISE, ADAPTIVE | DEPARTS, 1e-2},
    {"dpm_adaptive:norm=batch", NULL, 0, 3, 2, DRAWS_NOTHING, ADAPTIVE | WHOLE, 1e-2},
};

enum { N_METHOD = sizeof methods / sizeof *methods };

/* Two ways to the same method. They agree to rounding on every process, from alpha = 0 too. */
static const struct {
	const char *one, *other;
} same_methods[] = {
    {"ddim:eta=1", "ddpm"},
    {"ddim", "euler"},
    {"euler_ancestral:eta=0", "euler"},
    {"euler_ancestral", "ddpm"},
    {"unipc:order=1,corrector=0", "euler"},
    {"ddim:recompute_epsilon=1", "ddim"},
};

enum { N_SAME = sizeof same_methods / sizeof *same_methods };

/* Every process, with a kind of prediction that has a meaning on all of it; a grid that every method can walk, and one
 * from the very noise end, where alpha may be 0. To both ",steps=N" is appended. */
struct process {
	const char *schedule, *model, *grid, *from_end;
};

static const struct process processes[] = {
    {"vp", "v", "log_snr:sigma_max=20,sigma_min=0.05", "trailing:round=0"},
    {"linear", "epsilon", "trailing:level=log", "leading:offset=0"},
    {"ve", "x0", "exponential:sigma_max=40", "karras:rho=5"},
    {"edm", "edm", "karras:rho=7", "exponential:sigma_min=0.01"},
    {"flow", "flow", "flow:shift=2,cap=0.98", "flow:shift=1"},
};

enum { N_PROCESS = sizeof processes / sizeof *processes };

#endif
