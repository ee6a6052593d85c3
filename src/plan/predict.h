/* An evaluation and everything that is made of its outputs. */
#ifndef DMI_PREDICT_H
#define DMI_PREDICT_H

#include "plan/compile.h"

/* Emits the rows of the evaluation that value k (index) is, and sets the expressions of it and of all its parts. */
dm_status dmi_predict(struct dmi_compiler *c, int32_t k, dm_error *err);

/* The expression of a prediction that stages of the guidance made, from x and x0. */
dm_status dmi_view_guided(struct dmi_compiler *c, int32_t i, dm_error *err);

#endif
