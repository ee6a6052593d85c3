/* Memory through the caller's allocator, and reference-counted objects. */
#ifndef DMI_OBJECT_H
#define DMI_OBJECT_H

#include "base/compiler.h"
#include "demist/base.h"

/* First member of every opaque object. finish frees what the object owns, not the object itself. */
struct dmi_object {
	dmi_atomic_int count;
	dm_allocator allocator;
	size_t bytes;
	void (*finish)(void *object);
};

/* Checks a caller's allocator and copies it; NULL becomes malloc and free. */
dm_status dmi_allocator_copy(dm_allocator *out, const dm_allocator *in, dm_error *err);

/* count * size bytes, zeroed; NULL and an error when they cannot be had. count = 0 gives one byte. */
void *dmi_allocate(const dm_allocator *allocator, size_t count, size_t size, dm_error *err);
/* The same, not zeroed: for large memory of which little is used. */
void *dmi_allocate_unset(const dm_allocator *allocator, size_t count, size_t size, dm_error *err);
void dmi_release_memory(const dm_allocator *allocator, void *memory, size_t bytes);

/* a * b into *out; 0 when it does not fit. */
int dmi_multiply(size_t a, size_t b, size_t *out);

/* One block of memory cut into parts of 64-byte alignment. The same walk measures it (memory NULL: parts are NULL, used
 * grows) and places the parts; overflow: what was asked for fits no memory. */
struct dmi_arena {
	char *memory;
	size_t used;
	int overflow;
};

void *dmi_arena_take(struct dmi_arena *arena, size_t count, size_t size);

/* A new object of `bytes` bytes, all zero but the header, with one reference; NULL and an error when it cannot be had.
 */
void *dmi_object_new(size_t bytes, const dm_allocator *allocator, void (*finish)(void *), dm_error *err);
void *dmi_object_retain(const void *object);
void dmi_object_release(void *object); /* NULL is fine */

/* Copies a caller's versioned struct: what both know, the rest zero. size_first: the size of its first version. */
dm_status dmi_struct_copy(void *to, size_t to_size, const void *from, size_t size_first, const char *name,
                          dm_error *err);

/* Fills a caller's versioned info struct, whose struct_size the caller has set: what both know, the rest zero. */
dm_status dmi_info_copy(void *to, size_t own_size, const void *from, size_t size_first, const char *name,
                        dm_error *err);

#endif
