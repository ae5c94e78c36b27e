/* SPDX-License-Identifier: MPL-2.0 */
/* folder.h - a temporary folder of a test. */
#ifndef FOLDER_H_INCLUDED
#define FOLDER_H_INCLUDED

typedef struct folder_s folder_t;

/* A new, empty folder. Fails the test if there can be none. Destroy it. */
folder_t *folder_new (void);

/* The path of a file in it, which need not exist. Borrowed until the folder is destroyed. */
const char *folder_path (folder_t *self, const char *name);

/* Remove the folder and the files in it. */
void folder_destroy (folder_t **self_p);

#endif
