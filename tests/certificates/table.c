#include "base/compiler.h"
#include "certificates/table.h"
#include "demist.h"
#include "property_table.h"
#include <stddef.h>
#include <string.h>

#define RISING "the order rises from 1, and the first step leaves an error of h^2, small at these numbers of steps"
#define CORRECTED_START "the first steps leave an error of h^3, small at these numbers of steps"
#define FALLS_AT_THE_END "the last step has order 1; lower_order_final=0 keeps the order"
#define CORRECTED "the corrector adds one to the order of the predictor"
#define EQUAL_STEPS "weights of equal steps, which these are not in sigma/alpha"
#define ANALYTIC "the first prediction is wrong by a constant, which leaves an error of h, small where it is made"
#define UNGUIDED "measured without guidance"
#define PUBLISHED "published form: half of the second derivative; true_order=1 is of order 3"

const struct setting orders[] = {
    {.spec = "ab"},
    {.spec = "ab:order=3", .note = RISING},
    {.spec = "ab:order=3,start=rk"},
    {.spec = "ab:order=4,start=rk"},
    {.spec = "ab:form=epsilon"},
    {.spec = "ab:form=epsilon,order=3,start=rk"},
    {.spec = "ab:form=v"},
    {.spec = "ab:form=v,order=3,start=rk"},
    {.spec = "ab:analytic_first=1", .note = ANALYTIC},
    {.spec = "analytic_dpm:eta=0"},
    {.spec = "bdia"},
    {.spec = "bdia:gamma=0.5", .note = "gamma=1 is the leapfrog rule"},
    {.spec = "ddim"},
    {.spec = "ddim_fixed_point"},
    {.spec = "deis", .note = RISING},
    {.spec = "deis:start=rk"},
    {.spec = "deis:start=rk,form=t"},
    {.spec = "deis:start=rk,form=rho"},
    {.spec = "deis:order=4,start=rk"},
    {.spec = "deis:analytic_first=1", .note = ANALYTIC},
    {.spec = "dpm2"},
    {.spec = "dpm2_ancestral:eta=0"},
    {.spec = "dpm_adaptive:icoeff=0", .note = "the control switched off: equal steps"},
    {.spec = "dpm_adaptive:order=2,icoeff=0", .note = "the control switched off: equal steps"},
    {.spec = "dpm_fast", .note = "blocks of order 3; the last two are of orders 2 and 1"},
    {.spec = "dpm_multistep"},
    {.spec = "dpm_multistep:algorithm=dpmsolver"},
    {.spec = "dpm_multistep:solver_type=heun"},
    {.spec = "dpm_multistep:order=3", .note = PUBLISHED},
    {.spec = "dpm_multistep:order=3,true_order=1,start=rk"},
    {.spec = "dpm_multistep:algorithm=dpmsolver,order=3,true_order=1,start=rk"},
    {.spec = "dpm_multistep:analytic_first=1", .note = ANALYTIC},
    {.spec = "dpm_singlestep"},
    {.spec = "dpm_singlestep:order=3,lower_order_final=0",
     .note = "3 where the steps fill groups of three, as here; else the last step has order 1 or 2"},
    {.spec = "dpm_singlestep:order=3", .note = FALLS_AT_THE_END},
    {.spec = "dpm_singlestep:algorithm=dpmsolver"},
    {.spec = "dpm_singlestep:analytic_first=1", .note = ANALYTIC},
    {.spec = "dpm_singlestep_midtime"},
    {.spec = "dpm_singlestep_midtime:solver_type=heun"},
    {.spec = "dpm_singlestep_midtime:algorithm=dpmsolver"},
    {.spec = "dpm_singlestep_midtime:order=2"},
    {.spec = "dpm_singlestep_midtime:inner_grid=time_uniform"},
    {.spec = "dpm_singlestep_midtime:inner_grid=time_quadratic"},
    {.spec = "dpmpp_2m"},
    {.spec = "dpmpp_2m:analytic_first=1", .note = ANALYTIC},
    {.spec = "dpmpp_2m_cfg_pp", .note = UNGUIDED},
    {.spec = "dpmpp_2m_sde:eta=0"},
    {.spec = "dpmpp_2s_ancestral:eta=0"},
    {.spec = "dpmpp_2s_ancestral_cfg_pp:eta=0", .note = UNGUIDED},
    {.spec = "dpmpp_3m", .note = PUBLISHED},
    {.spec = "dpmpp_3m:true_order=1,start=rk"},
    {.spec = "dpmpp_3m:analytic_first=1", .note = ANALYTIC},
    {.spec = "dpmpp_3m_sde:eta=0,true_order=1,start=rk"},
    {.spec = "dpmpp_sde:eta=0"},
    {.spec = "edm_ablation"},
    {.spec = "edm_ablation:solver=euler"},
    {.spec = "edict"},
    {.spec = "er_sde:noise_scaler=power,s_noise=0", .note = RISING},
    {.spec = "er_sde:noise_scaler=power,s_noise=0,start=rk"},
    {.spec = "er_sde:order=1,noise_scaler=power,s_noise=0"},
    {.spec = "er_sde:order=2,noise_scaler=power,s_noise=0"},
    {.spec = "er_sde:noise_scaler=power,s_noise=0,analytic_first=1", .note = ANALYTIC},
    {.spec = "euler"},
    {.spec = "euler_ancestral:eta=0"},
    {.spec = "euler_ancestral_cfg_pp:eta=0", .note = UNGUIDED},
    {.spec = "euler_maruyama:eta=0"},
    {.spec = "exp_heun_2_x0"},
    {.spec = "exp_heun_2_x0_sde:eta=0"},
    {.spec = "gradient_estimation", .note = "gamma=1.5 is the Adams method of order 2"},
    {.spec = "gradient_estimation:gamma=1.5"},
    {.spec = "gradient_estimation:analytic_first=1", .note = ANALYTIC},
    {.spec = "gradient_estimation_cfg_pp", .note = UNGUIDED},
    {.spec = "gradient_estimation_cfg_pp:gamma=1.5"},
    {.spec = "heun"},
    {.spec = "heun:coordinates=native"},
    {.spec = "heunpp2", .note = "the slopes are weighted by their levels, not for an order"},
    {.spec = "ipndm", .note = EQUAL_STEPS},
    {.spec = "ipndm:analytic_first=1", .note = ANALYTIC},
    {.spec = "ipndm_v", .note = RISING},
    {.spec = "ipndm_v:order=3,start=rk"},
    {.spec = "ipndm_v:start=rk"},
    {.spec = "ipndm_v:analytic_first=1", .note = ANALYTIC},
    {.spec = "lms", .note = RISING},
    {.spec = "lms:start=rk"},
    {.spec = "lms:analytic_first=1", .note = ANALYTIC},
    {.spec = "pc:probability_flow=1"},
    {.spec = "pc:probability_flow=1,predictor=ancestral"},
    {.spec = "plms", .note = EQUAL_STEPS},
    {.spec = "plms:analytic_first=1", .below = 0.5, .note = ANALYTIC "; on flow it cancels one of h^2 near 1000 steps"},
    {.spec = "plms:combine=v", .note = "v of earlier nodes is combined as if x had not moved"},
    {.spec = "pndm", .note = EQUAL_STEPS},
    {.spec = "pndm:analytic_first=1", .note = ANALYTIC},
    {.spec = "reab"},
    {.spec = "reab:order=3,start=rk"},
    {.spec = "reab:order=4,start=rk"},
    {.spec = "reab:analytic_first=1", .note = ANALYTIC},
    {.spec = "res_2s"},
    {.spec = "res_multistep"},
    {.spec = "res_multistep:analytic_first=1", .note = ANALYTIC},
    {.spec = "sa_solver:tau=0", .note = FALLS_AT_THE_END},
    {.spec = "sa_solver:tau=0,lower_order_final=0,start=rk", .note = "predictor 3, corrector 4"},
    {.spec = "sa_solver:tau=0,predictor_order=4,lower_order_final=0,start=rk",
     .below = 0.6,
     .note = "errors of h^4 and h^5 of opposite signs cancel near 300 steps; 3.9 from 1536 to 3072"},
    {.spec = "sa_solver:tau=0,predictor_order=2,corrector_order=2,lower_order_final=0"},
    {.spec = "sa_solver:tau=0,predict=epsilon,predictor_order=3,corrector_order=3,lower_order_final=0,start=rk"},
    {.spec = "sa_solver:tau=0,pece=1,lower_order_final=0,start=rk"},
    {.spec = "sa_solver:tau=0,analytic_first=1", .note = ANALYTIC},
    {.spec = "seeds_2:eta=0"},
    {.spec = "seeds_3:eta=0"},
    {.spec = "seeds_3:eta=0,r_2=0.9", .note = "order 3 needs r_2 = 2/3"},
    {.spec = "tcd:gamma=0"},
    {.spec = "unipc", .note = FALLS_AT_THE_END},
    {.spec = "unipc:lower_order_final=0", .note = CORRECTED},
    {.spec = "unipc:lower_order_final=0,variant=bh1", .note = CORRECTED},
    {.spec = "unipc:corrector=0"},
    {.spec = "unipc:order=3,lower_order_final=0", .note = CORRECTED_START},
    {.spec = "unipc:order=3,lower_order_final=0,start=rk", .note = CORRECTED},
    {.spec = "unipc:order=3,lower_order_final=0,start=rk,predict=epsilon", .note = CORRECTED},
    {.spec = "unipc:order=4,lower_order_final=0,start=rk", .note = CORRECTED},
    {.spec = "unipc:order=4,corrector=0,lower_order_final=0,start=rk"},
    {.spec = "unipc:variant=vary_coeff,lower_order_final=0", .note = CORRECTED},
    {.spec = "unipc:order=3,variant=vary_coeff,lower_order_final=0,start=rk", .note = CORRECTED},
    {.spec = "unipc:analytic_first=1", .note = ANALYTIC},
    {.spec = NULL},
};

