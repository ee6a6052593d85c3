/* The model object. */
#ifndef DMI_MODEL_H
#define DMI_MODEL_H

#include "base/object.h"
#include "model/prediction.h"
#include "demist/model.h"

struct dm_model {
	struct dmi_object object;
	dm_model_ops ops;
	void *user;
	const struct dmi_prediction *kind;
	struct dmi_options options;
};

double dmi_model_sigma_data(const dm_model *model);

/* What the conversions of predictions need to know at a node. */
void dmi_model_level(const dm_model *model, const dm_schedule *schedule, const dm_node *at, struct dmi_level *out);
/* The error where a conversion's row is not finite; what: "x0". */
dm_status dmi_model_fail_level(const dm_model *model, const dm_schedule *schedule, const dm_node *at, const char *what,
                               dm_error *err);
int dmi_model_has_variance(const dm_model *model);
int dmi_model_has_two_times(const dm_model *model);

/* The factor from the state to what the network reads. */
double dmi_model_input_scale(const dm_model *model, const dm_node *at);

/* Whether the network reads the state itself: unscaled, in the state's type and stride (types as they are asked for).
 */
int dmi_model_reads_state(const dm_model *model);

/* Number types (state_type where the model asks for none) and strides (n_element where it asks for none). */
int32_t dmi_model_x_type(const dm_model *model, int32_t state_type);
int32_t dmi_model_out_type(const dm_model *model, int32_t state_type);
size_t dmi_model_x_stride(const dm_model *model, size_t n_element);
size_t dmi_model_out_stride(const dm_model *model, size_t n_element);

/* Appends the spec. */
void dmi_model_print(const dm_model *model, struct dmi_text *text);

#endif
