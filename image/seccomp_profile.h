/* SPDX-License-Identifier: Apache-2.0 */
/* seccomp_profile.h - the system calls that a container from an image may make */
#ifndef SKERRY_IMAGE_SECCOMP_PROFILE_H
#define SKERRY_IMAGE_SECCOMP_PROFILE_H

#include "base/json.h"

/* Writes the object "seccomp" of config.json for a container with these capabilities
 * ("CAP_..."). */
void seccomp_profile_write(struct json_out *o, const struct strings *caps);

#endif
