/* SPDX-License-Identifier: MPL-2.0 */
/*
 * picture.h - DPOOL_V: write a picture and its arguments together. Included by dpool.h and function.h.
 *
 *     dpool_apply (pool, &value, "area", DPOOL_V (2, 0.5, "metres"));
 *
 * is dpool_apply (pool, &value, "area", "ids", 2, 0.5, "metres"), but the letters come from the types
 * of the arguments, so they cannot disagree. One to eight arguments, each an integer, a floating-point
 * number, a bool or a string; any other type does not compile. For no argument write "".
 */
#ifndef DPOOL_PICTURE_H_INCLUDED
#define DPOOL_PICTURE_H_INCLUDED

#include <stdbool.h>
#include <stdint.h>

/* Apply the macro M to each argument, with commas between. */
#define DPOOL_EACH_1(M, a) M (a)
#define DPOOL_EACH_2(M, a, ...) M (a), DPOOL_EACH_1 (M, __VA_ARGS__)
#define DPOOL_EACH_3(M, a, ...) M (a), DPOOL_EACH_2 (M, __VA_ARGS__)
#define DPOOL_EACH_4(M, a, ...) M (a), DPOOL_EACH_3 (M, __VA_ARGS__)
#define DPOOL_EACH_5(M, a, ...) M (a), DPOOL_EACH_4 (M, __VA_ARGS__)
#define DPOOL_EACH_6(M, a, ...) M (a), DPOOL_EACH_5 (M, __VA_ARGS__)
#define DPOOL_EACH_7(M, a, ...) M (a), DPOOL_EACH_6 (M, __VA_ARGS__)
#define DPOOL_EACH_8(M, a, ...) M (a), DPOOL_EACH_7 (M, __VA_ARGS__)
#define DPOOL_NINTH(a, b, c, d, e, f, g, h, ninth, ...) ninth
#define DPOOL_EACH(M, ...)                                                                          \
    DPOOL_NINTH (__VA_ARGS__, DPOOL_EACH_8, DPOOL_EACH_7, DPOOL_EACH_6, DPOOL_EACH_5, DPOOL_EACH_4, \
                 DPOOL_EACH_3, DPOOL_EACH_2, DPOOL_EACH_1, 0)                                       \
    (M, __VA_ARGS__)

#ifndef __cplusplus

static inline int dpool_v_int (int x)
{
    return x;
}
static inline int64_t dpool_v_int64 (int64_t x)
{
    return x;
}
static inline uint64_t dpool_v_uint64 (uint64_t x)
{
    return x;
}
static inline double dpool_v_double (double x)
{
    return x;
}
static inline const char *dpool_v_text (const char *x)
{
    return x;
}

/* clang-format off */
#define DPOOL_V_LETTER(x) _Generic ((x), bool: '?', \
    char: 'i', signed char: 'i', unsigned char: 'i', short: 'i', unsigned short: 'i', int: 'i', \
    long: 'l', long long: 'l', unsigned: 'u', unsigned long: 'u', unsigned long long: 'u', \
    float: 'd', double: 'd', char *: 's', const char *: 's')
#define DPOOL_V_VALUE(x) _Generic ((x), bool: dpool_v_int, \
    char: dpool_v_int, signed char: dpool_v_int, unsigned char: dpool_v_int, \
    short: dpool_v_int, unsigned short: dpool_v_int, int: dpool_v_int, \
    long: dpool_v_int64, long long: dpool_v_int64, unsigned: dpool_v_uint64, \
    unsigned long: dpool_v_uint64, unsigned long long: dpool_v_uint64, \
    float: dpool_v_double, double: dpool_v_double, \
    char *: dpool_v_text, const char *: dpool_v_text) (x)
/* clang-format on */

#define DPOOL_V(...) \
    (const char[]) { DPOOL_EACH (DPOOL_V_LETTER, __VA_ARGS__), '\0' }, DPOOL_EACH (DPOOL_V_VALUE, __VA_ARGS__)

#else

/* The same for C++: a table from type to letter and to the type that is passed. */
template <typename T> struct dpool_v_type;
#define DPOOL_V_TYPE(type, passed_as, letter_is) \
    template <> struct dpool_v_type<type> {      \
        typedef passed_as passed;                \
        enum : char { letter = letter_is };      \
    }
DPOOL_V_TYPE (bool, int, '?');
DPOOL_V_TYPE (char, int, 'i');
DPOOL_V_TYPE (signed char, int, 'i');
DPOOL_V_TYPE (unsigned char, int, 'i');
DPOOL_V_TYPE (short, int, 'i');
DPOOL_V_TYPE (unsigned short, int, 'i');
DPOOL_V_TYPE (int, int, 'i');
DPOOL_V_TYPE (long, int64_t, 'l');
DPOOL_V_TYPE (long long, int64_t, 'l');
DPOOL_V_TYPE (unsigned, uint64_t, 'u');
DPOOL_V_TYPE (unsigned long, uint64_t, 'u');
DPOOL_V_TYPE (unsigned long long, uint64_t, 'u');
DPOOL_V_TYPE (float, double, 'd');
DPOOL_V_TYPE (double, double, 'd');
DPOOL_V_TYPE (char *, const char *, 's');
DPOOL_V_TYPE (const char *, const char *, 's');
#undef DPOOL_V_TYPE

/* By value, so that arrays decay to pointers and qualifiers drop off. */
template <typename... T> inline const char *dpool_v_picture (T...)
{
    static const char letters[] = { static_cast<char> (dpool_v_type<T>::letter)..., '\0' };
    return letters;
}
template <typename T> inline typename dpool_v_type<T>::passed dpool_v_value (T x)
{
    return static_cast<typename dpool_v_type<T>::passed> (x);
}

#define DPOOL_V(...) dpool_v_picture (__VA_ARGS__), DPOOL_EACH (dpool_v_value, __VA_ARGS__)

#endif
#endif
