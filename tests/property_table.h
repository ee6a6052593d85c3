/* The property table: one row per method. Every check of the property tests runs over all rows and all processes, so a
 * new sampler is tested by adding its row here. */
#ifndef PROPERTY_TABLE_H
#define PROPERTY_TABLE_H

#include "demist.h"

/* Where a method draws: nowhere; in every step that ends at a noisy node (adaptive: before the last one); in every step
 * that starts from a node above which the process still has room (churn); in every step but the last; where a step of
 * several ends above the least noise of the process; the two together; in every step. */
enum {
	DRAWS_NOTHING,
	DRAWS_TO_NOISE,
	DRAWS_CHURN,
	DRAWS_BETWEEN,
	DRAWS_ABOVE_LEAST,
	DRAWS_ABOVE_LEAST_BETWEEN,
	DRAWS_ALWAYS
};

/* ADAPTIVE   chooses its own nodes.
 * GOES_UP    accepts a grid whose noise rises; the others must refuse it.
 * WHOLE      looks at the batch as a whole, so a split batch may differ.
 * DEPARTS    does not keep the noise variance at sigma^2, and says so.
 * DRIFTS     carries neither a constant prediction nor the noise variance exactly, and says so.
 * IN_TIME    is a step along a straight line in the process time: it drifts where alpha and sigma are not straight in t,
 *            and has no order to speak of over a table, whose right side jumps at the entries.
 * ENDS_ELSEWHERE  may drift in the step to the final node, and says so: it ends at a node of its own.
 * CORRECTS   carries epsilon over a corrected state, so at a clean end it is not at its last prediction of x0.
 * FEW_STEPS  goes to x0 and back up at every node, or moves at one noise level: its law does not go to the data's as
 *            steps are added.
 * NEEDS_ALPHA     cannot start at alpha = 0; TABLE_NEEDS_ALPHA: of a table.
 * NONLINEAR  has weights that depend on the samples.
 * DRIFTS_UP  carries neither exactly on a grid that goes up, and says so.
 * CONVERGES  of a method that DEPARTS: only as far as its steps are long, so its law goes to the data's. */
enum {
	ADAPTIVE = 1,
	GOES_UP = 2,
	WHOLE = 4,
	DEPARTS = 8,
	CORRECTS = 16,
	DRIFTS = 32,
	IN_TIME = 64,
	ENDS_ELSEWHERE = 128,
	FEW_STEPS = 256,
	NEEDS_ALPHA = 512,
	NONLINEAR = 1024,
	DRIFTS_UP = 2048,
	CONVERGES = 4096,
	TABLE_NEEDS_ALPHA = 8192
};

