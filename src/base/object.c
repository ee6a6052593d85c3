#include "base/object.h"
#include "base/error.h"
#include <stdlib.h>
#include <string.h>

static void *default_allocate(void *user, size_t bytes)
{
	(void)user;
	return malloc(bytes);
}

static void default_release(void *user, void *memory, size_t bytes)
{
	(void)user;
	(void)bytes;
	free(memory);
}

dm_status dmi_struct_copy(void *to, size_t to_size, const void *from, size_t size_first, const char *name,
                          dm_error *err)
{
	size_t size;
	memset(to, 0, to_size);
	if (!from)
		return dmi_fail(err, DM_ERR_ARGUMENT, "%s is NULL", name);
	memcpy(&size, from, sizeof size);
	if (size < size_first || size > 65536)
		return dmi_fail(err, DM_ERR_ARGUMENT, "%s: struct_size is %z, it must be sizeof the struct (at least %z)", name,
		                size, size_first);
	memcpy(to, from, size < to_size ? size : to_size);
	return DM_OK;
}

dm_status dmi_info_copy(void *to, size_t own_size, const void *from, size_t size_first, const char *name, dm_error *err)
{
	size_t size;
	memcpy(&size, to, sizeof size);
	if (size < size_first || size > 65536)
		return dmi_fail(err, DM_ERR_ARGUMENT, "%s: struct_size is %z, it must be sizeof the struct (at least %z)", name,
		                size, size_first);
	memset(to, 0, size);
	memcpy(to, from, size < own_size ? size : own_size);
	memcpy(to, &size, sizeof size);
	return DM_OK;
}

dm_status dmi_allocator_copy(dm_allocator *out, const dm_allocator *in, dm_error *err)
{
	static const dm_allocator standard = {sizeof standard, NULL, default_allocate, default_release};
	dm_status st = dmi_struct_copy(out, sizeof *out, in ? in : &standard, sizeof *out, "allocator", err);
	if (st == DM_OK && (!out->allocate || !out->release))
		st = dmi_fail(err, DM_ERR_ARGUMENT, "allocator: both allocate and release are required");
	return st;
}

int dmi_multiply(size_t a, size_t b, size_t *out)
{
	if (b && a > SIZE_MAX / b)
		return 0;
	*out = a * b;
	return 1;
}

void *dmi_allocate_unset(const dm_allocator *allocator, size_t count, size_t size, dm_error *err)
{
	size_t bytes;
	if (!dmi_multiply(count, size, &bytes)) {
		dmi_fail(err, DM_ERR_OVERFLOW, "%z items of %z bytes do not fit into memory", count, size);
		return NULL;
	}
	void *memory = allocator->allocate(allocator->user, bytes ? bytes : 1);
	if (!memory)
		dmi_fail(err, DM_ERR_MEMORY, "the allocator has no %z bytes", bytes);
	return memory;
}

void *dmi_allocate(const dm_allocator *allocator, size_t count, size_t size, dm_error *err)
{
	void *memory = dmi_allocate_unset(allocator, count, size, err);
	return memory ? memset(memory, 0, count * size) : NULL;
}

void dmi_release_memory(const dm_allocator *allocator, void *memory, size_t bytes)
{
	if (memory)
		allocator->release(allocator->user, memory, bytes ? bytes : 1);
}

void *dmi_object_new(size_t bytes, const dm_allocator *allocator, void (*finish)(void *), dm_error *err)
{
	dm_allocator own;
	if (dmi_allocator_copy(&own, allocator, err) != DM_OK)
		return NULL;
	struct dmi_object *object = dmi_allocate(&own, 1, bytes, err);
	if (!object)
		return NULL;
	object->allocator = own;
	object->bytes = bytes;
	object->finish = finish;
	dmi_atomic_set(&object->count, 1);
	return object;
}

/* An object is const to its users; only its count changes. */
void *dmi_object_retain(const void *object)
{
	union {
		const void *in;
		struct dmi_object *out;
	} alias = {object};
	if (object)
		(void)dmi_atomic_add(&alias.out->count, 1);
	return alias.out;
}

void dmi_object_release(void *object)
{
	struct dmi_object *o = object;
	if (!o || dmi_atomic_add(&o->count, -1) > 0)
		return;
	dm_allocator own = o->allocator;
	if (o->finish)
		o->finish(o);
	dmi_release_memory(&own, o, o->bytes);
}

void *dmi_arena_take(struct dmi_arena *arena, size_t count, size_t size)
{
	enum { ALIGN = 64 };
	size_t bytes, at = arena->used;
	if (!dmi_multiply(count, size, &bytes) || bytes > SIZE_MAX / 4 || at > SIZE_MAX / 4) {
		arena->overflow = 1;
		return NULL;
	}
	arena->used = at + (bytes + ALIGN - 1) / ALIGN * ALIGN;
	return arena->memory ? arena->memory + at : NULL;
}
