/* SPDX-License-Identifier: MPL-2.0 */
/* The libraries are made of the objects of the rooms; CMake wants a source of their own besides. */
typedef int dpool_no_code_here_t;