struct method {
	const char *spec;
	/* The form whose order of convergence is measured, free of noise; NULL: another row has it. It has to be what
	 * dm_sampler_order states. In an adaptive row the controller is switched off and h_init is appended. */
	const char *measured;
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
    /* spec, measured, evals, saved, draws, flags, f32 */
    {"ddpm", NULL, 1, 0, DRAWS_TO_NOISE, 0, 1e-5},
    {"ddpm:variance=large", NULL, 1, 0, DRAWS_TO_NOISE, DEPARTS, 1e-5},
    {"ddim", "ddim", 1, 0, DRAWS_NOTHING, GOES_UP, 1e-5},
    {"ddim:eta=0.5", NULL, 1, 0, DRAWS_TO_NOISE, 0, 1e-5},
    {"ddim:eta=1", NULL, 1, 0, DRAWS_TO_NOISE, 0, 1e-5},
    {"ddim:recompute_epsilon=1", "ddim:recompute_epsilon=1", 1, 0, DRAWS_NOTHING, GOES_UP, 1e-5},
    {"euler", "euler", 1, 0, DRAWS_NOTHING, GOES_UP, 1e-5},
    {"euler:s_churn=3", NULL, 1, 0, DRAWS_CHURN, GOES_UP, 1e-5},
    {"euler:s_churn=3,s_noise=1.1", NULL, 1, 0, DRAWS_CHURN, GOES_UP | DEPARTS, 1e-5},
    {"euler_ancestral", "euler_ancestral:eta=0", 1, 0, DRAWS_TO_NOISE, 0, 1e-5},
    {"euler_ancestral:eta=0.6", NULL, 1, 0, DRAWS_TO_NOISE, 0, 1e-5},
    {"euler_ancestral:s_noise=1.1", NULL, 1, 0, DRAWS_TO_NOISE, DEPARTS, 1e-5},
    {"heun", "heun", 2, 1, DRAWS_NOTHING, GOES_UP, 3e-5},
    {"heun:coordinates=ve", "heun:coordinates=ve", 2, 1, DRAWS_NOTHING, GOES_UP, 3e-5},
    {"heun:coordinates=native", "heun:coordinates=native", 2, 1, DRAWS_NOTHING, GOES_UP, 3e-5},
    {"heun:s_churn=3", NULL, 2, 1, DRAWS_CHURN, GOES_UP, 3e-5},
    {"dpmpp_2m", "dpmpp_2m", 1, 0, DRAWS_NOTHING, GOES_UP, 1e-5},
    {"unipc", "unipc:lower_order_final=0", 1, 0, DRAWS_NOTHING, GOES_UP, 1e-5},
    {"unipc:order=1", "unipc:order=1", 1, 0, DRAWS_NOTHING, GOES_UP, 1e-5},
    {"unipc:order=1,corrector=0", "unipc:order=1,corrector=0", 1, 0, DRAWS_NOTHING, GOES_UP, 1e-5},
    {"unipc:corrector=0", "unipc:corrector=0", 1, 0, DRAWS_NOTHING, GOES_UP, 1e-5},
    {"unipc:variant=bh1", "unipc:variant=bh1,lower_order_final=0", 1, 0, DRAWS_NOTHING, GOES_UP, 1e-5},
    {"unipc:order=3", "unipc:order=3,lower_order_final=0", 1, 0, DRAWS_NOTHING, GOES_UP, 2e-5},
    {"unipc:order=3,variant=bh1", "unipc:order=3,variant=bh1,lower_order_final=0", 1, 0, DRAWS_NOTHING, GOES_UP, 2e-5},
    {"unipc:order=3,corrector=0", "unipc:order=3,corrector=0", 1, 0, DRAWS_NOTHING, GOES_UP, 2e-5},
    {"unipc:order=3,predict=epsilon", "unipc:order=3,predict=epsilon,lower_order_final=0", 1, 0, DRAWS_NOTHING,
     GOES_UP | CORRECTS | NEEDS_ALPHA, 1e-3},
    {"unipc:order=3,predict=epsilon,variant=bh1", "unipc:order=3,predict=epsilon,variant=bh1,lower_order_final=0", 1, 0,
     DRAWS_NOTHING, GOES_UP | CORRECTS | NEEDS_ALPHA, 1e-3},
    {"lms:order=3", "lms:order=2", 1, 0, DRAWS_NOTHING, GOES_UP | CORRECTS, 1e-4},
    {"lms:order=3,final_line=1", "lms:order=3,start=rk", 1, 0, DRAWS_NOTHING, GOES_UP, 1e-4},
    {"lms:order=3,coordinates=flow,final_line=1", "lms:order=4,coordinates=flow,start=rk", 1, 0, DRAWS_NOTHING, GOES_UP,
     1e-4},
    {"ipndm", "ipndm", 1, 0, DRAWS_NOTHING, GOES_UP, 1e-4},
    {"ipndm:order=1", "ipndm:order=1", 1, 0, DRAWS_NOTHING, GOES_UP, 1e-5},
    {"ipndm_v", "ipndm_v:order=3,start=rk", 1, 0, DRAWS_NOTHING, GOES_UP, 1e-4},
    {"deis", "deis:start=rk", 1, 0, DRAWS_NOTHING, GOES_UP, 1e-4},
    {"deis:order=4,lower_order_final=0", "deis:order=4,start=rk", 1, 0, DRAWS_NOTHING, GOES_UP, 1e-4},
    {"deis:order=2,form=t", "deis:order=2,form=t", 1, 0, DRAWS_NOTHING, GOES_UP, 1e-4},
    {"deis:form=rho", "deis:form=rho,start=rk", 1, 0, DRAWS_NOTHING, GOES_UP, 1e-4},
    {"ab", "ab", 1, 0, DRAWS_NOTHING, GOES_UP, 1e-5},
    {"ab:order=4", "ab:order=4,start=rk", 1, 0, DRAWS_NOTHING, GOES_UP, 1e-4},
    {"ab:form=epsilon,order=3", "ab:form=epsilon,order=3,start=rk", 1, 0, DRAWS_NOTHING, GOES_UP, 1e-4},
    {"ab:form=v,order=3", "ab:form=v,order=3,start=rk", 1, 0, DRAWS_NOTHING, GOES_UP, 1e-4},
    {"gradient_estimation", "gradient_estimation", 1, 0, DRAWS_NOTHING, GOES_UP, 1e-4},
    {"gradient_estimation:gamma=1.5", "gradient_estimation:gamma=1.5", 1, 0, DRAWS_NOTHING, GOES_UP, 1e-4},
    {"gradient_estimation:eta=0.5", NULL, 1, 0, DRAWS_TO_NOISE, DEPARTS | CONVERGES, 1e-4},
    {"gradient_estimation:eta=1,split=rf,coordinates=flow", NULL, 1, 0, DRAWS_TO_NOISE, DEPARTS | CONVERGES, 1e-4},
    {"res_multistep", "res_multistep", 1, 0, DRAWS_NOTHING, GOES_UP, 1e-5},
    {"res_multistep:eta=0.5", NULL, 1, 0, DRAWS_TO_NOISE, 0, 1e-5},
    {"res_multistep:eta=1,s_noise=1.1", NULL, 1, 0, DRAWS_TO_NOISE, DEPARTS, 1e-5},
    {"lms:start=rk,final_line=1", NULL, 1, 0, DRAWS_NOTHING, GOES_UP, 1e-4},
    {"ab:order=3,start=rk", NULL, 1, 0, DRAWS_NOTHING, GOES_UP, 1e-4},
    {"reab", "reab", 1, 0, DRAWS_NOTHING, GOES_UP | DRIFTS, 1e-4},
    {"reab:order=4", "reab:order=3,start=rk", 1, 0, DRAWS_NOTHING, GOES_UP | DRIFTS, 1e-4},
    {"plms", "plms", 1, 0, DRAWS_NOTHING, GOES_UP | CORRECTS, 1e-4},
    {"plms:combine=x0", "plms:combine=x0", 1, 0, DRAWS_NOTHING, GOES_UP | CORRECTS, 1e-4},
    {"plms:combine=v", "plms:combine=v", 1, 0, DRAWS_NOTHING, GOES_UP | DRIFTS | CORRECTS, 1e-4},
    {"pndm", "pndm", 1, 0, DRAWS_NOTHING, GOES_UP | CORRECTS, 1e-4},
    {"unipc:order=4", "unipc:order=4,lower_order_final=0,start=rk", 1, 0, DRAWS_NOTHING, GOES_UP, 1e-4},
    {"unipc:order=4,corrector=0", "unipc:order=4,corrector=0,lower_order_final=0,start=rk", 1, 0, DRAWS_NOTHING,
     GOES_UP, 1e-4},
    {"unipc:order=3,variant=vary_coeff", "unipc:order=3,variant=vary_coeff,lower_order_final=0", 1, 0, DRAWS_NOTHING,
     GOES_UP, 2e-5},
    {"sa_solver:tau=0", "sa_solver:tau=0,lower_order_final=0,start=rk", 1, 0, DRAWS_NOTHING, 0, 1e-4},
    {"sa_solver:tau=0,predictor_order=2,corrector_order=2",
     "sa_solver:tau=0,predictor_order=2,corrector_order=2,lower_order_final=0", 1, 0, DRAWS_NOTHING, 0, 1e-4},
    {"sa_solver:tau=0,predict=epsilon",
     "sa_solver:tau=0,predict=epsilon,predictor_order=3,corrector_order=3,lower_order_final=0,start=rk", 1, 0,
     DRAWS_NOTHING, NEEDS_ALPHA, 1e-3},
    {"sa_solver:tau_from=inf,tau_to=0", NULL, 1, 0, DRAWS_TO_NOISE, 0, 1e-4},
    {"sa_solver:tau=0.5,tau_from=inf,tau_to=0,simple_order_2=1,predictor_order=2,corrector_order=2", NULL, 1, 0,
     DRAWS_TO_NOISE, 0, 1e-4},
    {"sa_solver:tau=0.6,tau_from=inf,tau_to=0,predict=epsilon", NULL, 1, 0, DRAWS_TO_NOISE,
     DEPARTS | CONVERGES | NEEDS_ALPHA, 1e-3},
    {"euler_ancestral:split=rf", "euler_ancestral:split=rf,eta=0", 1, 0, DRAWS_TO_NOISE, 0, 1e-5},
    {"dpm_multistep", "dpm_multistep", 1, 0, DRAWS_NOTHING, GOES_UP, 1e-5},
    {"dpm_multistep:solver_type=heun", "dpm_multistep:solver_type=heun", 1, 0, DRAWS_NOTHING, GOES_UP, 1e-5},
    {"dpm_multistep:algorithm=dpmsolver", "dpm_multistep:algorithm=dpmsolver", 1, 0, DRAWS_NOTHING, GOES_UP, 1e-4},
    {"dpm_multistep:order=3", NULL, 1, 0, DRAWS_NOTHING, GOES_UP, 2e-5},
    {"dpm_multistep:order=3,true_order=1", "dpm_multistep:order=3,lower_order_below=0,true_order=1", 1, 0,
     DRAWS_NOTHING, GOES_UP, 2e-5},
    {"dpm_multistep:algorithm=sde-dpmsolver++", NULL, 1, 0, DRAWS_TO_NOISE, 0, 1e-5},
    {"dpmpp_2m_sde", "dpmpp_2m_sde:eta=0", 1, 0, DRAWS_TO_NOISE, 0, 1e-5},
    {"dpmpp_2m_sde:solver_type=heun", "dpmpp_2m_sde:solver_type=heun,eta=0", 1, 0, DRAWS_TO_NOISE, 0, 1e-5},
    {"dpmpp_2m_sde:s_noise=1.1", NULL, 1, 0, DRAWS_TO_NOISE, DEPARTS, 1e-5},
    {"dpmpp_3m", NULL, 1, 0, DRAWS_NOTHING, GOES_UP, 2e-5},
    {"dpmpp_3m:true_order=1", "dpmpp_3m:true_order=1", 1, 0, DRAWS_NOTHING, GOES_UP, 2e-5},
    {"dpmpp_3m_sde", NULL, 1, 0, DRAWS_TO_NOISE, 0, 2e-5},
    {"dpmpp_2s_ancestral", "dpmpp_2s_ancestral:eta=0", 2, 1, DRAWS_TO_NOISE, 0, 3e-5},
    {"dpmpp_2s_ancestral:split=rf", NULL, 2, 1, DRAWS_TO_NOISE, 0, 3e-5},
    {"dpmpp_sde:eta=0", "dpmpp_sde:eta=0", 2, 1, DRAWS_NOTHING, 0, 3e-5},
    {"dpm2", "dpm2", 2, 1, DRAWS_NOTHING, GOES_UP, 3e-5},
    {"dpm2:coordinates=native", "dpm2:coordinates=native", 2, 1, DRAWS_NOTHING, GOES_UP, 3e-5},
    {"dpm2:s_churn=3", NULL, 2, 1, DRAWS_CHURN, GOES_UP, 3e-5},
    {"dpm2_ancestral", "dpm2_ancestral:eta=0", 2, 1, DRAWS_TO_NOISE, 0, 3e-5},
    {"dpm2_ancestral:split=rf", NULL, 2, 1, DRAWS_TO_NOISE, 0, 3e-5},
    {"dpm_singlestep", "dpm_singlestep", 1, 0, DRAWS_NOTHING, GOES_UP, 1e-5},
    {"dpm_singlestep:algorithm=sde-dpmsolver++", NULL, 1, 0, DRAWS_TO_NOISE, 0, 1e-5},
    {"dpm_singlestep_midtime", "dpm_singlestep_midtime", 3, 2, DRAWS_NOTHING, GOES_UP, 3e-5},
    {"dpm_singlestep_midtime:solver_type=heun", "dpm_singlestep_midtime:solver_type=heun", 3, 2, DRAWS_NOTHING, GOES_UP,
     3e-5},
    {"dpm_singlestep_midtime:algorithm=dpmsolver", "dpm_singlestep_midtime:algorithm=dpmsolver", 3, 2, DRAWS_NOTHING,
     GOES_UP, 1e-3},
    {"seeds_2:eta=0", "seeds_2:eta=0", 2, 1, DRAWS_NOTHING, GOES_UP, 3e-5},
    {"seeds_3:eta=0", "seeds_3:eta=0", 3, 2, DRAWS_NOTHING, GOES_UP, 3e-5},
    {"exp_heun_2_x0", "exp_heun_2_x0", 2, 1, DRAWS_NOTHING, GOES_UP, 3e-5},
    {"exp_heun_2_x0_sde", "exp_heun_2_x0_sde:eta=0", 2, 1, DRAWS_TO_NOISE, 0, 3e-5},
    {"res_2s", "res_2s", 2, 1, DRAWS_NOTHING, 0, 3e-5},
    {"er_sde", "er_sde:noise_scaler=power,s_noise=0", 1, 0, DRAWS_TO_NOISE, 0, 2e-5},
    {"er_sde:order=2", "er_sde:order=2,noise_scaler=power,s_noise=0", 1, 0, DRAWS_TO_NOISE, 0, 2e-5},
    {"flow_stochastic", NULL, 1, 0, DRAWS_TO_NOISE, FEW_STEPS, 1e-5},
    {"flow_stochastic:s_noise_end=1.1", NULL, 1, 0, DRAWS_TO_NOISE, FEW_STEPS | DEPARTS, 1e-5},
    {"flow_stochastic:noise_clip_std=1.5", NULL, 1, 0, DRAWS_TO_NOISE, FEW_STEPS | DEPARTS | NONLINEAR, 1e-5},
    {"flow_stochastic:noise_clip_std=1.5,norm=batch", NULL, 1, 0, DRAWS_TO_NOISE,
     FEW_STEPS | DEPARTS | NONLINEAR | WHOLE, 1e-5},
    {"ddpm:variance=learned", NULL, 1, 0, DRAWS_TO_NOISE, DEPARTS, 1e-5},
    {"ddpm:variance=learned_log", NULL, 1, 0, DRAWS_TO_NOISE, DEPARTS, 1e-5},
    {"ddpm:variance=learned_range", NULL, 1, 0, DRAWS_TO_NOISE, DEPARTS, 1e-5},
    {"heun:s_churn=3,s_noise=1.1,coordinates=native", NULL, 2, 1, DRAWS_CHURN, GOES_UP | DEPARTS, 3e-5},
    {"heunpp2", "heunpp2", 3, 0, DRAWS_NOTHING, GOES_UP, 3e-5},
    {"heunpp2:coordinates=native", "heunpp2:coordinates=native", 3, 0, DRAWS_NOTHING, GOES_UP, 3e-5},
    {"heunpp2:s_churn=3", NULL, 3, 0, DRAWS_CHURN, GOES_UP, 3e-5},
    {"edm_ablation", "edm_ablation", 2, 1, DRAWS_NOTHING, GOES_UP | IN_TIME | TABLE_NEEDS_ALPHA, 3e-5},
    {"edm_ablation:alpha=0.5", "edm_ablation:alpha=0.5", 2, 1, DRAWS_NOTHING, GOES_UP | IN_TIME | TABLE_NEEDS_ALPHA,
     3e-5},
    {"edm_ablation:solver=euler", "edm_ablation:solver=euler", 1, 0, DRAWS_NOTHING,
     GOES_UP | IN_TIME | TABLE_NEEDS_ALPHA, 1e-5},
    {"edm_ablation:s_churn=3", NULL, 2, 1, DRAWS_CHURN, GOES_UP | IN_TIME | TABLE_NEEDS_ALPHA, 3e-5},
    {"dpm_fast", "dpm_fast", 3, 0, DRAWS_NOTHING, 0, 3e-5},
    {"dpm_fast:eta=1", NULL, 3, 0, DRAWS_BETWEEN, 0, 1e-3},
    {"dpm_fast:eta=0.5,s_noise=1.1", NULL, 3, 0, DRAWS_BETWEEN, DEPARTS, 1e-3},
    {"dpmpp_sde", NULL, 2, 1, DRAWS_TO_NOISE, 0, 3e-5},
    {"dpmpp_sde:eta=0.5,r=0.4", "dpmpp_sde:eta=0,r=0.4", 2, 1, DRAWS_TO_NOISE, 0, 3e-5},
    {"dpmpp_sde:s_noise=1.1", NULL, 2, 1, DRAWS_TO_NOISE, DEPARTS, 3e-5},
    {"dpmpp_2s_ancestral:s_noise=1.1", NULL, 2, 1, DRAWS_TO_NOISE, DEPARTS, 3e-5},
    {"dpmpp_3m_sde:eta=0.5,true_order=1", "dpmpp_3m_sde:eta=0,true_order=1,start=rk", 1, 0, DRAWS_TO_NOISE, 0, 2e-5},
    {"dpmpp_3m_sde:start=rk,true_order=1", NULL, 1, 0, DRAWS_TO_NOISE, 0, 2e-5},
    {"dpmpp_3m:start=rk", "dpmpp_3m:true_order=1,start=rk", 1, 0, DRAWS_NOTHING, GOES_UP, 2e-5},
    {"dpm_multistep:order=3,start=rk,lower_order_final=0",
     "dpm_multistep:order=3,true_order=1,start=rk,lower_order_below=0", 1, 0, DRAWS_NOTHING, GOES_UP, 2e-5},
    {"dpm_multistep:algorithm=dpmsolver,order=3",
     "dpm_multistep:algorithm=dpmsolver,order=3,true_order=1,start=rk,lower_order_below=0", 1, 0, DRAWS_NOTHING,
     GOES_UP, 1e-4},
    {"dpm_multistep:algorithm=sde-dpmsolver", NULL, 1, 0, DRAWS_TO_NOISE, DEPARTS | CONVERGES | NEEDS_ALPHA, 1e-4},
    {"dpm_multistep:algorithm=sde-dpmsolver++,solver_type=heun", NULL, 1, 0, DRAWS_TO_NOISE, 0, 1e-5},
    {"dpm_multistep:denoise_to_zero=1", NULL, 1, 0, DRAWS_NOTHING, GOES_UP | ENDS_ELSEWHERE, 1e-5},
    {"dpm_singlestep:order=3", "dpm_singlestep:order=3,lower_order_final=0", 1, 0, DRAWS_NOTHING, GOES_UP, 1e-5},
    {"dpm_singlestep:algorithm=dpmsolver", "dpm_singlestep:algorithm=dpmsolver", 1, 0, DRAWS_NOTHING, GOES_UP, 1e-4},
    {"dpm_singlestep_midtime:inner_grid=time_uniform", "dpm_singlestep_midtime:inner_grid=time_uniform", 3, 2,
     DRAWS_NOTHING, GOES_UP, 3e-5},
    {"dpm_singlestep_midtime:order=2", "dpm_singlestep_midtime:order=2", 2, 1, DRAWS_NOTHING, GOES_UP, 3e-5},
    {"seeds_2", NULL, 2, 1, DRAWS_TO_NOISE, 0, 3e-5},
    {"seeds_2:solver_type=phi_2", "seeds_2:eta=0,solver_type=phi_2", 2, 1, DRAWS_TO_NOISE, 0, 3e-5},
    {"seeds_3", NULL, 3, 2, DRAWS_TO_NOISE, 0, 3e-5},
    {"seeds_3:s_noise=1.1", NULL, 3, 2, DRAWS_TO_NOISE, DEPARTS, 3e-5},
    {"exp_heun_2_x0:eta=0.5", NULL, 2, 1, DRAWS_TO_NOISE, 0, 3e-5},
    {"res_2s:eta=0.5", "res_2s:c_2=1", 2, 1, DRAWS_TO_NOISE, 0, 3e-5},
    {"er_sde:start=rk", "er_sde:noise_scaler=power,s_noise=0,start=rk", 1, 0, DRAWS_TO_NOISE, 0, 2e-5},
    {"er_sde:noise_scaler=power", NULL, 1, 0, DRAWS_NOTHING, 0, 2e-5},
    {"er_sde:noise_scaler=power,noise_power=2", NULL, 1, 0, DRAWS_TO_NOISE, 0, 2e-5},
    {"er_sde:s_noise=1.1,order=1", NULL, 1, 0, DRAWS_TO_NOISE, DEPARTS, 2e-5},
    {"reab:order=4,start=rk", "reab:order=4,start=rk", 1, 0, DRAWS_NOTHING, GOES_UP | DRIFTS, 1e-4},
    {"ipndm_v:start=rk", "ipndm_v:order=4,start=rk", 1, 0, DRAWS_NOTHING, GOES_UP, 1e-4},
    {"sa_solver:tau=0,pece=1", "sa_solver:pece=1,tau=0,lower_order_final=0", 2, 0, DRAWS_NOTHING, 0, 1e-4},
    {"sa_solver:tau_from=inf,tau_to=0,pece=1", NULL, 2, 0, DRAWS_TO_NOISE, 0, 1e-4},
    {"euler_ancestral_cfg_pp", "euler_ancestral_cfg_pp:eta=0", 1, 0, DRAWS_TO_NOISE, 0, 1e-5},
    {"euler_ancestral_cfg_pp:s_noise=1.1", NULL, 1, 0, DRAWS_TO_NOISE, DEPARTS, 1e-5},
    {"dpmpp_2s_ancestral_cfg_pp", "dpmpp_2s_ancestral_cfg_pp:eta=0", 2, 1, DRAWS_TO_NOISE, NEEDS_ALPHA, 3e-5},
    {"dpmpp_2m_cfg_pp", "dpmpp_2m_cfg_pp", 1, 0, DRAWS_NOTHING, GOES_UP, 1e-5},
    {"res_multistep_cfg_pp", "res_multistep_cfg_pp", 1, 0, DRAWS_NOTHING, GOES_UP, 1e-5},
    {"res_multistep_cfg_pp:eta=0.7", NULL, 1, 0, DRAWS_TO_NOISE, 0, 1e-5},
    {"gradient_estimation_cfg_pp", "gradient_estimation_cfg_pp", 1, 0, DRAWS_NOTHING, GOES_UP | NEEDS_ALPHA, 1e-4},
    {"pc", "pc:probability_flow=1", 1, 0, DRAWS_BETWEEN, DRIFTS | NEEDS_ALPHA, 1e-5},
    {"pc:probability_flow=1,predictor=ancestral", "pc:probability_flow=1,predictor=ancestral", 1, 0, DRAWS_NOTHING,
     DRIFTS | NEEDS_ALPHA, 1e-5},
    {"pc:predictor=ancestral,return_mean=0", NULL, 1, 0, DRAWS_TO_NOISE, DRIFTS | NEEDS_ALPHA, 1e-5},
    {"pc:predictor=euler_maruyama", "pc:probability_flow=1,predictor=euler_maruyama", 1, 0, DRAWS_BETWEEN,
     DRIFTS | NEEDS_ALPHA, 1e-5},
    {"pc:corrector=langevin,return_mean=0", NULL, 2, 0, DRAWS_ALWAYS, DRIFTS | NEEDS_ALPHA | FEW_STEPS | NONLINEAR,
     1e-4},
    {"pc:corrector=langevin,norm=batch", NULL, 2, 0, DRAWS_BETWEEN,
     DRIFTS | NEEDS_ALPHA | FEW_STEPS | NONLINEAR | WHOLE, 1e-4},
    {"pc:corrector=ald,corrector_steps=2", NULL, 3, 0, DRAWS_BETWEEN, DRIFTS | NEEDS_ALPHA | FEW_STEPS, 1e-4},
    {"euler_maruyama", "euler_maruyama:eta=0", 1, 0, DRAWS_TO_NOISE, DEPARTS | CONVERGES | NEEDS_ALPHA, 1e-5},
    {"euler_maruyama:eta=0", NULL, 1, 0, DRAWS_NOTHING, GOES_UP, 1e-5},
    {"euler_maruyama:eta=0.5,temperature=1.2", NULL, 1, 0, DRAWS_TO_NOISE, DEPARTS | NEEDS_ALPHA, 1e-5},
    {"analytic_dpm:eta=0.5", "analytic_dpm:eta=0", 1, 0, DRAWS_TO_NOISE, 0, 1e-5},
    {"annealed_langevin:steps=2", NULL, 2, -1, DRAWS_ALWAYS, DEPARTS | NEEDS_ALPHA | FEW_STEPS, 1e-5},
    {"lcm", NULL, 1, 0, DRAWS_BETWEEN, GOES_UP | DRIFTS | FEW_STEPS, 1e-5},
    {"tcd", "tcd:gamma=0", 1, 0, DRAWS_ABOVE_LEAST_BETWEEN, ENDS_ELSEWHERE | FEW_STEPS, 1e-5},
    {"tcd:gamma=0", NULL, 1, 0, DRAWS_NOTHING, ENDS_ELSEWHERE, 1e-5},
    {"consistency:sigma_min=0.5", NULL, 1, 0, DRAWS_ABOVE_LEAST, GOES_UP | DEPARTS | FEW_STEPS, 1e-5},
    {"consistency:s_noise=1.1", NULL, 1, 0, DRAWS_ABOVE_LEAST, GOES_UP | DEPARTS | FEW_STEPS, 1e-5},
    /* Methods that can be undone exactly. Weights near 1 forget a disturbance so slowly that order 1 shows only from 50
     * steps on. */
    /* the difference of its two chains, at first of the size of a rounding, grows 20 times in every long step at much noise */
    {"edict", "edict:p=0.5", 2, 0, DRAWS_NOTHING, GOES_UP | DRIFTS, 2e-3},
    {"edict:p=0.8,leapfrog=0,coordinates=native", "edict:p=0.8,leapfrog=0,coordinates=native", 2, 0, DRAWS_NOTHING,
     GOES_UP | DRIFTS, 1e-4},
    {"bdia", "bdia", 1, 0, DRAWS_NOTHING, GOES_UP | CORRECTS, 1e-4},
    {"bdia:gamma=0.5", "bdia:gamma=0.2", 1, 0, DRAWS_NOTHING, GOES_UP | CORRECTS, 1e-4},
    {"ddim_fixed_point", "ddim_fixed_point", 1, 0, DRAWS_NOTHING, GOES_UP | DRIFTS_UP, 1e-5},
    {"rk45:rtol=0.001,atol=0.001", NULL, 6, 0, DRAWS_NOTHING, ADAPTIVE | TABLE_NEEDS_ALPHA | GOES_UP | DRIFTS, 1e-2},
    {"rk45:rtol=0.001,atol=0.001,norm=batch", NULL, 6, 0, DRAWS_NOTHING,
     ADAPTIVE | TABLE_NEEDS_ALPHA | GOES_UP | DRIFTS | WHOLE, 1e-2},
    {"dpm_adaptive", "dpm_adaptive:icoeff=0", 3, 2, DRAWS_NOTHING, ADAPTIVE | NEEDS_ALPHA, 1e-2},
    {"dpm_adaptive:order=2", "dpm_adaptive:order=2,icoeff=0", 2, 1, DRAWS_NOTHING, ADAPTIVE | NEEDS_ALPHA, 5e-5},
    {"dpm_adaptive:eta=0.5", NULL, 3, 2, DRAWS_TO_NOISE, ADAPTIVE | NEEDS_ALPHA, 1e-2},
    {"dpm_adaptive:eta=1,s_noise=1.1", NULL, 3, 2, DRAWS_TO_NOISE, ADAPTIVE | NEEDS_ALPHA | DEPARTS, 1e-2},
    {"dpm_adaptive:norm=batch", NULL, 3, 2, DRAWS_NOTHING, ADAPTIVE | NEEDS_ALPHA | WHOLE, 1e-2},
};

