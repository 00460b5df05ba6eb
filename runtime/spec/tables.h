/* SPDX-License-Identifier: Apache-2.0 */
/* tables.h - the decode tables of config.json, one file per section
 *
 * Only for the files of this folder.
 */
#ifndef SKERRY_SPEC_TABLES_H
#define SKERRY_SPEC_TABLES_H

#include "base/json.h"

#define SPEC_ID_LAST 4294967294 /* 4294967295 is -1: "no change" to setresuid(2) */

extern const struct json_table spec_process_table; /* process.c */
extern const struct json_table spec_root_table; /* mounts.c */
extern const struct json_table spec_mount_table; /* mounts.c */
extern const struct json_table spec_id_map_table; /* mounts.c */
extern const struct json_table spec_hooks_table; /* hooks.c */
extern const struct json_table spec_linux_table; /* linux.c */
extern const struct json_table spec_resources_table; /* resources.c */
extern const struct json_table spec_seccomp_table; /* seccomp.c */

#endif
