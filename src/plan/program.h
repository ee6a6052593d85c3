/* Rows and what they point to, growing while a plan is made, or in fixed memory for an adaptive run's trials. */
#ifndef DMI_PROGRAM_H
#define DMI_PROGRAM_H

#include "base/object.h"
#include "demist/plan.h"

/* One growing array. */
struct dmi_pool {
	void *p;
	size_t size, n, most, capacity; /* bytes of an item; items, and the most that there ever were */
};

enum {
	DMI_POOL_ROW,
	DMI_POOL_OFFSET,
	DMI_POOL_OPERAND,
	DMI_POOL_SLOT,
	DMI_POOL_NUMBER,
	DMI_POOL_NODE,
	DMI_POOL_BRANCH,
	DMI_N_POOL
};

struct dmi_program {
	const dm_allocator *allocator; /* NULL: the memory is fixed */
	int32_t is_full;               /* fixed memory did not suffice */
	struct dmi_pool pool[DMI_N_POOL];
};

void dmi_program_init(struct dmi_program *program, const dm_allocator *allocator);
void dmi_program_free(struct dmi_program *program);
void dmi_program_clear(struct dmi_program *program);

/* Bytes of fixed memory for a program `factor` times as large as this one ever was; and a program laid into such memory. */
size_t dmi_program_bytes(const struct dmi_program *program, size_t factor);
void dmi_program_place(struct dmi_program *out, const struct dmi_program *like, size_t factor, void *memory);

/* Appends a copy of a row with everything it points to (n_number: how many coefficients, n_parameter: 0, 2 or 4). */
dm_status dmi_program_add(struct dmi_program *program, const dm_row *row, size_t n_number, size_t n_parameter,
                          dm_error *err);

/* Sets the pointers of all rows; call after the last dmi_program_add. */
void dmi_program_seal(struct dmi_program *program);

/* What rows take of a run's memory, at most. */
struct dmi_needs {
	uint64_t slots;          /* which are used */
	int32_t branch, draw;    /* of a row */
	int32_t stats, weighted; /* values of a STATS row; inputs of a weighted one */
	int32_t measures;        /* whether the operator's measurement is read */
};

/* Adds those of a program. Whether a run with the needs of `all` can execute rows with those of `some`. */
void dmi_program_add_needs(const struct dmi_program *program, struct dmi_needs *needs);
int dmi_needs_cover(const struct dmi_needs *all, const struct dmi_needs *some);

size_t dmi_program_count(const struct dmi_program *program);
const dm_row *dmi_program_row(const struct dmi_program *program, size_t i);

#endif
