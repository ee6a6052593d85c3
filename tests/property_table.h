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
 * DRIFTS     carries neither a constant prediction nor the noise variance exactly, and says so.
 * CORRECTS   carries epsilon over a corrected state, so at a clean end it is not at its last prediction of x0. */
enum { ADAPTIVE = 1, GOES_UP = 2, WHOLE = 4, DEPARTS = 8, CORRECTS = 16, DRIFTS = 32 };

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
    /* Adams methods. Of order 4 some still come near it from below in the range measured: 3.6. */
    {"lms:order=3", "lms:order=2", 2, 1, 0, DRAWS_NOTHING, GOES_UP | CORRECTS, 1e-4},
    {"lms:order=3,final_line=1", "lms:order=3,start=rk", 3, 1, 0, DRAWS_NOTHING, GOES_UP, 1e-4},
    {"lms:order=3,coordinates=flow,final_line=1", "lms:order=4,coordinates=flow,start=rk", 3.6, 1, 0, DRAWS_NOTHING,
     GOES_UP, 1e-4},
    {"ipndm", "ipndm", 2, 1, 0, DRAWS_NOTHING, GOES_UP, 1e-4},
    {"ipndm:order=1", "ipndm:order=1", 1, 1, 0, DRAWS_NOTHING, GOES_UP, 1e-5},
    {"ipndm_v", "ipndm_v:order=3,start=rk", 3, 1, 0, DRAWS_NOTHING, GOES_UP, 1e-4},
    {"deis", "deis:start=rk", 3, 1, 0, DRAWS_NOTHING, GOES_UP, 1e-4},
    {"deis:order=4,lower_order_final=0", "deis:order=4,start=rk", 4, 1, 0, DRAWS_NOTHING, GOES_UP, 1e-4},
    {"deis:order=2,form=t", "deis:order=2,form=t", 2, 1, 0, DRAWS_NOTHING, GOES_UP, 1e-4},
    {"deis:form=rho", "deis:form=rho,start=rk", 3, 1, 0, DRAWS_NOTHING, GOES_UP, 1e-4},
    {"ab", "ab", 2, 1, 0, DRAWS_NOTHING, GOES_UP, 1e-5},
    {"ab:order=4", "ab:order=4,start=rk", 3.6, 1, 0, DRAWS_NOTHING, GOES_UP, 1e-4},
    {"ab:form=epsilon,order=3", "ab:form=epsilon,order=3,start=rk", 3, 1, 0, DRAWS_NOTHING, GOES_UP, 1e-4},
    {"ab:form=v,order=3", "ab:form=v,order=3,start=rk", 3, 1, 0, DRAWS_NOTHING, GOES_UP, 1e-4},
    {"gradient_estimation", "gradient_estimation", 1, 1, 0, DRAWS_NOTHING, GOES_UP, 1e-4},
    {"gradient_estimation:gamma=1.5", "gradient_estimation:gamma=1.5", 2, 1, 0, DRAWS_NOTHING, GOES_UP, 1e-4},
    {"res_multistep", "res_multistep", 2, 1, 0, DRAWS_NOTHING, GOES_UP, 1e-5},
    {"res_multistep:eta=0.5", NULL, 0, 1, 0, DRAWS_TO_NOISE, 0, 1e-5},
    {"res_multistep:eta=1,s_noise=1.1", NULL, 0, 1, 0, DRAWS_TO_NOISE, DEPARTS, 1e-5},
    {"lms:start=rk,final_line=1", NULL, 0, 1, 0, DRAWS_NOTHING, GOES_UP, 1e-4},
    {"ab:order=3,start=rk", NULL, 0, 1, 0, DRAWS_NOTHING, GOES_UP, 1e-4},
    {"reab", "reab", 2, 1, 0, DRAWS_NOTHING, GOES_UP | DRIFTS, 1e-4},
    {"reab:order=4", "reab:order=3,start=rk", 3, 1, 0, DRAWS_NOTHING, GOES_UP | DRIFTS, 1e-4},
    {"plms", "plms", 2, 1, 0, DRAWS_NOTHING, GOES_UP | CORRECTS, 1e-4},
    {"plms:combine=x0", "plms:combine=x0", 2, 1, 0, DRAWS_NOTHING, GOES_UP | CORRECTS, 1e-4},
    {"plms:combine=v", "plms:combine=v", 1, 1, 0, DRAWS_NOTHING, GOES_UP | DRIFTS | CORRECTS, 1e-4},
    {"pndm", "pndm", 2, 1, 0, DRAWS_NOTHING, GOES_UP | CORRECTS, 1e-4},
    {"unipc:order=4", "unipc:order=4,lower_order_final=0,start=rk", 4, 1, 0, DRAWS_NOTHING, GOES_UP, 1e-4},
    {"unipc:order=4,corrector=0", "unipc:order=4,corrector=0,lower_order_final=0,start=rk", 3.6, 1, 0, DRAWS_NOTHING,
     GOES_UP, 1e-4},
    {"unipc:order=3,variant=vary_coeff", "unipc:order=3,variant=vary_coeff,lower_order_final=0", 3, 1, 0, DRAWS_NOTHING,
     GOES_UP, 2e-5},
    {"sa_solver:tau=0", "sa_solver:tau=0,lower_order_final=0,start=rk", 3.6, 1, 0, DRAWS_NOTHING, 0, 1e-4},
    {"sa_solver:tau=0,predictor_order=2,corrector_order=2",
     "sa_solver:tau=0,predictor_order=2,corrector_order=2,lower_order_final=0", 2, 1, 0, DRAWS_NOTHING, 0, 1e-4},
    {"sa_solver:tau=0,predict=epsilon",
     "sa_solver:tau=0,predict=epsilon,predictor_order=3,corrector_order=3,lower_order_final=0,start=rk", 3, 1, 0,
     DRAWS_NOTHING, 0, 1e-3},
    {"sa_solver:tau_from=inf,tau_to=0", NULL, 0, 1, 0, DRAWS_TO_NOISE, 0, 1e-4},
    {"sa_solver:tau=0.5,tau_from=inf,tau_to=0,simple_order_2=1,predictor_order=2,corrector_order=2", NULL, 0, 1, 0,
     DRAWS_TO_NOISE, 0, 1e-4},
    {"sa_solver:tau=0.6,tau_from=inf,tau_to=0,predict=epsilon", NULL, 0, 1, 0, DRAWS_TO_NOISE, DEPARTS, 1e-3},
    {"euler_ancestral:split=rf", "euler_ancestral:split=rf,eta=0", 1, 1, 0, DRAWS_TO_NOISE, 0, 1e-5},
    {"dpm_multistep", "dpm_multistep", 2, 1, 0, DRAWS_NOTHING, GOES_UP, 1e-5},
    {"dpm_multistep:solver_type=heun", "dpm_multistep:solver_type=heun", 2, 1, 0, DRAWS_NOTHING, GOES_UP, 1e-5},
    {"dpm_multistep:algorithm=dpmsolver", "dpm_multistep:algorithm=dpmsolver", 2, 1, 0, DRAWS_NOTHING, GOES_UP, 1e-4},
    {"dpm_multistep:order=3", NULL, 0, 1, 0, DRAWS_NOTHING, GOES_UP, 2e-5},
    {"dpm_multistep:order=3,true_order=1", "dpm_multistep:order=3,lower_order_below=0,true_order=1", 2, 1, 0,
     DRAWS_NOTHING, GOES_UP, 2e-5},
    {"dpm_multistep:algorithm=sde-dpmsolver++", NULL, 0, 1, 0, DRAWS_TO_NOISE, 0, 1e-5},
    {"dpmpp_2m_sde", "dpmpp_2m_sde:eta=0", 2, 1, 0, DRAWS_TO_NOISE, 0, 1e-5},
    {"dpmpp_2m_sde:solver_type=heun", "dpmpp_2m_sde:solver_type=heun,eta=0", 2, 1, 0, DRAWS_TO_NOISE, 0, 1e-5},
    {"dpmpp_2m_sde:s_noise=1.1", NULL, 0, 1, 0, DRAWS_TO_NOISE, DEPARTS, 1e-5},
    {"dpmpp_3m", NULL, 0, 1, 0, DRAWS_NOTHING, GOES_UP, 2e-5},
    {"dpmpp_3m:true_order=1", "dpmpp_3m:true_order=1", 2, 1, 0, DRAWS_NOTHING, GOES_UP, 2e-5},
    {"dpmpp_3m_sde", NULL, 0, 1, 0, DRAWS_TO_NOISE, 0, 2e-5},
    {"dpmpp_2s_ancestral", "dpmpp_2s_ancestral:eta=0", 2, 2, 1, DRAWS_TO_NOISE, 0, 3e-5},
    {"dpmpp_2s_ancestral:split=rf", NULL, 0, 2, 1, DRAWS_TO_NOISE, 0, 3e-5},
    {"dpmpp_sde:eta=0", "dpmpp_sde:eta=0", 2, 2, 1, DRAWS_NOTHING, 0, 3e-5},
    {"dpm2", "dpm2", 2, 2, 1, DRAWS_NOTHING, GOES_UP, 3e-5},
    {"dpm2:coordinates=native", "dpm2:coordinates=native", 2, 2, 1, DRAWS_NOTHING, GOES_UP, 3e-5},
    {"dpm2:s_churn=3", NULL, 0, 2, 1, DRAWS_CHURN, GOES_UP, 3e-5},
    {"dpm2_ancestral", "dpm2_ancestral:eta=0", 2, 2, 1, DRAWS_TO_NOISE, 0, 3e-5},
    {"dpm2_ancestral:split=rf", NULL, 0, 2, 1, DRAWS_TO_NOISE, 0, 3e-5},
    {"dpm_singlestep", "dpm_singlestep", 2, 1, 0, DRAWS_NOTHING, GOES_UP, 1e-5},
    {"dpm_singlestep:algorithm=sde-dpmsolver++", NULL, 0, 1, 0, DRAWS_TO_NOISE, 0, 1e-5},
    {"dpm_singlestep_midtime", "dpm_singlestep_midtime", 3, 3, 2, DRAWS_NOTHING, GOES_UP, 3e-5},
    {"dpm_singlestep_midtime:solver_type=heun", "dpm_singlestep_midtime:solver_type=heun", 3, 3, 2, DRAWS_NOTHING,
     GOES_UP, 3e-5},
    {"dpm_singlestep_midtime:algorithm=dpmsolver", "dpm_singlestep_midtime:algorithm=dpmsolver", 3, 3, 2,
     DRAWS_NOTHING, GOES_UP, 1e-3},
    {"seeds_2:eta=0", "seeds_2:eta=0", 2, 2, 1, DRAWS_NOTHING, GOES_UP, 3e-5},
    {"seeds_3:eta=0", "seeds_3:eta=0", 3, 3, 2, DRAWS_NOTHING, GOES_UP, 3e-5},
    {"exp_heun_2_x0", "exp_heun_2_x0", 2, 2, 1, DRAWS_NOTHING, GOES_UP, 3e-5},
    {"exp_heun_2_x0_sde", "exp_heun_2_x0_sde:eta=0", 2, 2, 1, DRAWS_TO_NOISE, 0, 3e-5},
    {"res_2s", "res_2s", 2, 2, 1, DRAWS_NOTHING, 0, 3e-5},
    {"er_sde", "er_sde:noise_scaler=power,s_noise=0", 2, 1, 0, DRAWS_TO_NOISE, 0, 2e-5},
    {"er_sde:order=2", "er_sde:order=2,noise_scaler=power,s_noise=0", 2, 1, 0, DRAWS_TO_NOISE, 0, 2e-5},
    {"flow_stochastic", NULL, 0, 1, 0, DRAWS_TO_NOISE, 0, 1e-5},
    {"dpm_adaptive", "dpm_adaptive:icoeff=0", 3, 3, 2, DRAWS_NOTHING, ADAPTIVE, 1e-2},
    {"dpm_adaptive:order=2", "dpm_adaptive:order=2,icoeff=0", 2, 2, 1, DRAWS_NOTHING, ADAPTIVE, 5e-5},
    {"dpm_adaptive:eta=0.5", NULL, 0, 3, 2, DRAWS_TO_NOISE, ADAPTIVE, 1e-2},
    {"dpm_adaptive:eta=1,s_noise=1.1", NULL, 0, 3, 2, DRAWS_TO_NOISE, ADAPTIVE | DEPARTS, 1e-2},
    {"dpm_adaptive:norm=batch", NULL, 0, 3, 2, DRAWS_NOTHING, ADAPTIVE | WHOLE, 1e-2},
};

