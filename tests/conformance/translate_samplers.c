#include "translate_rules.h"

/* Understood at every sampler: the maps on x0 (guidance), and draws whose factor is 0. */
const struct rule any_sampler[] = {
    {"threshold", NULL, ""},
    {"threshold.range", NULL, ""},
    {"threshold.ratio", NULL, ""},
    {"threshold.max", NULL, ""},
    {"draw_at_last", NULL, ""},
    {"draw_always", NULL, ""},
    {0},
};

static const struct rule no_options[] = {{0}};

static const struct rule ddpm[] = {
    {"variance", "fixed_small", "variance=small,compat=diffusers"},
    {"variance", "fixed_small_log", "variance=small,compat=diffusers"},
    {"variance", "fixed_small_first_copied", "variance=small"},
    {"variance", "fixed_large", "variance=large,compat=diffusers"},
    {"variance", "fixed_large_first_small", "variance=large"},
    {"variance", "learned", "variance=learned,compat=diffusers"},
    {"variance", "learned_range", "variance=learned_range,compat=diffusers"},
    {"variance", "learned_range_first_copied", "variance=learned_range"},
    {"variance", "learned_log", "variance=learned_log"},
    {0},
};

static const struct rule wuerstchen[] = {{"variance", "fixed_small", "variance=small,compat=wuerstchen"}, {0}};

static const struct rule ddim[] = {
    {"eta", NULL, "eta="},
    {"recompute_epsilon", NULL, "recompute_epsilon="},
    {0},
};

static const struct rule euler[] = {
    {"s_churn", "0", ""},
    {"churn_after_eval", "if sampler.s_churn=0", ""},
    {"churn_after_eval", "0", ""},
    {"churn_after_eval", "if prediction=epsilon", "compat=diffusers_epsilon"},
    {"churn_after_eval", "if prediction=v", "compat=diffusers_v"},
    {"churn_after_eval", "if prediction=edm_F", "compat=diffusers_edm"},
    {"s_churn", NULL, "s_churn="},
    {"s_tmin", NULL, "s_tmin="},
    {"s_tmax", "inf", ""},
    {"s_tmax", NULL, "s_tmax="},
    {"s_noise", NULL, "s_noise="},
    {0},
};

/* On a discrete table the original evaluates before it adds noise, said or not. */
static const struct rule euler_on_table[] = {
    {"s_churn", "0", ""},
    {"s_churn", "if prediction=epsilon", "compat=diffusers_epsilon,s_churn="},
    {"s_churn", "if prediction=v", "compat=diffusers_v,s_churn="},
    {"churn_after_eval", NULL, ""},
    {"s_tmin", NULL, "s_tmin="},
    {"s_tmax", "inf", ""},
    {"s_tmax", NULL, "s_tmax="},
    {"s_noise", NULL, "s_noise="},
    {0},
};

static const struct rule heun[] = {
    {"s_churn", NULL, "s_churn="},
    {"s_tmin", NULL, "s_tmin="},
    {"s_tmax", "inf", ""},
    {"s_tmax", NULL, "s_tmax="},
    {"s_noise", NULL, "s_noise="},
    {"churn_divisor", "steps", ""},
    {0},
};

static const struct rule ancestral[] = {
    {"eta", NULL, "eta="},
    {"s_noise", NULL, "s_noise="},
    {0},
};

static const struct rule unipc[] = {
    {"order", NULL, "order="},
    {"variant", "bh1", "variant=bh1"},
    {"variant", "bh2", "variant=bh2"},
    {"variant", "vary_coeff", "variant=vary_coeff,compat=original"},
    {"predict_x0", "1", "predict=x0"},
    {"predict_x0", "0", "predict=epsilon"},
    {"lower_order_final", NULL, "lower_order_final="},
    {"disable_corrector", "none", ""},
    {"corrector_order", "same_as_arriving", "lower_at_start=0"},
    {"first_corrector", "1", ""},
    {0},
};