#define CHURN (3 / 5.991464547107982) /* of s_churn=3 over ln(20/0.05) */

#define SPLIT "variance 2; a step splits off as much noise as the SDE has to order 1, which a displaced mean shows"
#define CHURNED "variance 2; churn is the noise of the SDE to order 1, which a displaced mean shows"
#define LITTLE_NOISE "mean 3; the error of h^2 that the noise makes is too small to be seen"
#define MEAN_ABOVE "the mean has the order of the deterministic part"
#define TO_X0 "goes to x0 and back up at every node: more steps do not bring it to the data"
#define SAYS_POSTERIOR "the second output says the variance of the posterior"
#define VARIANCE_ALONE "the variance alone is judged"
#define FIXED_STEPS "its Langevin steps are as long as the options say, however many nodes there are"

const struct setting weak_orders[] = {
    {.spec = "analytic_dpm", .share = 1, .note = "without a list of gamma"},
    {.spec = "annealed_langevin", .note = FIXED_STEPS},
    {.spec = "consistency", .note = TO_X0},
    {.spec = "ddim:eta=0.5", .share = 0.25},
    {.spec = "ddpm", .share = 1},
    {.spec = "ddpm:variance=large", .share = 1},
    {.spec = "ddpm:variance=learned_range", .share = 1, .note = "the second output 0.25 everywhere"},
    {.spec = "ddpm:variance=learned", .share = 1, .note = SAYS_POSTERIOR},
    {.spec = "ddpm:variance=learned_log", .share = 1, .note = SAYS_POSTERIOR},
    {.spec = "dpm2:s_churn=3", .share = CHURN, .note = CHURNED},
    {.spec = "dpm2_ancestral", .share = 1, .note = SPLIT},
    {.spec = "dpm_fast:eta=1", .share = 1, .note = SPLIT},
    {.spec = "dpm_multistep:algorithm=sde-dpmsolver", .share = 1},
    {.spec = "dpm_multistep:algorithm=sde-dpmsolver++", .share = 1},
    {.spec = "dpm_multistep:algorithm=sde-dpmsolver++,order=3", .share = 1},
    {.spec = "dpm_multistep:algorithm=sde-dpmsolver,order=3", .share = 1},
    {.spec = "dpm_multistep:algorithm=sde-dpmsolver,order=1", .share = 1},
    {.spec = "dpm_singlestep:algorithm=sde-dpmsolver++", .share = 1},
    {.spec = "dpmpp_2m_sde", .share = 1},
    {.spec = "dpmpp_2m_sde:analytic_first=1", .share = 1, .note = ANALYTIC},
    {.spec = "dpmpp_2m_sde:solver_type=heun,eta=0.5", .share = 0.5},
    {.spec = "dpmpp_2s_ancestral", .share = 1, .note = SPLIT},
    {.spec = "dpmpp_2s_ancestral:split=rf,eta=0.5", .share = 0.5, .note = SPLIT},
    {.spec = "dpmpp_2s_ancestral_cfg_pp", .share = 1, .note = UNGUIDED "; " SPLIT},
    {.spec = "dpmpp_3m_sde", .share = 1},
    {.spec = "dpmpp_3m_sde:true_order=1,start=rk", .share = 1},
    {.spec = "dpmpp_sde", .share = 1, .note = "the noise of the inner point is not a part of that of the step"},
    {.spec = "edm_ablation:s_churn=3", .share = CHURN, .note = CHURNED},
    {.spec = "er_sde", .share = STANDARD_SCALER, .note = LITTLE_NOISE},
    {.spec = "er_sde:order=1", .share = STANDARD_SCALER},
    {.spec = "er_sde:order=2", .share = STANDARD_SCALER},
    {.spec = "er_sde:noise_scaler=power,noise_power=2", .share = 1},
    {.spec = "euler:s_churn=3", .share = CHURN},
    {.spec = "euler_ancestral", .share = 1},
    {.spec = "euler_ancestral:eta=0.6,split=rf", .share = 0.6},
    {.spec = "euler_ancestral_cfg_pp", .share = 1, .note = UNGUIDED},
    {.spec = "euler_maruyama", .share = 1},
    {.spec = "euler_maruyama:eta=0.5", .share = 0.25},
    {.spec = "exp_heun_2_x0_sde", .share = 1},
    {.spec = "flow_stochastic", .note = TO_X0},
    {.spec = "heun:s_churn=3", .share = CHURN, .note = CHURNED},
    {.spec = "heunpp2:s_churn=3", .share = CHURN},
    {.spec = "lcm", .note = TO_X0},
    {.spec = "pc", .share = 1},
    {.spec = "pc:predictor=ancestral", .share = 1},
    {.spec = "pc:predictor=euler_maruyama", .share = 1},
    {.spec = "pc:corrector=ald", .note = FIXED_STEPS},
    {.spec = "pc:corrector=langevin", .note = FIXED_STEPS ", and as the samples are"},
    {.spec = "res_2s:eta=0.5", .share = 0.25, .note = SPLIT},
    {.spec = "res_multistep:eta=0.5", .share = 0.25, .note = SPLIT},
    {.spec = "sa_solver", .share = UNKNOWN_SHARE, .note = VARIANCE_ALONE},
    {.spec = "sa_solver:tau_from=inf,tau_to=0,lower_order_final=0", .share = 1},
    {.spec = "sa_solver:tau=0.5,tau_from=inf,tau_to=0,lower_order_final=0,pece=1", .share = 0.25, .note = MEAN_ABOVE},
    {.spec = "sa_solver:tau=0.6,tau_from=inf,tau_to=0,lower_order_final=0,predict=epsilon",
     .share = 0.36,
     .note = MEAN_ABOVE},
    {.spec = "seeds_2", .share = 1},
    {.spec = "seeds_3", .share = 1},
    {.spec = "tcd", .note = TO_X0},
    {.spec = NULL},
};

