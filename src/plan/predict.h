/* An evaluation and everything that is made of its outputs. */
#ifndef DMI_PREDICT_H
#define DMI_PREDICT_H

#include "plan/compile.h"

/* Emits the rows of the evaluation that value k (index) is, and sets the expressions of it and of all its parts. */
dm_status dmi_predict(struct dmi_compiler *c, int32_t k, dm_error *err);

#endif
