/* File systems in a file: a volume with a quota is one, so that the quota is the kernel's to keep. */
#ifndef SOVEREIGN_VISIT_LOOP_H
#define SOVEREIGN_VISIT_LOOP_H

#include <stdbool.h>
#include <sys/types.h>

/*
 * Mounts the ext4 file system in a file, on no path: returns a descriptor of the detached mount. Several mounts of one
 * file share one loop device, which the kernel frees with the last of them. Ends the program when it cannot.
 */
int loop_mount(const char *image);

/* The device on which the file is mounted now; false when it is on none. */
bool loop_device_of(const char *image, dev_t *device);

#endif
