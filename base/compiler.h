/* SPDX-License-Identifier: Apache-2.0 */
/* compiler.h - the attributes and cleanup macros that every file may use
 *
 * Scope ownership: a variable declared AUTO_FD, AUTO_FREE or AUTO_BUF is
 * released when its scope ends; fd_take() and take() hand it on.
 */
#ifndef SKERRY_BASE_COMPILER_H
#define SKERRY_BASE_COMPILER_H

#include <stddef.h>

#define PRINTF(f, a)  __attribute__((format(printf, f, a)))
#define NORETURN      __attribute__((noreturn))
#define MUST_CHECK    __attribute__((warn_unused_result))
#define UNUSED	      __attribute__((unused))
/* For what is rarely called and has large buffers: its caller then has none of them. */
#define NOINLINE      __attribute__((noinline))
#define CLEANUP(f)    __attribute__((cleanup(f)))
#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

#endif