enum { N_METHOD = sizeof methods / sizeof *methods };

/* Methods whose first steps, so far as they end at a noisy node, take more evaluations. */
static const struct {
	const char *spec;
	int32_t steps, more;
} first_steps[] = {
    {"lms:start=rk,final_line=1", 3, 2}, {"ab:order=3,start=rk", 2, 1}, {"plms", 1, 1},
    {"plms:combine=x0", 1, 1},           {"plms:combine=v", 1, 1},      {"pndm", 3, 3},
};

enum { N_FIRST_STEPS = sizeof first_steps / sizeof *first_steps };

/* Measured forms whose steps between the start and the end are of a higher order than the whole run: seen where nothing
 * happens at the ends. */
static const struct {
	const char *measured;
	double order;
} inner_orders[] = {
    {"dpm_multistep:order=3,lower_order_below=0,true_order=1", 3},
    {"dpmpp_3m:true_order=1", 3},
    {"er_sde:noise_scaler=power,s_noise=0", 3},
    {"unipc:order=3,lower_order_final=0", 4},
    {"unipc:order=3,variant=bh1,lower_order_final=0", 4},
    {"unipc:order=3,corrector=0", 3},
    {"unipc:order=3,predict=epsilon,lower_order_final=0", 4},
    {"unipc:order=3,predict=epsilon,variant=bh1,lower_order_final=0", 4},
};

enum { N_INNER = sizeof inner_orders / sizeof *inner_orders };

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
