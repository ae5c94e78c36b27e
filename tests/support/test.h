/* SPDX-License-Identifier: MPL-2.0 */
/* Includes cmocka with the headers that it wants before it. Every test source includes this first. */
#ifndef TEST_H_INCLUDED
#define TEST_H_INCLUDED

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* The analysers do not know that an assert of cmocka never returns when it fails. */
#if defined(__clang_analyzer__) || defined(ANALYSED_BY_CPPCHECK)
#include <stdlib.h>
#undef assert_true
#undef assert_false
#undef assert_null
#undef assert_non_null
#undef fail
#undef fail_msg
#define assert_true(condition) ((condition) ? (void) 0 : abort ())
#define assert_false(condition) ((condition) ? abort () : (void) 0)
#define assert_null(pointer) assert_true ((pointer) == NULL)
#define assert_non_null(pointer) assert_true ((pointer) != NULL)
#define fail() abort ()
#define fail_msg(...) abort ()
#endif

#endif
