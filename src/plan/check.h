/* The two sums that a step must get right, followed exactly with a model whose prediction of x0 is a constant c:
 *   mean      the coefficient of the new state on c is alpha(to)
 *   variance  its noise has variance sigma(to)^2
 * A value is a vector over (c, independent unit normals). At the end of an interval what lives on is written in a new
 * basis, so the vectors stay short however many steps there are. */
#ifndef DMI_CHECK_H
#define DMI_CHECK_H

#include "guidance/guidance.h"
#include "model/model.h"
#include "plan/emit.h"

enum { DMI_CHECK_DRAW = 12, DMI_CHECK_LIVE = 1 + DMI_MAX_PAST + DMI_MAX_KEPT + DMI_CHECK_DRAW, DMI_CHECK_DIM = 64 };

struct dmi_check_vector {
	int32_t n;               /* beyond these there are zeros, which are not stored */
	double v[DMI_CHECK_DIM]; /* v[0]: on the constant */
};

struct dmi_check {
	const dm_schedule *schedule;
	struct dmi_check_vector *value; /* as many as the emitter has room for */
	/* carried, over n_basis vectors: entries in the order state, past, kept; then the last interval's draws */
	struct dmi_check_vector state, past[DMI_MAX_PAST], kept[DMI_MAX_KEPT], drawn[DMI_CHECK_DRAW];
	uint32_t draw[DMI_CHECK_DRAW];
	double from[DMI_CHECK_DRAW], to[DMI_CHECK_DRAW]; /* of path increments; else equal */
	int32_t n_basis, n_past, n_draw;
	int32_t is_lost; /* an error of the interval is about its numbers */
};

/* One for intervals of at most n_value values, out of an arena. */
struct dmi_check *dmi_check_place(struct dmi_arena *arena, int32_t n_value);

/* Kept values that are given are taken as states at the first node. */
void dmi_check_start(struct dmi_check *check, const dm_schedule *schedule, const dm_node *first);

/* Follows one interval. kept_set and max_past as in the compiler, before the interval. */
dm_status dmi_check_interval(struct dmi_check *check, const dm_emit *e, const dm_model *model, const dm_node *to,
                             int32_t kept_set, int32_t max_past, dm_error *err);

/* The covariance of two unit increments of one path, each from one lambda to another; 0 where one is an independent draw,
 * without length. */
double dmi_check_overlap(double from, double to, double from2, double to2);

#endif
