/* The first steps of multistep methods: what stands in for the first prediction, and what fills the history. */
#ifndef DMI_START_H
#define DMI_START_H

#include "sampler/step.h"

enum { DMI_START_EULER, DMI_START_RK };
extern const char *const dmi_start_words[3];

#define DMI_ANALYTIC_FIRST                                                                                             \
	DMI_INTEGER("analytic_first",                                                                                      \
	            "1: at the first node epsilon = x / sqrt(alpha^2 + sigma^2) stands in for the prediction", 0, 0, 1)
#define DMI_START                                                                                                      \
	DMI_CHOICE("start", "euler: the order rises from 1; rk: single steps that keep order 3 and 4", DMI_START_EULER,    \
	           dmi_start_words)

/* One more space for dmi_view: epsilon - x0, the velocity of rectified flow. */
enum { DMI_SPACE_FLOW = 100 };

/* A prediction at a node: an evaluation, or (eval = 0) the analytic one, a multiple of x. */
struct dmi_seen {
	dm_val eval, x;
	const dm_node *at;
};

/* The prediction at s->from; analytic where asked for and s->from is the first node of the grid. */
struct dmi_seen dmi_see(dm_emit *e, const dm_step *s, int analytic_first);
dm_val dmi_view(dm_emit *e, const struct dmi_seen *seen, int32_t space);

/* Its branch without condition, in x0 or epsilon; the analytic one has no other. */
dm_val dmi_view_unguided(dm_emit *e, const struct dmi_seen *seen, int32_t space);

/* A step that reads the analytic prediction of the first node cannot carry a constant one: declares that, where at is
 * that node. */
void dmi_departs_at(dm_emit *e, int analytic_first, const dm_node *at);

/* Whether the history (have predictions) is still too short for an order of 3 or more, and a single step fills it: the
 * step lies between finite lambdas. k - 1 single steps of order k - 1 start a method of order k. */
int dmi_starts(const dm_step *s, int start, int order, int have);

#endif
