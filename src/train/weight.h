/* Weights of a loss by noise level. */
#ifndef DMI_WEIGHT_H
#define DMI_WEIGHT_H

#include "base/option.h"

/* A level by what does not change with the scale of the state: alpha^2 / q, sigma^2 / q and (alpha + sigma)^2 / q with
 * q = alpha^2 + sigma^2. */
struct dmi_loss_level {
	double data, noise, sum;
};

struct dmi_weight {
	struct dmi_method method;
	/* Of the error of v, where every one of these weights is finite, at both ends too. */
	double (*on_v)(const struct dmi_loss_level *at, const double *option);
};

const struct dmi_method *const *dmi_weight_registry(int32_t *n);

#endif
