/* What a network predicts, as linear maps between (state, output) and (x0, epsilon). */
#ifndef DMI_PREDICTION_H
#define DMI_PREDICTION_H

#include "base/option.h"
#include "demist/sampler.h"

enum {
	DMI_MODEL_TIME,
	DMI_MODEL_INPUT,
	DMI_MODEL_SIGMA_DATA,
	DMI_MODEL_X,
	DMI_MODEL_OUT,
	DMI_MODEL_X_STRIDE,
	DMI_MODEL_OUT_STRIDE,
	DMI_MODEL_VARIANCE,
	DMI_MODEL_SIGMA_MIN,
	DMI_MODEL_TIME_N,
	DMI_MODEL_MODELS,
	DMI_MODEL_CONDITIONS,
	DMI_MODEL_PERTURBATIONS,
	DMI_MODEL_TWO_TIME
};

/* Where a prediction is converted: the node, the numbers of the model, and the next less noisy entry of the table
 * (NaN where there is none), which the kind `previous` needs. */
struct dmi_level {
	double alpha, sigma, sigma_data, sigma_min, previous_alpha, previous_sigma;
};

struct dmi_prediction {
	struct dmi_method method;
	/* x0 = x0_row[0] x + x0_row[1] out; epsilon = epsilon_row[0] x + epsilon_row[1] out */
	void (*decode)(const struct dmi_level *at, double x0_row[2], double epsilon_row[2]);
	/* out = row[0] x + row[1] x0 + row[2] epsilon */
	void (*encode)(const struct dmi_level *at, double row[3]);
	int scaled_input; /* input=auto means scaled */
};

const struct dmi_method *const *dmi_prediction_registry(int32_t *n);

/* Whether it says something only between entries of a table. */
int dmi_prediction_needs_table(const struct dmi_prediction *kind);

/* row of a value to[0] x + to[1] x0 + to[2] epsilon, where x0 and epsilon are themselves rows over (x, out). */
void dmi_prediction_through(const double to[3], const double x0[2], const double epsilon[2], double row[2]);

/* A space's value from (x, x0, epsilon); DM_SPACE_RAW is the kind's own. */
void dmi_space_encode(const struct dmi_prediction *kind, int32_t space, const struct dmi_level *at, double row[3]);

/* The prediction of a kind, seen in a DM_SPACE_...: value = row[0] x + row[1] out. Entries are not finite where the
 * space has no meaning at this level. */
void dmi_prediction_row(const struct dmi_prediction *kind, int32_t space, const struct dmi_level *at, double row[2]);

#endif
