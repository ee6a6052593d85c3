/* A build may hold fewer methods: DEMIST_SELECTION is then a header that defines some of DEMIST_SAMPLERS(X),
 * DEMIST_SCHEDULES(X), DEMIST_GRIDS(X) and DEMIST_GUIDANCES(X), each as a row of X(name). What is not defined is whole. */
#ifndef DMI_SELECTION_H
#define DMI_SELECTION_H

#ifdef DEMIST_SELECTION
#include DEMIST_SELECTION
#endif

#endif
