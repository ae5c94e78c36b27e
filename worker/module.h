/* SPDX-License-Identifier: MPL-2.0 */
/* module.h - shared objects with functions in them. */
#ifndef MODULE_H_INCLUDED
#define MODULE_H_INCLUDED

/* Load one; its constructors fill the table of offers. It stays loaded. 0, or -1 with the thread's last
   error, which names the path and the linker's reason, and what to do. A module that offers nothing is an
   error; so is one that others could have changed: see net/trust.h. */
int module_load (const char *path);

#endif