static const struct rule lcm_level[] = {
    {"s_noise", NULL, "s_noise="},
    {"s_noise_end", NULL, "s_noise_end="},
    {"noise_clip_std", NULL, "noise_clip_std="},
    {0},
};

static const struct rule adaptive_lambda[] = {
    {"algorithm", NULL, "algorithm="},
    {"order", NULL, "order="},
    {"solver_type", NULL, "solver_type="},
    {"atol", NULL, "atol="},
    {"rtol", NULL, "rtol="},
    {"h_init", NULL, "h_init="},
    {"theta", NULL, "theta="},
    {"t_err", NULL, ""}, /* the run ends where what is left is not worth a trial */
    {0},
};

static const struct rule adaptive[] = {
    {"order", NULL, "order="},
    {"rtol", NULL, "rtol="},
    {"atol", NULL, "atol="},
    {"h_init", NULL, "h_init="},
    {"pcoeff", NULL, "pcoeff="},
    {"icoeff", NULL, "icoeff="},
    {"dcoeff", NULL, "dcoeff="},
    {"accept_safety", NULL, "accept_safety="},
    {"eta", NULL, "eta="},
    {"s_noise", NULL, "s_noise="},
    {0},
};

static const struct rule dpm_multistep[] = {
    {"algorithm", NULL, "algorithm="},
    {"order", NULL, "order="},
    {"solver_type", NULL, "solver_type="},
    {"lower_order_final", NULL, "lower_order_final="},
    {"lower_order_below", NULL, "lower_order_below="},
    {"euler_at_final", NULL, "euler_at_final="},
    {"denoise_to_zero", NULL, "denoise_to_zero="},
    {"double_draw", "1", ""}, /* the first of the two draws is not used */
    {0},
};

static const struct rule lms[] = {
    {"order", NULL, "order="},
    {0},
};

static const struct rule deis[] = {
    {"order", NULL, "order="},
    {"lower_order_final", NULL, "lower_order_final="},
    {0},
};

static const struct rule sde[] = {
    {"eta", NULL, "eta="},
    {"s_noise", NULL, "s_noise="},
    {"r", NULL, "r="},
    {"solver_type", NULL, "solver_type="},
    {"same_noise_level", "0", ""},
    {0},
};

static const struct rule lcm[] = {
    {"timestep_scaling", NULL, "timestep_scaling="},
    {"sigma_data", NULL, "sigma_data="},
    {0},
};

static const struct rule tcd[] = {
    {"gamma", NULL, "gamma="},
    {0},
};

static const struct rule consistency[] = {
    {"s_noise", NULL, "s_noise="},
    {"clip", NULL, ""}, /* a guidance */
    {0},
};

static const struct rule gradient_estimation_cfg_pp[] = {
    {"gamma", NULL, "gamma="},
    {0},
};

/* In `sa_solver` the window begins at its clean end. */
static const struct rule sa_solver[] = {
    {"mode", "data_prediction", "predict=x0,simple_order_2=1"},
    {"mode", "noise_prediction", "predict=epsilon"},
    {"predictor_order", NULL, "predictor_order="},
    {"corrector_order", NULL, "corrector_order="},
    {"lower_order_final", NULL, "lower_order_final="},
    {"tau", NULL, "tau="},
    {"tau_from", NULL, "tau_to="},
    {"tau_to", NULL, "tau_from="},
    {0},
};

static const struct rule sa_solver_sigma[] = {
    {"predictor_order", NULL, "predictor_order="},
    {"corrector_order", NULL, "corrector_order="},
    {"pece", NULL, "pece="},
    {"simple_order_2", NULL, "simple_order_2="},
    {"s_noise", NULL, "s_noise="},
    {"tau", NULL, "tau="},
    {"tau_from", NULL, "tau_from="},
    {"tau_to", NULL, "tau_to="},
    {0},
};

