/* From what a sampler emitted to rows over slots.
 *
 * Every value is an expression: a weighted sum of bases, the arrays and draws that exist. Nothing is computed until the
 * next evaluation (or the end), when one job writes what the model reads and every value that would otherwise be lost.
 * So everything linear between two evaluations is one sweep. */
#ifndef DMI_COMPILE_H
#define DMI_COMPILE_H

#include "guidance/guidance.h"
#include "model/model.h"
#include "plan/check.h"
#include "plan/emit.h"
#include "plan/program.h"

enum { DMI_MAX_BASE = 48, DMI_MAX_RECENT = 32, DMI_SLOT_END = 64 };
enum { DMI_BASE_SLOT, DMI_BASE_DRAW };

struct dmi_base {
	int32_t kind, slot;
	uint32_t draw;
	int64_t ordinal;
	double path_from, path_to;
};

/* used: bit i is set where c[i] counts; the others are not set. */
struct dmi_expr {
	double c[DMI_MAX_BASE];
	uint64_t used;
};

struct dmi_compiler {
	/* what it works for; guidance may be NULL */
	const dm_schedule *schedule;
	const dm_sampler *sampler;
	const dm_model *model;
	const dm_guidance *guidance;
	const dm_node *grid, *end; /* grid: of the fall at hand; end: the last node with sigma > 0 */
	int64_t visit, n_step;     /* where that fall begins in the whole grid, and its steps */
	int32_t step_rows, preview, adaptive, path;
	int32_t refine; /* Langevin steps at every node, which replace refine_noise of the noise */
	double refine_noise;
	int32_t climb;                 /* 0, or table entries of a climb that takes those from its end on */
	int32_t kept_given, kept_left; /* the kept values stand in slots at the start, and at the end */
	int32_t identity;              /* the model reads the state itself, from DM_SLOT_INPUT */
	struct dmi_program *program;
	struct dmi_check *check; /* NULL: the sums are not checked again */

	uint64_t held; /* the bases in use */
	struct dmi_base base[DMI_MAX_BASE];

	/* what is carried from interval to interval */
	struct dmi_expr state, x0, past_expr[DMI_MAX_PAST], kept[DMI_MAX_KEPT], guide_kept[DMI_MAX_GUIDE_KEPT];
	int32_t n_past, kept_set, has_x0; /* kept_set: a bit for each */
	dm_past past[DMI_MAX_PAST];
	struct {
		uint32_t draw;
		int64_t ordinal;
	} recent[DMI_MAX_RECENT]; /* draws may be asked for again */

	/* counts */
	int64_t step, n_eval, n_branch_eval, n_draw, n_vjp, n_gradient;
	int32_t n_slot, departs;
	int32_t vjp_stage, gradient_stage; /* the first stage of the guidance that asks for one; 0: none */

	int32_t most_value, most_term; /* of any trial */

	/* the interval at hand; the value k of the emitter is expr[k - 1] */
	struct dm_emit emit;
	struct dmi_expr *expr;
};

/* A compiler for intervals of at most so many values and terms, out of an arena. */
struct dmi_compiler *dmi_compiler_place(struct dmi_arena *arena, int32_t n_value, int32_t n_term);

/* Begins a plan: the start row makes sigma(first) times the init draw. Kept values that are given take the slots after
 * the state's. */
dm_status dmi_compile_start(struct dmi_compiler *c, const dm_node *first, dm_error *err);

/* One interval of a fixed grid, whose noise falls (or the whole grid goes up); last: the state must end up in a slot. */
dm_status dmi_compile_interval(struct dmi_compiler *c, int64_t step, const dm_node *from, const dm_node *to, int last,
                               dm_error *err);

/* An upward visit on a grid that also falls: fresh noise brings the state to the higher level,
 * x' = a x + sqrt(sigma'^2 - a^2 sigma^2) z with a = alpha'/alpha, and what samplers and guidance kept is forgotten. */
dm_status dmi_compile_climb(struct dmi_compiler *c, int64_t step, const dm_node *from, const dm_node *to, int last,
                            dm_error *err);

/* One trial of an adaptive method, into an emptied program. The state lies in DM_SLOT_STATE, kept value k in
 * DM_SLOT_STATE + 1 + k. */
dm_status dmi_compile_trial(struct dmi_compiler *c, int64_t trial, const dm_node *from, const dm_node *to,
                            const double *memory, int32_t kept_set, dm_error *err);

#endif
