#include "translate_rules.h"

const struct rule any_schedule[] = {{0}};

static const struct rule betas[] = {
    {"betas", NULL, ""}, {"T", NULL, "T="}, {"beta_start", NULL, "beta_start="}, {"beta_end", NULL, "beta_end="}, {0},
};

/* The standard deviation of the data is the model's; the table of a flow model shapes grids only. */
static const struct rule levels_only[] = {
    {"sigma_data", NULL, ""},
    {"T", NULL, ""},
    {"shift", NULL, ""},
    {0},
};

static const struct rule vp_sde[] = {
    {"beta_min", NULL, "beta_min="},
    {"beta_max", NULL, "beta_max="},
    {"kept", NULL, ""},
    {0},
};

/* Of discrete processes the name is the rule of their betas. */
const struct method schedule_methods[] = {
    {"linear", "linear", betas},
    {"scaled_linear", "scaled_linear", betas},
    {"squaredcos_cap_v2", "squared_cosine", betas},
    {"guided_linear", "linear", betas},
    {"ve", "ve", levels_only},
    {"edm", "edm", levels_only},
    {"flow", "flow", levels_only},
    {"vp_sde", "vp", vp_sde},
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
    {0},
};

static const struct rule leading[] = {
    {"points", NULL, "extra="}, {"offset", NULL, "offset="}, {"round", NULL, ""}, {"sigma_rule", "table", ""}, {0},
};

static const struct rule linspace[] = {
    {"points", NULL, "extra="},
    {"round", NULL, "round="},
    {"sigma_rule", "table", "level=table"},
    {"sigma_rule", "log_linear", "level=log_linear"},
    {"final", "if grid.sigma_rule=log_linear", "final=last"},
    {0},
};

static const struct rule trailing[] = {
    {"points", NULL, ""},
    {"round", NULL, "round="},
    {"sigma_rule", "table", "level=table"},
    {0},
};

static const struct rule level_grid[] = {
    {"sigma_max", NULL, "sigma_max="},
    {"sigma_min", NULL, "sigma_min="},
    {"rho", NULL, "rho="},
    {0},
};

static const struct rule time_grid[] = {
    {"t_start", "1", ""},
    {"t_end", "if schedule=vp_sde", ""},
    {0},
};

static const struct rule flow[] = {
    {"rule", "linear_smax_to_smin", "extra=0"},
    {"rule", "linear_1_to_0_drop_last", "extra=1"},
    {"rule", "linear_1_to_0", "extra=1"},
    {"points", NULL, ""},
    {"top", NULL, "top="},
    {"bottom", NULL, "bottom="},
    {"shift", NULL, "shift="},
    {0},
};

const struct method grid_methods[] = {
    {"leading", "leading", leading},
    {"linspace", "linspace", linspace},
    {"trailing", "trailing", trailing},
    {"karras", "karras", level_grid},
    {"exponential", "exponential", level_grid},
    {"lu", "exponential", level_grid},
    {"log_snr", "log_snr", time_grid},
    {"uniform_time", "linspace:extra=1", time_grid},
    {"flow", "flow", flow},
    {0},
};
