/* Filling a caller's dm_error. */
#ifndef DMI_ERROR_H
#define DMI_ERROR_H

#include "demist/base.h"
#include "base/text.h"

/* Writes the message (text.h's format), sets every position to -1 and value to the first %g; returns status. */
dm_status dmi_fail(dm_error *err, dm_status status, const char *format, ...);

/* What a caller's callback returned, as an error; said: the message that it left (NULL or "": none), not in err itself.
 */
dm_status dmi_fail_callback(dm_error *err, const char *which, dm_status code, const char *said);

#endif
