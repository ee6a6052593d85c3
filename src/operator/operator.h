/* Linear operators and what inverse problems need of them. */
#ifndef DMI_OPERATOR_H
#define DMI_OPERATOR_H

#include "base/object.h"
#include "demist/operator.h"

struct dm_operator {
	struct dmi_object object;
	dm_operator_ops ops;
	void *user;
	size_t n_in, n_out;
};

/* An operator whose user is memory of its own, `bytes` long and zeroed; *out is set only where it was made. */
dm_status dmi_operator_new(dm_operator **out, size_t n_in, size_t n_out, const dm_operator_ops *ops, size_t bytes,
                           const dm_allocator *allocator, dm_error *err);

/* The numbers of a picture of the shape that the operator `name` was given. */
dm_status dmi_operator_picture(const char *name, size_t width, size_t height, size_t channels, size_t *n,
                               dm_error *err);

/* As dm_operator_apply and _adjoint, and an error where an element of the result is not finite or was not written. The
 * result must not overlap what goes in. */
dm_status dmi_operator_apply(const dm_operator *op, const double *in, double *out, dm_error *err);
dm_status dmi_operator_adjoint(const dm_operator *op, const double *in, double *out, dm_error *err);

/* Numbers of working memory that dmi_operator_make needs. */
size_t dmi_operator_work(const dm_operator *op);

/* out[n_in] = a DM_OPERATOR_... of x[n_in] and y[n_out]; of DM_OPERATOR_DIVIDED w follows x. */
dm_status dmi_operator_make(const dm_operator *op, int32_t what, const double parameter[4], const double *x,
                            const double *y, double *out, double *work, dm_error *err);

#endif
