/* Mounts of a launch, all of them inside a mount namespace of their own: they vanish with the last process in it. */
#ifndef SOVEREIGN_LAUNCH_MOUNTS_H
#define SOVEREIGN_LAUNCH_MOUNTS_H

#include <stdbool.h>

/* Takes a mount namespace of our own and puts an empty tmpfs on the staging directory, which any user may traverse. */
void mounts_begin(const char *stage);

/* Where a thing staged under `name` is found. */
void mounts_staged_path(char *out, unsigned long size, const char *stage, const char *name);

/* Makes an empty directory under a name, for something to be mounted on later. */
void mounts_directory(const char *stage, const char *name);

/*
 * Stages a host directory (or file) under a name. With a user namespace descriptor (≥ 0) its owners are mapped
 * (mount_setattr(2), MOUNT_ATTR_IDMAP). Returns false with errno set when the file system cannot do that;
 * every other failure ends the launch.
 */
bool mounts_stage(const char *stage, const char *source, const char *name, int idmap_fd);

/*
 * Stages what the staged workspace has at a relative path, so that it can be bound over itself. Nothing is staged where
 * nothing is there, or where a link leads to it. With `pin`, what is not a directory is staged read-only.
 */
void mounts_shield(const char *stage, const char *workspace, const char *relative, const char *name, bool pin);

/*
 * Stages an overlay: `lowers` (topmost first, separated by colons, cut up here) below `layer`/upper, with
 * `layer`/work beside it. Called as root of the guest's user namespace, so that the overlay acts with that root's
 * rights and not with ours, and so that an idmapped upper layer can be written to.
 */
void mounts_overlay(const char *stage, const char *name, char *lowers, const char *layer);

#endif