enum { N_METHOD = sizeof methods / sizeof *methods };

/* Methods whose first steps, so far as they end at a noisy node, take more evaluations (and as many more draws). */
static const struct {
	const char *spec;
	int32_t steps, more;
} first_steps[] = {
    {"lms:start=rk,final_line=1", 3, 2},
    {"ab:order=3,start=rk", 2, 1},
    {"plms", 1, 1},
    {"plms:combine=x0", 1, 1},
    {"plms:combine=v", 1, 1},
    {"pndm", 3, 3},
    {"dpmpp_3m_sde:start=rk,true_order=1", 2, 2},
    {"dpmpp_3m:start=rk", 2, 2},
    {"dpm_multistep:order=3,start=rk,lower_order_final=0", 2, 2},
    {"er_sde:start=rk", 2, 1},
    {"reab:order=4,start=rk", 3, 2},
    {"ipndm_v:start=rk", 3, 2},
};

enum { N_FIRST_STEPS = sizeof first_steps / sizeof *first_steps };

/* Methods whose evaluations are not a multiple of the steps: of n steps, the last of them to a clean node or not. */
static inline int64_t three_but_the_last(int64_t n, int64_t clean)
{
	(void)clean;
	return n > 1 ? 3 * (n - 1) : 1;
}

/* Blocks of orders 3, .., 3, 2, 1; of one step the order 2. */
static inline int64_t blocks_of_three(int64_t n, int64_t clean)
{
	return n > 1 ? 3 * (n - 1) : 2 - clean;
}

