/* Array backends. */
#ifndef DMI_ARRAY_H
#define DMI_ARRAY_H

#include "base/object.h"
#include "demist/array.h"

struct dm_array {
	struct dmi_object object;
	dm_array_ops ops; /* complete: create refuses missing slots */
	void *user;
	int32_t host; /* 1: the library's own; its memory may be read and written by anyone, and memory that did not come
	                 from ops.allocate is fine too */
};

/* What the host backend takes: inputs without limit, outputs up to these. Otherwise it returns DM_ERR_UNSUPPORTED. */
enum { DMI_MAX_OUT = 64, DMI_MAX_STATS = 16 };

/* Bytes of one number of a type, 0 for what is no type. */
size_t dmi_type_size(int32_t type);

#endif
