/* One interval as a sampler emitted it: values in the order in which they were defined. */
#ifndef DMI_EMIT_H
#define DMI_EMIT_H

#include "guidance/guidance.h"
#include "sampler/sampler.h"

enum { DMI_MAX_VALUE = 512, DMI_MAX_TERM = 2560, DMI_MAX_INPUT = 8 };

enum {
	DMI_ENTRY,
	DMI_LINEAR,
	DMI_NOISE,
	DMI_PREDICTION,
	DMI_PART,
	DMI_MAPPED,
	DMI_WEIGHTED,
	DMI_GUIDED,   /* a prediction that stages of the guidance made: terms x and x0 */
	DMI_VJP,      /* of: the evaluation; term: the cotangent */
	DMI_GRADIENT, /* of: where */
	DMI_BOUND,
	DMI_OPERATED /* term: what the operator acts on */
};

/* Parts that only guidance asks for: the x0 of one branch. */
enum { DMI_PART_BRANCH = 16 };

struct dmi_value {
	int32_t kind;
	int32_t inner;              /* made by the guidance: the sums of the check do not look inside */
	int32_t first_term, n_term; /* of sums, maps and the like: in emit.term */
	dm_val of;                  /* PREDICTION: what is evaluated; PART: of which prediction; GUIDED: the evaluation */
	dm_val unmapped;            /* GUIDED: the x0 before the maps that end the chain */
	dm_val asked;               /* PREDICTION: the sampler's own value that was to be evaluated */
	int32_t part, space;
	dm_branch branch; /* DMI_PART_BRANCH */
	uint32_t draw;    /* NOISE */
	dm_node at;       /* PREDICTION, GUIDED, GRADIENT */
	dm_node to;       /* PREDICTION: what a model of two times is told */
	int32_t rule;     /* MAPPED: which map; WEIGHTED: which rule; and so on */
	/* WEIGHTED: 1 + the stage of the guidance whose rule it is, 0: the sampler's; VJP, GRADIENT: that asks */
	int32_t stage;
	double parameter[4];
	int32_t last_use; /* index of the last value that reads it; DMI_MAX_VALUE: lives on after the interval */
};

struct dm_emit {
	dm_error error;  /* the first one sticks; error.status is DM_OK while all is well */
	int32_t is_lost; /* it is about a number that came out of the levels, not about the program */
	int32_t is_full; /* it is about the room */
	int32_t n_value, n_term;
	int64_t step, n_step, visit; /* visit: of the sampler's step 0, to which its draws count */
	int32_t path;                /* increments come from the Brownian path */
	const dm_guidance *guidance; /* NULL unless its stages emit */
	const dm_schedule *schedule;
	const dm_node *from, *to, *end; /* the interval; the last node with sigma > 0 */
	int32_t inner, stage;           /* a stage of the guidance is emitting, this one */
	dm_val evaluation;              /* the first of the interval that the guidance made; 0: none yet */

	dm_val start, state, own_state; /* start: what the sampler began with; own_state: as it left it */
	int32_t n_push;
	dm_past push[DMI_MAX_PAST];
	dm_val keep[DMI_MAX_KEPT]; /* 0: keeps what it was */
	int32_t n_kept;
	int32_t departs;

	dm_val estimate[3]; /* high - low, low, reference; all 0 where there is none */
	double tolerance[2];
	int32_t norm;

	/* the room for them, at most DMI_MAX_VALUE and DMI_MAX_TERM; stays from interval to interval */
	int32_t value_room, term_room;
	struct dmi_value *value; /* dm_val k is value[k - 1] */
	dm_term *term;
};

/* Empties the interval; what step, path, guidance and schedule say stays. */
void dmi_emit_begin(dm_emit *e, int32_t n_kept);

/* A new value; 0 after an error. */
dm_val dmi_emit_define(dm_emit *e, int32_t kind);

/* A new value over n others, at most `most`. */
dm_val dmi_emit_over(dm_emit *e, int32_t kind, int32_t n, int32_t most, const dm_val *value, int32_t rule,
                     const double parameter[4], const char *what);

/* Whether a value was defined and a node is one; otherwise the error is set. */
int dmi_emit_defined(dm_emit *e, dm_val v, const char *where);
int dmi_emit_node_is_good(dm_emit *e, const dm_node *at, const char *where);

/* The evaluation of the value x as it is; asked: the sampler's value in whose place it stands. */
dm_val dmi_emit_prediction(dm_emit *e, dm_val x, dm_val asked, const dm_node *at, const dm_node *to, int32_t space);

/* An array that exists when the interval begins. */
dm_val dmi_emit_entry(dm_emit *e);

#endif