static inline int64_t two_but_the_first(int64_t n, int64_t clean)
{
	(void)clean;
	return 2 * n - 1;
}

static inline int64_t one_more_at_a_noisy_end(int64_t n, int64_t clean)
{
	return n + !clean;
}

/* The slope at the end of a step is that at the start of the next. */
static inline int64_t six_and_the_first(int64_t n, int64_t clean)
{
	return 6 * (n - clean) + (n > clean) + clean;
}

static const struct {
	const char *spec;
	int64_t (*evaluations)(int64_t n, int64_t clean);
} counted_evaluations[] = {
    {"heunpp2", three_but_the_last},
    {"heunpp2:coordinates=native", three_but_the_last},
    {"heunpp2:s_churn=3", three_but_the_last},
    {"dpm_fast", blocks_of_three},
    {"dpm_fast:eta=1", blocks_of_three},
    {"dpm_fast:eta=0.5,s_noise=1.1", blocks_of_three},
    {"sa_solver:tau=0,pece=1", two_but_the_first},
    {"sa_solver:tau_from=inf,tau_to=0,pece=1", two_but_the_first},
    {"dpm_multistep:denoise_to_zero=1", one_more_at_a_noisy_end},
    {"rk45:rtol=0.001,atol=0.001", six_and_the_first},
    {"rk45:rtol=0.001,atol=0.001,norm=batch", six_and_the_first},
};