const struct setting adaptive_orders[] = {
    {.spec = "dpm_adaptive", .note = "the steps grow from h_init, which counts at the larger tolerance"},
    {.spec = "dpm_adaptive:order=2"},
    {.spec = "rk45", .note = "its steps are still long: the slope is near 6 at 1e-12"},
    {.spec = NULL},
};

static int is_among(const char *name, const struct setting *s)
{
	size_t n = strlen(name);
	while (s->spec && (strncmp(s->spec, name, n) || (s->spec[n] && s->spec[n] != ':')))
		s++;
	return s->spec != NULL;
}

int has_settings(const char *name)
{
	return is_among(name, orders) || is_among(name, weak_orders) || is_among(name, adaptive_orders);
}

int property_setting(const char *name, int draws, int i, struct setting *out)
{
	size_t n = strlen(name);
	for (size_t k = 0; k < sizeof methods / sizeof *methods; k++) {
		const struct method *m = &methods[k];
		if (strncmp(m->spec, name, n) || (m->spec[n] && m->spec[n] != ':') || m->flags & ADAPTIVE)
			continue;
		if (draws == DRAWS_SOME ? m->draws == DRAWS_NOTHING : !m->measured)
			continue;
		*out = draws == DRAWS_SOME ? (struct setting){.spec = m->spec, .share = UNKNOWN_SHARE, .note = VARIANCE_ALONE}
		                           : (struct setting){.spec = m->measured};
		if (i-- == 0)
			return 1;
	}
	return 0;
}
