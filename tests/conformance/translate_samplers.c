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
    {"variance", "fixed_small", "variance=small"},
    {"variance", "fixed_small_log", "variance=small"},
    {"variance", "fixed_small_first_copied", "variance=small"},
    {"variance", "fixed_large", "variance=large"},
    {"variance", "fixed_large_first_small", "variance=large"},
    {0},
};

static const struct rule ddim[] = {
    {"eta", NULL, "eta="},
    {"recompute_epsilon", NULL, "recompute_epsilon="},
    {0},
};

/* On a discrete table the original evaluates before it adds noise, said or not. */
static const struct rule euler[] = {
    {"s_churn", "0", ""},
    {"s_churn", "if schedule=discrete", NULL},
    {"churn_after_eval", "if sampler.s_churn=0", ""},
    {"churn_after_eval", "1", NULL},
    {"s_churn", NULL, "s_churn="},
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
    {"predict_x0", "1", "predict=x0"},
    {"predict_x0", "0", "predict=epsilon"},
    {"lower_order_final", NULL, "lower_order_final="},
    {"disable_corrector", "none", ""},
    {"corrector_order", "if grid.steps=2", NULL}, /* the only length at which the orders may differ */
    {"corrector_order", "same_as_arriving", ""},
    {"first_corrector", "1", ""},
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

const struct method sampler_methods[] = {
    {"ddpm", "ddpm", ddpm},
    {"ddim", "ddim", ddim},
    {"ddim_inverse", "ddim", no_options}, /* over a grid that goes up */
    {"euler", "euler", euler},
    {"euler_ancestral", "euler_ancestral", ancestral},
    {"heun", "heun", heun},
    {"dpmpp_2m", "dpmpp_2m", no_options},
    {"unipc", "unipc", unipc},
    {"dpm_adaptive", "dpm_adaptive:norm=batch", adaptive},
    {0},
};
