/* What time a network receives at a node. */
#ifndef DMI_TIME_H
#define DMI_TIME_H

#include "base/option.h"
#include "demist/schedule.h"

enum { DMI_N_TIME = 20 };

/* "auto" and the names of the maps, then NULL: the words of the model's option `time`. */
extern const char *const dmi_time_words[DMI_N_TIME + 1];

const struct dmi_method *const *dmi_time_registry(int32_t *n);

/* Numbers of the model that some maps use. */
struct dmi_time_numbers {
	double n, sigma_data;
};

/* word: an index into dmi_time_words. DM_ERR_UNSUPPORTED where the map has no meaning on the schedule or at the node.
 */
dm_status dmi_time_at(int32_t word, const struct dmi_time_numbers *numbers, const dm_schedule *schedule,
                      const dm_node *at, double *time, dm_error *err);

#endif
