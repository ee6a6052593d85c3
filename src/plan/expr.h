/* Expressions over bases. */
#ifndef DMI_EXPR_H
#define DMI_EXPR_H

#include "plan/compile.h"

/* Takes the lowest member out of a set that is not empty. */
int32_t dmi_take_lowest(uint64_t *set);

void dmi_expr_zero(struct dmi_expr *e);
void dmi_expr_of(struct dmi_expr *e, int32_t base); /* exactly that base */
void dmi_expr_add(struct dmi_expr *to, double factor, const struct dmi_expr *e);
int dmi_expr_equal(const struct dmi_expr *a, const struct dmi_expr *b);
int32_t dmi_expr_single(const struct dmi_expr *e); /* the base it exactly is, or -1 */

/* A new base for a slot, or the base of a draw (found again while it is remembered); -1 with an error when all are in
 * use. */
int32_t dmi_base_slot(struct dmi_compiler *c, int32_t slot, dm_error *err);
int32_t dmi_base_draw(struct dmi_compiler *c, uint32_t draw, const double path[2], dm_error *err);

/* A base as what a row reads. */
dm_operand dmi_base_operand(const struct dmi_compiler *c, int32_t base);

/* Gives a draw its place in the order of draws; called where a row first reads it. */
void dmi_base_number(struct dmi_compiler *c, int32_t base);

/* The lowest slot for state arrays that no base holds. */
int32_t dmi_free_slot(struct dmi_compiler *c);

/* Frees every base outside the set. */
void dmi_base_keep_only(struct dmi_compiler *c, uint64_t used);

/* The set of bases in model buffers, which the next evaluation overwrites. */
uint64_t dmi_base_buffers(const struct dmi_compiler *c);
/* The base that holds a slot, or -1. */
int32_t dmi_base_of_slot(const struct dmi_compiler *c, int32_t slot);

#endif