static const struct rule gradient_estimation[] = {
    {"gamma", NULL, "gamma="},
    {0},
};

static const struct rule dpm_singlestep[] = {
    {"algorithm", NULL, "algorithm="},
    {"order", NULL, "order="},
    {"solver_type", NULL, "solver_type="},
    {"orders", NULL, "orders="},
    {"inner_grid", "logSNR", "inner_grid=log_snr"},
    {"inner_grid", "time_quadratic", "inner_grid=time_quadratic"},
    {"inner_grid", "time_uniform", "inner_grid=time_uniform"},
    {0},
};

static const struct rule dpm_fast[] = {
    {"nfe", NULL, "nfe="},
    {"eta", NULL, "eta="},
    {"s_noise", NULL, "s_noise="},
    {0},
};

static const struct rule seeds[] = {
    {"eta", NULL, "eta="},
    {"s_noise", NULL, "s_noise="},
    {"r", NULL, "r="},
    {"r_1", NULL, "r_1="},
    {"r_2", NULL, "r_2="},
    {"solver_type", NULL, "solver_type="},
    {0},
};

static const struct rule unclip[] = {
    {"variance", "fixed_small_log", "variance=small"},
    {"variance", "learned_range", "variance=learned_range"},
    {0},
};

static const struct rule pc[] = {
    {"predictor", "ancestral_sampling", "predictor=ancestral"},
    {"predictor", NULL, "predictor="},
    {"corrector", NULL, "corrector="},
    {"corrector_steps", NULL, "corrector_steps="},
    {"snr", NULL, "snr="},
    {"probability_flow", NULL, "probability_flow="},
    {"return_mean", NULL, "return_mean="},
    {"order_in_step", "corrector_first", ""},
    {"index_rule", "diffusers", ""},
    {"discrete_std", "0", ""},
    {0},
};

static const struct rule rk45[] = {
    {"rtol", NULL, "rtol="}, {"atol", NULL, "atol="}, {"denoise", "0", ""}, {"denoise", "1", "denoise=mean"}, {0},
};

static const struct rule er_sde[] = {
    {"order", NULL, "order="},
    {"s_noise", NULL, "s_noise="},
    {"noise_scaler", NULL, "noise_scaler="},
    {"noise_power", NULL, "noise_power="},
    {0},
};

static const struct rule edm_ablation[] = {
    {"solver", NULL, "solver="},   {"alpha", NULL, "alpha="},
    {"s_churn", NULL, "s_churn="}, {"s_tmin", NULL, "s_tmin="},
    {"s_tmax", "inf", ""},         {"s_tmax", NULL, "s_tmax="},
    {"s_noise", NULL, "s_noise="}, {0},
};

