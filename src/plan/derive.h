/* Gradients and Jacobians: the requests that stages of a guidance make beside evaluations. */
#ifndef DMI_DERIVE_H
#define DMI_DERIVE_H

#include "plan/compile.h"

/* The rows and the expression of value i: the transposed Jacobian of an evaluation's x0 times a value. */
dm_status dmi_derive_vjp(struct dmi_compiler *c, int32_t i, dm_error *err);

/* The same of the gradient of a log-probability. */
dm_status dmi_derive_gradient(struct dmi_compiler *c, int32_t i, dm_error *err);

#endif
