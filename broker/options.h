/* SPDX-License-Identifier: MPL-2.0 */
/* options.h - the broker program's command line. */
#ifndef OPTIONS_H_INCLUDED
#define OPTIONS_H_INCLUDED

#include "broker/config.h"

/* Read the command line and the file that it names into empty settings; the command line wins, and what
   neither says gets its default. --help, --version and wrong options end the program (wrong ones with status
   64). 0, or -1 with the thread's last error when the file is not right. */
int options_read (int argc, char **argv, config_t *config);

#endif
