/* Explicit Runge-Kutta methods, in the order of the option `method`. */
#include "base/compiler.h"
#include "likelihood/likelihood.h"
#include "sampler/rk45.h"

/* Dormand and Prince 1980; the numbers are those of the sampler. */
static const struct dmi_tableau rk45 = {
    .n_stage = 7, .adaptive = 1, .c = DMI_RK45_C, .a = DMI_RK45_A, .b = DMI_RK45_B, .difference = DMI_RK45_DIFFERENCE};

static const struct dmi_tableau rk4 = {.n_stage = 4,
                                       .c = {0, 0.5, 0.5, 1},
                                       .a = {{0}, {0.5}, {0, 0.5}, {0, 0, 1}},
                                       .b = {1.0 / 6, 1.0 / 3, 1.0 / 3, 1.0 / 6}};

static const struct dmi_tableau heun = {.n_stage = 2, .c = {0, 1}, .a = {{0}, {1}}, .b = {0.5, 0.5}};

static const struct dmi_tableau midpoint = {.n_stage = 2, .c = {0, 0.5}, .a = {{0}, {0.5}}, .b = {0, 1}};

static const struct dmi_tableau euler = {.n_stage = 1, .b = {1}};

const struct dmi_tableau *const dmi_tableaus[] = {&rk45, &rk4, &heun, &midpoint, &euler};
