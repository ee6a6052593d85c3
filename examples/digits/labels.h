/* Which digit each sample shows. */
#ifndef DIGITS_LABELS_H
#define DIGITS_LABELS_H

#include <stddef.h>
#include <stdint.h>

#include "error.h"

/* Sample i has label[i % count]: a rule of the sample's own index, so that parts of a job agree with the whole. */
struct digits_labels {
	int *label;
	size_t count;
};

/* text: all (0 to 9), none, or digits separated by commas. 0, or -1 and a text. */
int digits_labels_parse(struct digits_labels *labels, const char *text, struct digits_error *error);
void digits_labels_free(struct digits_labels *labels);

int digits_label_of(const struct digits_labels *labels, int64_t sample);

#endif