const struct method sampler_methods[] = {
    {"ddpm if schedule=cosine_continuous_clamped", "ddpm", wuerstchen},
    {"ddpm", "ddpm", ddpm},
    {"ddim", "ddim", ddim},
    {"ddim_inverse", "ddim", no_options}, /* over a grid that goes up */
    {"euler if schedule=discrete", "euler", euler_on_table},
    {"euler", "euler", euler},
    {"euler_ancestral", "euler_ancestral", ancestral},
    {"heun", "heun", heun},
    {"dpmpp_2m", "dpmpp_2m", no_options},
    {"unipc", "unipc", unipc},
    {"dpm_adaptive", "dpm_adaptive:norm=batch", adaptive},
    {"dpm_adaptive_lambda", "dpm_adaptive:norm=max,control=plain", adaptive_lambda},
    {"lms", "lms", lms},
    {"deis", "deis", deis},
    {"ipndm", "ipndm:compat=diffusers", lms},
    {"ipndm_sigma", "ipndm", lms},
    {"ipndm_v if literal=1", "ipndm_v:compat=comfyui", lms},
    {"ipndm_v", "ipndm_v", lms},
    {"gradient_estimation", "gradient_estimation", gradient_estimation},
    {"plms if prediction=epsilon", "plms:combine=epsilon", no_options},
    {"plms if prediction=v", "plms:combine=v", no_options},
    {"plms if prediction=sample", "plms:combine=x0", no_options},
    {"pndm if prediction=epsilon", "pndm:combine=epsilon,compat=diffusers", no_options},
    {"pndm if prediction=v", "pndm:combine=v,compat=diffusers", no_options},
    {"pndm if prediction=sample", "pndm:combine=x0,compat=diffusers", no_options},
    {"res_multistep", "res_multistep", ancestral},
    {"sa_solver", "sa_solver:tau_by=time,corrector_lead=2", sa_solver},
    {"sa_solver_sigma if grid.final=zero", "sa_solver:tau_by=level", sa_solver_sigma},
    {"sa_solver_sigma", "sa_solver:tau_by=level,lower_order_final=0", sa_solver_sigma},
    {"deis_tab", "deis:form=t,lower_order_final=0", lms},
    {"deis_rhoab", "deis:form=rho,lower_order_final=0", lms},
    {"dpm_multistep", "dpm_multistep", dpm_multistep},
    {"dpmpp_2m_sde", "dpmpp_2m_sde", sde},
    {"dpmpp_3m_sde", "dpmpp_3m_sde", sde},
    {"dpmpp_2s_ancestral", "dpmpp_2s_ancestral", ancestral},
    {"dpmpp_2s_ancestral_rf if literal=1", "dpmpp_2s_ancestral:split=rf,compat=comfyui", ancestral},
    {"dpmpp_2s_ancestral_rf", "dpmpp_2s_ancestral:split=rf", ancestral},
    {"dpmpp_sde", "dpmpp_sde", sde},
    {"dpm2", "dpm2", heun},
    {"dpm2_ancestral", "dpm2_ancestral", ancestral},
    {"dpm2_ancestral_rf", "dpm2_ancestral:split=rf", ancestral},
    {"euler_ancestral_rf", "euler_ancestral:split=rf", ancestral},
    {"lcm", "lcm", lcm},
    {"tcd", "tcd", tcd},
    {"consistency", "consistency", consistency},
    {"euler_ancestral_cfg_pp", "euler_ancestral_cfg_pp", ancestral},
    {"dpmpp_2m_cfg_pp", "dpmpp_2m_cfg_pp:compat=comfyui", no_options},
    {"dpmpp_2s_ancestral_cfg_pp", "dpmpp_2s_ancestral_cfg_pp", ancestral},
    {"gradient_estimation_cfg_pp", "gradient_estimation_cfg_pp", gradient_estimation_cfg_pp},
    {"dpm_singlestep", "dpm_singlestep", dpm_singlestep},
    {"dpm_singlestep_midtime", "dpm_singlestep_midtime", dpm_singlestep},
    {"dpm_fast", "dpm_fast", dpm_fast},
    {"heunpp2", "heunpp2", heun},
    {"seeds_2", "seeds_2", seeds},
    {"seeds_3", "seeds_3", seeds},
    {"flow_stochastic", "flow_stochastic", no_options},
    {"ddpm_level", "ddpm", no_options},
    {"unclip", "ddpm", unclip},
    {"pc", "pc:norm=batch,compat=score_sde", pc},
    {"pf_ode_rk45", "rk45:norm=batch", rk45},
    {"er_sde if literal=1", "er_sde:compat=comfyui", er_sde},
    {"er_sde", "er_sde", er_sde},
    {"edm_ablation", "edm_ablation", edm_ablation},
    {"lcm_level", "flow_stochastic:norm=batch", lcm_level},
    {"scm", "flow_stochastic", no_options},
    {"ddim_reverse", "ddim", ddim}, /* over a grid that goes up */
    {"repaint", "ddim", ddim},      /* over a grid that climbs, with inpainting */
    {0},
};
