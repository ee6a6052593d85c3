#include "translate_rules.h"

const struct rule any_schedule[] = {{0}};

static const struct rule betas[] = {
    {"betas", NULL, ""},
    {"T", NULL, "T="},
    {"beta_start", NULL, "beta_start="},
    {"beta_end", NULL, "beta_end="},
    {"zero_snr", NULL, "zero_snr="},
    {"snr_shift", NULL, "snr_shift="},
    {"clip_lambda", NULL, "clip_lambda="},
    {"kept", NULL, ""},
    {0},
};

/* The standard deviation of the data is the model's; the table of a flow model shapes grids only. */
static const struct rule levels_only[] = {
    {"sigma_data", NULL, ""},
    {"T", NULL, ""},
    {"shift", NULL, ""},
    {0},
};

/* N: steps of a discretisation, which is the method's. */
static const struct rule vp_sde[] = {
    {"beta_min", NULL, "beta_min="}, {"beta_max", NULL, "beta_max="}, {"kept", NULL, ""}, {"N", NULL, ""}, {0},
};
static const struct rule ve_sde[] = {
    {"sigma_min", NULL, "sigma_min="},
    {"sigma_max", NULL, "sigma_max="},
    {"N", NULL, ""},
    {0},
};
static const struct rule cosine[] = {
    {"s", NULL, "s="},
    {"scaler", NULL, "scaler="},
    {"clamp_low", NULL, "clamp_low="},
    {"clamp_high", NULL, "clamp_high="},
    {0},
};
static const struct rule edm_ablation[] = {
    {"sigma_of_t", NULL, "sigma_of_t="},
    {"scaling", NULL, "scaling="},
    {"epsilon_s", NULL, "epsilon_s="},
    {0},
};
static const struct rule trigflow[] = {{"sigma_data", NULL, "sigma_data="}, {0}};

/* Of discrete processes the name is the rule of their betas. */
const struct method schedule_methods[] = {
    {"linear", "linear", betas},
    {"scaled_linear", "scaled_linear", betas},
    {"squaredcos_cap_v2", "squared_cosine", betas},
    {"guided_linear", "guided_linear", betas},
    {"sigmoid", "sigmoid", betas},
    {"laplace", "laplace", betas},
    {"exp", "exp", betas},
    {"ve", "ve", levels_only},
    {"edm", "edm", levels_only},
    {"flow", "flow", levels_only},
    {"vp_sde", "vp", vp_sde},
    {"subvp_sde", "sub_vp", vp_sde},
    {"ve_sde", "ve_sde", ve_sde},
    {"vp_cosine", "vp_cosine", any_schedule},
    {"cosine_continuous_clamped", "cosine", cosine},
    {"edm_ablation", "edm_ablation", edm_ablation},
    {"trigflow", "trigflow", trigflow},
    {"cos_angle", "trigflow:sigma_data=1", any_schedule},
    {0},
};

/* ---------------------------------------------------------------------------------------------------------- grids */

/* Understood at every grid; its length is said apart. */
const struct rule any_grid[] = {
    {"steps", NULL, ""},
    {"first_eval", NULL, ""},
    {"direction", "down", ""},
    {"final", "zero", "final=zero"},
    {"final", "sigma_min", "final=last"},
    {"final", "first", "final=last"},
    {"final", "repeat", "final=repeat"},
    {"final", "sigma_min_of_grid", "final=repeat"},
    {"final", "included", "final=included"},
    {"final", "one", "final=included"},
    {0},
};

static const struct rule leading[] = {
    {"points", NULL, "extra="},  {"offset", NULL, "offset="},           {"round", NULL, ""},
    {"sigma_rule", "table", ""}, {"clip_lambda", NULL, "clip_lambda="}, {0},
};

static const struct rule linspace[] = {
    {"points", NULL, "extra="},
    {"round", NULL, "round="},
    {"sigma_rule", "table", "level=table"},
    {"sigma_rule", "log_linear", "level=log_linear"},
    {"final", "if grid.sigma_rule=log_linear", "final=last"},
    {"clip_lambda", NULL, "clip_lambda="},
    {0},
};

static const struct rule trailing[] = {
    {"points", NULL, ""},
    {"round", NULL, "round="},
    {"sigma_rule", "table", "level=table"},
    {"clip_lambda", NULL, "clip_lambda="},
    {0},
};