enum { N_COUNTED = sizeof counted_evaluations / sizeof *counted_evaluations };

/* Methods that draw more than once a step: the draws of DRAWS_... times so many, and more in every step. */
static const struct {
	const char *spec;
	int32_t times, always;
} many_draws[] = {
    {"dpmpp_sde", 2, 0},
    {"dpmpp_sde:eta=0.5,r=0.4", 2, 0},
    {"dpmpp_sde:s_noise=1.1", 2, 0},
    {"seeds_2", 2, 0},
    {"seeds_2:solver_type=phi_2", 2, 0},
    {"seeds_3", 3, 0},
    {"seeds_3:s_noise=1.1", 3, 0},
    {"pc:corrector=langevin,return_mean=0", 1, 1},
    {"pc:corrector=langevin,norm=batch", 1, 1},
    {"pc:corrector=ald,corrector_steps=2", 1, 2},
    {"annealed_langevin:steps=2", 2, 0},
};

enum { N_MANY_DRAWS = sizeof many_draws / sizeof *many_draws };

/* Two ways to the same method, where branches do not differ. They agree to rounding on every process, on those straight
 * in t, on those whose coordinates are sigma/alpha, or to a clean end where t > 0 at every other node; from alpha = 0
 * too where both start there. */
enum { EVERYWHERE, ON_STRAIGHT, OFF_FLOW, TO_CLEAN };

