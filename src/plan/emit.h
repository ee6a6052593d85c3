/* One interval as a sampler emitted it: values in the order in which they were defined. */
#ifndef DMI_EMIT_H
#define DMI_EMIT_H

#include "sampler/sampler.h"

enum { DMI_MAX_VALUE = 80, DMI_MAX_TERM = 480, DMI_MAX_INPUT = 8 };

enum { DMI_ENTRY, DMI_LINEAR, DMI_NOISE, DMI_PREDICTION, DMI_PART, DMI_MAPPED, DMI_WEIGHTED };

struct dmi_value {
	int32_t kind;
	int32_t first_term, n_term; /* LINEAR, MAPPED, WEIGHTED: in emit.term */
	dm_val of;                  /* PREDICTION: what is evaluated; PART: of which prediction */
	int32_t part, space;
	uint32_t draw; /* NOISE */
	dm_node at;    /* PREDICTION */
	int32_t rule;  /* MAPPED: which map; WEIGHTED: which rule */
	double parameter[4];
	int32_t last_use; /* index of the last value that reads it; DMI_MAX_VALUE: lives on after the interval */
};

struct dm_emit {
	dm_error error; /* the first one sticks; error.status is DM_OK while all is well */
	int32_t n_value, n_term;
	int64_t step;
	int32_t path;                          /* increments come from the Brownian path */
	struct dmi_value value[DMI_MAX_VALUE]; /* dm_val k is value[k - 1] */
	dm_term term[DMI_MAX_TERM];

	dm_val state;
	int32_t n_push;
	dm_past push[DMI_MAX_PAST];
	dm_val keep[DMI_MAX_KEPT]; /* 0: keeps what it was */
	int32_t n_kept;
	int32_t departs;

	dm_val estimate[3]; /* high - low, low, reference; all 0 where there is none */
	double tolerance[2];
	int32_t norm;
};

/* Empties the interval. */
void dmi_emit_begin(dm_emit *e, int32_t n_kept, int64_t step, int32_t path);

/* An array that exists when the interval begins. */
dm_val dmi_emit_entry(dm_emit *e);

#endif
