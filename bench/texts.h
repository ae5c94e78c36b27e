/* SPDX-License-Identifier: MPL-2.0 */
/* texts.h - the folder of the texts whose words are counted. */
#ifndef BENCH_TEXTS_H_INCLUDED
#define BENCH_TEXTS_H_INCLUDED

/* What BENCH_TEXTS in the environment names, or else a folder that is made now and removed at the end. */
const char *texts_folder (void);

#endif
