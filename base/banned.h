/* SPDX-License-Identifier: Apache-2.0 */
/* banned.h - calls that do not compile here
 *
 * Given to the compiler with -include in front of every source file, so it
 * brings in the headers that declare these names first.
 */
#ifndef SKERRY_BASE_BANNED_H
#define SKERRY_BASE_BANNED_H

/* IWYU pragma: begin_keep */
#include <alloca.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
/* IWYU pragma: end_keep */

#define BANNED(function) banned_##function##_see_base_banned_h

/* write past the end: use struct buf, str_copy(), str_format() */
#undef strcpy
#define strcpy(...) BANNED(strcpy)
#undef strcat
#define strcat(...) BANNED(strcat)
#undef sprintf
#define sprintf(...) BANNED(sprintf)
#undef vsprintf
#define vsprintf(...) BANNED(vsprintf)
#undef gets
#define gets(...) BANNED(gets)
#undef alloca
#define alloca(...) BANNED(alloca)
/* hide errors: use the parsers of base/units.h */
#undef atoi
#define atoi(...) BANNED(atoi)
#undef atol
#define atol(...) BANNED(atol)
#undef atoll
#define atoll(...) BANNED(atoll)
/* keep state of their own */
#undef strtok
#define strtok(...) BANNED(strtok)
/* start a shell: use proc_run() */
#undef system
#define system(...) BANNED(system)
#undef popen
#define popen(...) BANNED(popen)
/* race with others for the name */
#undef tmpnam
#define tmpnam(...) BANNED(tmpnam)
#undef tempnam
#define tempnam(...) BANNED(tempnam)
#undef mktemp
#define mktemp(...) BANNED(mktemp)

#endif