/* The ends "default" are those of the process. */
static const struct rule level_grid[] = {
    {"sigma_max", "default", ""},
    {"sigma_min", "default", ""},
    {"sigma_max", NULL, "sigma_max="},
    {"sigma_min", NULL, "sigma_min="},
    {"rho", NULL, "rho="},
    {"C_1", NULL, ""},
    {"C_2", NULL, ""},
    {"M", NULL, ""},
    {0},
};
static const struct rule no_rho[] = {
    {"sigma_max", "default", ""},
    {"sigma_min", "default", ""},
    {"sigma_max", NULL, "sigma_max="},
    {"sigma_min", NULL, "sigma_min="},
    {"rho", NULL, ""},
    {"C_1", NULL, ""},
    {"C_2", NULL, ""},
    {"M", NULL, ""},
    {0},
};
static const struct rule iddpm[] = {
    {"sigma_max", "default", "sigma_max=81"},
    {"sigma_min", "default", "sigma_min=0.002"},
    {"sigma_max", NULL, "sigma_max="},
    {"sigma_min", NULL, "sigma_min="},
    {"rho", NULL, ""},
    {"C_1", NULL, "C_1="},
    {"C_2", NULL, "C_2="},
    {"M", NULL, "M="},
    {0},
};
static const struct rule beta[] = {
    {"sigma_max", NULL, "sigma_max="},
    {"sigma_min", NULL, "sigma_min="},
    {"beta_a", NULL, "a="},
    {"beta_b", NULL, "b="},
    {0},
};
static const struct rule vp_time[] = {
    {"beta_d", NULL, "beta_d="},
    {"beta_min", NULL, "beta_min="},
    {"t_end", NULL, "t_end="},
    {0},
};
static const struct rule consistency[] = {
    {"sigma_max", NULL, "sigma_max="},     {"sigma_min", NULL, "sigma_min="}, {"rho", NULL, "rho="},
    {"train_steps", NULL, "train_steps="}, {"indices", NULL, "at="},          {0},
};

/* The ends of the time are those of the schedule (translate.c). */
static const struct rule time_grid[] = {{"t_start", NULL, ""}, {"t_end", NULL, ""}, {0}};
static const struct rule linear_time[] = {
    {"t_start", NULL, ""},
    {"t_end", "0", "extra=1,final=included"},
    {"t_end", NULL, ""},
    {0},
};

/* The shift of the schedule belongs to the grid (translate.c). */
static const struct rule over_table[] = {{"first_below_one", NULL, "first_below_one="}, {0}};
static const struct rule lcm[] = {
    {"original_steps", NULL, "original_steps="},
    {"strength", NULL, "strength="},
    {0},
};
static const struct rule respaced[] = {
    {"spec", NULL, ""}, {"sigma_rule", "table", ""}, {"round", NULL, ""}, {"points", NULL, ""}, {0},
};
static const struct rule angles[] = {
    {"max_timesteps", NULL, "max="},
    {"intermediate_timesteps", NULL, "intermediate="},
    {0},
};

static const struct rule flow[] = {
    {"rule", "linear_smax_to_smin", "extra=0"},
    {"rule", "linear_1_to_0_drop_last", "extra=1"},
    {"rule", "linear_1_to_0", "extra=1"},
    {"rule", "linear_1_to_1/N", "extra=1"},
    {"rule", "descend_to_shifted", "extra=1"},
    {"rule", "linear_1_to_1/T_drop_last", "extra=1"},
    {"rule", "given_then_shift", ""},
    {"given", NULL, "at="},
    {"points", NULL, ""},
    {"top", "if grid.rule=linear_1_to_1/T_drop_last", "cap="},
    {"top", NULL, "top="},
    {"bottom", NULL, "bottom="},
    {"shift", NULL, "shift="},
    {"dynamic", NULL, "dynamic="},
    {"mu", NULL, "mu="},
    {"terminal", NULL, "terminal="},
    {"respace", NULL, "respace="},
    {"invert", "1", "invert=1,direction=up"},
    {0},
};

const struct method grid_methods[] = {
    {"leading", "leading", leading},
    {"linspace", "linspace", linspace},
    {"trailing", "trailing", trailing},
    {"karras", "karras", level_grid},
    {"exponential", "exponential", level_grid},
    {"lu", "exponential", level_grid},
    {"polyexponential", "polyexponential", level_grid},
    {"beta", "beta", beta},
    {"vp_time", "vp_time", vp_time},
    {"consistency", "consistency", consistency},
    {"geometric_variance", "geometric_variance", level_grid},
    {"edm_edm", "karras", level_grid},
    {"edm_ve", "exponential", no_rho},
    {"edm_vp", "vp_time", no_rho},
    {"edm_iddpm", "iddpm", iddpm},
    {"log_snr", "log_snr", time_grid},
    {"uniform_time", "time_uniform", time_grid},
    {"quadratic_time", "time_quadratic", time_grid},
    {"linear_time", "linspace", linear_time},
    {"simple", "simple", over_table},
    {"normal", "normal", over_table},
    {"sgm_uniform", "sgm_uniform", over_table},
    {"ddim_uniform", "ddim_uniform", over_table},
    {"kl_optimal", "kl_optimal", over_table},
    {"linear_quadratic", "linear_quadratic", over_table},
    {"smoothstep", "smoothstep", over_table},
    {"beta_index", "beta_index", over_table},
    {"bong_tangent", "bong_tangent", over_table},
    {"gits", "gits", over_table},
    {"ays_sd15", "ays_sd15", over_table},
    {"ays_sdxl", "ays_sdxl", over_table},
    {"ays_svd", "ays_svd", over_table},
    {"lcm_levels", "lcm", over_table},
    {"distilled", "lcm", lcm},
    {"respaced", "respaced", respaced},
    {"trigflow", "trigflow", angles},
    {"sin2_angle", "sin2_angle", angles},
    {"flow", "flow", flow},
    {0},
};