static const struct {
	const char *one, *other;
	int32_t where;
} same_methods[] = {
    {"ddim:eta=1", "ddpm", EVERYWHERE},
    {"ddim", "euler", EVERYWHERE},
    {"ddim:recompute_epsilon=1", "ddim", EVERYWHERE},
    {"euler_ancestral:eta=0", "euler", EVERYWHERE},
    {"euler_maruyama:eta=0", "euler", EVERYWHERE},
    {"analytic_dpm", "ddpm", EVERYWHERE},
    {"analytic_dpm:eta=0.5", "ddim:eta=0.5", EVERYWHERE},
    {"euler_ancestral", "ddpm", EVERYWHERE},
    {"unipc:order=1,corrector=0", "euler", EVERYWHERE},
    {"lms:order=1", "euler", EVERYWHERE},
    {"ipndm:order=1", "euler", EVERYWHERE},
    {"ab:order=1", "euler", EVERYWHERE},
    {"gradient_estimation:gamma=1", "euler", EVERYWHERE},
    {"deis:form=t,order=1", "ddim", EVERYWHERE},
    {"dpm_multistep:order=1,algorithm=dpmsolver", "ddim", EVERYWHERE},
    {"dpm_multistep:order=1,algorithm=sde-dpmsolver++", "ddpm", EVERYWHERE},
    {"er_sde:order=1,noise_scaler=power,noise_power=2", "ddpm", EVERYWHERE},
    {"er_sde:order=1,noise_scaler=power", "euler", EVERYWHERE},
    {"sa_solver:tau_from=inf,tau_to=0,predictor_order=1,corrector_order=0", "ddpm", EVERYWHERE},
    {"dpmpp_2m_sde:eta=0", "dpmpp_2m", EVERYWHERE},
    {"dpm_multistep:lower_order_final=0", "dpmpp_2m", EVERYWHERE},
    {"unipc:corrector=0,lower_order_final=0", "dpmpp_2m", EVERYWHERE},
    {"dpm_multistep:algorithm=sde-dpmsolver++,lower_order_final=0", "dpmpp_2m_sde", EVERYWHERE},
    {"dpm_multistep:algorithm=sde-dpmsolver++,solver_type=heun,lower_order_final=0", "dpmpp_2m_sde:solver_type=heun",
     EVERYWHERE},
    {"dpm_multistep:solver_type=heun,lower_order_final=0", "ab:order=2", EVERYWHERE},
    {"dpmpp_2m_sde:solver_type=heun,eta=0", "ab:order=2", EVERYWHERE},
    {"dpm_multistep:algorithm=dpmsolver,solver_type=heun,lower_order_final=0", "ab:order=2,form=epsilon", EVERYWHERE},
    {"dpm_multistep:order=3,solver_type=heun,lower_order_final=0", "dpmpp_3m", EVERYWHERE},
    {"dpmpp_3m_sde:eta=0", "dpmpp_3m", EVERYWHERE},
    {"dpmpp_3m:true_order=1", "ab:order=3", EVERYWHERE},
    {"dpmpp_3m_sde:eta=0,true_order=1,start=rk", "dpmpp_3m:true_order=1,start=rk", EVERYWHERE},
    {"sa_solver:tau=0,simple_order_2=1,lower_order_final=0", "unipc:order=3,variant=bh1,lower_order_final=0",
     EVERYWHERE},
    {"sa_solver:tau=0,simple_order_2=1,predictor_order=2,corrector_order=3,lower_order_final=0",
     "unipc:order=2,variant=bh1,lower_order_final=0", EVERYWHERE},
    {"sa_solver:tau=0,simple_order_2=1,predictor_order=1,corrector_order=2,lower_order_final=0",
     "unipc:order=1,variant=bh1,lower_order_final=0", EVERYWHERE},
    {"sa_solver:tau=0,lower_order_final=0", "unipc:order=3,variant=vary_coeff,lower_order_final=0", EVERYWHERE},
    {"sa_solver:tau=0,corrector_order=0,lower_order_final=0", "ab:order=3", EVERYWHERE},
    {"unipc:order=3,corrector=0,variant=vary_coeff,lower_order_final=0", "ab:order=3", EVERYWHERE},
    {"deis:lower_order_final=0", "ab:order=3,form=epsilon", EVERYWHERE},
    {"lms:final_line=1", "ipndm_v", EVERYWHERE},
    {"dpmpp_2s_ancestral:eta=0", "dpmpp_sde:eta=0", EVERYWHERE},
    {"dpmpp_2s_ancestral:eta=0", "seeds_2:eta=0", EVERYWHERE},
    {"dpmpp_2s_ancestral:eta=0", "dpm_singlestep_midtime:order=2", EVERYWHERE},
    {"dpmpp_sde:eta=0,r=0.4", "seeds_2:eta=0,r=0.4", EVERYWHERE},
    {"seeds_3:eta=0", "dpm_singlestep_midtime", EVERYWHERE},
    {"exp_heun_2_x0", "seeds_2:eta=0,r=1,solver_type=phi_2", EVERYWHERE},
    {"exp_heun_2_x0_sde", "seeds_2:r=1,solver_type=phi_2", EVERYWHERE},
    {"exp_heun_2_x0_sde:eta=0", "exp_heun_2_x0", EVERYWHERE},
    {"res_2s", "seeds_2:eta=0,solver_type=phi_2", EVERYWHERE},
    {"res_2s:c_2=1", "exp_heun_2_x0", EVERYWHERE},
    {"dpm2:coordinates=ve", "dpm_singlestep_midtime:order=2,algorithm=dpmsolver", EVERYWHERE},
    {"dpm2_ancestral:eta=0", "dpm2", EVERYWHERE},
    {"euler_ancestral_cfg_pp", "euler_ancestral", EVERYWHERE},
    {"dpmpp_2m_cfg_pp", "dpmpp_2m", EVERYWHERE},
    {"dpmpp_2s_ancestral_cfg_pp", "dpmpp_2s_ancestral", EVERYWHERE},
    {"res_multistep_cfg_pp:eta=0.7", "res_multistep:eta=0.7", EVERYWHERE},
    {"gradient_estimation_cfg_pp", "gradient_estimation:coordinates=ve", EVERYWHERE},
    {"edm_ablation:solver=euler", "pc:probability_flow=1,predictor=euler_maruyama", EVERYWHERE},
    {"consistency:sigma_min=1e-12", "flow_stochastic", EVERYWHERE},
    {"lcm:timestep_scaling=1e9,sigma_data=1e-9", "flow_stochastic", TO_CLEAN},
    {"edm_ablation", "heun:coordinates=native", ON_STRAIGHT},
    {"edm_ablation:solver=euler", "euler", ON_STRAIGHT},
    {"deis:lower_order_final=0,form=rho", "lms:order=3,final_line=1", OFF_FLOW},
    {"res_multistep", "ab:order=2", OFF_FLOW},
};

enum { N_SAME = sizeof same_methods / sizeof *same_methods };

/* Every process, with a kind of prediction that has a meaning on all of it; a grid that every method can walk, and one
 * from the very noise end, where alpha may be 0. To both ",steps=N" is appended. */
struct process {
	const char *schedule, *model, *grid, *from_end;
	int32_t straight, table; /* alpha and sigma are straight lines in t; t is an index */
};

static const struct process processes[] = {
    {"vp", "v", "log_snr:sigma_max=20,sigma_min=0.05", "trailing:round=0", 0, 0},
    {"linear", "epsilon", "trailing:level=log", "leading:offset=0", 0, 1},
    {"ve", "x0", "exponential:sigma_max=40", "karras:rho=5", 1, 0},
    {"edm", "edm", "karras:rho=7", "exponential:sigma_min=0.01", 1, 0},
    {"flow", "flow", "flow:shift=2,cap=0.98", "flow:shift=1", 1, 0},
};

enum { N_PROCESS = sizeof processes / sizeof *processes };

#endif
