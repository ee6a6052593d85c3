/* Where the weights are. */
#ifndef DIGITS_FIND_H
#define DIGITS_FIND_H

#include "classifier.h"
#include "net.h"

/* Load a network from `folder`, or where that is NULL from the first of these that has the file: the source folder
 * this program was compiled from, the folder of the program (its argv[0]), and that folder's neighbours in a build
 * tree. 0, or -1 and a text. */
int digits_find_net(struct digits_net *net, const char *folder, const char *program, enum digits_kind kind,
                    struct digits_error *error);
int digits_find_classifier(struct digits_classifier *classifier, const char *folder, const char *program,
                           struct digits_error *error);

#endif
