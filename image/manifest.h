/* SPDX-License-Identifier: Apache-2.0 */
/* manifest.h - manifests, indexes and descriptors, of OCI and of Docker's schema 2
 *
 * What is parsed belongs to the arena that was given.  The bytes of a document
 * that has a digest are never written again from the structs.
 */
#ifndef SKERRY_IMAGE_MANIFEST_H
#define SKERRY_IMAGE_MANIFEST_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"
#include "image/platform.h"

#define MANIFEST_SIZE_MAX	 ((size_t)4 << 20)
#define MANIFEST_LAYERS_MAX	 4096
#define MANIFEST_INDEX_DEPTH_MAX 4

#define MEDIA_OCI_INDEX	      "application/vnd.oci.image.index.v1+json"
#define MEDIA_OCI_MANIFEST    "application/vnd.oci.image.manifest.v1+json"
#define MEDIA_OCI_CONFIG      "application/vnd.oci.image.config.v1+json"
#define MEDIA_OCI_LAYER	      "application/vnd.oci.image.layer.v1.tar"
#define MEDIA_OCI_LAYER_GZIP  MEDIA_OCI_LAYER "+gzip"
#define MEDIA_OCI_LAYER_ZSTD  MEDIA_OCI_LAYER "+zstd"
#define MEDIA_OCI_FOREIGN     "application/vnd.oci.image.layer.nondistributable.v1.tar"
#define MEDIA_DOCKER_INDEX    "application/vnd.docker.distribution.manifest.list.v2+json"
#define MEDIA_DOCKER_MANIFEST "application/vnd.docker.distribution.manifest.v2+json"
#define MEDIA_DOCKER_CONFIG   "application/vnd.docker.container.image.v1+json"
#define MEDIA_DOCKER_LAYER    "application/vnd.docker.image.rootfs.diff.tar"
#define MEDIA_DOCKER_FOREIGN  "application/vnd.docker.image.rootfs.foreign.diff.tar"

struct descriptor_platform {
	char *architecture, *os, *variant, *os_version;
};
struct descriptor {
	char *media_type, *digest, *artifact_type, *data;
	uint64_t size;
	struct strings urls;
	struct pairs annotations;
	struct descriptor_platform *platform;
};
struct descriptors {
	struct descriptor *v;
	size_t n;
};

enum manifest_kind { MANIFEST_IMAGE, MANIFEST_INDEX };

struct manifest {
	enum manifest_kind kind;
	uint32_t schema_version;
	char *media_type; /* never NULL after manifest_parse(): what it is, said or found out */
	char *artifact_type;
	struct descriptor *config; /* of an image */
	struct descriptors layers; /* of an image, the base first */
	struct descriptors manifests; /* of an index */
	struct pairs annotations;
};

/* name is for messages; content_type is what the registry said, or NULL.  0 or -1. */
int manifest_parse(const char *name, const char *text, size_t len, const char *content_type,
		   struct manifest *ret, struct arena *arena, struct err *err);

/* One descriptor as JSON. */
void descriptor_write(struct json_out *o, const struct descriptor *d);

/* A manifest of our own making, compact. */
void manifest_write(struct buf *out, const struct manifest *m);

/* Kinds of media types; NULL is none of them. */
bool media_is_index(const char *type);
bool media_is_manifest(const char *type);
bool media_is_layer(const char *type);
/* A layer that may not be pushed on (Windows base layers). */
bool media_is_foreign(const char *type);

/* Is it the manifest of an image, and not a record that a builder put beside it? */
bool descriptor_is_image(const struct descriptor *d);

/* The entry of an index that fits `wanted` best: its index, or -1 with a message that lists what
 * is offered.  Entries that are no images are passed over. */
int manifest_choose(const struct manifest *index, const struct platform *wanted, struct err *err);

/* The value of an annotation, or NULL. */
const char *pairs_find(const struct pairs *p, const char *key);

#endif
