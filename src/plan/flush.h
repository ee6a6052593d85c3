/* One job between two evaluations. */
#ifndef DMI_FLUSH_H
#define DMI_FLUSH_H

#include "plan/compile.h"

struct dmi_flush {
	dm_val input;     /* the value the model will read (or the state that goes to the input slot); 0: none */
	double scale;     /* factor from it to what the model reads */
	dm_val cotangent; /* the value that goes to DM_SLOT_COTANGENT; 0: none */
	uint64_t buffers; /* bases about to be lost */
	uint8_t force[DMI_MAX_VALUE]; /* values that must stand in a slot of their own */
};

/* Adds the row that writes what the model reads and every living value that would be lost. Values with an index up to
 * now exist; those read after now are alive. */
dm_status dmi_flush(struct dmi_compiler *c, const struct dmi_flush *f, int32_t now, dm_error *err);

/* The bases that n expressions read and the n x n_in matrix of their coefficients; returns n_in. */
int32_t dmi_gather(struct dmi_compiler *c, int32_t n, const struct dmi_expr *const *expr, dm_operand *in,
                   double *coefficient);

/* Writes expressions to given slots, whatever lives. */
dm_status dmi_write(struct dmi_compiler *c, int32_t n, const struct dmi_expr *const *expr, const int32_t *slot,
                    dm_error *err);

/* Two rows: the statistics of n values, and the sum with the weights that follow from them, to sum->out. kind, rule and
 * destination of both are set by the caller, the rest here. */
dm_status dmi_weigh(struct dmi_compiler *c, int32_t n, const struct dmi_expr *const *value, dm_row *stats, dm_row *sum,
                    dm_error *err);

#endif
